"""Steps that stand for several, as a person wants to see them: what moves or hurts, and a count.

Of a `for_each` over a thousand elements nobody reads a thousand lines that say "completed".
"""

from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, PlannedStep, expanded
from sagactl.machine.run import Run

# Where there are no more than so many, all are shown.
FEW = 3
QUIET = (S.PENDING, S.SKIPPED, S.COMPLETED, S.COMPENSATED)


def shown_names(plan: Plan, run: Run) -> list[str]:
    """The paths to show, in order: many instances only where something is going on with them."""
    hidden: set[str] = set()
    names = []
    for planned in expanded(plan, run):
        if planned.parent in hidden or _is_quiet(plan, run, planned):
            hidden.add(planned.name)
        else:
            names.append(planned.name)
    return names


def member_words(plan: Plan, run: Run, name: str) -> str:
    """How many instances are through, `2 of 3`; empty where there is more to say, or less."""
    planned = expanded(plan, run).steps[name]
    if not planned.is_each or not planned.members or run.step(name).error is not None:
        return ""
    states = [run.step(member).state for member in planned.members]
    is_undone = run.step(name).state in (S.COMPENSATING, S.COMPENSATED)
    done = sum(state is (S.COMPENSATED if is_undone else S.COMPLETED) for state in states)
    return f"{done} of {len(states)}{' undone' if is_undone else ''}"


def _is_quiet(plan: Plan, run: Run, planned: PlannedStep) -> bool:
    if planned.index is None or planned.parent is None:
        return False
    beside = expanded(plan, run).steps[planned.parent].members
    return len(beside) > FEW and run.step(planned.name).state in QUIET
