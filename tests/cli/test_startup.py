"""What a short call may import: start-up time is imports, and imports can be counted."""

import subprocess
import sys

import pytest
from conftest import DEFINITIONS, Cli

from sagactl.cli.menu import VERBS, menu

LATER = (
    "pydantic",
    "httpx",
    "h11",
    "jsonschema",
    "tinydb",
    "rich",
    "yaml",
    "asyncio",
    "referencing",
)


def imported(cli: Cli, *arguments: str) -> set[str]:
    program = (
        "import sys\n"
        f"sys.argv = ['sagactl', *{list(arguments)!r}]\n"
        "from sagactl.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n'.join(m for m in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=cli.folder, env=cli.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {module.split(".")[0] for module in done.stderr.split()} | set(done.stderr.split())


def test_version_imports_nothing_but_the_package(cli: Cli) -> None:
    modules = imported(cli, "version")
    assert "typer" not in modules
    assert not modules & set(LATER)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["list", "--help"]])
def test_help_imports_no_heavy_library(cli: Cli, arguments: list[str]) -> None:
    assert not imported(cli, *arguments) & set(LATER)


@pytest.mark.parametrize("name", ["order", "basket", "parcel", "transfer", "trip"])
def test_lint_imports_no_http_no_state_no_rich_and_for_what_is_sound_no_validator(
    cli: Cli, name: str
) -> None:
    modules = imported(cli, "lint", str(DEFINITIONS / f"{name}.yaml"))
    assert not modules & {
        "httpx", "h11", "tinydb", "rich", "asyncio", "jsonschema", "referencing",
    }  # fmt: skip


def test_lint_of_files_alone_waits_for_no_parser_of_options(cli: Cli) -> None:
    assert "typer" not in imported(cli, "lint", str(DEFINITIONS / "order.yaml"))
    assert "typer" in imported(cli, "lint", str(DEFINITIONS / "order.yaml"), "--strict")


@pytest.mark.parametrize("paths", [[], ["."], ["bad.yaml"], ["good.yaml", "bad.yaml"], ["nix"]])
def test_lint_says_the_same_whoever_reads_its_command_line(cli: Cli, paths: list[str]) -> None:
    good = (DEFINITIONS / "order.yaml").read_text(encoding="utf-8")
    cli.write("good.yaml", good)
    cli.write("bad.yaml", good.replace("action:", "acton:", 1))
    assert cli("lint", *paths) == cli("lint", "--", *paths)


def test_a_verb_is_asked_for_alone_and_all_of_them_where_none_is_named() -> None:
    assert len(menu("show").registered_commands) == 2
    assert len(menu("").registered_commands) == len(VERBS) == len(menu("shw").registered_commands)


def test_help_lists_the_same_whether_options_were_read_or_not(cli: Cli) -> None:
    bare = cli()
    assert cli("--help").out.strip() == (bare.out + bare.err).strip()


def test_plan_of_what_is_sound_imports_no_validator(cli: Cli) -> None:
    modules = imported(cli, "plan", str(DEFINITIONS / "order.yaml"))
    assert not modules & {"httpx", "h11", "tinydb", "asyncio", "jsonschema", "referencing"}


def test_schema_reads_a_file_and_no_more(cli: Cli) -> None:
    assert not imported(cli, "schema") & {"httpx", "jsonschema", "tinydb", "rich", "asyncio"}
