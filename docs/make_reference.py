"""`python -m docs.make_reference` writes docs/reference out of the code: settings, metrics, commands, topics, tables."""

import inspect
import re
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr

from schemas.clickhouse import migrations
from schemas.topics import topics
from streams.cli.main import app
from streams.metrics import METRICS, Process
from streams.settings import Settings

FOLDER = Path(__file__).parent / "reference"
_HEADINGS = {"clickhouse": "ClickHouse"}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    lines = [list(head)]
    lines += [["---"] * len(lines[0]), *([str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _shown(default: object) -> str:
    if isinstance(default, SecretStr):
        return "a built-in one" if default.get_secret_value() else "empty"
    return "unset" if default is None else f"`{default}`" if str(default) else "empty"


def settings_page() -> str:
    """Return the page of settings."""
    groups = {name: value for name, value in Settings.model_construct() if isinstance(value, BaseModel)}
    parts = ["# Settings\n", "Environment variables; nothing else configures a process.\n", "## All processes\n"]
    parts.append(_settings_table("HIGHLIGHTS_", Settings.model_construct(), set(groups)))
    for name, group in groups.items():
        parts += [
            f"## {_HEADINGS.get(name, name.capitalize())}\n",
            f"{group.__doc__}\n",
            _settings_table(f"HIGHLIGHTS_{name.upper()}__", group, set()),
        ]
    return "\n".join(parts)


def _settings_table(prefix: str, defaults: BaseModel, without: set[str]) -> str:
    rows = [
        (f"`{prefix}{name.upper()}`", _shown(getattr(defaults, name)), _explained(field.description, _literals(field.annotation)))
        for name, field in type(defaults).model_fields.items()
        if name not in without
    ]
    return table(("variable", "default", "what it is for"), rows)


def _literals(annotation: object) -> Iterable[object]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _explained(text: str | None, choices: Iterable[object]) -> str:
    """Return what something is for, and the values that it may have where those are few."""
    named = ", ".join(f"`{choice}`" for choice in choices)
    return " ".join(part for part in (text, f"One of {named}." if named else "") if part)


def metrics_page() -> str:
    """Return the page of metrics, by the process that has them."""
    settings = Settings.model_construct()
    of = {
        Process.WORKER: ("highlights worker", settings.worker.metrics_port),
        Process.FEED: ("highlights serve", settings.serving.metrics_port),
        Process.TRAINER: ("highlights retrain --every", settings.learning.metrics_port),
    }
    parts = [
        "# Metrics\n",
        "Each process shows its own, and beside them those of every Python process, `process_*` and `python_*`.\n",
    ]
    for process, (command, port) in of.items():
        rows = [(f"`{m.name}`", m.kind, m.unit, ", ".join(m.labels), m.meaning) for m in METRICS if m.process is process]
        parts += [f"## {process.capitalize()}\n", f"`{command}`, at `http://HOST:{port}/metrics`.\n"]
        parts.append(table(("metric", "kind", "unit", "labels", "meaning"), rows))
    return "\n".join(parts)


def commands_page() -> str:
    """Return the page of commands."""
    parts = ["# Commands\n"]
    for name, command in _commands(typer.main.get_command(app), ()):
        parts.append(f"## {' '.join(('highlights', *name))}\n\n{inspect.cleandoc(command.help or '')}\n")
        options = [parameter for parameter in command.params if parameter.name != "help"]
        rows = [
            (" ".join(f"`{text}`" for text in _names(option)), _default(option), _explained(option.help, _choices(option)))
            for option in options
        ]
        parts += [table(("argument", "default", "what it does"), rows)] if rows else []
    return "\n".join(parts)


def _commands(command: object, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], object]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
    else:
        for name in sorted(below):
            yield from _commands(below[name], (*path, name))


def _names(parameter: object) -> list[str]:
    is_argument = parameter.param_type_name == "argument"
    return [parameter.name.upper()] if is_argument else [*parameter.opts, *parameter.secondary_opts]


def _choices(parameter: Any) -> Iterable[object]:
    annotation = parameter.type_descriptor.annotation
    kind = next(iter(get_args(annotation)), annotation)
    return [choice.value for choice in kind] if isinstance(kind, type) and issubclass(kind, Enum) else ()


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    return "" if default in (None, "", False, []) or callable(default) else f"`{getattr(default, 'value', default)}`"


def topics_page() -> str:
    """Return the page of topics."""
    parts = ["# Topics\n", "The contract of each, with examples of what is refused too, is in `schemas/topics`.\n"]
    for topic in topics().values():
        kept = "compacted" if topic.cleanup == "compact" else f"{topic.retention_hours} hours"
        facts = [("key", topic.key), ("kept", kept), ("from", ", ".join(topic.producers)), ("to", ", ".join(topic.consumers)),
                 ("unknown version", topic.unknown_version), ("unknown field", topic.unknown_field)]  # fmt: skip
        examples = "".join(f"{example}\n" for example in topic.examples.valid)
        parts += [f"## {topic.name}\n", f"{topic.description}\n", table(("", ""), facts)]
        parts += [f"```json\n{examples}```\n"] if examples else []
    return "\n".join(parts)


def tables_page() -> str:
    """Return the page of tables and views: of each the newest statement that creates it, and all that change it afterwards."""
    shown: dict[str, list[str]] = {}
    for migration in migrations():
        for statement in migration.statements:
            verb, name = re.findall(r"^(CREATE|ALTER) .*?(\w+)(?= AS$| TO |$| ADD)", statement, re.MULTILINE)[0]
            if verb == "CREATE":
                shown[name] = [statement]
            else:
                shown.setdefault(f"{name}, changed by {migration.name}", []).append(statement)
    how = "As `schemas/clickhouse` makes them; a view that a later migration replaces is shown as it is now."
    blocks = {name: ";\n\n".join(statements) for name, statements in shown.items()}
    return f"# Tables and views\n\n{how}\n\n" + "\n".join(
        f"## {name}\n\n```sql\n{block};\n```\n" for name, block in blocks.items()
    )


PAGES = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "commands.md": commands_page,
    "topics.md": topics_page,
    "tables.md": tables_page,
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, page in PAGES.items():
        (FOLDER / file).write_text(page())
