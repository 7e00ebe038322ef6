"""The loop, over a store in memory and a participant that answers from a script."""

import asyncio
from collections.abc import Sequence

import pytest
from engine.scripted import APPLIED, NOT_SENT, REJECTED, UNKNOWN, Scripted, StillClock
from machine.world import PLACE, SOURCE, request, started, template

from sagactl.definition.model import Idempotency, Lookup, OnUnknown, OutcomeKind, Saga, Step
from sagactl.engine.driver import Driver
from sagactl.machine import event as e
from sagactl.machine.attempted import Attempted
from sagactl.machine.command import Call, Outcome
from sagactl.machine.plan import make_plan
from sagactl.machine.run import Run, reopenings, replay
from sagactl.machine.state import SagaState, saga_state


class Kept:
    """A journal in memory; dies on demand before or after an append, as a process would."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []
        self.commits: list[int] = []
        self.dies_after: int | None = None

    async def append(self, run_id: str, events: Sequence[e.Event], state: str) -> None:
        if self.dies_after is not None and len(self.commits) >= self.dies_after:
            raise Died
        self.events.extend(events)
        self.commits.append(len(events))


class Died(Exception):
    pass


def step(name: str, *, method: str = "PUT", needs: tuple[str, ...] = (), **more: object) -> Step:
    fields: dict[str, object] = {
        "compensation": request("DELETE", f"/{name}"),
        "settle_s": 1.0,
        **more,
    }
    key = Idempotency(True) if method == "POST" else None
    action = request(method, f"/{name}", idempotency=key)
    return Step(name=name, place=PLACE, action=action, needs=needs, **fields)  # type: ignore[arg-type]


def saga(*steps: Step, **more: object) -> Saga:
    return Saga(SOURCE, PLACE, "t", 1, steps, **more)  # type: ignore[arg-type]


CHAIN = saga(step("a"), step("b", needs=("a",)), step("c", needs=("b",)))


def drive(
    plan: Saga, participant: Scripted, kept: Kept | None = None, clock: StillClock | None = None
) -> tuple[Run, SagaState]:
    planned = make_plan(plan)
    clock = clock or StillClock()
    driver = Driver(planned, kept or Kept(), participant, clock)
    run = asyncio.run(driver.drive(None, started(plan, clock.now())))
    return run, saga_state(planned, run)


def go_on(plan: Saga, participant: Scripted, kept: Kept) -> SagaState:
    planned = make_plan(plan)
    run = replay(kept.events)
    at = run.updated_at
    opening = [e.RunResumed(at=at, operator="t", deadline_at=None), *reopenings(run, at)]
    run = asyncio.run(Driver(planned, kept, participant, StillClock(at)).drive(run, *opening))
    return saga_state(planned, run)


def test_steps_run_in_order_and_the_saga_completes() -> None:
    participant = Scripted()
    _, state = drive(CHAIN, participant)
    assert state is SagaState.COMPLETED
    assert participant.told == ["a action", "b action", "c action"]


def test_a_rejected_step_undoes_what_was_done_last_first() -> None:
    participant = Scripted({"c action": [REJECTED]})
    _, state = drive(CHAIN, participant)
    assert state is SagaState.FAILED
    assert participant.told[3:] == ["b compensation", "a compensation"]


def test_an_n_step_saga_costs_n_plus_one_commits() -> None:
    kept = Kept()
    drive(CHAIN, Scripted(), kept)
    assert len(kept.commits) == 4


def test_what_was_not_sent_is_sent_again_after_a_wait() -> None:
    participant = Scripted({"a action": [NOT_SENT, NOT_SENT, APPLIED]})
    run, state = drive(saga(step("a")), participant)
    assert state is SagaState.COMPLETED
    assert [call.attempt for call in participant.calls] == [1, 2, 3]
    assert len({call.key for call in participant.calls}) == 1
    assert run.updated_at > run.started_at


def test_retries_spent_on_what_never_left_fail_the_step_without_effect() -> None:
    participant = Scripted({"b action": [NOT_SENT]})
    _, state = drive(CHAIN, participant)
    assert state is SagaState.FAILED
    assert participant.told == ["a action", *["b action"] * 3, "a compensation"]


def test_an_unknown_outcome_is_never_taken_for_a_failure() -> None:
    """The charge timed out and may have happened: it is refunded, not forgotten."""
    participant = Scripted({"b action": [UNKNOWN]})
    run, state = drive(CHAIN, participant)
    assert state is SagaState.FAILED
    assert participant.told == [
        "a action", *["b action"] * 3, "b compensation", "a compensation",
    ]  # fmt: skip
    assert run.step("b").state == "compensated"


def test_a_later_no_does_not_clear_an_earlier_unknown() -> None:
    participant = Scripted({"b action": [UNKNOWN, REJECTED]})
    _, state = drive(CHAIN, participant)
    assert state is SagaState.FAILED
    assert "b compensation" in participant.told


def test_a_lookup_that_finds_nothing_clears_the_doubt() -> None:
    gone = Outcome(OutcomeKind.APPLIED, "404 Not Found", 404, found=False)
    plan = saga(step("a"), step("b", needs=("a",), lookup=Lookup(request("GET", "/b"))))
    participant = Scripted({"b action": [UNKNOWN], "b lookup": [gone]})
    _, state = drive(plan, participant)
    assert state is SagaState.FAILED
    assert participant.told[-2:] == ["b lookup", "a compensation"]


def test_a_lookup_that_finds_it_goes_on_forwards_with_its_result() -> None:
    found = Outcome(OutcomeKind.APPLIED, "200 OK", 200, result={"id": 7}, found=True)
    plan = saga(step("a", lookup=Lookup(request("GET", "/a"))), step("b", needs=("a",)))
    run, state = drive(plan, Scripted({"a action": [UNKNOWN], "a lookup": [found]}))
    assert state is SagaState.COMPLETED
    assert run.step("a").result == {"id": 7}


def test_what_may_not_be_sent_again_is_sent_once() -> None:
    once = step("a", on_unknown=OnUnknown.HOLD)
    once = Step(**{**_fields(once), "action": request("POST", "/a")})
    participant = Scripted({"a action": [UNKNOWN]})
    _, state = drive(saga(once), participant)
    assert state is SagaState.STUCK
    assert participant.told == ["a action"]


def test_a_stuck_compensation_does_not_stop_the_others() -> None:
    plan = saga(step("a"), step("b"), step("c", needs=("a", "b")))
    participant = Scripted({"c action": [REJECTED], "a compensation": [REJECTED]})
    run, state = drive(plan, participant)
    assert state is SagaState.STUCK
    assert run.step("b").state == "compensated"
    assert run.step("a").state == "stuck"


def test_a_resume_frees_a_stuck_compensation() -> None:
    kept = Kept()
    script = Scripted({"c action": [REJECTED], "a compensation": [REJECTED]})
    _, state = drive(CHAIN, script, kept)
    assert state is SagaState.STUCK
    assert go_on(CHAIN, Scripted(), kept) is SagaState.FAILED


def test_siblings_in_flight_end_before_the_undo_begins() -> None:
    plan = saga(step("a"), step("b", needs=("a",)), step("c", needs=("a",)))
    participant = Scripted({"b action": [REJECTED]})
    _, state = drive(plan, participant)
    assert state is SagaState.FAILED
    assert participant.told == [
        "a action", "b action", "c action", "c compensation", "a compensation",
    ]  # fmt: skip


def test_past_the_pivot_there_is_only_forwards() -> None:
    plan = saga(step("a"), step("p", needs=("a",), pivot=True), step("z", needs=("p",)))
    participant = Scripted({"z action": [*[NOT_SENT] * 9, APPLIED]})
    _, state = drive(plan, participant)
    assert state is SagaState.COMPLETED
    refused = Scripted({"z action": [REJECTED]})
    run, state = drive(plan, refused)
    assert state is SagaState.STUCK
    assert run.step("a").state == "completed"


def test_past_the_deadline_the_saga_compensates() -> None:
    plan = saga(step("a"), step("b", needs=("a",), method="POST"), timeout_s=0.5)
    plan = saga(plan.steps[0], plan.steps[1], timeout_s=0.01)
    participant = Scripted({"b action": [NOT_SENT]})
    run, state = drive(plan, participant)
    assert state is SagaState.FAILED
    assert run.deadline_passed
    assert participant.told[-1] == "a compensation"


def test_a_false_when_skips_the_step_and_what_needs_it_goes_on() -> None:
    plan = saga(step("a"), step("b", needs=("a",), when=template(False)), step("c", needs=("b",)))
    participant = Scripted()
    run, state = drive(plan, participant)
    assert state is SagaState.COMPLETED
    assert run.step("b").state == "skipped"
    assert participant.told == ["a action", "c action"]


def test_nothing_is_sent_when_the_journal_refuses() -> None:
    kept, participant = Kept(), Scripted()
    kept.dies_after = 0
    with pytest.raises(Died):
        drive(CHAIN, participant, kept)
    assert participant.calls == []


@pytest.mark.parametrize("script", [{}, {"c action": [REJECTED]}, {"b action": [UNKNOWN]}])
def test_a_death_between_any_two_commits_changes_no_end(script: dict[str, list[Outcome]]) -> None:
    whole = Kept()
    _, expected = drive(CHAIN, Scripted(script), whole)
    for commits in range(1, len(whole.commits) + 1):
        kept, world = Kept(), Scripted(script)
        kept.dies_after = commits
        try:
            drive(CHAIN, world, kept)
        except Died:
            kept.dies_after = None
            assert go_on(CHAIN, world, kept) is expected
        told = [key for key in world.told if key.endswith("compensation")]
        assert len(told) == len(dict.fromkeys(told)) or expected is not SagaState.COMPLETED


def test_stop_lets_what_is_in_flight_end_and_begins_nothing() -> None:
    planned = make_plan(CHAIN)

    class Stopping(Scripted):
        async def send(self, call: Call) -> Outcome:
            driver.stop()
            return await super().send(call)

    participant, kept = Stopping(), Kept()
    driver = Driver(planned, kept, participant, StillClock())
    run = asyncio.run(driver.drive(None, started(CHAIN)))
    assert participant.told == ["a action"]
    assert run.step("a").state == "completed"
    assert saga_state(planned, run) is SagaState.PENDING
    assert go_on(CHAIN, Scripted(), kept) is SagaState.COMPLETED


def test_cut_records_what_was_in_flight_as_unknown() -> None:
    planned = make_plan(CHAIN)

    class Hanging(Scripted):
        async def send(self, call: Call) -> Outcome:
            self.calls.append(call)
            asyncio.get_running_loop().call_soon(driver.cut)
            await asyncio.Event().wait()
            raise AssertionError("never")

    driver = Driver(planned, Kept(), Hanging(), StillClock())
    run = asyncio.run(driver.drive(None, started(CHAIN)))
    assert run.step("a").state == "unknown"
    assert saga_state(planned, run) is SagaState.PENDING


def test_every_attempt_is_heard_of_with_its_outcome_and_how_long_it_took() -> None:
    clock = StillClock(at=5.0)

    class Slow(Scripted):
        async def send(self, call: Call) -> Outcome:
            clock.at += 2.5
            return await super().send(call)

    heard: list[Attempted] = []
    planned = make_plan(CHAIN)
    participant = Slow({"b action": [NOT_SENT, REJECTED]})
    driver = Driver(planned, Kept(), participant, clock, hear=heard.append)
    run = asyncio.run(driver.drive(None, started(CHAIN)))
    assert saga_state(planned, run) is SagaState.FAILED
    assert [(each.call.step, each.call.phase, each.outcome) for each in heard] == [
        ("a", "action", APPLIED),
        ("b", "action", NOT_SENT),
        ("b", "action", REJECTED),
        ("a", "compensation", APPLIED),
    ]
    assert [each.ended_at - each.began_at for each in heard] == [2.5] * 4
    assert {each.run.id for each in heard} == {run.id}


def test_an_attempt_that_is_cut_off_is_heard_of_as_unknown() -> None:
    heard: list[Attempted] = []

    class Hanging(Scripted):
        async def send(self, call: Call) -> Outcome:
            asyncio.get_running_loop().call_soon(driver.cut)
            await asyncio.Event().wait()
            raise AssertionError("never")

    planned = make_plan(CHAIN)
    driver = Driver(planned, Kept(), Hanging(), StillClock(), hear=heard.append)
    asyncio.run(driver.drive(None, started(CHAIN)))
    assert [each.outcome.kind for each in heard] == [OutcomeKind.UNKNOWN]


def test_without_waiting_the_loop_ends_where_only_time_is_missing() -> None:
    plan = saga(step("a"))
    planned = make_plan(plan)
    driver = Driver(planned, Kept(), Scripted({"a action": [NOT_SENT]}), StillClock(), waits=False)
    run = asyncio.run(driver.drive(None, started(plan)))
    assert saga_state(planned, run) is SagaState.PENDING
    assert run.step("a").action.due_at is not None


def _fields(made: Step) -> dict[str, object]:
    return {name: getattr(made, name) for name in Step.__dataclass_fields__}


def test_P7_a_clock_set_back_never_makes_an_event_older_than_the_last() -> None:
    class SetBack(StillClock):
        asked = 0

        def now(self) -> float:
            self.asked += 1
            return self.at - (3600.0 if self.asked == 5 else 0.0)

    kept = Kept()
    run, state = drive(CHAIN, Scripted({"b action": [NOT_SENT, APPLIED]}), kept, SetBack())
    times = [event.at for event in kept.events]
    assert state is SagaState.COMPLETED
    assert times == sorted(times)
    assert run.updated_at == times[-1]
