"""The card of a data set, as the Hugging Face hub shows it and people read it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from streams.export.columns import Column

_WHAT: Final = {
    "weak-pairs": "Weak labels for rankers of highlights: of two ten-second clips the one that viewers prefer, and how sure "
    "their behaviour makes us.",
    "clips": "Ten-second clips of a video library: what supervised models say of them, what viewers did, and the fused score.",
}

_BIASES: Final = {
    "weak-pairs": (
        "A pair is an opinion of those who watched. Clips that fewer than five sessions played are in no pair, so that new and "
        "unpopular videos are missing.",
        "Viewers see what the feed shows them: exposures follow earlier scores. Rates are per exposure and relative to the "
        "clip's position, which removes some of that bias and not all.",
        "Few people share. Rewinds may mean confusion instead of delight, and fast-forwards impatience instead of dislike: "
        "`kind` says which spoke, so that you can leave some out.",
        "Pairs of two videos are of one category, as a model sees it. Those whose videos lie on two sides of the split are left "
        "out.",
        "The confidence takes clips as independent; sessions that saw both make it rather too low than too high.",
    ),
    "clips": (
        "`score`, `behaviour_score` and `ranker_score` are made from the other columns: none of them is a label by people.",
        "`supervised_score` has the biases of its model; a fused score inherits them where few have watched.",
        "Viewers see what the feed shows them: exposures follow earlier scores.",
        "Counts are of all time; a clip that was popular once keeps them.",
    ),
}


def card(manifest: dict[str, Any], columns: Sequence[Column]) -> str:
    """Return the card as Markdown, with the front matter that `datasets.load_dataset` reads."""
    name = manifest["name"]
    parts = [
        _front_matter(name, manifest["licence"], manifest["splits"]),
        f"# {name}\n\n{_WHAT[name]}\n",
        f"## What it was made of\n\nBy highlights {manifest['code_version']}.\n\n```json\n{_json(manifest['facts'])}\n```\n",
        "## Splits\n\nBy video: a hash of the video's id decides the side, in this and in every other export, so that no video "
        f"is on two sides. {manifest['left_out']:,} rows that join videos of two sides are left out.\n",
        _table(("split", "rows", "videos"), ((split, *count.values()) for split, count in manifest["splits"].items())),
        "## Columns\n",
        _table(("column", "type", "meaning"), ((column.name, column.type, column.meaning) for column in columns)),
        "## Statistics\n",
        _table(list(manifest["statistics"][0]), (row.values() for row in manifest["statistics"])),
        "## Known biases\n\n" + "\n".join(f"- {bias}" for bias in _BIASES[name]) + "\n",
        "## Check and load\n\n```sh\nsha256sum --check checksums.sha256\n```\n\n```python\n"
        'datasets.load_dataset("DIR")\npyarrow.dataset.dataset("DIR/data/train")\npandas.read_parquet("DIR/data/train")\n```\n\n'
        "```sql\nSELECT count() FROM file('DIR/data/train/*.parquet', Parquet)\n```\n",
    ]
    return "\n".join(parts)


def _front_matter(name: str, licence: str, splits: Iterable[str]) -> str:
    files = "\n".join(f"      - split: {split}\n        path: data/{split}/*.parquet" for split in splits)
    return (
        f"---\nlicense: {orjson.dumps(licence).decode()}\npretty_name: {name}\n"
        f"configs:\n  - config_name: default\n    data_files:\n{files}\n---\n"
    )


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")
