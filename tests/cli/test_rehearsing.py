"""`sagactl test` of definitions, and of a saga that was begun, as a user types it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DEFINITIONS, Cli

KILLER = Path(__file__).parent / "killer.py"
REFUND = "    compensation: POST /charges/${{ result.payment_id }}/refund\n"
ORDER = """\
saga: order
services:
  stock: {url: "${{ env.STOCK_URL }}"}
  bank: {url: "${{ env.BANK_URL }}", idempotency: key}
steps:
  - name: reserve
    service: stock
    action: PUT /reservations/${{ saga.id }}
    compensation: {request: "DELETE /reservations/${{ saga.id }}", success: [2xx, 404]}
  - name: charge
    service: bank
    action: {request: "POST /charges", json: {order: "${{ saga.id }}"}}
    compensation: {request: "DELETE /charges/${{ saga.id }}", success: [2xx, 404]}
"""
UNDO = "success: [2xx, 404]}\n  - name: charge"


@pytest.fixture
def order(cli: Cli) -> Path:
    return cli.write("order.yaml", ORDER)


@pytest.fixture
def holed(cli: Cli) -> Path:
    text = (DEFINITIONS / "order.yaml").read_text(encoding="utf-8")
    assert REFUND in text
    return cli.write("order.yaml", text.replace(REFUND, ""))


def test_a_lost_refund_is_a_hole_with_a_story_and_exit_1(cli: Cli, holed: Path) -> None:
    told = cli("test")
    assert told.status == 1
    assert (
        '✗ the saga ends failed, and "process_payment" stands: nothing undoes it [effect-left]\n'
        "  troubles: create_shipment.rejected\n"
    ) in told.out
    assert told.out.endswith("✗ order.yaml: 1 hole\n")
    assert told.err == ""


def test_one_cell_is_explained_in_text_or_as_json(cli: Cli, holed: Path) -> None:
    told = cli("test", "--explain", "create_shipment.rejected")
    assert told.status == 1
    assert told.out.startswith("create_shipment.rejected  order.yaml\n")
    assert "✗ hole" in told.out
    [cell] = cli("test", "--explain", "create_shipment.rejected", "-o", "json").json
    assert (cell["path"], cell["judgement"]) == ("order.yaml", "hole")
    assert cell["findings"][0]["code"] == "effect-left"


def test_the_troubles_that_are_told_of_a_cell_are_those_of_its_own_story(
    cli: Cli, order: Path
) -> None:
    cli.write("order.yaml", ORDER.replace("idempotency: key", "idempotency: none"))
    told = cli("test", "-o", "json").json
    for cell in told["rehearsals"][0]["cells"]:
        for finding in cell["findings"]:
            struck = {f"{one['step']}.{one['trouble']}" for one in finding["struck"]}
            assert f"{cell['step']}.{cell['trouble']}" in struck, cell


def test_a_definition_that_holds_is_exit_0(cli: Cli, order: Path) -> None:
    told = cli("test", "--coverage")
    assert told.status == 0, told
    assert "✓ order.yaml: sound" in told.out
    assert "arrows of the machine walked\n" in told.out


def test_what_is_not_walked_whole_is_not_proven_and_exit_1(cli: Cli, order: Path) -> None:
    told = cli("test", "--max-states", "5")
    assert told.status == 1
    assert told.out.endswith("! order.yaml: not proven: 5 states were walked, and there are more\n")
    assert "cannot befall" not in told.out


def test_reports_are_written_in_the_form_that_their_name_ends_in(cli: Cli, holed: Path) -> None:
    names = ["r.html", "r.xml", "r.md", "r.json"]
    told = cli("test", *(word for name in names for word in ("--report", name)))
    assert told.status == 1
    texts = [(cli.folder / name).read_text(encoding="utf-8") for name in names]
    beginnings = ["<!doctype html>", "<?xml", "## ❌ `order.yaml`", "{"]
    assert [t.startswith(b) for t, b in zip(texts, beginnings, strict=True)] == [True] * 4
    assert json.loads(texts[3])["rehearsals"][0]["judgement"] == "hole"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (["--report", "r.pdf"], '--report tells by the ending of "r.pdf" what it is: .html, .xml,'),
        (["--report", "none/r.html"], "none/r.html: cannot be written: there is no folder none"),
        (["--explain", "charge.crash", "-k", "x"], "-k chooses written tests, --explain a cell"),
        (["--explain", "charge.crash", "-o", "html"], "--explain tells one cell: as text, or with"),
        (["order.test.yaml", "--explain", "a.crash"], "name a definition, not its tests"),
        (["--explain", "chrage.crash"], 'no step is called "chrage"; did you mean "charge"?'),
        (["--from", "x", "order.yaml"], "--from ID is about one saga that was begun: leave out"),
        (["--from", "x"], 'there is no run "x"'),
        (["--live", "order.yaml", "--report", "r.html"], "--report goes without --live"),
        (["--live", "order.yaml", "-x"], "-x goes without --live"),
    ],
)
def test_what_would_be_left_unheeded_is_refused(
    cli: Cli, order: Path, typed: list[str], reason: str
) -> None:
    told = cli("test", *typed)
    assert (told.status, told.out) == (2, "")
    assert reason in told.err


@pytest.mark.parametrize("commits", [1, 2, 3])
def test_what_can_still_happen_to_a_saga_that_was_killed_is_rehearsed(
    cli: Cli, order: Path, commits: int
) -> None:
    begun = ["after", str(commits), "run", "order.yaml", "--sandbox", "--id", "o1"]
    done = subprocess.run(
        [sys.executable, str(KILLER), *begun],
        cwd=cli.folder, env=cli.environment, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=120,
    )  # fmt: skip
    if commits < 3:
        assert done.returncode == -signal.SIGKILL
    told = cli("test", "--from", "o1")
    if commits == 3:
        assert told.status == 2
        assert "saga o1 is completed: nothing can happen to it any more" in told.err
        return
    assert told.status == 0, told
    assert told.out.startswith("order  o1\n")
    assert "✓ o1: sound" in told.out
    # What is over cannot befall any more: only what is still to come has marks in its row.
    [row] = [line for line in told.out.splitlines() if line.startswith("  reserve  ")]
    assert (row.split()[2] == "·") == (commits == 2)


def test_a_stuck_saga_is_rehearsed_from_where_it_stands(cli: Cli) -> None:
    cli.write("order.yaml", ORDER + "  - {name: ship, service: stock, compensation: none,\n"
                                    "     action: 'PUT /parcels/${{ saga.id }}'}\n")  # fmt: skip
    faults = ("--fail", "ship=422", "--fail", "charge.compensation=403")
    assert cli("run", "order.yaml", "--sandbox", "--id", "s1", *faults).status == 3
    told = cli("test", "--from", "s1")
    assert told.status == 0, told
    assert "! the undo of " in told.out
