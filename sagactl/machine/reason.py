"""Why a run is not completed: one reason of those there may be, the one that matters most."""

from dataclasses import dataclass

from sagactl.machine.command import Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.run import Run


@dataclass(frozen=True, slots=True)
class Reason:
    """What is in the way; `step` and `phase` are None where it is about the saga as a whole."""

    message: str
    step: str | None = None
    phase: Phase | None = None
    status: int | None = None


def reason(plan: Plan, run: Run) -> Reason | None:
    """The step that is stuck, else the one that turned the run back; None where nothing did."""
    if run.abandoned:
        return Reason(f"abandoned: {run.abandon_reason or 'no reason given'}")
    plan = expanded(plan, run)
    for wanted in (S.STUCK, S.FAILED):
        for name in plan.steps:
            error = run.step(name).error
            if run.step(name).state is wanted and error is not None:
                return Reason(error.message, name, error.phase, error.status)
    for name in plan.steps:
        step = run.step(name)
        if step.assumed:
            message = f"nobody could find out whether it took place: {step.action.detail}"
            return Reason(message, name, Phase.ACTION, step.action.status)
    if run.deadline_passed:
        return Reason("the saga's time was up")
    if run.cancelled:
        return Reason(f"compensation was requested: {run.cancel_reason or 'no reason given'}")
    return None
