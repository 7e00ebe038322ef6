"""How a schedule ends, and what is thought of that.

Judged by the steps' states and by what stands in the world, not by the machine's own predicates: a
machine that took a charge for refunded must not be asked whether it is. What it says is compared.

A saga that is stuck is rightly so in three cases: its author wrote `hold`, an undo fails for good,
or it is past the pivot. In all others a person is needed where none should be.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sagactl.definition.model import OnUnknown, Step
from sagactl.machine.command import Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, PlannedStep, expanded
from sagactl.machine.rehearsed import Judgement
from sagactl.machine.run import Run, StepRun
from sagactl.machine.state import SagaState, saga_state
from sagactl.rehearsal.proof.order import Order
from sagactl.rehearsal.proof.stand import Stand
from sagactl.rehearsal.proof.watchman import is_pivot
from sagactl.rehearsal.proof.world import SAFE_METHODS

ON_PURPOSE = "on purpose"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of an end, on account of one step."""

    judgement: Judgement
    code: str
    step: str
    message: str
    advice: str = ""


class Judge:
    """Judges the ends of one saga's schedules."""

    def __init__(
        self, plan: Plan, order: Order, vain: Mapping[str, str], *, is_fresh: bool = True
    ) -> None:
        self._is_fresh = is_fresh
        self._plan = plan
        self._order = order
        self._vain = vain

    def of_end(self, stand: Stand) -> tuple[Verdict, ...]:
        """What there is to say of a stand where nothing moves any more; nothing: all is well."""
        steps = expanded(self._plan, stand.run).steps
        states = {name: stand.run.step(name).state for name in steps}
        stuck = [name for name, state in states.items() if state is S.STUCK]
        if stuck:
            return tuple(self._of_stuck(stand, steps[name]) for name in stuck)
        under_way = [
            name for name, state in states.items() if _is_under_way(stand.run.step(name), state)
        ]
        if under_way:
            name = under_way[0]
            words = f'nothing moves any more, and "{name}" is {states[name]}'
            return (Verdict(Judgement.HOLE, "never-ends", name, words),)
        is_through = all(state in (S.COMPLETED, S.SKIPPED) for state in states.values())
        is_completed = is_through and not self._is_turned(stand.run, states)
        said = saga_state(self._plan, stand.run)
        if said is not (SagaState.COMPLETED if is_completed else SagaState.FAILED):
            # What it says of itself is what a person sees, and what the exit code is made of.
            every = list(states)
            name = next((n for n in every if states[n] is not S.COMPLETED), every[-1])
            words = f"nothing moves any more, and the saga says that it is {said}"
            return (Verdict(Judgement.HOLE, "never-ends", name, words),)
        return tuple(self._of_completed(stand, steps) if is_completed else self._of_failed(stand))

    def of_endless(self, stand: Stand, asked: str) -> Verdict:
        """What is thought of a saga that goes on for ever; `asked` is the step it goes on about."""
        if self._order.is_past_pivot(asked) and stand.plagues:
            words = f'past the pivot "{asked}" is asked for until its service answers'
            return Verdict(Judgement.STUCK, "asked-for-ever", asked, words)
        return Verdict(Judgement.HOLE, "never-ends", asked, f'"{asked}" is asked for without end')

    def _is_turned(self, run: Run, states: Mapping[str, S]) -> bool:
        """Whether it turned back by no step's fault, even if each is through by then."""
        if not (run.deadline_passed or run.cancelled):
            return False
        done = (name for name, state in states.items() if state is S.COMPLETED)
        return not any(is_pivot(self._order.step(name)) for name in done)

    def _of_completed(self, stand: Stand, steps: Mapping[str, PlannedStep]) -> Iterator[Verdict]:
        standing = stand.world.standing
        done = {
            name
            for name, planned in steps.items()
            if stand.run.step(name).state is S.COMPLETED and _acts(planned)
        }
        for name in sorted(done - standing):
            words = f'the saga ends completed, and "{name}" does not stand in the world'
            yield Verdict(Judgement.HOLE, "effect-lost", name, words)
        for name in sorted(standing - done):
            words = f'the saga ends completed, and "{name}" stands though it is not'
            yield Verdict(Judgement.HOLE, "effect-left", name, words)

    def _of_failed(self, stand: Stand) -> Iterator[Verdict]:
        run = stand.run
        late = {late.step for late in stand.world.late} - stand.world.acted
        for name in sorted(late):
            words = f'the late request of "{name}" arrives when all is over, and stands'
            advice = 'let "settle" be as long as a request may be under way: the action\'s timeout'
            yield Verdict(Judgement.HOLE, "late-landing", name, words, advice)
        for name in sorted(stand.world.standing):
            step = self._order.step(name)
            if step.compensation is None and step.compensation_none:
                continue
            if name in self._vain:
                words = f'the saga ends failed, and "{name}" stays: {self._vain[name]}'
                yield Verdict(
                    Judgement.HOLE, "undo-takes-nothing-back", name, words,
                    'send what takes it back, or say "compensation: none"',
                )  # fmt: skip
                continue
            yield Verdict(Judgement.HOLE, "effect-left", name, *_left(step, run.step(name), name))
        if self._is_fresh and stand.troubles == 0:
            name = next((n for n, s in run.steps.items() if s.state is S.FAILED), "")
            if run.deadline_passed:
                words = "its time is up before it is through, although nothing goes wrong"
                name = name or self._plan.saga.steps[-1].name
                yield Verdict(
                    Judgement.HOLE, "retries-cut-short", name, words, 'give it a longer "timeout"'
                )
                return
            words = "the saga fails although nothing goes wrong"
            yield Verdict(Judgement.HOLE, "fails-by-itself", name, words)

    def _of_stuck(self, stand: Stand, planned: PlannedStep) -> Verdict:
        step = stand.run.step(planned.name)
        if step.held:
            return self._of_held(planned, step)
        if step.error is not None and step.error.phase is Phase.COMPENSATION:
            return _of_undo(planned, step)
        words = f'"{planned.name}" is refused past the pivot, and nothing leads back'
        if planned.step.compensation is not None:
            return Verdict(
                Judgement.HOLE, "pivot-too-early", planned.name,
                f'{words}, although there is a compensation for it',
                "put the pivot behind what can be refused",
            )  # fmt: skip
        return Verdict(Judgement.STUCK, "refused-past-pivot", planned.name, words)

    def _of_held(self, planned: PlannedStep, step: StepRun) -> Verdict:
        name, written = planned.name, planned.step
        if written.lookup is not None and step.lookup.count == 0:
            words = f'a person is asked about "{name}", although its lookup was not'
            return Verdict(Judgement.HOLE, "lookup-not-asked", name, words)
        words = f'nobody can find out whether "{name}" took place: a person decides'
        if written.on_unknown is OnUnknown.HOLD:
            return Verdict(Judgement.STUCK, "held", name, words)
        asks = written.request is not None and written.request.may_repeat
        if planned.on_unknown is OnUnknown.FINISH and (asks or written.lookup is not None):
            if self._order.is_past_pivot(name):
                return Verdict(Judgement.STUCK, "held-past-pivot", name, words)
            words = f'"{name}" is asked for as long as its time allows, and never answers'
            return Verdict(Judgement.STUCK, "unanswered", name, words)
        advice = 'say "idempotency", give it a lookup, or write "on_unknown: hold"'
        return Verdict(
            Judgement.HOLE, "stuck-unsaid", name, f"{words}, and nobody wrote so", advice
        )


def _is_under_way(step: StepRun, state: S) -> bool:
    """Whether something is still to come of a step: not of one taken as done without an undo."""
    return state in (S.EXECUTING, S.COMPENSATING) or (state is S.UNKNOWN and not step.assumed)


def _of_undo(planned: PlannedStep, step: StepRun) -> Verdict:
    undo = planned.step.compensation
    assert undo is not None  # it was sent
    name, detail = planned.name, step.compensation.detail
    if ON_PURPOSE in detail:
        words = f'the undo of "{name}" is refused: a person is needed'
        return Verdict(Judgement.STUCK, "undo-failed", name, words)
    if step.compensation.status is not None:
        found = "nothing to undo" if step.compensation.status == 404 else detail
        words = f'the undo of "{name}" is stuck because its service says: {found}'
        return Verdict(
            Judgement.HOLE, "undo-refused", name, words, "let it succeed then: success: [2xx, 404]"
        )
    if not undo.may_repeat:
        words = f'one lost reply to the undo of "{name}" is enough: it may not be sent again'
        return Verdict(
            Judgement.HOLE, "undo-not-repeatable", name, words,
            'say "idempotency: key" where its service honours the key',
        )  # fmt: skip
    if undo.retry.max_attempts == 1:
        words = f'one failure of the undo of "{name}" is enough: it is not tried again'
        return Verdict(
            Judgement.HOLE, "undo-not-retried", name, words, 'give it a "retry" of its own'
        )
    words = f'the undo of "{name}" fails for good: a person is needed'
    return Verdict(Judgement.STUCK, "undo-failed", name, words)


def _left(step: Step, run: StepRun, name: str) -> tuple[str, str]:
    if step.compensation is None:
        words = f'the saga ends failed, and "{name}" stands: nothing undoes it'
        return words, 'write a compensation, or say "compensation: none"'
    return f'the saga ends failed, and "{name}", which is {run.state}, stands', ""


def _acts(planned: PlannedStep) -> bool:
    """Whether it has an effect of its own."""
    request = planned.step.request
    if planned.is_group or request is None:
        return False
    return request.method not in SAFE_METHODS
