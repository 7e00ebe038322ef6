"""The saga's state: seen in its steps, never stored beside them, so the two cannot disagree."""

from enum import StrEnum

from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run, is_stuck


class SagaState(StrEnum):
    """The states of a saga, in the field's words."""

    STARTED = "started"  # nothing was sent yet
    PENDING = "pending"  # going forwards
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    FAILED = "failed"  # and all that had to be undone is undone
    STUCK = "stuck"  # a person is needed
    ABANDONED = "abandoned"  # an operator closed it as it stands


ENDED = (SagaState.COMPLETED, SagaState.FAILED, SagaState.ABANDONED)


def saga_state(plan: Plan, run: Run) -> SagaState:
    """Where the run stands as a whole."""
    if run.abandoned:
        return SagaState.ABANDONED
    if is_stuck(run):
        return SagaState.STUCK
    if is_backwards(plan, run):
        cleared = all(is_clear(plan, run, name) for name in plan.steps)
        drained = not any(step.in_flight for step in run.steps.values())
        return SagaState.FAILED if cleared and drained else SagaState.COMPENSATING
    if is_through(plan, run):
        return SagaState.COMPLETED
    if any(step.touched for step in run.steps.values()):
        return SagaState.PENDING
    return SagaState.STARTED


def is_through(plan: Plan, run: Run) -> bool:
    """Whether every step is completed or skipped."""
    return all(run.step(name).state in (S.COMPLETED, S.SKIPPED) for name in plan.steps)


def is_past_pivot(plan: Plan, run: Run) -> bool:
    """Whether the point of no return is behind: the pivot was applied."""
    return any(run.step(pivot).state is S.COMPLETED for pivot in plan.pivots)


def is_backwards(plan: Plan, run: Run) -> bool:
    """Whether the run has turned round. Past the pivot nothing turns it."""
    if is_past_pivot(plan, run):
        return False
    if run.cancelled or run.deadline_passed:
        return True
    return any(step.state is S.FAILED or step.assumed for step in run.steps.values())


def is_clear(plan: Plan, run: Run, name: str) -> bool:
    """Whether nothing is left to undo in the step, nor in any step that needed it.

    The steps that needed it count even where the step itself has nothing to undo: what it needed in
    its turn must wait for them all the same.
    """
    return _own_clear(plan, run, name) and are_dependents_clear(plan, run, name)


def are_dependents_clear(plan: Plan, run: Run, name: str) -> bool:
    return all(is_clear(plan, run, other) for other in plan.steps[name].needed_by)


def _own_clear(plan: Plan, run: Run, name: str) -> bool:
    step = run.step(name)
    if step.state in (S.PENDING, S.FAILED, S.SKIPPED, S.COMPENSATED):
        return True
    undoable = plan.steps[name].step.compensation is not None
    return not undoable and (step.state is S.COMPLETED or step.assumed)
