"""for_each, sub-sagas and sleeps as a user meets them: the real program against its sandbox."""

import json
from collections import Counter

import pytest
from conftest import DEFINITIONS, Cli

BASKET = (DEFINITIONS / "basket.yaml").read_text(encoding="utf-8")
PARCEL = (DEFINITIONS / "parcel.yaml").read_text(encoding="utf-8")


@pytest.fixture
def basket(cli: Cli) -> Cli:
    """A folder with basket.yaml and parcel.yaml, where nobody reconsiders for long."""
    cli.write("basket.yaml", BASKET.replace("default: 1s", "default: 10ms"))
    cli.write("parcel.yaml", PARCEL)
    return cli


def left(cli: Cli, run_id: str) -> list[str]:
    """The steps whose effects are left in the world."""
    calls = (cli.folder / ".sagactl/sandbox.ledger.jsonl").read_text().splitlines()
    counts: Counter[str] = Counter()
    for call in map(json.loads, calls):
        if call["saga"] == run_id and call["effect"] in ("applied", "undone"):
            counts[call["step"]] += 1 if call["effect"] == "applied" else -1
    return sorted(counts.elements())


def states(document: dict[str, object]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in document["steps"]}  # type: ignore[attr-defined]


def test_every_member_is_a_step_under_its_own_name(basket: Cli) -> None:
    told = basket("run", "basket.yaml", "--sandbox", "--id", "b", "-o", "json")
    assert told.status == 0, told
    assert set(states(told.json).values()) == {"completed"}
    assert list(states(told.json)) == [
        "reserve", "reserve[0]", "reserve[1]", "reconsider", "charge", "send",
        "send[0]", "send[0]/label", "send[0]/pick_up", "send[1]", "send[1]/label",
        "send[1]/pick_up",
    ]  # fmt: skip
    assert len(told.json["output"]["parcels"]) == 2
    assert "b.send.1" in basket("history", "b").out, "a sub-saga has an id of its own"
    assert left(basket, "b") == [
        "charge", "reserve[0]", "reserve[1]", "send[0]/label", "send[0]/pick_up",
        "send[1]/label", "send[1]/pick_up",
    ]  # fmt: skip


def test_a_failure_deep_inside_undoes_everything(basket: Cli) -> None:
    faults = ("--fail", "send[1]/pick_up=409")
    told = basket("run", "basket.yaml", "--sandbox", "--id", "b", *faults)
    assert told.status == 1
    assert "send[1]/pick_up: 409" in told.out
    assert left(basket, "b") == []
    undone = [line.split()[1] for line in told.err.splitlines() if " undone: " in line]
    assert undone == [
        "send[1]/label", "send[0]/pick_up", "send[0]/label", "charge", "reserve[1]", "reserve[0]",
    ]  # fmt: skip


def test_a_lost_reply_deep_inside_is_asked_about(basket: Cli) -> None:
    faults = ("--fail", "send[0]/label=reset-afterx1", "--fail", "reserve[1]=503x1")
    told = basket("run", "basket.yaml", "--sandbox", "--id", "b", "-o", "json", *faults)
    assert told.status == 0, told
    by_name = {step["name"]: step for step in told.json["steps"]}
    assert (by_name["send[0]/label"]["attempts"], by_name["reserve[1]"]["attempts"]) == (2, 2)
    assert len(left(basket, "b")) == 7


def test_a_sleep_outlives_its_process(basket: Cli) -> None:
    given = {
        "basket": "b",
        "items": [{"sku": "tea", "quantity": 1}],
        "amount": 1,
        "reconsider": "2s",
    }
    basket.write("in.json", json.dumps(given))
    told = basket(
        "run", "basket.yaml", "--sandbox", "--id", "b", "--input-file", "in.json", "--no-wait"
    )
    assert told.status == 5
    assert "next:   due at " in told.out
    [began] = [e for e in basket("history", "b", "-o", "json").json if e["type"] == "sleep_began"]
    assert began["duration_s"] == 2.0
    told = basket("resume", "b")
    assert told.status == 0, told
    types = [e["type"] for e in basket("history", "b", "-o", "json").json]
    assert types.count("sleep_began") == types.count("sleep_ended") == 1


def test_a_run_keeps_its_sub_sagas_as_they_were(basket: Cli) -> None:
    told = basket(
        "run", "basket.yaml", "--sandbox", "--id", "b", "--fail", "charge=503", "--no-wait"
    )
    assert told.status == 5
    basket.write("parcel.yaml", "saga: parcel\nsteps: []\n")
    told = basket("resume", "b", "--fail", "none")
    assert told.status == 0, told
    assert "parcel.yaml has changed since" in told.err
    assert len(left(basket, "b")) == 7
    (basket.folder / "parcel.yaml").unlink()
    assert basket("show", "b").status == 0


def test_another_sub_saga_is_another_definition(basket: Cli) -> None:
    assert basket("run", "basket.yaml", "--sandbox", "--id", "b").status == 0
    assert basket("run", "basket.yaml", "--sandbox", "--id", "b").status == 0
    basket.write("parcel.yaml", PARCEL.replace("version: 1", "version: 2"))
    told = basket("run", "basket.yaml", "--sandbox", "--id", "b")
    assert told.status == 2
    assert "another definition" in told.err


def test_a_sub_saga_that_is_missing_or_wrong_is_told_before_anything_is_sent(basket: Cli) -> None:
    basket.write("parcel.yaml", PARCEL.replace("steps.label.result.id", "steps.label.result.no"))
    told = basket("run", "basket.yaml", "--sandbox")
    assert told.status == 2
    assert 'the sub-saga "parcel.yaml" has errors' in told.err
    assert "parcel.yaml:" in told.err
    (basket.folder / "parcel.yaml").unlink()
    told = basket("lint", "basket.yaml")
    assert told.status == 1
    assert 'the sub-saga "parcel.yaml" cannot be read: No such file or directory' in told.out
    assert not (basket.folder / ".sagactl").exists()


def test_many_elements_are_counted_and_only_trouble_is_shown(basket: Cli) -> None:
    given = {"basket": "b", "items": [{"sku": "tea", "quantity": 1}] * 12, "amount": 1}
    basket.write("in.json", json.dumps(given))
    told = basket("run", "basket.yaml", "--sandbox", "--id", "b", "--input-file", "in.json")
    assert told.status == 0, told
    assert "reserve     completed (12 of 12)" in told.out
    assert "reserve[3]" not in told.out
    assert "send/label (12x)" in told.out
    told = basket(
        "run", "basket.yaml", "--sandbox", "--id", "c", "--input-file", "in.json",
        "--fail", "send[7]/label=422",
    )  # fmt: skip
    assert told.status == 1
    assert "✗ send[7]/label" in told.out
    assert "send[6]" not in told.out


def test_what_a_child_calls_sensitive_is_masked(basket: Cli) -> None:
    basket.write(
        "parcel.yaml",
        PARCEL.replace("sku: {type: string}", "sku: {type: string, x-sensitive: true}"),
    )
    basket.write("basket.yaml", BASKET.replace("sku: tea", "sku: s3cr3t-tea").replace("1s", "1ms"))
    told = basket("run", "basket.yaml", "--sandbox", "--id", "b")
    assert told.status == 0, told
    shown = basket("history", "b", "-o", "json").json
    inner = [event for event in shown if event["type"] == "child_began"]
    assert inner[0]["input"] == {"sku": "***", "express": False}
    bodies = [e["body"] for e in shown if e["type"] == "action_began" and "label" in e["url"]]
    assert bodies
    assert not any("s3cr3t" in body for body in bodies)


def test_a_fault_of_no_step_is_refused_with_the_names_there_are(basket: Cli) -> None:
    told = basket("run", "basket.yaml", "--sandbox", "--fail", "send/lable=422")
    assert told.status == 2
    assert 'did you mean "send/label"' in told.err
    told = basket("run", "basket.yaml", "--sandbox", "--fail", "reconsider=422")
    assert told.status == 2
    assert "sends no request" in told.err


def test_plan_shows_what_is_inside(basket: Cli) -> None:
    told = basket("plan", "basket.yaml")
    assert "for each of ${{ input.items }}, 4 at once" in told.out
    assert "the sub-saga parcel (parcel.yaml)" in told.out
    assert "send/label" in told.out
    undone = told.out.split("rejected")[-1]
    assert undone.index("charge") < undone.index("reserve")
    steps = basket("plan", "basket.yaml", "-o", "json").json["steps"]
    assert [step["name"] for step in steps][3:] == ["send", "send/label", "send/pick_up"]


# --- with the operator's verbs


def test_a_stuck_instance_is_explained_resolved_and_gone_on_with(basket: Cli) -> None:
    text = BASKET.replace(
        "      request: PUT /holds/${{ saga.id }}-${{ index }}\n",
        "      request: POST /holds\n      idempotency: none\n      retry: {max_attempts: 1}\n",
    )
    text = text.replace("    max_parallel: 4\n", "    on_unknown: hold\n")
    basket.write("basket.yaml", text)
    told = basket(
        "run", "basket.yaml", "--sandbox", "--id", "b", "--fail", "reserve[1]=reset-after"
    )
    assert told.status == 3, told
    assert "sagactl resolve b 'reserve[1]' --as completed" in told.out
    told = basket("explain", "b")
    assert 'Nobody knows whether "reserve[1]" took place' in told.out
    told = basket("resolve", "b", "reserve", "--as", "completed", "--reason", "seen")
    assert told.status == 2
    assert "stands for several" in told.err
    told = basket("resolve", "b", "reserve[7]", "--as", "completed", "--reason", "seen")
    assert told.status == 2
    assert "there is no step" in told.err
    told = basket("resolve", "b", "reserve[1]", "--as", "completed", "--reason", "seen")
    assert told.status == 0, told
    told = basket("resume", "b", "--fail", "none")
    assert told.status == 0, told
    assert len(left(basket, "b")) == 7


def test_a_sleeping_saga_is_explained(basket: Cli) -> None:
    basket.write("basket.yaml", BASKET.replace("default: 1s", "default: 1h"))
    assert basket("run", "basket.yaml", "--sandbox", "--id", "b", "--no-wait").status == 5
    told = basket("explain", "b")
    assert '"reconsider" sleeps until ' in told.out
    told = basket("resolve", "b", "reconsider", "--as", "completed", "--reason", "no need to wait")
    assert told.status == 0, told
    assert basket("resume", "b").status == 0


def test_a_failed_member_is_tried_again_where_nothing_was_undone(basket: Cli) -> None:
    basket.write(
        "one.yaml",
        'saga: one\nservices: {shop: {url: "${{ env.SHOP_URL }}", idempotency: key}}\n'
        "steps:\n"
        '  - {name: send, for_each: [1, 2], action: {saga: inner.yaml, input: {n: "${{ item }}"}}}\n',
    )
    basket.write(
        "inner.yaml",
        'saga: inner\nservices: {shop: {url: "${{ env.SHOP_URL }}", idempotency: key}}\n'
        "steps:\n"
        '  - {name: do, service: shop, action: "PUT /things/${{ input.n }}", compensation: none}\n',
    )
    told = basket("run", "one.yaml", "--sandbox", "--id", "o", "--fail", "send[1]/do=422")
    assert told.status == 1, told
    told = basket("resume", "o", "--from", "send[1]/do", "--reason", "mended", "--fail", "none")
    assert told.status == 0, told
    assert left(basket, "o") == ["send[0]/do", "send[1]/do"]
    told = basket("resume", "o", "--from", "send[1]/do", "--reason", "again")
    assert told.status == 2


def test_a_member_is_not_tried_again_once_something_was_undone(basket: Cli) -> None:
    assert (
        basket(
            "run", "basket.yaml", "--sandbox", "--id", "b", "--fail", "send[1]/pick_up=409"
        ).status
        == 1
    )
    told = basket("resume", "b", "--from", "send[1]/pick_up", "--reason", "mended")
    assert told.status == 2
    assert "undoing has begun" in told.err


def test_a_completed_saga_is_undone_to_its_depths(basket: Cli) -> None:
    assert basket("run", "basket.yaml", "--sandbox", "--id", "b").status == 0
    told = basket("compensate", "b", "--reason", "the customer called")
    assert told.status == 1, told
    assert '"send[1]/pick_up", "send[1]/label", "send[0]/pick_up"' in told.err
    assert left(basket, "b") == []


def test_a_saga_goes_on_with_another_sub_saga_where_it_has_not_begun(basket: Cli) -> None:
    assert (
        basket(
            "run", "basket.yaml", "--sandbox", "--id", "b", "--fail", "charge=503", "--no-wait"
        ).status
        == 5
    )
    basket.write("parcel.yaml", PARCEL.replace("/pickups/", "/collections/"))
    told = basket(
        "resume", "b", "--definition", "basket.yaml", "--reason", "moved", "--fail", "none"
    )
    assert told.status == 0, told
    assert "/collections/" in basket("history", "b").out
    basket.write("basket.yaml", BASKET.replace("/holds/", "/keeps/"))
    assert basket("run", "basket.yaml", "--sandbox", "--id", "c", "--fail", "charge=503",
                  "--no-wait").status == 5  # fmt: skip
    basket.write("basket.yaml", BASKET)
    told = basket("resume", "c", "--definition", "basket.yaml", "--reason", "moved")
    assert told.status == 2
    assert "stands for several that have begun, and differs" in told.err


def test_an_abandoned_saga_says_what_of_its_members_stays(basket: Cli) -> None:
    assert (
        basket(
            "run", "basket.yaml", "--sandbox", "--id", "b", "--fail", "charge=503", "--no-wait"
        ).status
        == 5
    )
    told = basket("abandon", "b", "--reason", "settled by hand")
    assert told.status == 0, told
    assert 'what "reserve[0]" did' in told.err
    assert "reconsider" not in told.err
