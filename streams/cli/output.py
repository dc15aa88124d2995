"""Results as tables for people, and as JSON for programs."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.clickhouse import HighlightRow

if TYPE_CHECKING:
    from streams.audit import Audit

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]

_WIDTH_OF_A_FILE = 140

console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE, markup=False, emoji=False)
errors = Console(stderr=True, markup=False, emoji=False)
"""Neither takes brackets for markup: names of files, clips and tags may hold them."""


def complain(what: object) -> None:
    """Tell people what went wrong."""
    errors.print(Text.assemble(("error:", "bold red"), f" {what}"), soft_wrap=True)


@contextmanager
def steps(first: str) -> Iterator[Callable[[str], None]]:
    """Show which step long work is at, the newest in a terminal, elsewhere a line for each; yield what tells of the next."""
    if not errors.is_terminal:
        line = partial(errors.print, soft_wrap=True)
        line(first)
        yield line
        return
    with errors.status(Text(first)) as status:
        yield lambda step: status.update(Text(step))


def printable(text: str) -> str:
    """Return text whose control characters, which a terminal would obey, are shown as \\xNN; lines and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text)


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=_plain).decode() + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError


def feed_table(rows: Sequence[HighlightRow], title: str) -> Table:
    """Return the feed as a table."""
    caption = (
        "score 0-10 and its 90 % interval; weight of behaviour; distinct sessions that played / shared / rewound to / skipped"
    )
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("clip", no_wrap=True)
    for name in ("score", "interval", "super-\nvised", "beha-\nviour", "weight", "celeb-\nrity", "sessions"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("tags", overflow="ellipsis", no_wrap=True)
    for rank, row in enumerate(rows, 1):
        counts = (row.exposures, row.shares, row.rewinds, row.fast_forwards)
        table.add_row(
            str(rank),
            row.clip_id,
            f"{row.score:.2f}",
            f"{row.score_low:.2f}-{row.score_high:.2f}",
            number(row.supervised_score),
            number(row.behaviour_score),
            f"{row.behaviour_weight:.0%}",
            number(row.celebrity),
            "/".join(f"{count}" for count in counts),
            " ".join(sorted(row.tags, key=lambda tag: -row.tags[tag])[:3]),
        )
    return table


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as text, a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def explanation_table(explanation: Mapping[str, Any]) -> Table:
    """Return the explanation of a clip as a table."""
    low, high = explanation["interval"]
    start, end = explanation["seconds"]
    table = Table(title=f"{explanation['clip_id']} ({start}-{end} s): {explanation['score']:.2f} ({low:.2f}-{high:.2f})")
    for name in ("part", "value", "what it is"):
        table.add_column(name)
    components, points = explanation["components"], explanation["points"]
    for name in ("supervised", "behaviour", "ranker"):
        part = components[name]
        weight = f"weighs {part['weight']:.0%}{_adds(points.get(name))}"
        table.add_row(name, number(part["score"]), weight if part["score"] is not None else "not there")
    celebrity = components["celebrity"]
    table.add_row("celebrity", number(celebrity["importance"]), f"adds {celebrity['bonus']:+.2f}")
    for name, rate in explanation["rates"].items():
        detail = f"90 % interval {rate['low']:.2%}-{rate['high']:.2%}; {rate['usual']:.2%} is usual at this place"
        table.add_row(f"{name} rate", f"{rate['mean']:.2%}", detail + _adds(points[name]))
    table.add_row("without signals", number(points["without_signals"]), "all that is added to it is the score, bounded to 0-10")
    for name, count in explanation["counts"].items():
        table.add_row(name, f"{count:,}", f"{explanation['recent'][name]:,.1f} after decay")
    for group in ("versions", "offsets"):
        for name, value in explanation[group].items():
            table.add_row(f"{group[:-1]}: {name}", "-" if value is None else str(value), "")
    table.add_row("newest event", str(explanation["newest_event_at"] or "-"), f"published {explanation['published_at']}")
    return table


def _adds(points: float | None) -> str:
    return "" if points is None else f", adds {points:+.2f}"


def audit_tables(audit: "Audit") -> list[Table]:
    """Return what an audit found: a row a partition, and the first differences if there are any."""
    table = Table(title=f"audit: {audit.differences} differences", box=box.SIMPLE_HEAD)
    names = (
        "partition",
        "offsets",
        "consumed",
        "applied",
        "duplicates",
        "excluded",
        "dead letters",
        "missing",
        "clips",
        "in flight",
        "differences",
    )
    for name in names:
        table.add_column(name, justify="right")
    for part in audit.partitions:
        fates = (part.applied, part.duplicates, part.excluded, sum(part.dead_letters.values()))
        cells = (part.consumed, *fates, part.missing, part.clips, part.in_flight, part.differences)
        table.add_row(str(part.partition), f"{part.first_offset}-{part.applied_offset}", *(f"{cell:,}" for cell in cells))
    unseen = [str(part.partition) for part in audit.partitions if not part.is_recomputed]
    if unseen:
        table.caption = (
            f"partitions {', '.join(unseen)}: the topic does not hold any more what their state began with, so that ClickHouse "
            "was compared with the state, and the state with nothing"
        )
    if not audit.differences:
        return [table]
    details = Table(title="differences", box=box.SIMPLE_HEAD)
    for name in ("partition", "what", "expected", "found"):
        details.add_column(name)
    for part in audit.partitions:
        for difference in part.shown:
            details.add_row(str(part.partition), difference.what, difference.expected, difference.found)
    return [table, details]
