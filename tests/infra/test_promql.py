"""Alert rules and dashboards ask for metrics that there are, in PromQL that can be parsed."""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY

from streams.metrics import METRICS

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for path in sorted((ROOT / "infra" / "alerts").glob("*.yaml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
PANELS = {
    f"{path.stem}: {panel['title']}: {target['refId']}": target["expr"]
    for path in sorted((ROOT / "infra" / "dashboards").glob("*.json"))
    for panel in json.loads(path.read_text())["panels"]
    for target in panel["targets"]
    if "expr" in target
}
EXPRESSIONS = PANELS | {rule["alert"]: rule["expr"] for rule in RULES}
OF_PROMETHEUS = {"up"}
OF_THE_PROCESS = {sample.name for family in REGISTRY.collect() for sample in family.samples if family.name.startswith("process_")}
LABELS = {
    name: {*metric.labels, "le"} if metric.kind == "histogram" else {*metric.labels}
    for metric in METRICS
    for name in metric.series
}
every_rule = pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])


def parsed(expression: str) -> promql_parser.Expr:
    """Return an expression's tree; Grafana would fill in its interval."""
    return promql_parser.parse(expression.replace("$__rate_interval", "1m"))


def selectors(expression: promql_parser.Expr) -> list[str]:
    """Return the names of all metrics that an expression selects."""
    found: list[str] = []

    def note(part: promql_parser.Expr) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            found.append(part.name)

    promql_parser.walk(expression, note)
    return found


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_metrics_exist(name: str) -> None:
    """Each metric is in the list of ours, or one that Prometheus or every Python process has."""
    names = set(selectors(parsed(EXPRESSIONS[name])))
    assert names
    assert names <= set(LABELS) | OF_PROMETHEUS | OF_THE_PROCESS


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_labels_exist(name: str) -> None:
    """What is grouped by or shown is a label of a metric in the expression, or of the scrape."""
    expression = EXPRESSIONS[name]
    labels = {"job", "instance"}.union(*(LABELS.get(metric, set()) for metric in selectors(parsed(expression))))
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
    assert grouped <= labels


def test_a_wrong_expression_is_found() -> None:
    """The parser refuses what Prometheus would refuse."""
    with pytest.raises(ValueError, match=r"paren|unexpected|expected"):
        parsed("sum by (le) (rate(highlights_lag[5m])")


@every_rule
def test_rules_have_the_fields_of_prometheus(rule: dict[str, Any]) -> None:
    """A rule has a name, an expression, a severity and a summary, and no field that Prometheus does not know."""
    assert {"alert", "expr", "labels", "annotations"} <= set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert rule["annotations"]["summary"].endswith(".")


@every_rule
def test_shown_labels_are_those_of_the_result(rule: dict[str, Any]) -> None:
    """A label in the summary survives the expression's grouping."""
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert all(re.search(rf"by \([^)]*\b{label}\b", rule["expr"]) for label in shown)


@every_rule
def test_runbooks_exist(rule: dict[str, Any]) -> None:
    """The runbook is a section of the operator's document."""
    path, anchor = rule["annotations"]["runbook"].split("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}
