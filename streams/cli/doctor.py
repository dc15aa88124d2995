"""`highlights doctor`: what is wrong here, and the command that mends it."""

import os
from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from infra.embedded.java import find_java, java_version
from infra.embedded.process import EmbeddedServerError
from schemas.errors import ConfigurationError
from streams.cli.environment import load_settings
from streams.cli.output import console, errors, print_json
from streams.cli.replay import now_ms
from streams.doctor import examine
from streams.doctor.finding import Finding, Health, bad, good

_STYLES = {Health.GOOD: "green", Health.DOUBTFUL: "yellow", Health.BAD: "bold red"}


def doctor(*, as_json: bool) -> bool:
    """Look at everything, print it; return whether nothing is bad."""
    with errors.status("looking ..."):
        findings = list(_findings())
    is_well = all(finding.health is not Health.BAD for finding in findings)
    if as_json:
        print_json({"is_well": is_well, "findings": [finding.model_dump() for finding in findings]})
    else:
        console.print(_table(findings))
    return is_well


def _findings() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except (ConfigurationError, EmbeddedServerError) as error:
        yield bad("settings", "values", str(error))
        return
    if not os.environ.get("HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS"):
        yield _java()
    yield from examine(settings, os.environ, now_ms())


def _java() -> Finding:
    """Look for the Java of the embedded Kafka."""
    try:
        java = find_java()
    except EmbeddedServerError as error:
        return bad("machine", "java", str(error))
    return good("machine", "java", f"{java_version(java)} at {java}")


def _table(findings: list[Finding]) -> Table:
    counts = {health: sum(finding.health is health for finding in findings) for health in Health}
    table = Table(title=", ".join(f"{count} {health}" for health, count in counts.items()), box=box.SIMPLE_HEAD)
    for name in ("", "what", "found", "mend it by"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        health = Text(finding.health, _STYLES[finding.health])
        table.add_row(health, f"{finding.area}: {finding.what}", finding.found, finding.mend)
    return table
