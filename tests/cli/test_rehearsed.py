"""`sagactl test` of definitions and of runs, as a user types it: what is told, and the exit code."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import DEFINITIONS, Cli

KILLER = Path(__file__).with_name("killer.py")
ORDER = (DEFINITIONS / "order.yaml").read_text(encoding="utf-8")
REFUND = "    compensation: POST /charges/${{ result.payment_id }}/refund\n"
HOLED = ORDER.replace(REFUND, "")
SMALL = textwrap.dedent("""
    saga: small
    services: {s: {url: http://s, idempotency: key}}
    steps:
      - {name: a, service: s, action: "PUT /as/1", compensation: {request: "DELETE /as/1", success: [2xx, 404]}}
      - {name: b, service: s, when: "${{ saga.id == 'x' }}", action: POST /bs, compensation: none}
    """)


@pytest.fixture
def order(cli: Cli) -> Path:
    return cli.write("order.yaml", ORDER)


def killed(cli: Cli, count: int, *arguments: str) -> None:
    """A run whose process dies right after its n-th commit."""
    command = [sys.executable, str(KILLER), "after", str(count), "run", "order.yaml", *arguments]
    done = subprocess.run(
        command, cwd=cli.folder, env=cli.environment, stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode == -9, done


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "lock" not in path.name
    }


def test_a_run_that_is_stuck_is_rehearsed_from_where_it_stands(cli: Cli, order: Path) -> None:
    faults = ("--fail", "create_shipment=422", "--fail", "process_payment.compensation=400")
    assert cli("run", order, "--sandbox", "--id", "r1", *faults).status == 3
    before = files(cli.folder)
    told = cli("test", "--from", "r1")
    assert told.status == 0, told
    assert told.out.startswith("order-fulfillment  r1\n")
    assert "✓ r1: sound" in told.out
    assert files(cli.folder) == before
    cell = cli("test", "--from", "r1", "--explain", "process_payment.undo-fails")
    assert cell.out.splitlines()[-1].endswith(
        'the undo of "process_payment" is refused: a person is needed'
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_run_that_was_killed_is_rehearsed_from_where_it_stands(
    cli: Cli, order: Path, count: int
) -> None:
    killed(cli, count, "--sandbox", "--id", "r1")
    before = files(cli.folder)
    told = cli("test", "--from", "r1", "-o", "json")
    assert told.status == 0, told
    (one,) = told.json["rehearsals"]
    assert one["path"] == "r1"
    assert one["states"] > 0
    assert files(cli.folder) == before


def test_a_run_that_turned_back_is_rehearsed_from_where_it_stands(cli: Cli, order: Path) -> None:
    killed(cli, 4, "--sandbox", "--id", "r1", "--fail", "create_shipment=422")
    told = cli("test", "--from", "r1", "-o", "json")
    assert told.status == 0, told
    walked = {c["step"] for c in told.json["rehearsals"][0]["cells"] if c["judgement"]}
    assert walked == {"reserve_inventory", "process_payment"}


def test_a_run_that_can_still_go_wrong_is_1(cli: Cli) -> None:
    cli.write("order.yaml", HOLED)
    killed(cli, 2, "--sandbox", "--id", "r1")
    told = cli("test", "--from", "r1")
    assert told.status == 1
    assert '✗ the saga ends failed, and "process_payment" stands: nothing undoes it' in told.out


def test_a_run_that_has_ended_or_never_was_is_refused(cli: Cli, order: Path) -> None:
    assert cli("run", order, "--sandbox", "--id", "r1").status == 0
    told = cli("test", "--from", "r1")
    assert (told.status, told.out) == (2, "")
    assert told.err == "sagactl: saga r1 is completed: nothing can happen to it any more\n"
    assert cli("test", "--from", "r2").status == 2
    told = cli("test", "--from", "r1", "order.yaml")
    assert (
        told.err == "sagactl: --from ID is about one saga that was begun: leave out PATH and -k\n"
    )


def test_a_hole_is_1_and_told_by_its_story(cli: Cli) -> None:
    cli.write("order.yaml", HOLED)
    told = cli("test", "order.yaml")
    assert told.status == 1
    assert "  troubles: create_shipment.rejected\n" in told.out
    assert "✗ order.yaml: 1 hole" in told.out


def test_what_was_not_walked_is_not_proven(cli: Cli, order: Path) -> None:
    told = cli("test", order, "--max-states", "20")
    assert told.status == 1
    assert "not proven" in told.out
    assert cli("test", order, "--depth", "1").status == 0
    assert cli("test", order, "--depth", "6").status == 2


def test_the_first_hole_is_enough_with_x(cli: Cli) -> None:
    cli.write("order.yaml", HOLED)
    whole, first = (cli("test", "order.yaml", "-o", "json", *more) for more in ((), ("-x",)))
    assert whole.status == first.status == 1
    assert first.json["rehearsals"][0]["states"] < whole.json["rehearsals"][0]["states"]
    assert [f["code"] for f in first.json["rehearsals"][0]["findings"] if f["judgement"] == "hole"]


def test_a_cell_is_explained_and_a_misspelt_one_is_refused(cli: Cli, order: Path) -> None:
    told = cli("test", order, "--explain", "process_payment.unknown-done")
    assert told.status == 0
    assert 'process_payment" takes place, but no reply comes' in told.out
    told = cli("test", order, "--explain", "proces_payment.unknown-done")
    assert (told.status, told.out) == (2, "")
    assert "process_payment" in told.err
    assert cli("test", order, "--explain", "process_payment").status == 2


def test_what_was_walked_is_told_with_coverage(cli: Cli) -> None:
    cli.write("small.yaml", SMALL)
    plain, told = cli("test", "small.yaml"), cli("test", "small.yaml", "--coverage")
    assert told.status == 0
    assert "saga.id == 'x'" in told.out
    assert "ActionBegan" in told.out
    assert "ActionBegan" not in plain.out


def test_reports_are_written_in_all_four_forms(cli: Cli) -> None:
    cli.write("order.yaml", HOLED)
    names = ["r.html", "r.xml", "r.md", "r.json"]
    told = cli("test", "order.yaml", *(part for name in names for part in ("--report", name)))
    assert told.status == 1
    texts = {name: (cli.folder / name).read_text(encoding="utf-8") for name in names}
    assert texts["r.html"].startswith("<!doctype html>")
    assert "<testsuite" in texts["r.xml"]
    assert "failures=" in texts["r.xml"]
    assert "|" in texts["r.md"]
    assert json.loads(texts["r.json"])["rehearsals"][0]["path"] == "order.yaml"
    assert all("nothing undoes it" in text for text in texts.values())
    told = cli("test", "order.yaml", "--report", "r.pdf")
    assert (told.status, told.out) == (2, "")
    assert cli("test", "order.yaml", "--report", "nowhere/r.md").status == 2


def test_several_definitions_give_what_each_gives_alone(cli: Cli) -> None:
    for name, text in (("a.yaml", ORDER), ("b.yaml", HOLED), ("c.yaml", SMALL)):
        cli.write(name, text)
    together = without_times(cli("test", "-o", "json").json["rehearsals"])
    alone = [
        without_times(cli("test", name, "-o", "json").json["rehearsals"])[0]
        for name in ("a.yaml", "b.yaml", "c.yaml")
    ]
    assert together == alone


def without_times(rehearsals: list[dict[str, object]]) -> list[dict[str, object]]:
    assert all("seconds" in one for one in rehearsals)
    return [{k: v for k, v in one.items() if k != "seconds"} for one in rehearsals]


def test_what_lint_finds_stops_nobody_and_is_told(cli: Cli) -> None:
    cli.write("t.yaml", SMALL.replace(", idempotency: key", ""))
    told = cli("test", "t.yaml")
    assert told.status == 1
    assert "small  t.yaml\n" in told.out
    assert "sagactl: lint finds 1 error in it, too: sagactl lint t.yaml\n" in told.err


def test_of_broken_files_every_mistake_is_told(cli: Cli) -> None:
    cli.write("a.yaml", SMALL.replace("http://s", "[1]"))
    cli.write("b.yaml", SMALL.replace("name: a", "nam: a").replace("POST /bs", "7"))
    cli.write("c.yaml", SMALL)
    told = cli("test")
    assert (told.status, told.out) == (2, "")
    assert told.err.count("a.yaml:") >= 1
    assert told.err.count("b.yaml:") >= 2


def test_a_definition_without_a_request_is_sound(cli: Cli) -> None:
    cli.write("t.yaml", "saga: t\nsteps: [{name: a, action: {sleep: 1h}}]\n")
    told = cli("test", "t.yaml")
    assert told.status == 0, told
    assert "✓ t.yaml: sound" in told.out


def test_without_an_input_that_fits_it_is_2(cli: Cli) -> None:
    cli.write("a.yaml", SMALL)
    cli.write(
        "t.yaml",
        SMALL.replace(
            "saga: small",
            "saga: small\ninput: {type: object, required: [a], properties: {a: {not: {}}}}",
        ),
    )
    for paths in (("t.yaml",), ()):
        told = cli("test", *paths)
        assert told.status == 2
        assert told.err.startswith("sagactl: t.yaml:2:7: no input was found")
