"""`plan` as it is typed: goldens of the definitions, what an edit does to them, and the truth of it."""

import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import DEFINITIONS, ROOT, SAGAS, Cli

from sagactl.cli.loading import load_definition
from sagactl.machine.plan import make_plan
from sagactl.machine.rollback import foresee

GOLDENS = ROOT / "tests" / "cases" / "plan"
NAMES = sorted(path.stem for path in SAGAS)
REFUND = "    compensation: POST /charges/${{ result.payment_id }}/refund\n"


@pytest.fixture
def order(cli: Cli) -> Path:
    """The order definition, beside the golden of its plan."""
    shutil.copy(DEFINITIONS / "order.yaml", cli.folder)
    shutil.copy(GOLDENS / "order.json", cli.folder)
    return cli.folder / "order.yaml"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_of_every_definition_is_as_it_was_kept(cli: Cli, name: str) -> None:
    """UPDATE_GOLDENS=1 writes them anew."""
    golden, definition = GOLDENS / f"{name}.json", DEFINITIONS / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(cli("plan", definition, "-o", "json").out, encoding="utf-8")
    told = cli("plan", definition, "--check", golden)
    assert (told.status, told.out) == (0, ""), told
    assert cli("plan", definition, "-o", "json").out == golden.read_text(encoding="utf-8")


def test_a_plan_does_not_depend_on_where_one_stands(cli: Cli) -> None:
    shutil.copytree(DEFINITIONS, cli.folder / "sagas")
    told = cli("plan", "sagas/basket.yaml", "--check", GOLDENS / "basket.json")
    assert told.status == 0, told


def test_a_lost_compensation_turns_red_at_every_step_behind_it(cli: Cli, order: Path) -> None:
    edit(order, REFUND, "    compensation: none\n")
    told = cli("plan", order, "--check", "order.json")
    assert told.status == 1
    assert told.out.splitlines()[:2] == [
        "when create_shipment is rejected: process_payment was undone, is not any more, and stays in the world",
        "when create_shipment stays unknown: process_payment was undone, is not any more, and stays in the world",
    ]
    assert 'step "process_payment": compensation was POST payments:' in told.out
    assert "where it is meant: sagactl plan" in told.err
    assert cli("plan", order, "--check", "order.json", "-o", "json").json == told.out.splitlines()


def test_another_choice_about_an_unknown_outcome_is_told_with_its_reason(
    cli: Cli, order: Path
) -> None:
    edit(order, "  - name: process_payment\n", "  - name: process_payment\n    on_unknown: hold\n")
    told = cli("plan", order, "--check", "order.json")
    assert told.out.splitlines() == [
        "when process_payment stays unknown: because was sending it again does no harm, is as written",
        "when process_payment stays unknown: on_unknown was finish, is hold",
        'step "process_payment": on_unknown was finish, is hold',
    ]


def test_what_a_definition_reads_from_outside_is_listed_and_compared(cli: Cli, order: Path) -> None:
    edit(order, "secrets.INVENTORY_TOKEN", "secrets.STOCK_KEY")
    assert "reads secrets STOCK_KEY" in cli("plan", order).out.splitlines()
    told = cli("plan", order, "--check", "order.json")
    assert told.status == 1
    [line] = told.out.splitlines()

    assert line == "secrets was INVENTORY_TOKEN, is STOCK_KEY"


def test_the_golden_says_how_it_is_written_and_the_command_writes_it(cli: Cli, order: Path) -> None:
    (cli.folder / "order.json").unlink()
    told = cli("plan", "order.yaml", "--check", "order.json")
    assert told.status == 2
    command = re.search(r"to write it: sagactl (.*) > (.*)\n", told.err)
    assert command is not None, told
    cli.write(command[2], cli(*command[1].split()).out)
    assert cli("plan", "order.yaml", "--check", "order.json").status == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ("[]", "is not what plan -o json prints"),
        ('{"format": 99}', "is a plan of format 99"),
        ('{"format": 1}', "changed by hand"),
        ('{"format": 1, "failures": [3], "steps": [], "forwards": []}', "changed by hand"),
        (
            '{"format": 1, "failures": [{"at": "a", "rejected": {"ends": [], "left": {}, "undone": []}}], "steps": [], "forwards": []}',
            "changed by hand",
        ),
    ],
)
def test_a_golden_that_is_none_is_refused(cli: Cli, order: Path, content: str, said: str) -> None:
    cli.write("order.json", content)
    told = cli("plan", order, "--check", "order.json")
    assert told.status == 2
    assert said in told.err


def test_a_definition_with_errors_is_not_compared(cli: Cli, order: Path) -> None:
    edit(order, "service: payments", "service: paiments")
    told = cli("plan", order, "--check", "order.json")
    assert told.status == 2
    assert "unknown-service" in told.err
    assert cli("plan", DEFINITIONS / "order.yaml", "--check", "x", "-i", "a=1").status == 2


def undone(cli: Cli, name: str, at: str) -> list[str]:
    """The steps that a real run undoes when its step `at` is refused, in their order."""
    told = cli("run", f"{name}.yaml", "--sandbox", "--fail", f"{at}=422", "-o", "json")
    assert told.json["state"] in ("failed", "stuck"), told
    events = cli("history", told.json["id"], "-o", "json").json
    began = [event["step"] for event in events if event["type"] == "compensation_began"]
    return list(dict.fromkeys(began))


@pytest.mark.parametrize("name", NAMES)
def test_a_real_run_undoes_what_was_foreseen(cli: Cli, name: str) -> None:
    for path in SAGAS:
        shutil.copy(path, cli.folder)
    foresight = foresee(make_plan(load_definition(DEFINITIONS / f"{name}.yaml")))
    for failure in foresight.failures:
        cli.env["SAGACTL_STATE"] = f"{failure.planned.name.replace('/', '.')}/state.json"
        order = undone(cli, name, failure.planned.name)
        for group in failure.rejected.undone:
            assert sorted(order[: len(group)]) == sorted(group), failure.planned.name
            order = order[len(group) :]
        assert order == [], failure.planned.name
