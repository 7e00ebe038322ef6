"""What may be true in the world of each step, as far as its events can tell. Pure.

`unknown` is a state; whether an effect stands is a question of its own: a step that is stuck in its
undo may stand or not, and one that is compensating still stands until the undo was answered.
"""

from enum import StrEnum

from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.run import Run, StepRun


class Effect(StrEnum):
    """What a step left in the world."""

    NONE = "none"  # it surely did not take place
    STANDS = "stands"  # it surely took place, and is not undone
    MAYBE = "maybe"  # it may have taken place
    UNDOING = "undoing"  # it surely took place; its undo may have been done, or not
    UNDONE = "undone"


def effect_of(step: StepRun) -> Effect:
    """What is known of the step's effect."""
    match step.state:
        case S.PENDING | S.FAILED | S.SKIPPED:
            return Effect.NONE
        case S.COMPENSATED:
            return Effect.UNDONE
        case S.EXECUTING:
            doubtful = step.action.in_flight or step.action.doubted
            return Effect.MAYBE if doubtful else Effect.NONE
    undo_doubtful = step.compensation.in_flight or step.compensation.doubted
    if step.surely_happened:
        return Effect.UNDOING if undo_doubtful else Effect.STANDS
    if step.state is S.STUCK and not step.action.doubted:
        return Effect.NONE  # refused past the pivot
    return Effect.MAYBE


def left_in_world(plan: Plan, run: Run) -> dict[str, Effect]:
    """The steps whose effect stands, or may stand, in definition order.

    Of a step that stands for several its members are told, and a sleep leaves nothing.
    """
    requests = (p for p in expanded(plan, run) if not (p.is_group or p.is_sleep))
    effects = {planned.name: effect_of(run.step(planned.name)) for planned in requests}
    gone = (Effect.NONE, Effect.UNDONE)
    return {name: effect for name, effect in effects.items() if effect not in gone}


def undo_order(plan: Plan, run: Run) -> tuple[str, ...]:
    """The steps that are to be undone once the run turns back, each after those that needed it."""
    plan = expanded(plan, run)
    left = left_in_world(plan, run)
    return tuple(
        name
        for name in plan.undoing
        if name in left and plan.steps[name].step.compensation is not None
    )
