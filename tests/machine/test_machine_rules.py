"""The machine's rules one by one, each on the smallest run that shows it."""

import pytest
from machine.world import PLACE, SOURCE, request, started, template

from sagactl.definition.model import (
    Idempotency,
    Lookup,
    OnUnknown,
    OutcomeKind,
    Retry,
    Saga,
    Step,
)
from sagactl.definition.template import parse_template
from sagactl.machine import event as e
from sagactl.machine.command import Call, Command, Note, Outcome, Phase
from sagactl.machine.moves import MOVES, IllegalMove, StepState, move
from sagactl.machine.outstanding import outstanding
from sagactl.machine.plan import Plan, make_plan
from sagactl.machine.request import idempotency_key
from sagactl.machine.run import Run, apply, reopenings, replay
from sagactl.machine.state import SagaState, saga_state
from sagactl.machine.verdict import verdict
from sagactl.source.node import Scalar

S = StepState
UNREADABLE = parse_template(Scalar(PLACE, "${{ input.nothing }}", ""))[0]


def make(*steps: Step, **more: object) -> tuple[Plan, Run]:
    saga = Saga(SOURCE, PLACE, "t", 1, steps, **more)  # type: ignore[arg-type]
    return make_plan(saga), replay([started(saga)])


def step(name: str, **more: object) -> Step:
    fields: dict[str, object] = {
        "action": request("PUT", f"/{name}"),
        "needs": (),
        "settle_s": 2.0,
        "compensation": request("DELETE", f"/{name}"),
        **more,
    }
    return Step(name=name, place=PLACE, **fields)  # type: ignore[arg-type]


def call_of(plan: Plan, run: Run, name: str) -> Call:
    (found,) = [c for c in outstanding(plan, run) if isinstance(c, Call) and c.step == name]
    return found


def begin(plan: Plan, run: Run, name: str, at: float = 1001.0) -> tuple[Run, Call]:
    call = call_of(plan, run, name)
    kind = {
        Phase.ACTION: e.ActionBegan,
        Phase.LOOKUP: e.LookupBegan,
        Phase.COMPENSATION: e.CompensationBegan,
    }[call.phase]
    began = kind(
        at=at, step=name, attempt=call.attempt, key=call.key, method=call.sending.method,
        url=call.sending.url, content_type=call.sending.content_type, body=call.sending.body,
    )  # fmt: skip
    return apply(run, began), call


def end(plan: Plan, run: Run, name: str, outcome: Outcome, at: float = 1001.0) -> Run:
    run, call = begin(plan, run, name, at)
    return apply(run, verdict(plan, run, call, outcome, at))


def outcome(kind: str, status: int | None = None, **more: object) -> Outcome:
    return Outcome(OutcomeKind(kind), kind, status, **more)  # type: ignore[arg-type]


def notes(commands: tuple[Command, ...]) -> list[str]:
    return [type(c.event).__name__ for c in commands if isinstance(c, Note)]


@pytest.mark.parametrize("state", StepState)
def test_an_arrow_that_is_not_in_the_table_is_a_bug_that_names_step_state_and_event(
    state: StepState,
) -> None:
    for kind in {event for _, event in MOVES}:
        if (state, kind) in MOVES:
            continue
        event = object.__new__(kind)
        object.__setattr__(event, "step", "pay")
        with pytest.raises(IllegalMove, match=f'"pay" is {state} and cannot take {kind.__name__}'):
            move(state, event)


def test_an_action_that_cannot_be_rendered_fails_without_effect() -> None:
    plan, run = make(step("a", action=request("PUT", "/a", json=UNREADABLE)))
    (note,) = outstanding(plan, run)
    assert isinstance(note, Note)
    assert isinstance(note.event, e.ActionFailed)
    assert saga_state(plan, apply(run, note.event)) is SagaState.FAILED


def test_the_same_past_the_pivot_is_stuck() -> None:
    broken = step("b", needs=("p",), action=request("PUT", "/b", json=UNREADABLE))
    plan, run = make(step("p", pivot=True), broken)
    run = end(plan, run, "p", outcome("applied", 200))
    assert notes(outstanding(plan, run)) == ["ActionRefused"]


@pytest.mark.parametrize("doubtful", [False, True])
def test_a_compensation_that_cannot_be_rendered_is_stuck(doubtful: bool) -> None:
    broken = request("DELETE", "/a", json=UNREADABLE)
    a = step("a", compensation=broken, on_unknown=OnUnknown.COMPENSATE)
    plan, run = make(a, step("b", needs=("a",)) if not doubtful else step("b"))
    if doubtful:
        for at in (1001.0, 1002.0, 1003.0):
            run = end(plan, run, "a", outcome("unknown"), at)
        run = apply(run, e.OutcomeAssumed(at=1003.0, step="a"))
    else:
        run = end(plan, run, "a", outcome("applied", 200))
        run = end(plan, run, "b", outcome("rejected", 422))
    event = next(
        c.event
        for c in outstanding(plan, run)
        if isinstance(c, Note) and isinstance(c.event, e.CompensationFailed)
    )
    run = apply(run, event)
    assert run.step("a").state is S.STUCK
    assert [type(r).__name__ for r in reopenings(run, 1.0)] == ["CompensationReopened"]


def test_a_condition_that_cannot_be_evaluated_fails_the_step() -> None:
    plan, run = make(step("a", when=UNREADABLE))
    assert notes(outstanding(plan, run)) == ["ActionFailed"]


def test_every_attempt_has_the_same_key_and_the_undo_another() -> None:
    plan, run = make(step("a"))
    first = call_of(plan, run, "a")
    run = end(plan, run, "a", outcome("unknown"))
    assert call_of(plan, run, "a").key == first.key
    assert first.key == idempotency_key("r1", "a", Phase.ACTION)
    assert first.key != idempotency_key("r1", "a", Phase.COMPENSATION)
    assert first.key.startswith("sg1-")
    assert len(first.key) == 36


def test_past_the_key_s_time_to_live_nothing_is_sent_again() -> None:
    keyed = request("POST", "/a", idempotency=Idempotency(True, ttl_s=5.0))
    plan, run = make(step("a", action=keyed, on_unknown=OnUnknown.HOLD))
    run = end(plan, run, "a", outcome("unknown"))
    assert isinstance(outstanding(plan, run)[0], Call)
    late = apply(run, e.RunResumed(at=2000.0, operator="t", deadline_at=None))
    assert notes(outstanding(plan, late)) == ["OutcomeHeld"]


def test_the_undo_of_a_doubtful_step_waits_until_a_late_request_has_landed() -> None:
    plan, run = make(step("a"))
    for at in (1001.0, 1002.0, 1003.0):
        run = end(plan, run, "a", outcome("unknown"), at)
    run = apply(run, e.OutcomeAssumed(at=1003.0, step="a"))
    assert call_of(plan, run, "a").due_at == 1003.0 + 2.0


def test_a_not_there_to_a_doubtful_undo_is_asked_once_more() -> None:
    plan, run = make(step("a"))
    for at in (1001.0, 1002.0, 1003.0):
        run = end(plan, run, "a", outcome("unknown"), at)
    run = apply(run, e.OutcomeAssumed(at=1003.0, step="a"))
    run = end(plan, run, "a", outcome("applied", 404, absent=True), 1006.0)
    assert run.step("a").state is S.COMPENSATING
    assert call_of(plan, run, "a").due_at == 1006.0 + 2.0
    run = end(plan, run, "a", outcome("applied", 404, absent=True), 1009.0)
    assert run.step("a").state is S.COMPENSATED


def test_a_late_success_never_goes_forwards() -> None:
    plan, run = make(step("a"), step("b"), step("c", needs=("b",)))
    run, b = begin(plan, run, "b")
    run = end(plan, run, "a", outcome("rejected", 422))
    run = apply(run, verdict(plan, run, b, outcome("applied", 200), 1005.0))
    (undo,) = outstanding(plan, run)
    assert isinstance(undo, Call)
    assert (undo.step, undo.phase) == ("b", Phase.COMPENSATION)


def test_a_result_that_was_lost_did_happen_whatever_the_lookup_says() -> None:
    a = step("a", lookup=Lookup(request("GET", "/a")), on_unknown=OnUnknown.HOLD)
    plan, run = make(a)
    for at in (1001.0, 1002.0, 1003.0):
        run = end(plan, run, "a", outcome("result_lost", 200), at)
    run = end(plan, run, "a", outcome("applied", 404, found=False), 1010.0)
    assert run.step("a").state is S.UNKNOWN
    assert notes(outstanding(plan, run)) == ["OutcomeHeld"]


def test_past_the_pivot_what_a_lookup_denies_is_sent_again() -> None:
    once = request("POST", "/b", idempotency=Idempotency(False))
    b = step("b", needs=("p",), action=once, lookup=Lookup(request("GET", "/b")))
    plan, run = make(step("p", pivot=True), b)
    run = end(plan, run, "p", outcome("applied", 200))
    run = end(plan, run, "b", outcome("unknown"))
    run = end(plan, run, "b", outcome("applied", 404, found=False), 1010.0)
    assert run.step("b").state is S.EXECUTING
    assert call_of(plan, run, "b").phase is Phase.ACTION


def test_the_pivot_s_own_doubt_is_finished_and_never_undone() -> None:
    plan, run = make(
        step("a"), step("p", needs=("a",), pivot=True, on_unknown=OnUnknown.COMPENSATE)
    )
    assert plan.steps["p"].on_unknown is OnUnknown.FINISH
    run = end(plan, run, "a", outcome("applied", 200))
    for at in (1001.0, 1002.0, 1003.0):
        run = end(plan, run, "p", outcome("unknown"), at)
    asked = call_of(plan, run, "p")
    assert (asked.phase, asked.due_at) == (Phase.ACTION, 1004.0)


def test_a_retry_after_beats_a_shorter_back_off() -> None:
    plan, run = make(step("a"))
    run = end(plan, run, "a", outcome("not_sent", 429, retry_after_s=7.0))
    assert call_of(plan, run, "a").due_at == 1001.0 + 7.0


def test_jitter_is_the_same_in_every_replay_and_never_beyond_the_interval() -> None:
    patient = request("PUT", "/a", retry=Retry(50, 1.0, 2.0, 8.0))
    plan, run = make(step("a", action=patient))
    waits = []
    for n in range(40):
        run = end(plan, run, "a", outcome("not_sent"), 1001.0 + n)
        due = call_of(plan, run, "a").due_at
        assert due is not None
        waits.append(due - 1001.0 - n)
    assert all(0 <= wait <= 8.0 for wait in waits)
    assert max(waits[6:]) > 4.0
    assert len(set(waits)) > 30


def test_a_step_s_own_timeout_ends_its_retries() -> None:
    plan, run = make(
        step("a", timeout_s=5.0, action=request("PUT", "/a", retry=Retry(99, 9.0, 1, 9.0)))
    )
    at = 1001.0
    while run.step("a").state is S.PENDING or run.step("a").state is S.EXECUTING:
        run = end(plan, run, "a", outcome("not_sent"), at)
        at += 2.0
    assert run.step("a").state is S.FAILED
    assert at <= 1009.0


def test_a_deadline_is_waited_for_also_while_nothing_is_in_flight() -> None:
    plan, run = make(step("a"), timeout_s=60.0)
    run = end(plan, run, "a", outcome("not_sent"))
    waiting = outstanding(plan, run)
    assert [type(command) for command in waiting] == [Call, Note]
    assert [note.due_at for note in waiting if isinstance(note, Note)] == [1060.0]


def test_nothing_waits_for_a_deadline_when_only_a_person_can_go_on() -> None:
    plan, run = make(step("a", on_unknown=OnUnknown.HOLD), timeout_s=60.0)
    for at in (1001.0, 1002.0, 1003.0):
        run = end(plan, run, "a", outcome("unknown"), at)
    run = apply(run, e.OutcomeHeld(at=1004.0, step="a", detail="x"))
    assert outstanding(plan, run) == ()
    assert saga_state(plan, run) is SagaState.STUCK


def test_a_skipped_step_between_two_others_keeps_their_order_of_undoing() -> None:
    plan, run = make(
        step("a"), step("b", needs=("a",), when=template(False)), step("c", needs=("b",)),
        step("d", needs=("c",)),
    )  # fmt: skip
    run = end(plan, run, "a", outcome("applied", 200))
    run = apply(run, e.StepSkipped(at=1002.0, step="b"))
    run = end(plan, run, "c", outcome("applied", 200))
    run = end(plan, run, "d", outcome("rejected", 409))
    (undo,) = outstanding(plan, run)
    assert isinstance(undo, Call)
    assert undo.step == "c"


def test_nothing_is_undone_while_any_action_is_still_executing() -> None:
    plan, run = make(step("x"), step("b"), step("c"))
    run = end(plan, run, "x", outcome("applied", 200))
    run, c = begin(plan, run, "c")
    run = end(plan, run, "b", outcome("rejected", 422))
    assert outstanding(plan, run) == ()
    run = apply(run, verdict(plan, run, c, outcome("applied", 200), 1005.0))
    assert {c.step for c in outstanding(plan, run) if isinstance(c, Call)} == {"x", "c"}


def test_a_saga_that_turned_sends_no_doubtful_action_again() -> None:
    plan, run = make(step("a"), step("b"))
    run = end(plan, run, "a", outcome("unknown"))
    assert call_of(plan, run, "a").phase is Phase.ACTION
    run = end(plan, run, "b", outcome("rejected", 422))
    assert notes(outstanding(plan, run)) == ["OutcomeAssumed"]


def test_the_bytes_of_the_first_attempt_are_the_bytes_of_every_other() -> None:
    counted = parse_template(Scalar(PLACE, "${{ step.attempt }}", ""))[0]
    plan, run = make(step("a", action=request("PUT", "/a", json=counted)))
    first = call_of(plan, run, "a")
    assert first.sending.body == "1"
    run = end(plan, run, "a", outcome("not_sent"))
    second = call_of(plan, run, "a")
    assert second.attempt == 2
    assert second.sending == first.sending


def finishing(budget_s: float | None = None, *, past_pivot: bool = False) -> tuple[Plan, Run]:
    needs = ("p",) if past_pivot else ()
    a = step("a", needs=needs, on_unknown=OnUnknown.FINISH, budget_s=budget_s)
    plan, run = make(step("p", pivot=True), a) if past_pivot else make(a)
    if past_pivot:
        run = end(plan, run, "p", outcome("applied", 200))
    return plan, run


def test_finish_keeps_asking_until_its_budget_is_spent_and_then_holds() -> None:
    plan, run = finishing(budget_s=20.0)
    at = 1001.0
    while isinstance(outstanding(plan, run)[0], Call):
        at = max(at + 0.1, outstanding(plan, run)[0].due_at or 0.0)
        run = end(plan, run, "a", outcome("unknown"), at)
        assert at < 1030.0
    assert at > 1015.0
    assert notes(outstanding(plan, run)) == ["OutcomeHeld"]


def test_past_the_pivot_finish_never_gives_up() -> None:
    plan, run = finishing(budget_s=1.0, past_pivot=True)
    for at in range(1010, 1100, 10):
        run = end(plan, run, "a", outcome("unknown"), float(at))
    assert isinstance(outstanding(plan, run)[0], Call)


def test_an_operator_turns_a_run_round() -> None:
    plan, run = make(step("a"), step("b", needs=("a",)))
    run = end(plan, run, "a", outcome("applied", 200))
    run = apply(run, e.CompensationRequested(at=1002.0, operator="t", reason="r"))
    (undo,) = outstanding(plan, run)
    assert isinstance(undo, Call)
    assert (undo.step, undo.phase) == ("a", Phase.COMPENSATION)
    run = end(plan, run, "a", outcome("applied", 200))
    assert saga_state(plan, run) is SagaState.FAILED


def test_a_completed_run_without_a_pivot_can_still_be_undone() -> None:
    plan, run = make(step("a"))
    run = end(plan, run, "a", outcome("applied", 200))
    assert saga_state(plan, run) is SagaState.COMPLETED
    run = apply(run, e.CompensationRequested(at=1002.0, operator="t", reason="r"))
    assert saga_state(plan, run) is SagaState.COMPENSATING


def test_past_the_pivot_nothing_turns_a_run_round() -> None:
    plan, run = make(step("a"), step("p", needs=("a",), pivot=True), step("z", needs=("p",)))
    run = end(plan, run, "a", outcome("applied", 200))
    run = end(plan, run, "p", outcome("applied", 200))
    run = apply(run, e.CompensationRequested(at=1002.0, operator="t", reason="r"))
    run = apply(run, e.DeadlinePassed(at=1003.0))
    (call,) = outstanding(plan, run)
    assert isinstance(call, Call)
    assert (call.step, call.phase) == ("z", Phase.ACTION)


def undoing(**more: object) -> tuple[Plan, Run]:
    plan, run = make(step("a", **more), step("b", needs=("a",)))
    run = end(plan, run, "a", outcome("applied", 200))
    return plan, end(plan, run, "b", outcome("rejected", 422))


def test_a_refused_compensation_is_stuck_at_once() -> None:
    plan, run = undoing()
    run = end(plan, run, "a", outcome("rejected", 403))
    assert run.step("a").state is S.STUCK


def test_a_doubtful_compensation_that_may_not_be_repeated_is_stuck_at_once() -> None:
    plan, run = undoing(compensation=request("POST", "/a/undo"))
    run = end(plan, run, "a", outcome("unknown"))
    assert run.step("a").state is S.STUCK


def test_a_doubtful_compensation_that_may_be_repeated_is_asked_again() -> None:
    plan, run = undoing()
    run = end(plan, run, "a", outcome("unknown"))
    assert run.step("a").state is S.COMPENSATING
    assert call_of(plan, run, "a").attempt == 2


def test_a_compensation_that_never_left_is_asked_again_even_if_it_may_not_be_repeated() -> None:
    plan, run = undoing(compensation=request("POST", "/a/undo"))
    run = end(plan, run, "a", outcome("not_sent"))
    assert run.step("a").state is S.COMPENSATING


def test_no_retry_is_planned_beyond_the_key_s_time_to_live() -> None:
    slow = Retry(9, 3600.0, 1.0, 3600.0)
    keyed = request("POST", "/a", idempotency=Idempotency(True, ttl_s=1.0), retry=slow)
    plan, run = make(step("a", action=keyed, lookup=Lookup(request("GET", "/a"))))
    run = end(plan, run, "a", outcome("unknown"))
    assert run.step("a").action.due_at is None
    assert call_of(plan, run, "a").phase is Phase.LOOKUP


def test_a_resume_gives_lookups_and_compensations_a_fresh_budget() -> None:
    a = step("a", lookup=Lookup(request("GET", "/a")), on_unknown=OnUnknown.HOLD)
    plan, run = make(a)
    for at in (1001.0, 1002.0, 1003.0):
        run = end(plan, run, "a", outcome("unknown"), at)
    run = end(plan, run, "a", outcome("rejected", 500), 1010.0)
    assert run.step("a").lookup.spent == 1
    fresh = apply(run, e.RunResumed(at=1020.0, operator="t", deadline_at=None))
    assert fresh.step("a").lookup.spent == 0
    assert fresh.step("a").lookup.count == 1
    plan, run = undoing()
    run = end(plan, run, "a", outcome("not_sent"))
    fresh = apply(run, e.RunResumed(at=1020.0, operator="t", deadline_at=None))
    assert (fresh.step("a").compensation.spent, fresh.step("a").compensation.count) == (0, 1)


def test_the_doubt_is_as_old_as_its_first_unknown_attempt() -> None:
    plan, run = make(step("a"))
    for at in (1001.0, 1002.0):
        run = end(plan, run, "a", outcome("unknown"), at)
    assert run.step("a").doubted_at == 1001.0


def test_what_a_lookup_denied_is_no_longer_in_doubt() -> None:
    b = step("b", needs=("p",), lookup=Lookup(request("GET", "/b")))
    plan, run = make(step("p", pivot=True), b)
    run = end(plan, run, "p", outcome("applied", 200))
    run = end(plan, run, "b", outcome("unknown"))
    run = apply(run, e.RunResumed(at=1002.0, operator="t", deadline_at=None))
    (call,) = outstanding(plan, run)
    assert isinstance(call, Call)
    assert call.doubted
    looked = e.LookupBegan(
        at=1003.0, step="b", attempt=1, key="k", method="GET", url="u", content_type=None, body=None
    )
    run = apply(run, looked)
    run = apply(run, e.LookupCleared(at=1004.0, step="b", attempt=1, status=404, detail="no"))
    (call,) = outstanding(plan, run)
    assert isinstance(call, Call)
    assert not call.doubted


def test_a_lookup_that_cannot_be_rendered_is_not_asked_for_ever() -> None:
    broken = Lookup(request("GET", "/a", query=UNREADABLE))
    plan, run = make(step("a", lookup=broken, on_unknown=OnUnknown.HOLD))
    for at in (1001.0, 1002.0, 1003.0):
        run = end(plan, run, "a", outcome("unknown"), at)
    (note,) = outstanding(plan, run)
    assert isinstance(note, Note)
    assert isinstance(note.event, e.LookupUnanswered)
    assert notes(outstanding(plan, apply(run, note.event))) == ["OutcomeHeld"]


def test_past_the_pivot_a_lookup_is_asked_beyond_any_budget() -> None:
    once = request("POST", "/a", idempotency=Idempotency(False))
    a = step("a", needs=("p",), action=once, lookup=Lookup(request("GET", "/a")), budget_s=1.0)
    plan, run = make(step("p", pivot=True), a)
    run = end(plan, run, "p", outcome("applied", 200))
    run = end(plan, run, "a", outcome("unknown"))
    for at in range(1010, 1100, 10):
        run = end(plan, run, "a", outcome("unknown"), float(at))
    assert call_of(plan, run, "a").phase is Phase.LOOKUP
