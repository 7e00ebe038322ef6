"""What an operator may say and do, arrow by arrow, and what another definition may change."""

from dataclasses import replace

import pytest
from machine.test_machine_rules import begin, end, make, outcome, step
from machine.world import request, template
from views.story import Story, ordered

from sagactl.definition.model import Lookup, OnUnknown, Retry
from sagactl.machine import event as e
from sagactl.machine.command import Call, Phase
from sagactl.machine.compatibility import Change, Compatibility, compatibility
from sagactl.machine.effect import Effect, effect_of, left_in_world, undo_order
from sagactl.machine.moves import MOVES, RESOLUTIONS, IllegalMove, Resolution, move
from sagactl.machine.moves import StepState as S
from sagactl.machine.objection import (
    abandon_objections,
    compensate_objections,
    reopen_objections,
    resolve_objections,
    resume_objections,
)
from sagactl.machine.outstanding import deadline, orphan_ends, outstanding
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run, apply, reopenings
from sagactl.machine.state import ENDED, SagaState, is_backwards, saga_state

AT = 2000.0
APPLIED = outcome("applied", 200, result={"id": "x"})
ONCE = {"retry": Retry(1, 0.1, 1.0, 0.1)}


def resolved(
    name: str, outcome: str, result: object = None, *, has_result: bool = False
) -> e.Event:
    return e.StepResolved(
        at=AT, step=name, outcome=outcome, result=result, has_result=has_result,
        operator="anna@h", reason="looked it up",
    )  # fmt: skip


def objections(plan: Plan, run: Run, name: str, said: str, *result: object) -> str:
    value = result[0] if result else None
    found = resolve_objections(plan, run, name, Resolution(said), value, has_result=bool(result))
    return "; ".join(found)


def held(**more: object) -> tuple[Plan, Run]:
    """`b` is stuck because nobody could find out; `a` before it is completed."""
    action = request("POST", "/b", **ONCE)
    b = step("b", needs=("a",), action=action, on_unknown=OnUnknown.HOLD, **more)
    plan, run = make(step("a"), b)
    run = end(plan, run, "a", APPLIED)
    run = end(plan, run, "b", outcome("unknown"))
    (note,) = outstanding(plan, run)
    run = apply(run, replace(note.event, at=1002.0))  # type: ignore[union-attr]
    assert saga_state(plan, run) is SagaState.STUCK
    return plan, run


def stuck_undo() -> tuple[Plan, Run]:
    """`b` failed, and the undo of `a` was refused."""
    plan, run = make(step("a"), step("b", needs=("a",)))
    run = end(plan, run, "a", APPLIED)
    run = end(plan, run, "b", outcome("rejected", 422))
    run = end(plan, run, "a", outcome("rejected", 403))
    assert run.step("a").state is S.STUCK
    return plan, run


def refused_past_pivot() -> tuple[Plan, Run]:
    plan, run = make(step("p", pivot=True), step("b", needs=("p",)))
    run = end(plan, run, "p", APPLIED)
    run = end(plan, run, "b", outcome("rejected", 422))
    assert run.step("b").state is S.STUCK
    return plan, run


def assumed() -> tuple[Plan, Run]:
    """Nobody could find out about `a`: it is taken as done, and will be undone."""
    action = request("POST", "/a", **ONCE)
    plan, run = make(step("a", action=action, on_unknown=OnUnknown.COMPENSATE))
    run = end(plan, run, "a", outcome("unknown"))
    return plan, apply(run, e.OutcomeAssumed(at=1002.0, step="a"))


def resumed(run: Run) -> Run:
    for event in (
        e.RunResumed(at=AT, operator="t", deadline_at=None),
        *reopenings(run, AT),
    ):
        run = apply(run, event)
    return run


def sent(plan: Plan, run: Run) -> list[str]:
    return [f"{c.step} {c.phase}" for c in outstanding(plan, run) if isinstance(c, Call)]


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("said", Resolution)
def test_a_word_moves_a_step_as_the_table_says_or_not_at_all(state: S, said: Resolution) -> None:
    event = resolved("a", said)
    assert isinstance(event, e.StepResolved)
    if (state, said) in RESOLUTIONS:
        assert move(state, event) is RESOLUTIONS[state, said]
        assert str(RESOLUTIONS[state, said]) == said
    else:
        with pytest.raises(IllegalMove):
            move(state, event)


def test_a_word_that_nobody_knows_is_an_illegal_move() -> None:
    event = resolved("a", "lost")
    assert isinstance(event, e.StepResolved)
    with pytest.raises(IllegalMove):
        move(S.UNKNOWN, event)


def test_a_held_step_that_took_place_goes_on_forwards_with_its_result() -> None:
    plan, run = held()
    assert objections(plan, run, "b", "completed") == ""
    run = apply(run, resolved("b", "completed", {"id": "b-1"}, has_result=True))
    assert run.step("b").result == {"id": "b-1"}
    assert saga_state(plan, run) is SagaState.COMPLETED


def test_a_held_step_that_did_not_take_place_turns_the_saga_back() -> None:
    plan, run = held()
    assert objections(plan, run, "b", "failed") == ""
    run = resumed(apply(run, resolved("b", "failed")))
    assert sent(plan, run) == ["a compensation"]
    error = run.step("b").error
    assert error is not None
    assert error.message == "anna@h says so: looked it up"


def test_nothing_is_compensated_in_a_saga_that_goes_forwards() -> None:
    plan, run = held()
    assert "goes forwards" in objections(plan, run, "b", "compensated")
    assert "goes forwards" in objections(plan, run, "a", "compensated")
    turned = apply(run, e.CompensationRequested(at=AT, operator="t", reason=""))
    assert objections(plan, turned, "b", "compensated") == ""
    turned = resumed(apply(turned, resolved("b", "compensated")))
    assert sent(plan, turned) == ["a compensation"]


def test_what_a_reply_said_took_place_cannot_have_failed() -> None:
    action = request("POST", "/a", **ONCE)
    plan, run = make(step("a", action=action, on_unknown=OnUnknown.HOLD))
    run = end(plan, run, "a", outcome("result_lost", 200))
    run = apply(run, e.OutcomeHeld(at=1002.0, step="a", detail="lost"))
    assert "a reply said so" in objections(plan, run, "a", "failed")
    assert objections(plan, run, "a", "completed") == ""


def test_an_undo_done_by_hand_lets_the_others_go_on() -> None:
    plan, run = stuck_undo()
    assert objections(plan, run, "a", "compensated") == ""
    run = apply(run, resolved("a", "compensated"))
    assert saga_state(plan, run) is SagaState.FAILED
    assert run.step("a").error is None


def test_a_stuck_undo_is_no_doubt_about_its_action() -> None:
    plan, run = stuck_undo()
    assert "what is stuck is its undo" in objections(plan, run, "a", "completed")
    assert "took place" in objections(plan, run, "a", "failed")


@pytest.mark.parametrize("said", ["completed", "failed", "compensated"])
def test_nothing_is_said_about_a_step_that_failed(said: str) -> None:
    plan, run = stuck_undo()
    assert objections(plan, run, "b", said) != ""


def test_past_the_pivot_a_step_can_only_be_completed() -> None:
    plan, run = refused_past_pivot()
    assert "past the pivot" in objections(plan, run, "b", "failed")
    assert "past its pivot" in objections(plan, run, "b", "compensated")
    assert objections(plan, run, "b", "completed") == ""
    run = apply(run, resolved("b", "completed"))
    assert saga_state(plan, run) is SagaState.COMPLETED


def test_a_step_that_waits_can_be_done_by_hand_or_given_up() -> None:
    plan, run = make(step("a"), step("b", needs=("a",)))
    run = end(plan, run, "a", outcome("not_sent"))
    assert run.step("a").state is S.EXECUTING
    done = apply(run, resolved("a", "completed"))
    assert sent(plan, done) == ["b action"]
    assert saga_state(plan, apply(run, resolved("a", "failed"))) is SagaState.FAILED
    turned = apply(run, e.CompensationRequested(at=AT, operator="t", reason=""))
    assert "never reached" in objections(plan, turned, "a", "compensated")


def test_a_late_completed_joins_what_is_to_be_undone() -> None:
    plan, run = assumed()
    assert objections(plan, run, "a", "completed") == ""
    run = resumed(apply(run, resolved("a", "completed")))
    assert saga_state(plan, run) is SagaState.COMPENSATING
    assert sent(plan, run) == ["a compensation"]


def test_what_was_only_taken_as_done_may_turn_out_not_to_be() -> None:
    plan, run = assumed()
    undoing, _ = begin(plan, run, "a", at=1010.0)
    for event in orphan_ends(plan, undoing, 1011.0):
        undoing = apply(undoing, event)
    assert undoing.step("a").state is S.COMPENSATING
    assert "being undone" in objections(plan, undoing, "a", "completed")
    for before in (run, undoing):
        assert objections(plan, before, "a", "failed") == ""
        assert saga_state(plan, apply(before, resolved("a", "failed"))) is SagaState.FAILED


def test_what_surely_took_place_and_is_being_undone_did_not_fail() -> None:
    plan, run = make(step("a"), step("b", needs=("a",)))
    run = end(plan, run, "a", APPLIED)
    run = end(plan, run, "b", outcome("rejected", 422))
    run = end(plan, run, "a", outcome("unknown"))
    assert run.step("a").state is S.COMPENSATING
    assert "took place" in objections(plan, run, "a", "failed")
    assert objections(plan, run, "a", "compensated") == ""


def test_a_result_that_is_read_later_must_be_told() -> None:
    story = ordered().tries("reserve", APPLIED)
    story.begins("charge")
    for event in orphan_ends(story.plan, story.run, AT):
        story.record(event)
    said = objections(story.plan, story.run, "charge", "completed")
    assert '--result is needed, with "result.id"' in said
    assert '--result lacks "result.id"' in objections(
        story.plan, story.run, "charge", "completed", {"number": 1}
    )
    assert objections(story.plan, story.run, "charge", "completed", {"id": None}) == ""
    assert "--as completed alone" in objections(story.plan, story.run, "charge", "failed", {})


def test_backwards_only_what_undoes_it_must_be_told() -> None:
    story = ordered().tries("reserve", APPLIED).begins("charge")
    for event in orphan_ends(story.plan, story.run, AT):
        story.record(event)
    story.record(e.CompensationRequested(at=AT, operator="t", reason=""))
    assert "result.id" in objections(story.plan, story.run, "charge", "completed")
    assert objections(story.plan, story.run, "charge", "compensated") == ""


def test_nothing_is_said_about_a_step_that_was_not_sent_or_skipped_or_is_so_already() -> None:
    plan, run = make(step("a"), step("b", needs=("a",), when=template(False)), step("c"))
    run = end(plan, run, "c", APPLIED)
    assert "not sent yet" in objections(plan, run, "a", "completed")
    assert "is completed already" in objections(plan, run, "c", "completed")
    run = apply(run, e.StepSkipped(at=AT, step="b"))
    assert "was skipped" in objections(plan, run, "b", "completed")


def test_nothing_is_said_about_a_saga_that_has_ended() -> None:
    plan, run = make(step("a"))
    run = end(plan, run, "a", APPLIED)
    assert "it has ended" in objections(plan, run, "a", "compensated")


def test_an_abandoned_saga_is_moved_by_nothing_any_more() -> None:
    plan, run = held()
    assert abandon_objections(plan, run) == ()
    run = apply(run, e.RunAbandoned(at=AT, operator="t", reason="ticket 7"))
    assert saga_state(plan, run) is SagaState.ABANDONED
    assert SagaState.ABANDONED in ENDED
    assert outstanding(plan, run) == ()
    assert deadline(plan, run) is None
    assert "ticket 7" in resume_objections(run)[0]
    assert compensate_objections(plan, run) == resume_objections(run)
    assert objections(plan, run, "b", "completed") == resume_objections(run)[0]
    assert reopen_objections(plan, run, ["b"], AT, None) == resume_objections(run)
    assert "ended already" in abandon_objections(plan, run)[0]
    with pytest.raises(ValueError, match="abandoned"):
        apply(run, e.RunResumed(at=AT, operator="t", deadline_at=None))


def test_a_failed_step_is_tried_again_where_nothing_was_undone() -> None:
    plan, run = make(step("a"), step("b", needs=("a",)), step("c", needs=("b",)))
    run = end(plan, run, "a", APPLIED)
    run, first = begin(plan, run, "b")
    run = apply(
        run,
        e.ActionFailed(at=1002.0, step="b", attempt=1, status=422, detail="no"),
    )
    assert is_backwards(plan, run)
    assert reopen_objections(plan, run, ["b"], AT, None) == ()
    run = resumed(run)
    run = apply(run, e.StepReopened(at=AT, step="b", operator="t", reason="r"))
    assert not is_backwards(plan, run)
    (again,) = [c for c in outstanding(plan, run) if isinstance(c, Call)]
    assert (again.step, again.attempt) == ("b", 2)
    assert (again.key, again.sending) == (first.key, first.sending)
    assert saga_state(plan, run) is SagaState.PENDING


def test_a_step_that_the_lookup_denied_is_tried_again_without_doubt() -> None:
    action = request("POST", "/a", **ONCE)
    plan, run = make(step("a", action=action, lookup=Lookup(request("GET", "/a"))))
    run = end(plan, run, "a", outcome("unknown"))
    run = end(plan, run, "a", outcome("applied", 404, found=False), at=1010.0)
    assert reopen_objections(plan, run, ["a"], AT, None) == ()
    run = apply(run, e.StepReopened(at=AT, step="a", operator="t", reason="r"))
    run = end(plan, run, "a", outcome("rejected", 422), at=AT)
    assert run.step("a").state is S.FAILED


def test_every_step_that_failed_must_be_named() -> None:
    plan, run = make(step("a"), step("b"))
    run, _ = begin(plan, run, "b")
    run = end(plan, run, "a", outcome("rejected", 422))
    run = apply(run, e.ActionFailed(at=1002.0, step="b", attempt=1, status=422, detail="no"))
    assert "--from b as well" in reopen_objections(plan, run, ["a"], AT, None)[0]
    assert reopen_objections(plan, run, ["a", "b"], AT, None) == ()


def test_nothing_goes_forwards_again_once_undoing_has_begun() -> None:
    plan, run = stuck_undo()
    assert "undoing has begun" in reopen_objections(plan, run, ["b"], AT, None)[0]
    again = apply(run, resolved("a", "compensated"))
    assert "undoing has begun" in reopen_objections(plan, again, ["b"], AT, None)[0]
    plan, run = assumed()
    assert "on suspicion" in " ".join(reopen_objections(plan, run, ["a"], AT, None))


def test_nothing_goes_forwards_again_that_was_not_turned_back_by_a_failure() -> None:
    plan, run = make(step("a"), timeout_s=60.0)
    run = end(plan, run, "a", outcome("rejected", 422))
    assert reopen_objections(plan, run, ["a"], 1003.0, None) == ()
    assert "--extend" in reopen_objections(plan, run, ["a"], AT, None)[0]
    assert reopen_objections(plan, run, ["a"], AT, AT + 60) == ()
    late = apply(run, e.DeadlinePassed(at=AT))
    assert "its time was up" in reopen_objections(plan, late, ["a"], AT, AT + 60)[0]
    asked = apply(run, e.CompensationRequested(at=AT, operator="t", reason=""))
    assert "an operator" in reopen_objections(plan, asked, ["a"], 1003.0, None)[0]


@pytest.mark.parametrize(("name", "said"), [("b", "is unknown, and only"), ("a", "is completed")])
def test_only_a_failed_step_is_tried_again(name: str, said: str) -> None:
    plan, run = make(step("a"), step("b", needs=("a",)))
    run = end(plan, run, "a", APPLIED)
    run = end(plan, run, "b", outcome("unknown"))
    assert said in reopen_objections(plan, run, [name], AT, None)[0]


def test_what_may_be_true_in_the_world_is_told_for_every_way_to_be_stuck() -> None:
    plan, run = held()
    assert left_in_world(plan, run) == {"a": Effect.STANDS, "b": Effect.MAYBE}
    assert undo_order(plan, run) == ("b", "a")
    _, run = stuck_undo()
    assert effect_of(run.step("a")) is Effect.STANDS
    plan, run = refused_past_pivot()
    assert left_in_world(plan, run) == {"p": Effect.STANDS}
    plan, run = assumed()
    assert effect_of(run.step("a")) is Effect.MAYBE
    plan, run = make(step("a"))
    begun, _ = begin(plan, run, "a")
    assert effect_of(begun.step("a")) is Effect.MAYBE
    waiting = end(plan, run, "a", outcome("not_sent"))
    assert effect_of(waiting.step("a")) is Effect.NONE


def test_an_undo_that_nobody_heard_of_leaves_a_doubt() -> None:
    plan, run = make(step("a"))
    run = end(plan, run, "a", APPLIED)
    run = apply(run, e.CompensationRequested(at=AT, operator="t", reason=""))
    run = end(plan, run, "a", outcome("unknown"), at=AT)
    assert effect_of(run.step("a")) is Effect.UNDOING
    assert effect_of(apply(run, resolved("a", "compensated")).step("a")) is Effect.UNDONE


def test_an_attempt_without_a_process_is_unknown() -> None:
    plan, run = make(step("a"))
    run, _ = begin(plan, run, "a")
    (ended,) = orphan_ends(plan, run, AT)
    assert isinstance(ended, e.ActionUnknown)
    assert "sagactl ended" in ended.detail
    assert orphan_ends(plan, apply(run, ended), AT) == ()


def test_a_word_is_no_arrow_of_the_first_table() -> None:
    assert all(kind is not e.StepResolved for _, kind in MOVES)


# Another definition: `reserve` is completed, `charge` is what each test makes of it.

FLOW = """\
saga: order
services: {shop: {url: "http://shop", idempotency: key}}
steps:
  - name: reserve
    service: shop
    action: PUT /holds/1
    compensation: DELETE /holds/1
  - name: charge
    service: shop
    action: {request: POST /charges, result: {id: "${{ response.body.id }}"}}
    compensation: POST /charges/${{ result.id }}/refund
  - name: ship
    service: shop
    action: PUT /parcels/1
    compensation: none
"""


def flow() -> Story:
    return Story(FLOW).tries("reserve", APPLIED)


def compared(story: Story, old: str, new: str) -> Compatibility:
    assert old in FLOW
    return compatibility(story.plan, Story(FLOW.replace(old, new)).plan, story.run)


def test_the_same_definition_fits_and_nothing_differs() -> None:
    found = compared(flow(), "saga: order", "# moved by a line\nsaga: order")
    assert found.is_sound
    assert {step.change for step in found.steps} == {Change.SAME}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PUT /parcels/1", "PUT /parcels/2"),
        ("name: ship", "name: send"),
        ("POST /charges,", "PUT /charges,"),
        ("- name: ship", "- {name: wrap, service: shop, action: PUT /w, compensation: none}\n  - name: ship"),
        ("PUT /holds/1", "PUT /holds/2"),
        ("DELETE /holds/1", "{request: DELETE /holds/1, success: [2xx, 404]}"),
        ("DELETE /holds/1", "DELETE /holds/2"),
        ("idempotency: key}}", "idempotency: key, timeout: 3s}}"),
        ("name: ship", "name: ship\n    pivot: true"),
    ],
)  # fmt: skip
def test_what_no_past_depends_on_may_differ(old: str, new: str) -> None:
    found = compared(flow(), old, new)
    assert found.objections == ()
    assert any(step.change is not Change.SAME for step in found.steps)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("saga: order", "saga: other", 'it is the saga "other"'),
        ("name: reserve", "name: hold", "it is gone"),
        ("compensation: DELETE /holds/1", "compensation: none", "cannot be any more"),
        ("name: reserve", "name: reserve\n    pivot: true", "it becomes the pivot"),
        ("- name: reserve", "- {name: ask, service: shop, action: PUT /ask, compensation: none}\n  - name: reserve", 'it needs "ask" now'),
        ("PUT /parcels/1", "PUT /parcels/${{ steps.reserve.result.shelf }}", "reads result.shelf"),
    ],
)  # fmt: skip
def test_what_the_past_depends_on_may_not_differ(old: str, new: str, why: str) -> None:
    assert why in "; ".join(compared(flow(), old, new).objections)


def test_bytes_that_went_out_stay_as_long_as_they_may_go_out_again() -> None:
    story = flow().begins("charge")
    for event in orphan_ends(story.plan, story.run, AT):
        story.record(event)
    changed = compared(story, "POST /charges,", "POST /payments,")
    assert "its action was sent already, and differs in url" in "; ".join(changed.objections)
    keyless = compared(story, "idempotency: key", "idempotency: none")
    assert "differs in idempotency" in "; ".join(keyless.objections)
    assert compared(story, "result: {id:", "timeout: 2s, result: {id:").is_sound


def test_an_undo_that_was_refused_may_be_read_otherwise_but_not_sent_otherwise() -> None:
    story = flow().tries("charge", outcome("rejected", 422))
    story.tries("reserve", outcome("rejected", 409), Phase.COMPENSATION)
    assert story.run.step("reserve").state is S.STUCK
    wide = "{request: DELETE /holds/1, success: [2xx, 409]}"
    assert compared(story, "DELETE /holds/1", wide).is_sound
    moved = compared(story, "DELETE /holds/1", "DELETE /holds/9")
    assert "its compensation was sent already" in "; ".join(moved.objections)
    # Its undoing has begun, so that the failed step is never sent again.
    assert compared(story, "POST /charges,", "POST /payments,").is_sound


def test_a_failed_step_that_may_be_tried_again_keeps_its_bytes() -> None:
    story = flow().tries("charge", outcome("rejected", 422))
    assert not compared(story, "POST /charges,", "POST /payments,").is_sound


def test_a_replaced_definition_is_the_runs_own() -> None:
    story = flow()
    replaced = e.DefinitionReplaced(
        at=AT, definition="saga: order\n", definition_name="new.yaml", digest="d2", version=2,
        env={"A": "1"}, operator="t", reason="",
    )  # fmt: skip
    run = apply(story.run, replaced)
    assert (run.definition.name, run.definition.text) == ("new.yaml", "saga: order\n")
    assert (run.digest, run.version, run.env) == ("d2", 2, {"A": "1"})
    assert run.steps == story.run.steps
