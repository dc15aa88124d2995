"""Every panel of the dashboards shows something on a system that works."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from tests.integration.running import System

_FOLDER = Path(__file__).parents[2] / "infra" / "dashboards"
_MACROS = {
    r"\$__timeFilter\((\w+)\)": r"\1 BETWEEN toDateTime('2020-01-01 00:00:00') AND toDateTime('2100-01-01 00:00:00')",
    r"\$__timeInterval\((\w+)\)": r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)",
}


def _expanded(sql: str, variables: dict[str, str]) -> str:
    """Return a query as Grafana would send it."""
    for macro, text in _MACROS.items():
        sql = re.sub(macro, text, sql)
    return re.sub(r"\$(\w+)", lambda name: variables[name.group(1)], sql)


def _variables(board: dict[str, Any], client: Client) -> dict[str, str]:
    """Return of each variable the value that a dashboard begins with."""
    return {variable["name"]: str(client.query(variable["query"]).first_row[0]) for variable in board["templating"]["list"]}


def test_no_panel_is_empty(system: System) -> None:
    """Each panel's SQL, sent after replays and a training, has a row with a value in each column that is not a name."""
    pytest.importorskip("torch", reason="the extra `training` is not installed")
    system.start_worker()
    sent = system.send_simulated(20_000)
    system.wait_for(sent)
    assert system.run("pairs").returncode == 0
    system.wait_for(sent + system.send_simulated(5_000, seed=2))
    trained = system.run("retrain")
    assert trained.returncode == 0, trained.stderr
    shown = 0
    for path in sorted(_FOLDER.glob("*.json")):
        board = json.loads(path.read_text())
        variables = _variables(board, system.client)
        for panel in board["panels"]:
            for sql in (target["rawSql"] for target in panel["targets"] if "rawSql" in target):
                columns = system.client.query(_expanded(sql, variables)).result_columns
                assert columns, (panel["title"], sql)
                assert all(any(value is not None for value in column) for column in columns), (panel["title"], sql)
                shown += 1
    assert shown == 24
