"""The saga's state: seen in its steps, never stored beside them, so the two cannot disagree."""

from enum import StrEnum

from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, PlannedStep, expanded
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
    plan = expanded(plan, run)
    if is_stuck(run):
        return SagaState.STUCK
    if is_backwards(plan, run):
        cleared = len(clear_steps(plan, run)) == len(plan.steps)
        drained = not any(step.in_flight for step in run.steps.values())
        return SagaState.FAILED if cleared and drained else SagaState.COMPENSATING
    if is_through(plan, run):
        return SagaState.COMPLETED
    if any(step.touched for step in run.steps.values()):
        return SagaState.PENDING
    return SagaState.STARTED


def is_through(plan: Plan, run: Run) -> bool:
    """Whether every step is completed or skipped."""
    plan = expanded(plan, run)
    return all(run.step(name).state in (S.COMPLETED, S.SKIPPED) for name in plan.steps)


def is_past_pivot(plan: Plan, run: Run) -> bool:
    """Whether the point of no return is behind: the pivot was applied."""
    plan = expanded(plan, run)
    return any(run.step(pivot).state is S.COMPLETED for pivot in plan.pivots)


def is_backwards(plan: Plan, run: Run) -> bool:
    """Whether the run has turned round. Past the pivot nothing turns it."""
    if is_past_pivot(plan, run):
        return False
    if run.cancelled or run.deadline_passed:
        return True
    return any(step.state is S.FAILED or step.assumed for step in run.steps.values())


def clear_steps(plan: Plan, run: Run) -> set[str]:
    """The steps in which nothing is left to undo, nor in any step that needed them.

    The steps that needed it count even where the step itself has nothing to undo: what it needed in
    its turn must wait for them all the same.
    """
    plan = expanded(plan, run)
    clear: set[str] = set()
    for name in plan.undoing:
        planned = plan.steps[name]
        if _own_clear(planned, run) and clear.issuperset(planned.needed_by):
            clear.add(name)
    return clear


def _own_clear(planned: PlannedStep, run: Run) -> bool:
    step = run.step(planned.name)
    if step.state in (S.PENDING, S.FAILED, S.SKIPPED, S.COMPENSATED):
        return True
    return not planned.is_undoable and (step.state is S.COMPLETED or step.assumed)
