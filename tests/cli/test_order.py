"""The order saga as a new user meets it: real program, real loopback HTTP, in the sandbox."""

import json

from conftest import DEFINITIONS, Cli, Told
from invariants import check_sandbox

ORDER = DEFINITIONS / "order.yaml"


def run_order(cli: Cli, *more: str) -> Told:
    told = cli("run", ORDER, "--sandbox", "-o", "json", *more)
    if told.out:
        check_sandbox(cli.folder, told.json["id"], told.status)
    return told


def ledger(cli: Cli) -> list[dict[str, object]]:
    lines = (cli.folder / ".sagactl/sandbox.ledger.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def undone(cli: Cli) -> list[object]:
    return [entry["step"] for entry in ledger(cli) if entry["effect"] == "undone"]


def test_the_order_completes(cli: Cli) -> None:
    told = run_order(cli)
    assert told.status == 0, told
    assert told.json["state"] == "completed"
    assert [step["status"] for step in told.json["steps"]] == ["completed"] * 4
    assert told.json["error"] is None
    assert told.json["finished_at"]


def test_a_failing_shipment_refunds_the_payment_and_then_releases_the_stock(cli: Cli) -> None:
    told = run_order(cli, "--fail", "create_shipment=422")
    assert told.status == 1, told
    assert told.json["state"] == "failed"
    assert told.json["error"]["step"] == "create_shipment"
    assert undone(cli) == ["process_payment", "reserve_inventory"]


def test_the_ledger_says_what_is_left_in_the_world(cli: Cli) -> None:
    told = cli("run", ORDER, "--sandbox", "--fail", "create_shipment=422")
    assert told.status == 1
    assert "left in the world: nothing" in told.out


def test_a_charge_that_timed_out_is_found_by_its_lookup(cli: Cli) -> None:
    told = run_order(cli, "--fail", "process_payment=reset-after")
    assert told.status == 0, told
    steps = {step["name"]: step for step in told.json["steps"]}
    assert steps["process_payment"]["result"]["payment_id"]
    charges = [e for e in ledger(cli) if e["step"] == "process_payment"]
    assert sum(entry["effect"] == "applied" for entry in charges) == 1


def test_a_stuck_undo_can_be_freed_by_resume(cli: Cli) -> None:
    told = run_order(
        cli, "--fail", "create_shipment=422", "--fail", "process_payment.compensation=403"
    )
    assert told.status == 3, told
    assert told.json["state"] == "stuck"
    assert undone(cli) == []
    again = cli("resume", told.json["id"], "--fail", "none", "-o", "json")
    assert again.status == 1, again
    assert again.json["state"] == check_sandbox(cli.folder, told.json["id"], 1) == "failed"
    assert undone(cli) == ["process_payment", "reserve_inventory"]


def test_the_same_order_again_shows_the_run_there_is(cli: Cli) -> None:
    first = run_order(cli)
    calls = len(ledger(cli))
    again = run_order(cli)
    assert again.status == 0
    assert again.json == first.json
    assert len(ledger(cli)) == calls


def test_the_same_id_with_another_input_is_refused(cli: Cli) -> None:
    first = run_order(cli)
    other = dict(first.json["input"])
    other["amount"] = other["amount"] + 1
    cli.write("other.json", json.dumps(other))
    told = run_order(cli, "--input-file", "other.json", "--id", first.json["id"])
    assert told.status == 2
    assert "another input" in told.err
    assert told.out == ""


def test_sandboxed_runs_stay_apart_from_real_ones(cli: Cli) -> None:
    told = run_order(cli)
    assert cli("list", "-o", "json").json == []
    assert [r["id"] for r in cli("list", "--sandbox", "-o", "json").json] == [told.json["id"]]
    assert not (cli.folder / ".sagactl/state.json").exists()
    assert cli("show", told.json["id"][:4], "-o", "json").json["sandbox"] is True


def test_history_tells_every_event_in_order(cli: Cli) -> None:
    told = run_order(cli, "--fail", "create_shipment=422")
    events = cli("history", told.json["id"], "-o", "json").json
    assert events[0]["type"] == "run_started"
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    kinds = [event["type"] for event in events]
    assert kinds.count("action_began") == 3
    assert kinds.count("compensation_succeeded") == 2


def test_a_missing_environment_value_is_found_before_anything_is_sent(cli: Cli) -> None:
    told = cli("run", ORDER)
    assert told.status == 2
    assert "is not set" in told.err or "is missing" in told.err or "input" in told.err
    assert not (cli.folder / ".sagactl").exists()


def test_fail_without_the_sandbox_is_refused(cli: Cli) -> None:
    assert cli("run", ORDER, "--fail", "create_shipment=422").status == 2


def test_compensate_undoes_a_saga_that_waits(cli: Cli) -> None:
    told = run_order(cli, "--fail", "create_shipment=429", "--no-wait")
    assert told.status == 5, told
    assert told.json["state"] == "pending"
    back = cli("compensate", told.json["id"], "--reason", "changed my mind", "-o", "json")
    assert back.status == 1, back
    assert check_sandbox(cli.folder, told.json["id"], 1) == "failed"
    assert undone(cli) == ["process_payment", "reserve_inventory"]
