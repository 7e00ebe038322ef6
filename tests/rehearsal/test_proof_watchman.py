"""What no sound machine does is told, whoever did it: calls and facts as a broken one makes them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from rehearsal.tiny import course_of, saga_of

from sagactl.machine import event as e
from sagactl.machine.command import Call, Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.run import Run, StepError, StepRun
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.judge import Judge
from sagactl.rehearsal.proof.order import Order
from sagactl.rehearsal.proof.stand import Stand
from sagactl.rehearsal.proof.watchman import Watchman
from sagactl.rehearsal.proof.world import Breach, Done, Services, World

TEXT = """
saga: tiny
services: {s: {url: http://s, idempotency: key}}
steps:
  - {name: a, service: s, action: PUT /as/1, compensation: {request: DELETE /as/1, success: [2xx, 404]}}
  - {name: b, service: s, action: POST /bs, compensation: POST /bs/undo}
  - {name: p, service: s, pivot: true, action: POST /ps, compensation: none}
  - {name: c, service: s, action: POST /cs, compensation: none}
"""


@pytest.fixture
def course() -> Course:
    return course_of(TEXT, 1)[0]


@pytest.fixture
def watchman() -> Watchman:
    return Watchman(Order(saga_of(TEXT)))


@pytest.fixture
def first() -> Stand:
    """`a` is under way."""
    return course_of(TEXT, 1)[1].stand


def code(breach: Breach | None) -> str | None:
    return None if breach is None else breach.code


def where(stand: Stand, call: Call, **states: S) -> Run:
    """The run as a broken machine would have it: these steps in these states, the call begun."""
    steps: dict[str, StepRun] = {name: StepRun(state=state) for name, state in states.items()}
    step = steps.get(call.step, StepRun())
    action = replace(
        step.action, count=1, in_flight=call.phase is Phase.ACTION, sending=call.sending
    )
    undo = replace(
        step.compensation, in_flight=call.phase is not Phase.ACTION, sending=call.sending
    )
    steps[call.step] = replace(step, action=action, compensation=undo)
    return replace(stand.run, steps=steps)


def test_a_call_whose_intent_is_not_written_is_told(watchman: Watchman, first: Stand) -> None:
    (call,) = first.in_hand
    assert watchman.of_call(first.run, call) is None
    assert code(watchman.of_call(replace(first.run, steps={}), call)) == "unwritten-intent"
    other = replace(call, sending=replace(call.sending, body="x"))
    assert code(watchman.of_call(first.run, other)) == "unwritten-intent"


@pytest.mark.parametrize(
    ("step", "states", "expected"),
    [
        ("b", {"a": S.COMPLETED}, None),
        ("b", {"a": S.SKIPPED}, None),
        ("b", {"a": S.EXECUTING}, "wrong-order"),
        ("b", {"a": S.UNKNOWN}, "wrong-order"),
        ("b", {}, "wrong-order"),
        ("b", {"a": S.COMPLETED, "c": S.FAILED}, "begins-after-failure"),
        ("c", {"p": S.COMPLETED, "a": S.FAILED}, None),
    ],
)
def test_a_step_that_begins_too_soon_or_too_late_is_told(
    watchman: Watchman, first: Stand, step: str, states: Mapping[str, S], expected: str | None
) -> None:
    call = replace(first.in_hand[0], step=step)
    assert code(watchman.of_call(where(first, call, **states), call)) == expected


@pytest.mark.parametrize("why", ["deadline_passed", "cancelled", "assumed"])
def test_a_step_that_begins_when_the_saga_has_turned_is_told(
    watchman: Watchman, first: Stand, why: str
) -> None:
    call = replace(first.in_hand[0], step="b")
    run = where(first, call, a=S.COMPLETED, p=S.PENDING)
    if why == "assumed":
        run = replace(run, steps={**run.steps, "p": StepRun(state=S.UNKNOWN, assumed=True)})
    else:
        run = replace(run, **{why: True})
    assert code(watchman.of_call(run, call)) == "begins-after-failure"
    # A later attempt is no beginning.
    again = replace(call, attempt=2)
    assert watchman.of_call(run, again) is None


@pytest.mark.parametrize(
    ("step", "states", "expected"),
    [
        ("b", {"a": S.COMPLETED}, None),
        ("b", {"p": S.COMPLETED}, "undone-past-pivot"),
        ("p", {}, "undone-past-pivot"),
        ("c", {}, "undone-past-pivot"),
    ],
)
def test_an_undo_past_the_pivot_is_told(
    watchman: Watchman, first: Stand, step: str, states: Mapping[str, S], expected: str | None
) -> None:
    call = replace(first.in_hand[0], step=step, phase=Phase.COMPENSATION)
    assert code(watchman.of_call(where(first, call, **states), call)) == expected


def test_an_undo_of_what_was_never_sent_is_told(watchman: Watchman, first: Stand) -> None:
    call = replace(first.in_hand[0], phase=Phase.COMPENSATION)
    run = where(first, call)
    step = run.step("a")
    never = replace(run, steps={"a": replace(step, action=replace(step.action, count=0))})
    assert code(watchman.of_call(never, call)) == "undo-unasked"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (e.ActionFailed, "action-lacks-value"),
        (e.ActionRefused, "action-lacks-value"),
        (e.CompensationFailed, "undo-lacks-value"),
        (e.CompensationSucceeded, None),
    ],
)
def test_an_expression_without_a_value_is_told_and_a_reply_is_not(
    watchman: Watchman, kind: type[e.AttemptEnded], expected: str | None
) -> None:
    never = kind(at=0.0, step="a", attempt=0, status=None, detail="why")
    breach = watchman.of_events([e.SleepEnded(at=0.0, step="a"), never])
    assert code(breach) == expected
    assert breach is None or (breach.step == "a" and "why" in breach.message and breach.advice)
    assert watchman.of_events([replace(never, attempt=1)]) is None


def test_one_key_has_one_body_for_ever(course: Course, first: Stand) -> None:
    services = Services(course.order, {})
    (call,) = first.in_hand
    world, breach = services.sent(World(), call)
    assert breach is None
    assert services.sent(world, call) == (world, None)
    other = replace(call, sending=replace(call.sending, body="other"))
    assert code(services.sent(world, other)[1]) == "one-key-two-bodies"
    assert code(services.sent(world, replace(call, key="other"))[1]) == "key-changed"
    assert code(services.sent(world, replace(call, step="b"))[1]) == "one-key-two-bodies"
    assert services.sent(world, replace(call, step="b", key="other"))[1] is None


def test_what_is_done_again_is_done_once(course: Course, first: Stand) -> None:
    services = Services(course.order, {})
    (call,) = first.in_hand
    once = services.arrive(World(), call)
    assert (once.done, once.world.standing, once.world.acted) == (Done.DONE, {"a"}, {"a"})
    again = services.arrive(once.world, call)
    assert (again.done, again.world, again.breach) == (Done.AGAIN, once.world, None)
    careless = replace(call, request=replace(call.request, method="POST", idempotency=None))
    assert code(services.arrive(once.world, careless).breach) == "done-twice"
    undone = World(undone=frozenset({"a"}))
    assert services.arrive(undone, call).done is Done.BARRED


def test_a_late_request_lands_when_its_time_has_come_and_once(course: Course, first: Stand) -> None:
    services = Services(course.order, {})
    (call,) = first.in_hand
    late = services.delay(World(), call, 100.0)
    due = 100.0 + call.request.timeout_s
    assert services.land(late, due - 1) == late
    assert services.land(late, due).standing == {"a"}
    assert services.land(late, None).standing == {"a"}
    assert services.land(late, due).late == ()
    acted = World(acted=frozenset({"a"}))
    assert services.delay(acted, call, 100.0) == acted
    assert services.land(replace(late, acted=acted.acted), due).standing == frozenset()


ENDED = {"a": S.COMPLETED, "b": S.COMPLETED, "p": S.COMPLETED, "c": S.COMPLETED}


def judged(course: Course, stand: Stand, standing: str, **states: S) -> list[tuple[str, str]]:
    steps = {name: StepRun(state=state) for name, state in {**ENDED, **states}.items()}
    end = replace(
        stand,
        run=replace(stand.run, steps=steps),
        in_hand=(),
        world=World(standing=frozenset(standing)),
        troubles=1,
    )
    return [(v.code, v.step) for v in Judge(course.plan, course.order, {}).of_end(end)]


def test_a_completed_saga_keeps_every_effect_and_no_other(course: Course, first: Stand) -> None:
    assert judged(course, first, "abpc") == []
    assert judged(course, first, "apc") == [("effect-lost", "b")]
    assert judged(course, first, "abpc", b=S.SKIPPED) == [("effect-left", "b")]


def test_a_failed_saga_keeps_nothing_but_what_may_stay(course: Course, first: Stand) -> None:
    back = {"a": S.COMPENSATED, "b": S.COMPENSATED, "p": S.FAILED, "c": S.PENDING}
    assert judged(course, first, "", **back) == []
    assert judged(course, first, "a", **back) == [("effect-left", "a")]
    assert judged(course, first, "c", **back) == []


def test_a_saga_that_stops_half_way_never_ends(course: Course, first: Stand) -> None:
    for state in (S.EXECUTING, S.UNKNOWN, S.COMPENSATING):
        assert judged(course, first, "abpc", c=state) == [("never-ends", "c")]
    assert judged(course, first, "abpc", c=S.PENDING) == [("never-ends", "c")]


def test_a_refusal_past_the_pivot_is_for_a_person(course: Course, first: Stand) -> None:
    error = StepError(Phase.ACTION, 422, "no")
    steps = {name: StepRun(state=state) for name, state in ENDED.items()}
    steps["c"] = StepRun(state=S.STUCK, error=error)
    end = replace(first, run=replace(first.run, steps=steps), in_hand=(), troubles=1)
    (verdict,) = Judge(course.plan, course.order, {}).of_end(end)
    assert verdict.code == "refused-past-pivot"
