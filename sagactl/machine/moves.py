"""THE table: which event takes a step from which state to which.

Theory of operation
-------------------
A step is in one of nine states. Only events move it, and only along the arrows below; any other
pair of state and event is a bug of ours and raises IllegalMove. Two things are on purpose *not*
states: an attempt in flight and a wait for the next one. They are facts about attempts, kept beside
the state in `run.Attempts`, because they are the same for an action, a lookup and a compensation.

The worst attempt rules the step. Once an attempt's outcome is unknown the step is `unknown`, and
no reply to the action but its own success under the same key leads out: else only a lookup that
got an answer, or a person.
What the next attempt's refusal proves is only that *that* attempt did nothing.

`failed` means failed without effect, which is why it has no arrow to `compensating`. `completed`
has one, and so has `unknown`: what may have happened is undone.

A step may stand for several: the instances of a `for_each`, or the steps of a sub-saga. It executes
while they do, and its members move by the same table under their own names.

`stuck` means that a person is needed. `resume` reopens it where it stood, hence three arrows.

An operator's word is one event with three outcomes, so it has a table of its own, RESOLUTIONS. Its
arrows are those that can be right; whether one is right in a run depends on the run, and that is
`objection`'s business. None leads out of `failed`: a definite no was seen, and the saga has turned.

The saga's own state is nowhere stored: `run.saga_state` sees it in the steps.
"""

from enum import StrEnum

from sagactl.machine import event as e


class StepState(StrEnum):
    PENDING = "pending"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    STUCK = "stuck"
    SKIPPED = "skipped"


PENDING = StepState.PENDING
EXECUTING = StepState.EXECUTING
COMPLETED = StepState.COMPLETED
FAILED = StepState.FAILED
UNKNOWN = StepState.UNKNOWN
COMPENSATING = StepState.COMPENSATING
COMPENSATED = StepState.COMPENSATED
STUCK = StepState.STUCK
SKIPPED = StepState.SKIPPED

MOVES: dict[tuple[StepState, type[e.StepEvent]], StepState] = {
    (PENDING, e.StepSkipped): SKIPPED,
    (PENDING, e.ActionBegan): EXECUTING,
    (PENDING, e.ActionFailed): FAILED,  # an expression failed: nothing could be sent
    (PENDING, e.ActionRefused): STUCK,  # the same past the pivot
    (PENDING, e.SleepBegan): EXECUTING,
    (PENDING, e.InstancesBegan): EXECUTING,
    (PENDING, e.ChildBegan): EXECUTING,
    (EXECUTING, e.SleepEnded): COMPLETED,
    (EXECUTING, e.MembersSucceeded): COMPLETED,
    (EXECUTING, e.MembersTurned): COMPENSATING,
    (COMPLETED, e.MembersTurned): COMPENSATING,
    (COMPENSATING, e.MembersUndone): COMPENSATED,
    (COMPENSATING, e.MembersVoid): FAILED,
    (EXECUTING, e.ActionBegan): EXECUTING,
    (EXECUTING, e.ActionSucceeded): COMPLETED,
    (EXECUTING, e.ActionNotSent): EXECUTING,
    (EXECUTING, e.ActionUnknown): UNKNOWN,
    (EXECUTING, e.ActionFailed): FAILED,
    (EXECUTING, e.ActionRefused): STUCK,
    (EXECUTING, e.ActionCancelled): FAILED,
    (UNKNOWN, e.ActionBegan): UNKNOWN,
    (UNKNOWN, e.ActionSucceeded): COMPLETED,
    (UNKNOWN, e.ActionUnknown): UNKNOWN,
    (UNKNOWN, e.LookupBegan): UNKNOWN,
    (UNKNOWN, e.LookupFound): COMPLETED,
    (UNKNOWN, e.LookupMissed): FAILED,
    (UNKNOWN, e.LookupCleared): EXECUTING,
    (UNKNOWN, e.LookupUnanswered): UNKNOWN,
    (UNKNOWN, e.OutcomeAssumed): UNKNOWN,
    (UNKNOWN, e.OutcomeHeld): STUCK,
    (UNKNOWN, e.ActionRefused): STUCK,
    (UNKNOWN, e.CompensationBegan): COMPENSATING,
    (UNKNOWN, e.CompensationFailed): STUCK,  # an expression failed: nothing could be sent
    (COMPLETED, e.CompensationBegan): COMPENSATING,
    (COMPLETED, e.CompensationFailed): STUCK,  # likewise
    (COMPENSATING, e.CompensationBegan): COMPENSATING,
    (COMPENSATING, e.CompensationSucceeded): COMPENSATED,
    (COMPENSATING, e.CompensationUnsettled): COMPENSATING,
    (COMPENSATING, e.CompensationFailed): STUCK,
    (STUCK, e.ActionReopened): EXECUTING,
    (STUCK, e.OutcomeReopened): UNKNOWN,
    (STUCK, e.CompensationReopened): COMPENSATING,
    (FAILED, e.StepReopened): PENDING,
    (FAILED, e.MembersReopened): EXECUTING,
    (COMPENSATING, e.MembersReopened): EXECUTING,
}


class Resolution(StrEnum):
    """What a person can tell about a step: it took place, it did not, or it is undone."""

    COMPLETED = "completed"
    FAILED = "failed"
    COMPENSATED = "compensated"


# What a step becomes is what the person says of it: from which states that can be right.
RESOLUTIONS: dict[tuple[StepState, Resolution], StepState] = {
    (EXECUTING, Resolution.COMPLETED): COMPLETED,  # nothing arrived there, so it was done by hand
    (EXECUTING, Resolution.FAILED): FAILED,
    (UNKNOWN, Resolution.COMPLETED): COMPLETED,
    (UNKNOWN, Resolution.FAILED): FAILED,
    (UNKNOWN, Resolution.COMPENSATED): COMPENSATED,
    (COMPLETED, Resolution.COMPENSATED): COMPENSATED,
    (COMPENSATING, Resolution.FAILED): FAILED,  # it was taken as done on suspicion alone
    (COMPENSATING, Resolution.COMPENSATED): COMPENSATED,
    (STUCK, Resolution.COMPLETED): COMPLETED,
    (STUCK, Resolution.FAILED): FAILED,
    (STUCK, Resolution.COMPENSATED): COMPENSATED,
}


class IllegalMove(Exception):
    """An event that cannot happen in a step's state: our bug, or a journal not written by us."""

    def __init__(self, step: str, state: StepState, event: e.StepEvent) -> None:
        super().__init__(f'step "{step}" is {state} and cannot take {type(event).__name__}')
        self.step = step
        self.state = state
        self.event = event


def move(state: StepState, event: e.StepEvent) -> StepState:
    """The state after `event`; raises IllegalMove where the table has no such arrow."""
    try:
        if isinstance(event, e.StepResolved):
            return RESOLUTIONS[state, Resolution(event.outcome)]
        return MOVES[state, type(event)]
    except (KeyError, ValueError):
        raise IllegalMove(event.step, state, event) from None
