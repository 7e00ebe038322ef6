"""A stuck saga and its operator: the real program against services on real sockets.

Time, kills and other holders are real as well. The first story of each verb is the one that goes
well; the others are refusals, and what a crash leaves.
"""

import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import DEFINITIONS, Cli, Told
from faults.process import GIVEN, TRIP, Service, await_line, ended

ORDER = DEFINITIONS / "order.yaml"
KILLER = Path(__file__).with_name("killer.py")
WHY = ("--reason", "ticket 4711")

# A charge that may not be sent again and that nobody can ask about: a person is needed.
HELD = """\
saga: held
services: {shop: {url: "${{ env.SHOP_URL }}"}}
defaults: {timeout: 300ms}
steps:
  - name: reserve
    service: shop
    action: PUT /holds/${{ saga.id }}
    compensation: {request: "DELETE /holds/${{ saga.id }}", success: [2xx, 404]}
  - name: charge
    service: shop
    on_unknown: hold
    action: {request: POST /charges, result: {charge_id: "${{ response.body.id }}"}}
    compensation: POST /charges/${{ result.charge_id }}/refund
  - name: ship
    service: shop
    action: {request: "PUT /parcels/${{ saga.id }}", json: {charge: "${{ steps.charge.result.charge_id }}"}}
    compensation: none
"""


def stuck(cli: Cli, run_id: str = "s1", text: str = HELD) -> None:
    path = cli.write("held.yaml", text)
    told = cli("run", path, "--sandbox", "--id", run_id, "--fail", "charge=timeout")
    assert told.status == 3, told


def state(cli: Cli, run_id: str = "s1") -> str:
    return str(cli("show", run_id, "-o", "json").json["state"])


def types(cli: Cli, run_id: str = "s1") -> list[str]:
    return [event["type"] for event in cli("history", run_id, "-o", "json").json]


def killed(cli: Cli, moment: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, str(KILLER), moment, "1", *arguments],
        cwd=cli.folder, env=cli.environment, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL


def resolve(cli: Cli, *arguments: str) -> Told:
    return cli("resolve", "s1", "charge", "--as", *arguments, *WHY)


def test_what_a_person_found_out_lets_a_stuck_saga_complete(cli: Cli) -> None:
    stuck(cli)
    played = len((cli.folder / ".sagactl/sandbox.ledger.jsonl").read_text().splitlines())
    told = resolve(cli, "completed", "--result", '{"charge_id": "ch-1"}')
    assert told.status == 0, told
    assert "counts as completed from now on; nothing is sent" in told.err
    assert "go on:  sagactl resume s1" in told.out
    ledger = (cli.folder / ".sagactl/sandbox.ledger.jsonl").read_text()
    assert len(ledger.splitlines()) == played
    again = cli("resume", "s1", "-o", "json")
    assert again.status == 0, again
    assert again.json["steps"][1]["result"] == {"charge_id": "ch-1"}
    (word,) = [e for e in cli("history", "s1", "-o", "json").json if e["type"] == "step_resolved"]
    assert word["reason"] == "ticket 4711"
    assert "@" in word["operator"]
    assert word["outcome"] == "completed"


def test_what_did_not_take_place_turns_the_saga_back(cli: Cli) -> None:
    stuck(cli)
    told = resolve(cli, "failed")
    assert told.status == 0, told
    assert state(cli) == "compensating"
    again = cli("resume", "s1", "-o", "json")
    assert again.status == 1, again
    assert [s["status"] for s in again.json["steps"]] == ["compensated", "failed", "pending"]
    assert "ticket 4711" in again.json["error"]["message"]


def test_what_was_undone_by_hand_is_not_undone_again(cli: Cli) -> None:
    faults = ("--fail", "create_shipment=422", "--fail", "process_payment.compensation=403")
    assert cli("run", ORDER, "--sandbox", "--id", "o1", *faults).status == 3
    told = cli("resolve", "o1", "process_payment", "--as", "compensated", *WHY, "-o", "json")
    assert told.status == 0, told
    assert told.json["state"] == "compensating"
    again = cli("resume", "o1", "-o", "json")
    assert again.status == 1, again
    assert again.json["steps"][1]["compensation_attempts"] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["charge", "--as", "completed"], "result.charge_id"),
        (["charge", "--as", "completed", "--result", "{}"], "lacks"),
        (["charge", "--as", "completed", "--result", "{"], "not JSON"),
        (["charge", "--as", "failed", "--result", "1"], "--as completed alone"),
        (["charge", "--as", "compensated"], "goes forwards"),
        (["reserve", "--as", "failed"], "took place"),
        (["ship", "--as", "completed"], "not sent yet"),
        (["chrage", "--as", "failed"], 'did you mean "charge"'),
        (["charge", "--as", "done"], "completed, failed, compensated"),
    ],
)
def test_a_senseless_word_is_refused_and_written_nowhere(
    cli: Cli, arguments: list[str], why: str
) -> None:
    stuck(cli)
    before = types(cli)
    told = cli("resolve", "s1", *arguments, *WHY)
    assert told.status == 2, told
    assert why in told.err
    assert types(cli) == before


def test_a_word_needs_a_reason(cli: Cli) -> None:
    stuck(cli)
    assert cli("resolve", "s1", "charge", "--as", "failed").status == 2
    assert cli("resolve", "s1", "charge", "--as", "failed", "--reason", " ").status == 2
    assert cli("abandon", "s1").status == 2
    assert state(cli) == "stuck"


def test_a_saga_is_closed_as_it_stands_and_moved_by_nothing_any_more(cli: Cli) -> None:
    stuck(cli)
    told = cli("abandon", "s1", *WHY)
    assert told.status == 0, told
    assert 'stays in the world: what "reserve" did\n' in told.err
    assert 'stays in the world: what "charge" did, if it did anything' in told.err
    shown = cli("show", "s1", "-o", "json").json
    assert shown["state"] == "abandoned"
    assert shown["finished_at"] is not None
    assert shown["error"]["message"] == "abandoned: ticket 4711"
    for arguments in (
        ["resume", "s1"],
        ["compensate", "s1"],
        ["abandon", "s1", *WHY],
        ["resolve", "s1", "charge", "--as", "failed", *WHY],
    ):
        refused = cli(*arguments)
        assert refused.status == 2, refused
        assert "abandoned" in refused.err
    assert cli("run", "held.yaml", "--sandbox", "--id", "s1").status == 3
    assert types(cli)[-1] == "run_abandoned"


def test_a_saga_that_has_ended_is_not_abandoned(cli: Cli) -> None:
    cli("run", ORDER, "--sandbox", "--id", "o1")
    told = cli("abandon", "o1", *WHY)
    assert told.status == 2
    assert "completed" in told.err


def test_resume_all_leaves_an_abandoned_saga_out(cli: Cli) -> None:
    cli.env["SHOP_URL"] = "http://127.0.0.1:9"
    path = cli.write("held.yaml", HELD)
    for name in ("a1", "a2"):
        assert cli("run", path, "--id", name, "--no-wait").status == 5
    assert cli("abandon", "a1", *WHY).status == 0
    told = cli("resume", "--all", "--rate", "10/s", "-o", "json")
    assert told.status == 1, told
    assert told.json["id"] == "a2"
    assert cli("list", "--status", "abandoned", "-o", "json").json[0]["id"] == "a1"


def test_an_attempt_that_a_crash_left_is_unknown_before_a_word_is_taken(cli: Cli) -> None:
    cli.write("trip.yaml", TRIP)
    for verb in (["abandon"], ["resolve", "charge", "--as", "failed"]):
        run_id = verb[0]
        with Service() as service:
            service.strike("charge action", service.kill)
            ended(service.start(cli, "run", "trip.yaml", *GIVEN, "--id", run_id))
        assert types(cli, run_id)[-1] == "action_began"
        assert cli(verb[0], run_id, *verb[1:], *WHY).status == 0
        assert "action_unknown" in types(cli, run_id)


def test_a_saga_that_another_process_has_is_left_to_it(cli: Cli) -> None:
    cli.write("trip.yaml", TRIP)
    with Service() as service:
        struck = service.strike("charge action", service.stop)
        process = service.start(cli, "run", "trip.yaml", *GIVEN, "--id", "h1")
        assert struck.wait(30)
        for arguments in (
            ["resolve", "h1", "charge", "--as", "failed", *WHY],
            ["abandon", "h1", *WHY],
            ["resume", "h1", "--from", "charge"],
            ["compensate", "h1"],
        ):
            told = cli(*arguments)
            assert told.status == 6, told
            assert str(process.pid) in told.err
        explained = cli("explain", "h1")
        assert explained.status == 0
        assert f"process {process.pid}" in explained.out
        assert 'action of "charge" is under way' in explained.out
        process.send_signal(signal.SIGCONT)
        assert ended(process).status == 0


@pytest.mark.parametrize("verb", ["resolve", "abandon"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_in_the_middle_leaves_the_word_said_or_not(cli: Cli, moment: str, verb: str) -> None:
    stuck(cli)
    more = ["charge", "--as", "failed"] if verb == "resolve" else []
    killed(cli, moment, verb, "s1", *more, *WHY)
    if moment == "before":
        assert state(cli) == "stuck"
        assert cli(verb, "s1", *more, *WHY).status == 0
    assert state(cli) == ("compensating" if verb == "resolve" else "abandoned")
    if verb == "resolve":
        assert cli("resume", "s1").status == 1
        assert types(cli).count("step_resolved") == 1


def test_a_kill_while_a_failed_step_is_tried_again_is_resumed(cli: Cli) -> None:
    cli.env["NOTE"] = "first"
    path = cli.write("trip.yaml", TRIP)
    told = cli("run", path, "--sandbox", *GIVEN, "--id", "k1", "--fail", "reserve=422")
    assert told.status == 1, told
    killed(cli, "after", "resume", "k1", "--from", "reserve", "--fail", "none", *WHY)
    again = cli("resume", "k1", "--fail", "none", "-o", "json")
    assert again.status == 0, again
    assert types(cli, "k1").count("step_reopened") == 1


def test_a_failed_step_is_tried_again_under_its_key(cli: Cli) -> None:
    cli.write("trip.yaml", TRIP)
    with Service(faults=["reserve=422x1"]) as service:
        told = ended(service.start(cli, "run", "trip.yaml", *GIVEN, "--id", "f1"))
        assert told.status == 1, told
        told = ended(service.start(cli, "resume", "f1", "--from", "reserve", *WHY))
        assert told.status == 0, told
        assert 'sends "reserve" again' in told.err
        calls = [call for call in service.told if call.step == "reserve"]
        assert len(calls) == 2
        assert len({(call.key, call.digest) for call in calls}) == 1
        assert len([e for e in service.effects if "undone" in e]) == 0
    (event,) = [e for e in cli("history", "f1", "-o", "json").json if e["type"] == "step_reopened"]
    assert (event["step"], event["reason"]) == ("reserve", "ticket 4711")


def test_no_step_is_tried_again_once_something_was_undone(cli: Cli) -> None:
    cli("run", ORDER, "--sandbox", "--id", "o1", "--fail", "create_shipment=422")
    told = cli("resume", "o1", "--from", "create_shipment")
    assert told.status == 2
    assert "undoing has begun" in told.err
    assert cli("resume", "o1", "--from", "create_shpment").status == 2
    assert cli("resume", "--all", "--from", "create_shipment").status == 2


def test_a_completed_saga_without_a_pivot_is_undone_step_by_step(cli: Cli) -> None:
    cli.env["NOTE"] = "first"
    path = cli.write("trip.yaml", TRIP)
    assert cli("run", path, "--sandbox", *GIVEN, "--id", "c1").status == 0
    told = cli("compensate", "c1", *WHY, "-o", "json")
    assert told.status == 1, told
    assert 'undone, in this order: "ship", "charge", "reserve"' in told.err
    assert {step["status"] for step in told.json["steps"]} == {"compensated"}
    again = cli("compensate", "c1")
    assert again.status == 1
    assert types(cli, "c1").count("compensation_requested") == 1


def test_of_several_sagas_one_that_cannot_be_had_keeps_no_other(cli: Cli) -> None:
    for name in ("s1", "s2"):
        stuck(cli, name)
        resolved = cli("resolve", name, "charge", "--as", "failed", *WHY)
        assert resolved.status == 0, resolved
    assert cli("abandon", "s1", *WHY).status == 0
    told = cli("resume", "s1", "s2", "s2", "-o", "json")
    assert told.status == 2, told
    assert "saga s1 is left as it is" in told.err
    assert state(cli, "s2") == "failed"


def test_a_rate_spaces_the_beginnings(cli: Cli) -> None:
    cli.env["SHOP_URL"] = "http://127.0.0.1:9"
    path = cli.write("held.yaml", HELD)
    for name in ("r1", "r2", "r3"):
        assert cli("run", path, "--id", name, "--no-wait").status == 5
    told = cli("resume", "r1", "r2", "r3", "--no-wait", "--rate", "2/s")
    assert told.status == 5, told
    begun = [
        next(e["at"] for e in cli("history", name, "-o", "json").json if e["type"] == "run_resumed")
        for name in ("r1", "r2", "r3")
    ]
    seconds = [float(at[17:23]) + 60 * float(at[14:16]) for at in begun]
    for before, after in itertools.pairwise(seconds):
        assert (after - before) % 3600 >= 0.4
    for rate in ("0/s", "5", "5/d", "-1/s"):
        assert cli("resume", "r1", "--rate", rate).status == 2


def test_a_signal_between_two_sagas_begins_no_more(cli: Cli) -> None:
    cli.env["SHOP_URL"] = "http://127.0.0.1:9"
    path = cli.write("held.yaml", HELD)
    for name in ("r1", "r2"):
        assert cli("run", path, "--id", name, "--no-wait").status == 5
    process = cli.start("resume", "r1", "r2", "--no-wait", "--rate", "1/h")
    await_line(process, "the next saga")
    process.send_signal(signal.SIGINT)
    told = ended(process)
    assert told.status == 130, told
    assert "1 more was not begun" in told.err
    assert "run_resumed" not in types(cli, "r2")


MENDED = HELD.replace("[2xx, 404]", "[2xx, 404, 410]").replace("/parcels/", "/shipments/")


def test_another_definition_is_gone_on_with_where_it_fits(cli: Cli) -> None:
    stuck(cli)
    resolve(cli, "completed", "--result", '{"charge_id": "ch-1"}')
    cli.write("mended.yaml", MENDED)
    dry = cli("resume", "s1", "--definition", "mended.yaml", "--dry-run")
    assert dry.status == 0, dry
    assert "mended.yaml fits saga s1" in dry.out
    assert "definition_replaced" not in types(cli)
    told = cli("resume", "s1", "--definition", "mended.yaml", *WHY)
    assert told.status == 0, told
    shown = cli("history", "s1", "-o", "json").json
    (event,) = [e for e in shown if e["type"] == "definition_replaced"]
    assert (event["definition_name"], event["reason"]) == ("mended.yaml", "ticket 4711")
    assert any("/shipments/s1" in e.get("url", "") for e in shown)
    assert cli("run", "mended.yaml", "--sandbox", "--id", "s1").status == 0
    assert "another definition" in cli("run", "held.yaml", "--sandbox", "--id", "s1").err


def test_another_definition_is_refused_with_every_reason(cli: Cli) -> None:
    stuck(cli)
    other = HELD.replace("name: reserve", "name: keep").replace("POST /charges,", "POST /pay,")
    cli.write("other.yaml", other + "input: {type: object, required: [n]}\n")
    told = cli("resume", "s1", "--definition", "other.yaml")
    assert told.status == 2, told
    for why in ('"reserve" is completed: it is gone', "differs in url", 'input has no "n"'):
        assert why.replace("input has", "its input: has") in told.err or why in told.err
    dry = cli("resume", "s1", "--definition", "other.yaml", "--dry-run", "-o", "json")
    assert dry.status == 2
    assert dry.json["sound"] is False
    assert types(cli)[-1] == "outcome_held"
    assert cli("resume", "s1", "--dry-run").status == 2
    cli.write("bad.yaml", "saga: held\nsteps: []\n")
    assert cli("resume", "s1", "--definition", "bad.yaml").status == 2


def test_what_another_definition_reads_of_the_environment_is_kept_too(cli: Cli) -> None:
    cli.env["SHOP_URL"] = "http://127.0.0.1:9"
    path = cli.write("held.yaml", HELD)
    assert cli("run", path, "--id", "e1", "--no-wait").status == 5
    more = HELD.replace("charge: ", 'shelf: "${{ env.SHELF }}", token: "x", charge: ')
    more = more.replace(
        'action: {request: "PUT /parcels',
        'action: {headers: {T: "${{ secrets.T }}"}, request: "PUT /parcels',
    )
    cli.write("more.yaml", more)
    missing = cli("resume", "e1", "--definition", "more.yaml", "--no-wait")
    assert missing.status == 2, missing
    assert "SAGACTL_SECRET_T" in missing.err
    cli.env["SAGACTL_SECRET_T"] = "tttt"
    missing = cli("resume", "e1", "--definition", "more.yaml", "--no-wait")
    assert missing.status == 2, missing
    assert "SHELF" in missing.err
    cli.env |= {"SHELF": "A7", "SHOP_URL": "http://elsewhere"}
    told = cli("resume", "e1", "--definition", "more.yaml", "--no-wait")
    assert told.status == 5, told
    (event,) = [
        e for e in cli("history", "e1", "-o", "json").json if e["type"] == "definition_replaced"
    ]
    assert event["env"] == {"SHELF": "A7", "SHOP_URL": "http://127.0.0.1:9"}


def test_explain_says_why_and_gives_commands_that_work(cli: Cli) -> None:
    stuck(cli)
    told = cli("explain", "s1")
    assert told.status == 0, told
    assert 'Nobody knows whether "charge" took place' in told.out
    assert "charge   may have taken place: nobody knows" in told.out
    document = cli("explain", "s1", "-o", "json").json
    commands = {verb["verb"]: verb["command"] for verb in document["verbs"]}
    assert commands["abandon"] == "sagactl abandon s1 --reason TEXT"
    wanted = [verb["command"] for verb in document["verbs"] if verb["verb"] == "resolve"]
    assert all(command in told.out for command in wanted)
    effects = {step["step"]: step["effect"] for step in document["world"]}
    assert effects == {"reserve": "stands", "charge": "maybe", "ship": "none"}
    import shlex

    done = cli(*shlex.split(wanted[0])[1:])
    assert done.status == 0, done
    assert state(cli) == "pending"


def test_explain_reads_an_export_as_well(cli: Cli) -> None:
    cli.env["SHOP_URL"] = "http://127.0.0.1:9"
    path = cli.write("held.yaml", HELD)
    assert cli("run", path, "--id", "x1", "--no-wait").status == 5
    cli.write("x.jsonl", cli("export").out)
    told = cli("explain", "x1", "--state", "x.jsonl")
    assert told.status == 0, told
    assert "has not reached its service yet" in told.out
    assert cli("abandon", "x1", "--state", "x.jsonl", *WHY).status == 7


@pytest.fixture
def secretive(cli: Cli) -> Cli:
    text = ORDER.read_text().replace("POST /charges\n", "POST /charges/${{ input.customer }}\n")
    cli.write("order.yaml", text)
    return cli


def test_explain_hides_what_is_sensitive(secretive: Cli) -> None:
    given: dict[str, Any] = {"order_id": "9", "customer": "canary-4242", "items": [1], "amount": 1}
    told = secretive(
        "run", "order.yaml", "--sandbox", "--input-file", "-", "--no-wait",
        "--fail", "process_payment=429", stdin=json.dumps(given),
    )  # fmt: skip
    assert told.status == 5, told
    seen = secretive("explain", "order-9")
    assert seen.status == 0, seen
    resumed = secretive("resume", "order-9", "--fail", "none")
    assert "/charges/***" in seen.out
    assert "canary-4242" not in seen.out + seen.err + resumed.out + resumed.err
