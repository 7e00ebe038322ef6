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
from sagactl.machine.finding_code import FindingCode
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
    code: FindingCode
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
            return (Verdict(Judgement.HOLE, FindingCode.NEVER_ENDS, name, words),)
        is_through = all(state in (S.COMPLETED, S.SKIPPED) for state in states.values())
        is_completed = is_through and not self._is_turned(stand.run)
        said = saga_state(self._plan, stand.run)
        if said is not (SagaState.COMPLETED if is_completed else SagaState.FAILED):
            # What it says of itself is what a person sees, and what the exit code is made of.
            last = self._plan.saga.steps[-1].name
            name = next((name for name, state in states.items() if state is not S.COMPLETED), last)
            words = f"nothing moves any more, and the saga says that it is {said}"
            return (Verdict(Judgement.HOLE, FindingCode.NEVER_ENDS, name, words),)
        return tuple(self._of_completed(stand, steps) if is_completed else self._of_failed(stand))

    def _is_turned(self, run: Run) -> bool:
        """Whether it turned round before its last step was through, which had nothing to undo."""
        passed = (name for name, step in run.steps.items() if step.state is S.COMPLETED)
        return (run.deadline_passed or run.cancelled) and not any(
            is_pivot(self._order.step(name)) for name in passed
        )

    def of_endless(self, stand: Stand, asked: str) -> Verdict:
        """What is thought of a saga that goes on for ever; `asked` is the step it goes on about."""
        if self._order.is_past_pivot(asked) and stand.plagues:
            words = f'past the pivot "{asked}" is asked for until its service answers'
            return Verdict(Judgement.STUCK, FindingCode.ASKED_FOR_EVER, asked, words)
        return Verdict(
            Judgement.HOLE, FindingCode.NEVER_ENDS, asked, f'"{asked}" is asked for without end'
        )

    def _of_completed(self, stand: Stand, steps: Mapping[str, PlannedStep]) -> Iterator[Verdict]:
        standing = stand.world.standing
        done = {
            name
            for name, planned in steps.items()
            if stand.run.step(name).state is S.COMPLETED and _acts(planned)
        }
        for name in sorted(done - standing):
            words = f'the saga ends completed, and "{name}" does not stand in the world'
            yield Verdict(Judgement.HOLE, FindingCode.EFFECT_LOST, name, words)
        for name in sorted(standing - done):
            words = f'the saga ends completed, and "{name}" stands though it is not'
            yield Verdict(Judgement.HOLE, FindingCode.EFFECT_LEFT, name, words)

    def _of_failed(self, stand: Stand) -> Iterator[Verdict]:
        run = stand.run
        late = {late.step for late in stand.world.late} - stand.world.acted
        for name in sorted(late):
            words = f'the late request of "{name}" arrives when all is over, and stands'
            advice = 'let "settle" be as long as a request may be under way: the action\'s timeout'
            yield Verdict(Judgement.HOLE, FindingCode.LATE_LANDING, name, words, advice)
        for name in sorted(stand.world.standing):
            step = self._order.step(name)
            if step.compensation is None and step.compensation_none:
                continue
            if name in self._vain:
                words = f'the saga ends failed, and "{name}" stays: {self._vain[name]}'
                yield Verdict(
                    Judgement.HOLE, FindingCode.UNDO_TAKES_NOTHING_BACK, name, words,
                    'send what takes it back, or say "compensation: none"',
                )  # fmt: skip
                continue
            yield Verdict(
                Judgement.HOLE, FindingCode.EFFECT_LEFT, name, *_left(step, run.step(name), name)
            )
        if self._is_fresh and stand.troubles == 0:
            name = next((n for n, s in run.steps.items() if s.state is S.FAILED), "")
            if run.deadline_passed:
                words = "its time is up before it is through, although nothing goes wrong"
                name = name or self._plan.saga.steps[-1].name
                yield Verdict(
                    Judgement.HOLE,
                    FindingCode.RETRIES_CUT_SHORT,
                    name,
                    words,
                    'give it a longer "timeout"',
                )
                return
            words = "the saga fails although nothing goes wrong"
            yield Verdict(Judgement.HOLE, FindingCode.FAILS_BY_ITSELF, name, words)

    def _of_stuck(self, stand: Stand, planned: PlannedStep) -> Verdict:
        step = stand.run.step(planned.name)
        if step.held:
            return self._of_held(planned, step)
        if step.error is not None and step.error.phase is Phase.COMPENSATION:
            return _of_undo(planned, step)
        words = f'"{planned.name}" is refused past the pivot, and nothing leads back'
        if planned.step.compensation is not None:
            return Verdict(
                Judgement.HOLE, FindingCode.PIVOT_TOO_EARLY, planned.name,
                f'{words}, although there is a compensation for it',
                "put the pivot behind what can be refused",
            )  # fmt: skip
        return Verdict(Judgement.STUCK, FindingCode.REFUSED_PAST_PIVOT, planned.name, words)

    def _of_held(self, planned: PlannedStep, step: StepRun) -> Verdict:
        name, written = planned.name, planned.step
        if written.lookup is not None and step.lookup.count == 0:
            words = f'a person is asked about "{name}", although its lookup was not'
            return Verdict(Judgement.HOLE, FindingCode.LOOKUP_NOT_ASKED, name, words)
        words = f'nobody can find out whether "{name}" took place: a person decides'
        if written.on_unknown is OnUnknown.HOLD:
            return Verdict(Judgement.STUCK, FindingCode.HELD, name, words)
        asks = written.request is not None and written.request.may_repeat
        if planned.on_unknown is OnUnknown.FINISH and (asks or written.lookup is not None):
            if self._order.is_past_pivot(name):
                return Verdict(Judgement.STUCK, FindingCode.HELD_PAST_PIVOT, name, words)
            words = f'"{name}" is asked for as long as its time allows, and never answers'
            return Verdict(Judgement.STUCK, FindingCode.UNANSWERED, name, words)
        ask = 'say "idempotency: key" where its service honours the key'
        ask += "" if written.lookup is not None else ", give it a lookup"
        return Verdict(
            Judgement.HOLE, FindingCode.STUCK_UNSAID, name, f"{words}, and nobody wrote so",
            f'{ask}, or write "on_unknown: hold"',
        )  # fmt: skip


def _is_under_way(step: StepRun, state: S) -> bool:
    """Whether something is still to come of a step: not of one taken as done without an undo."""
    return state in (S.EXECUTING, S.COMPENSATING) or (state is S.UNKNOWN and not step.assumed)


def _of_undo(planned: PlannedStep, step: StepRun) -> Verdict:
    undo = planned.step.compensation
    assert undo is not None  # it was sent
    name, detail = planned.name, step.compensation.detail
    if ON_PURPOSE in detail:
        words = f'the undo of "{name}" is refused: a person is needed'
        return Verdict(Judgement.STUCK, FindingCode.UNDO_FAILED, name, words)
    if step.compensation.status is not None:
        found = "nothing to undo" if step.compensation.status == 404 else detail
        words = f'the undo of "{name}" is stuck because its service says: {found}'
        return Verdict(
            Judgement.HOLE,
            FindingCode.UNDO_REFUSED,
            name,
            words,
            "let it succeed then: success: [2xx, 404]",
        )
    if not undo.may_repeat:
        words = f'one lost reply to the undo of "{name}" is enough: it may not be sent again'
        return Verdict(
            Judgement.HOLE, FindingCode.UNDO_NOT_REPEATABLE, name, words,
            'say "idempotency: key" where its service honours the key',
        )  # fmt: skip
    if undo.retry.max_attempts == 1:
        words = f'one failure of the undo of "{name}" is enough: it is not tried again'
        return Verdict(
            Judgement.HOLE,
            FindingCode.UNDO_NOT_RETRIED,
            name,
            words,
            'give it a "retry" of its own',
        )
    words = f'the undo of "{name}" fails for good: a person is needed'
    return Verdict(Judgement.STUCK, FindingCode.UNDO_FAILED, name, words)


def _left(step: Step, run: StepRun, name: str) -> tuple[str, str]:
    if step.compensation is None:
        words = f'the saga ends failed, and "{name}" stands: nothing undoes it'
        return words, 'write a compensation, or say "compensation: none"'
    words = f'the saga ends failed, and "{name}", which is {run.state}, stands'
    if run.state is S.COMPENSATED:
        return words, 'let only what says that it is undone count as "success" of its compensation'
    return words, ""


def _acts(planned: PlannedStep) -> bool:
    """Whether it has an effect of its own."""
    request = planned.step.request
    if planned.is_group or request is None:
        return False
    return request.method not in SAFE_METHODS
