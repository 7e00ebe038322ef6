"""The list of all codes: what the source emits is in it, and what is in it is emitted."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagactl.lint.catalogue import CATALOGUE, find_code, nearest_code
from sagactl.lint.code import Code
from sagactl.lint.linter import RULES

PACKAGE = Path(__file__).parent.parent.parent / "sagactl"
ROOMS = ("source", "definition", "lint")
# Calls whose first argument is a code, and the places that hand on a code they were given.
EMITTERS = ("tell", "Problem", "_tell", "_mistake_at", "ExpressionRejected")
HANDED_ON = ("code", "error.code", "self.code")

each_code = pytest.mark.parametrize("code", CATALOGUE, ids=lambda code: code.code)


def texts(node: ast.expr) -> Iterator[str]:
    """The slugs among the values that an expression can have."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp():
            yield from texts(node.body)
            yield from texts(node.orelse)
        case ast.Call():  # CODES.get(keyword, "wrong-value")
            for argument in node.args:
                yield from texts(argument)
        case ast.Dict():
            for value in node.values:
                yield from texts(value)


def assigned(node: ast.Assign) -> Iterator[str]:
    """What is given to `code` or `CODES`, alone or in a row of names."""
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=True))
        for name, value in pairs:
            if isinstance(name, ast.Name) and name.id in ("code", "CODES"):
                yield from texts(value)


def emitted(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign):
            yield from assigned(node)
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        if name not in EMITTERS or not node.args:
            continue
        found = list(texts(node.args[0]))
        assert found or ast.unparse(node.args[0]) in HANDED_ON, f"{path}:{node.lineno}"
        yield from found


def all_emitted() -> set[str]:
    files = [path for room in ROOMS for path in (PACKAGE / room).rglob("*.py")]
    found = {code for path in files for code in emitted(path)}
    return found | {rule.code for rule in RULES}


def test_every_code_that_is_emitted_is_in_the_list_and_no_other() -> None:
    assert all_emitted() == {code.code for code in CATALOGUE}


def test_codes_and_numbers_are_told_apart() -> None:
    assert len({code.code for code in CATALOGUE}) == len(CATALOGUE)
    assert len({code.number for code in CATALOGUE}) == len(CATALOGUE)


@each_code
def test_a_code_says_what_it_finds(code: Code) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.code)
    assert re.fullmatch(r"SG0\d\d" if code.is_shape else r"SG[1-9]\d\d", code.number)
    assert code.summary[:1] == code.summary[:1].lower()
    assert not code.summary.endswith(".")
    text, _, example = code.manual.partition("\n\n    wrong:")
    assert text.endswith(".")
    assert "right:" in example or not example


def test_a_code_is_found_by_its_slug_and_by_its_number() -> None:
    code = find_code("no-compensation")
    assert code is not None
    assert find_code(code.number) is find_code(code.number.lower()) is code
    assert find_code("no-compensatoin") is None
    assert nearest_code("no-compensatoin") == "no-compensation"


def test_what_has_no_shape_cannot_be_talked_away() -> None:
    optional = {code.code for code in CATALOGUE if code.is_shape and code.is_optional}
    assert optional == {"unknown-keyword", "example-misfit"}
    assert all(code.is_optional for code in CATALOGUE if not code.is_shape)
