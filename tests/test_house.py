"""The rules of the house: arrows one way, one door per library, pure rooms, small pieces."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sagactl"

# Which rooms a room may import, besides itself.
ARROWS = {
    "source": set(),
    "definition": {"source"},
    "lint": {"definition", "source"},
    "machine": {"definition", "source"},
    "journal": {"machine", "definition", "source"},
    "participants": {"machine", "definition", "source"},
    "engine": {"journal", "participants", "machine", "definition", "source"},
    "rehearsal": {"engine", "journal", "participants", "machine", "lint", "definition", "source"},
    "views": {"machine", "lint", "definition", "source"},
    "cli": {
        "rehearsal", "views", "engine", "journal", "participants", "machine", "lint", "definition",
        "source",
    },
}  # fmt: skip

# Which files (or rooms) may import an outside library.
DOORS = {
    "yaml": ("source/reader.py",),
    # Definitions and inputs, and the documents of services.
    "jsonschema": ("definition/schema.py", "definition/openapi/validity.py"),
    "referencing": ("definition/schema.py", "definition/openapi/validity.py"),
    "httpx": (
        "participants/exchange.py",
        "participants/web.py",
        "participants/transport.py",
        "participants/connection.py",
    ),
    "h11": ("participants/transport.py", "participants/connection.py"),
    "dotenv": ("cli/env_file.py",),
    "tinydb": ("journal/tinydb_table.py",),
    "typer": ("cli/",),
    "rich": ("views/",),
}

PURE = ("source", "definition", "lint", "machine")
IMPURE_MODULES = {
    "time",
    "random",
    "secrets",
    "uuid",
    "socket",
    "asyncio",
    "subprocess",
    "threading",
}
IMPURE_CALLS = {"open", "print", "input"}
IMPURE_ATTRIBUTES = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("date", "today"),
    ("os", "environ"),
}
# The schema is shipped as a file, and somebody has to read it.
MAY_READ = {"definition/schema.py", "definition/openapi/validity.py"}

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
BANNED_WORDS = {
    "manager", "handler", "processor", "helper", "helpers", "utils", "util", "base", "data", "info",
    "context", "common", "impl", "misc",
}  # fmt: skip

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} imports relatively"
            found.append(node.module or "")
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrows_point_one_way(path: Path) -> None:
    room = name_of(path).split("/")[0]
    if room not in ARROWS:
        return
    for module in imports(path):
        if module.startswith("sagactl."):
            other = module.split(".")[1]
            assert other == room or other in ARROWS[room], f"{room} may not import {module}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_library_has_one_door(path: Path) -> None:
    for module in imports(path):
        doors = DOORS.get(module.split(".")[0])
        assert doors is None or name_of(path).startswith(doors), f"{module} has its door in {doors}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_pure_rooms_have_no_clock_no_chance_and_no_io(path: Path) -> None:
    if not name_of(path).startswith(PURE) or name_of(path) in MAY_READ:
        return
    assert not IMPURE_MODULES & {module.split(".")[0] for module in imports(path)}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in IMPURE_CALLS, f"line {node.lineno}: {node.func.id}()"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in IMPURE_ATTRIBUTES, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_views_and_verbs_print(path: Path) -> None:
    if name_of(path).startswith(("views/", "cli/")):
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{name_of(path)}:{node.lineno} prints"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_stay_small_and_say_what_they_promise(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree), "a module says what it promises"
    assert path.read_text(encoding="utf-8").count("\n") <= MAX_MODULE_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_names_say_something(path: Path) -> None:
    names = [path.stem]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
    for name in names:
        words = set(name.lower().strip("_").split("_"))
        assert not words & BANNED_WORDS, f"{name_of(path)}: {name}"


def test_the_package_itself_imports_nothing() -> None:
    assert imports(PACKAGE / "__init__.py") == []
    assert imports(PACKAGE / "cli/__init__.py") == [
        "os",
        "sys",
        "sagactl",
        "sagactl.cli.app",
    ]
