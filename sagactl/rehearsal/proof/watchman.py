"""What must never happen on the way, whatever the troubles: each call and each fact is looked at.

Deliberately absent: how a saga ends, which `judge` looks at, and the services' own view, which is
`world`'s.
"""

from collections.abc import Sequence

from sagactl.definition.model import OutcomeKind, Step
from sagactl.machine import event as e
from sagactl.machine.command import Call, Phase
from sagactl.machine.finding_code import FindingCode
from sagactl.machine.moves import StepState as S
from sagactl.machine.run import Run
from sagactl.rehearsal.proof.answer import Answers, How
from sagactl.rehearsal.proof.order import Order
from sagactl.rehearsal.proof.world import Breach, Done

THROUGH = (S.COMPLETED, S.SKIPPED)


class Watchman:
    """Looks at one saga's every move."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def of_events(self, events: Sequence[e.Event]) -> Breach | None:
        """The first fact that no sound definition leads to: an expression without a value."""
        for event in events:
            if not isinstance(event, e.AttemptEnded) or event.attempt:
                continue
            words = event.detail
            match event:
                case e.ActionFailed() | e.ActionRefused():
                    code, what = (
                        FindingCode.ACTION_LACKS_VALUE,
                        f'"{event.step}" cannot be carried out',
                    )
                case e.LookupUnanswered():
                    code, what = (
                        FindingCode.LOOKUP_LACKS_VALUE,
                        f'nobody can ask about "{event.step}"',
                    )
                case e.CompensationFailed():
                    code, what = FindingCode.UNDO_LACKS_VALUE, f'"{event.step}" cannot be undone'
                case _:
                    continue
            return Breach(code, event.step, f"{what}: {words}", ADVICE[code])
        return None

    def of_call(self, run: Run, call: Call) -> Breach | None:
        """Whether this call may leave, where the run stands."""
        attempts = run.step(call.step).attempts(call.phase)
        if not attempts.in_flight or attempts.sending != call.sending:
            words = f'the {call.phase} of "{call.step}" leaves before its intent is written'
            return Breach(FindingCode.UNWRITTEN_INTENT, call.step, words)
        match call.phase:
            case Phase.ACTION if call.attempt == 1:
                return self._of_beginning(run, call.step)
            case Phase.COMPENSATION:
                return self._of_undoing(run, call.step)
        return None

    def of_reply(self, call: Call, done: Done, answers: Answers) -> Breach | None:
        """Whether a good service's reply reads as what it says."""
        if done is Done.BARRED:
            return None
        outcome = answers.outcome(call, How.HEARD, done)
        step = call.step
        if call.phase is Phase.LOOKUP:
            if outcome.found is (done is Done.DONE):
                return None
            truth = "took place" if done is Done.DONE else "did not take place"
            words = f'its lookup does not tell that "{step}" {truth}: {outcome.detail}'
            return Breach(FindingCode.LOOKUP_BLIND, step, words, ADVICE[FindingCode.LOOKUP_BLIND])
        if outcome.kind is OutcomeKind.APPLIED or done is Done.ABSENT:
            return None
        code = (
            FindingCode.NEVER_APPLIED
            if call.phase is Phase.ACTION
            else FindingCode.UNDO_NEVER_APPLIED
        )
        note = answers.note(call, done) or outcome.detail
        words = f'no reply was found by which the {call.phase} of "{step}" counts as done: {note}'
        return Breach(code, step, words, ADVICE[code])

    def of_hidden(self, call: Call) -> Breach:
        """A no that counts as done."""
        words = f'"{call.step}" is refused by a status that counts as applied'
        code = FindingCode.SUCCESS_HIDES_FAILURE
        return Breach(code, call.step, words, ADVICE[code])

    def _of_beginning(self, run: Run, path: str) -> Breach | None:
        for each in (path, *self._order.groups(path)):
            for need in self._order.needs(each):
                state = run.step(need).state
                if state not in THROUGH:
                    words = f'"{path}" begins while "{need}", which it needs, is {state}'
                    return Breach(FindingCode.WRONG_ORDER, path, words)
        turned = run.deadline_passed or run.cancelled
        turned = turned or any(s.state is S.FAILED or s.assumed for s in run.steps.values())
        if turned and not self._is_past_pivot(run):
            return Breach(
                FindingCode.BEGINS_AFTER_FAILURE, path, f'"{path}" begins after the saga failed'
            )
        return None

    def _of_undoing(self, run: Run, path: str) -> Breach | None:
        if run.step(path).action.count == 0:
            words = f'"{path}" is undone although it was never done'
            return Breach(FindingCode.UNDO_UNASKED, path, words)
        if self._order.is_past_pivot(path) or self._is_past_pivot(run):
            words = f'"{path}" is undone although the saga is past its pivot'
            return Breach(FindingCode.UNDONE_PAST_PIVOT, path, words)
        return None

    def _is_past_pivot(self, run: Run) -> bool:
        return any(
            step.state is S.COMPLETED and is_pivot(self._order.step(name))
            for name, step in run.steps.items()
        )


def is_pivot(step: Step) -> bool:
    """Whether the step itself is the point of no return, and not one within it."""
    child = step.child
    return step.pivot and (child is None or not any(each.pivot for each in child.steps))


ADVICE = {
    FindingCode.ACTION_LACKS_VALUE: (
        "let it read only what is surely there by then, or ask has() first"
    ),
    FindingCode.LOOKUP_LACKS_VALUE: (
        "ask by what is known before the action: the saga's id, step.action_key"
    ),
    FindingCode.UNDO_LACKS_VALUE: (
        "undo it by what is known before the action, or give the step a lookup with a result"
    ),
    FindingCode.LOOKUP_BLIND: 'say in "found" what tells it',
    FindingCode.NEVER_APPLIED: 'give the step an "example" of a reply, or mend its conditions',
    FindingCode.SUCCESS_HIDES_FAILURE: 'leave it out of "success", or add a condition that tells',
    FindingCode.UNDO_NEVER_APPLIED: "mend the conditions of the compensation",
}
