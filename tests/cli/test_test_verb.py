"""`sagactl test` as a user types it: what is found, what is told, and the exit code."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import DEFINITIONS, Cli

ORDER = (DEFINITIONS / "order.yaml").read_text(encoding="utf-8")
PASSES = "tests:\n  - name: it goes well\n    expect: {state: completed}\n"
FAILS = "tests:\n  - name: it goes badly\n    answers: {create_shipment: 422}\n    expect: {state: completed}\n"
BROKEN = "tests:\n  - name: it is not understood\n    answers: {create_shpment: 422}\n    expect: {state: failed}\n"


@pytest.fixture
def order(cli: Cli) -> Path:
    return cli.write("sagas/order.yaml", ORDER)


@pytest.mark.parametrize("path", sorted(DEFINITIONS.glob("*.test.yaml")), ids=lambda p: p.name)
def test_every_test_to_copy_passes(cli: Cli, path: Path) -> None:
    told = cli("test", path)
    assert told.status == 0, told
    assert "✗" not in told.out


def test_every_definition_to_copy_has_tests() -> None:
    for path in DEFINITIONS.glob("*.test.yaml"):
        assert (DEFINITIONS / path.name.replace(".test", "")).exists()
    assert len(list(DEFINITIONS.glob("*.test.yaml"))) == len(list(DEFINITIONS.glob("*.yaml"))) / 2


def test_folders_definitions_and_files_of_tests_are_searched(cli: Cli, order: Path) -> None:
    cli.write("sagas/order.test.yaml", PASSES)
    cli.write("sagas/.hidden/other.test.yaml", BROKEN)
    written = "sagas/order.test.yaml\n  ✓ it goes well\n"
    for path in (".", "sagas", "sagas/order.yaml"):
        told = cli("test", path)
        assert told.status == 0, told
        assert told.out.startswith("order-fulfillment  sagas/order.yaml\n")
        assert told.out.endswith(f"\n\n{written}")
        assert told.err == "sagactl: 1 test in 1 file: 1 passed\n"
    assert cli("test").out.endswith(written)
    assert cli("test", "sagas/order.test.yaml").out == written
    twice = cli("test", "sagas", "sagas/order.yaml")
    assert twice.err == "sagactl: 1 test in 1 file: 1 passed\n"


def test_a_test_that_fails_is_told_with_its_place_and_its_story(cli: Cli, order: Path) -> None:
    cli.write("sagas/order.test.yaml", FAILS)
    told = cli("test", "sagas/order.test.yaml")
    assert told.status == 1
    lines = told.out.splitlines()
    assert lines[:5] == [
        "sagas/order.test.yaml",
        "  ✗ it goes badly",
        'sagas/order.test.yaml:4:21: error: state: expected "completed", came "failed": create_shipment: 422 Unprocessable Content [mismatch]',
        "      expect: {state: completed}",
        "                      ^~~~~~~~~",
    ]
    assert lines[-1] == "    00:00.000  failed; left in the world: nothing"
    assert told.err == "sagactl: 1 test in 1 file: 0 passed, 1 failed\n"


def test_a_file_that_makes_no_sense_is_2_and_keeps_no_other_from_being_played(
    cli: Cli, order: Path
) -> None:
    cli.write("sagas/a.test.yaml", "definition: order.yaml\n" + BROKEN)
    cli.write("sagas/order.test.yaml", FAILS)
    told = cli("test", "sagas")
    assert told.status == 2
    assert (
        'sagas/a.test.yaml:4:15: error: "create_shpment" is no step of "order-fulfillment"; did you mean "create_shipment"? [unknown-step]'
        in told.out
    )
    assert "  ✗ it goes badly" in told.out
    assert told.err == "sagactl: 1 test in 2 files: 0 passed, 1 failed, 1 file not understood\n"


def test_what_is_wrong_with_the_definition_is_told_as_lint_tells_it(cli: Cli) -> None:
    cli.write("order.yaml", ORDER.replace("timeout: 15m", "timeout: 15"))
    cli.write("order.test.yaml", PASSES)
    told = cli("test")
    assert told.status == 2
    assert '"timeout" must be a duration' in told.err
    assert "order.yaml:" in told.err
    told = cli("test", "order.test.yaml")
    assert told.status == 2
    assert '"timeout" must be a duration' in told.out
    assert "[wrong-type]" in told.out


def test_a_definition_that_is_not_there_is_told_at_the_file_of_tests(cli: Cli) -> None:
    cli.write("order.test.yaml", PASSES)
    told = cli("test")
    assert told.status == 2
    assert (
        'order.test.yaml:1:1: error: the definition "order.yaml" cannot be read: No such file'
        in told.out
    )
    cli.write("order.test.yaml", "definition: sagas\n" + PASSES)
    (cli.folder / "sagas").mkdir()
    assert "it is no file, but a folder" in cli("test").out


def test_what_cannot_be_read_is_told(cli: Cli) -> None:
    told = cli("test", "nowhere.test.yaml")
    assert told.status == 2
    assert "sagactl: nowhere.test.yaml: cannot be read: No such file or directory" in told.err
    cli.write("order.test.yaml", "tests: [\n")
    assert cli("test").status == 2
    (cli.folder / "order.test.yaml").write_bytes(b"\xff\xfe")
    assert "byte order mark" in cli("test").out
    (cli.folder / "order.test.yaml").write_bytes(b"#" * (1 << 20) + b"#")
    assert "a test file has at most" in cli("test").out


def test_where_there_is_nothing_that_is_told(cli: Cli) -> None:
    told = cli("test")
    assert (told.status, told.out, told.err) == (
        0,
        "",
        "sagactl: no definitions and no tests found\n",
    )


def test_tests_are_chosen_by_a_word_of_their_name(cli: Cli) -> None:
    shutil.copytree(DEFINITIONS, cli.folder / "definitions")
    told = cli("test", "-k", "CHARGE", "definitions")
    assert told.status == 0, told
    names = [line for line in told.out.splitlines() if line.startswith("  ")]
    assert len(names) >= 2
    assert all("charge" in name for name in names)
    assert " left out" in told.err
    told = cli("test", "-k", "nothing like it", "definitions")
    assert (told.status, told.out) == (2, "")
    assert told.err == 'sagactl: no test has "nothing like it" in its name\n'


def test_json_and_junit_are_for_programs(cli: Cli, order: Path) -> None:
    cli.write("sagas/order.test.yaml", FAILS)
    told = cli("test", "-o", "json")
    assert told.status == 1
    assert told.err == ""
    (file,) = told.json["written"]
    (test,) = file["tests"]
    assert (file["path"], file["definition"], test["passed"]) == (
        "sagas/order.test.yaml",
        "sagas/order.yaml",
        False,
    )
    assert test["mismatches"][0]["line"] == 4
    (rehearsed,) = told.json["rehearsals"]
    assert (rehearsed["path"], rehearsed["is_whole"]) == ("sagas/order.yaml", True)
    told = cli("test", "-o", "junit")
    assert told.status == 1
    assert '<testcase name="it goes badly" classname="sagas/order.test.yaml">' in told.out


def test_neither_the_environment_nor_secrets_nor_state_are_touched(cli: Cli, order: Path) -> None:
    cli.env["INVENTORY_URL"] = "http://127.0.0.1:9/"
    cli.env["SAGACTL_SECRET_INVENTORY_TOKEN"] = "t0p-s3cr3t"
    cli.write("sagas/order.test.yaml", FAILS)
    told = cli("test", "-o", "json")
    assert "t0p-s3cr3t" not in told.out + told.err
    assert not (cli.folder / ".sagactl").exists()
    assert json.loads(told.out)


def test_lint_leaves_files_of_tests_alone(cli: Cli, order: Path) -> None:
    cli.write("sagas/order.test.yaml", PASSES)
    assert cli("lint", "--strict", "sagas").err == "sagactl: 1 definition checked: nothing found\n"
