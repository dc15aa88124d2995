"""Which functions may go without types."""

import ast
from collections.abc import Iterator
from pathlib import Path

_PACKAGES = ("infra", "schemas", "scoring", "streams")
_COMPILERS = {"compiled", "compiled_counting", "inlined"}


def _untyped() -> Iterator[tuple[str, set[str]]]:
    """Yield the place and the decorators of each function that does not say what it returns."""
    root = Path(__file__).parents[2]
    for path in (path for package in _PACKAGES for path in (root / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is None:
                decorators = {name.id for name in node.decorator_list if isinstance(name, ast.Name)}
                yield f"{path.relative_to(root)}:{node.lineno}: {node.name}", decorators


def test_only_compiled_functions_have_no_types() -> None:
    untyped = list(_untyped())
    assert untyped
    assert [place for place, decorators in untyped if not decorators & _COMPILERS] == []
