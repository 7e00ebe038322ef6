"""undo-not-found: a DELETE that undoes takes "not found" for a failure.

What is already gone is as good as undone: an earlier attempt whose reply was lost may have deleted
it. Without 404 in its `success` the second attempt is rejected, and the step is stuck.
"""

from collections.abc import Iterator

from sagactl.definition.model import OutcomeKind, Saga, StatusSet, Step
from sagactl.lint.edit import replacement, with_entry
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Phase
from sagactl.lint.written import said_at, step_path
from sagactl.source.node import List, Scalar
from sagactl.source.place import Place
from sagactl.source.problem import Fix, Problem, Severity

NONE = StatusSet(())


def check(saga: Saga) -> Iterator[Problem]:
    for step in saga.steps:
        undo = step.compensation
        if undo is None or undo.method != "DELETE":
            continue
        moved = undo.outcomes.get(OutcomeKind.APPLIED, NONE)
        if 404 not in undo.success.statuses and 404 not in moved:
            yield RULE.problem(
                undo.place,
                f'the undo of "{step.name}" takes 404 for a failure, but what is gone is undone',
                'write "success: [2xx, 404]"',
                fix=_fix(saga, step),
            )


def _fix(saga: Saga, step: Step) -> Fix | None:
    undo, path = step.compensation, (*step_path(saga, step), "compensation")
    if undo is None or any(404 in statuses for statuses in undo.outcomes.values()):
        return None  # somebody said that 404 means something else
    if undo.success.conditions:
        return None  # they would be asked of the 404 too
    said = said_at(saga, step, Phase.COMPENSATION, "success")
    if said is None:
        return with_entry(saga, path, "success", "[2xx, 404]")
    where, node = said
    if where != (*path, "success"):
        return None  # what a service says holds for others too
    if isinstance(node, List):
        last = node.items[-1].place
        end = Place(last.source, last.end_line, last.end_column, last.end_line, last.end_column)
        is_flow = node.place.end_line == last.end_line
        return replacement('add "404" to "success"', end, ", 404") if is_flow else None
    if isinstance(node, Scalar):
        return replacement('add "404" to "success"', node.place, f"[{node.raw}, 404]")
    return None


RULE = Rule(
    "undo-not-found",
    "SG205",
    'a DELETE that undoes takes "not found" for a failure',
    Severity.WARNING,
    check,
    is_fixable=True,
)
