"""The tables of docs/learning.md, out of what `highlights evaluate ranking --json` has said.

`highlights evaluate ranking --data DATA --json > ranking.json; python -m benchmarks.ranker_tables ranking.json`
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer

_METHODS: Final = ("plain", "confidence", "GCN", "both")
_PARTS: Final = ("plain with places", "both without places")
_LABELS: Final = ("plain", "both", "labels alone", "both and labels")
_SETTING: Final = re.compile(
    r"(?P<data>.+), (?P<viewers>\d+%) of viewers(, (?P<turned>\d+%) of pairs turned round)?"
    r"(, (?P<labelled>\d+%) of clips labelled)?"
)

Row = dict[str, Any]


class _Setting(NamedTuple):
    viewers: str
    turned: str
    labelled: str


def main(file: Path) -> None:
    """Print the tables of each data set as Markdown."""
    taus: dict[str, dict[_Setting, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    lost: dict[str, dict[str, Row]] = defaultdict(dict)
    errors: dict[str, dict[str, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in json.loads(file.read_text())["rows"]:
        if row["metric"] == "tau lost":
            lost[row["setting"].split(",")[0]][row["method"]] = row
            continue
        found = _SETTING.fullmatch(row["setting"])
        if not found:
            raise typer.BadParameter(f"{row['setting']!r} is no setting of `highlights evaluate ranking`")
        if row["metric"] == "tau":
            setting = _Setting(found["viewers"], found["turned"] or "", found["labelled"] or "")
            taus[found["data"]][setting][row["method"]] = row
        else:
            errors[found["data"]][found["viewers"]][row["metric"].rsplit(" ", 1)[1]] = row
    for name, settings in taus.items():
        print(f"\n**{name}**\n")
        _print(_taus_of(settings))
    print("\nLost from none to 30 % turned round\n")
    _print([["data", *_METHODS], *([name, *(_value(rows[method]) for method in _METHODS)] for name, rows in lost.items())])
    print("\nCalibration, raw / predicted\n")
    shares = list(dict.fromkeys(share for of_data in errors.values() for share in of_data))
    _print([["data", *shares], *([name, *(_error(of_data.get(share)) for share in shares)] for name, of_data in errors.items())])
    for title, methods, wanted in (("What the graph gives", _PARTS, False), ("With labels", _LABELS, True)):
        print(f"\n{title}\n")
        _print([["data", *methods], *_those(taus, methods, wanted)])


def _taus_of(settings: dict[_Setting, dict[str, Row]]) -> Iterator[list[str]]:
    yield ["viewers", "pairs turned round", *_METHODS, "both better than plain by"]
    for setting, rows in settings.items():
        if not setting.labelled:
            yield [setting.viewers, setting.turned, *(_value(rows[method]) for method in _METHODS), _advantage(rows["both"])]


def _those(data: dict[str, Any], methods: tuple[str, ...], labelled: bool) -> Iterator[list[str]]:
    for name, settings in data.items():
        for setting, rows in settings.items():
            if bool(setting.labelled) == labelled and set(methods) <= set(rows):
                yield [name, *(" ".join(filter(None, (_value(rows[method]), _advantage(rows[method])))) for method in methods)]


def _value(row: Row) -> str:
    value = row["value"]
    return f"{value['mean']:.3f} (±{value['high'] - value['mean']:.3f})"


def _advantage(row: Row) -> str:
    by = row["advantage"]
    if not by:
        return ""
    difference = by["difference"]
    return f"{difference['mean']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f}), {by['wins']}/{by['seeds']}"


def _error(rows: dict[str, Row] | None) -> str:
    return " / ".join(f"{rows[name]['value']['mean']:.3f}" for name in ("raw", "predicted") if name in rows) if rows else ""


def _print(rows: Any) -> None:
    head, *rest = rows
    for line in (head, ["---"] * len(head), *rest):
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    typer.run(main)
