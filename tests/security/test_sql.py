"""SQL is made of constants: whatever comes from outside is a bound parameter."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_VERB = re.compile(
    r"\s*(SELECT .*FROM|WITH .*SELECT|INSERT INTO|CREATE (TABLE|DATABASE|VIEW|OR)|ALTER TABLE|DROP |TRUNCATE |DELETE FROM|"
    r"OPTIMIZE TABLE|SYSTEM |SHOW |DESCRIBE |EXISTS )",
    re.DOTALL,
)
_CONSTANT = re.compile(r"_{0,2}[A-Z][A-Za-z0-9_]*")
_HARMLESS_CALLS = {"join"}
_PRINTED = {"schemas/clickhouse/cluster.py"}
"""Makes SQL that is printed and never sent; the one name in it is checked (tests/schemas/test_cluster.py)."""


def _texts(tree: ast.AST) -> Iterator[tuple[ast.expr, str, list[ast.expr]]]:
    """Yield each text of a module that is put together: its node, its constant parts, and what is put in."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr():
                yield node, _constant(node), [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            case ast.BinOp(left=left, op=ast.Mod() | ast.Add(), right=right):
                yield node, _constant(left), [right]
            case ast.Call(func=ast.Attribute(value=text, attr="format" | "replace")):
                yield node, _constant(text), [*node.args, *(keyword.value for keyword in node.keywords)]


def _constant(node: ast.expr) -> str:
    """Return the constant text of an expression, empty where it is none."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr():
            return "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
    return ""


def _is_constant(node: ast.expr) -> bool:
    """Return whether an expression is made of nothing but literals, CONSTANTS and Classes."""
    names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    called = [getattr(part.func, "attr", "?") for part in ast.walk(node) if isinstance(part, ast.Call)]
    return all(map(_CONSTANT.fullmatch, names)) and set(called) <= _HARMLESS_CALLS


def sql_with_values(source: str) -> list[int]:
    """Return the lines on which SQL is put together with something that is no constant."""
    found = _texts(ast.parse(source))
    return [node.lineno for node, text, put_in in found if _VERB.match(text) and not all(map(_is_constant, put_in))]


def test_no_sql_holds_a_value() -> None:
    """No f-string, %, + or format puts anything but constants into SQL."""
    files = [
        path for folder in ("streams", "scoring", "schemas", "infra", "benchmarks") for path in (_ROOT / folder).rglob("*.py")
    ]
    assert len(files) > 50
    found = {str(path.relative_to(_ROOT)): lines for path in files if (lines := sql_with_values(path.read_text()))}
    assert set(found) == _PRINTED, found


@pytest.mark.parametrize(
    "source",
    [
        'client.query(f"SELECT * FROM t WHERE video_id = {video}")',
        "client.query(\"SELECT * FROM t WHERE video_id = '%s'\" % video)",
        'client.query("SELECT * FROM t WHERE video_id = " + video)',
        'client.query("""\\nSELECT * FROM t\\nWHERE x = {}""".format(video))',
        'client.command(f"DROP TABLE {name()}")',
        'client.query(f"SELECT x FROM {TABLE} WHERE y = " + video)',
    ],
)
def test_the_check_sees(source: str) -> None:
    """Each way of putting a value into SQL is found."""
    assert sql_with_values(source)


def test_the_check_lets_constants_and_parameters_pass() -> None:
    """Names of tables and columns may come from constants, and values from bound parameters."""
    query = "SELECT {', '.join(Row.model_fields)} FROM {TABLE} WHERE v = {{video:String}}"
    assert sql_with_values(f"client.query(f{query!r}, {{'video': video}})") == []
