"""constant-condition: a condition comes to the same in every run.

A `when` that is always false is a step that never runs, one that is always true a word too many; a
`success` or `fail_when` that asks nothing of the reply takes every reply for the same. Mostly
something was compared with what it can never be: a text with a number, or a word that the input's
schema does not list.

    wrong:  when: ${{ input.kind == 'gift' }}      where `kind` is {enum: [order, present]}
    right:  when: ${{ input.kind == 'present' }}
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.definition.template import Fixed, Hole, holes, tree_place
from sagactl.lint.edit import without_entry
from sagactl.lint.fold import folded, inner_conditions
from sagactl.lint.kind import scope_of
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, Spot, spots
from sagactl.lint.written import step_path
from sagactl.source.problem import Fix, Problem, Severity

MEANS = {
    (Part.WHEN, False): "the step never runs",
    (Part.WHEN, True): "the step always runs",
    (Part.SUCCESS, False): "no reply ever counts as applied",
    (Part.SUCCESS, True): "it asks nothing of the reply",
    (Part.FAIL_WHEN, False): "it never says no",
    (Part.FAIL_WHEN, True): "every reply means no",
    (Part.FOUND, False): "nothing is ever found",
    (Part.FOUND, True): "everything is found",
}


def check(saga: Saga) -> Iterator[Problem]:
    for spot in spots(saga):
        value = _value(saga, spot)
        if value is not None and (spot.part, value) in MEANS:
            said = "true" if value else "false"
            message = f'"{spot.part}" is always {said}, so {MEANS[spot.part, value]}'
            yield RULE.problem(spot.template.node.place, message, fix=_fix(saga, spot, value))
            continue
        scope = scope_of(saga, spot)
        for hole in holes(spot.template):
            for tree in inner_conditions(hole.tree):
                chosen = folded(tree, scope)
                if chosen is not None:
                    said = "true" if chosen else "false"
                    message = f'this condition is always "{said}", so one side is never taken'
                    yield RULE.problem(tree_place(hole, tree), message)


def _value(saga: Saga, spot: Spot) -> bool | None:
    match spot.template.compiled:
        case Fixed(value=bool() as value):
            return value
        case Hole(tree=tree):
            return folded(tree, scope_of(saga, spot))
    return None


def _fix(saga: Saga, spot: Spot, value: bool) -> Fix | None:
    if spot.part is Part.WHEN and value and spot.step is not None:
        return without_entry(saga, *step_path(saga, spot.step), "when")
    return None


RULE = Rule(
    "constant-condition",
    "SG302",
    "a condition comes to the same in every run",
    Severity.WARNING,
    check,
    is_fixable=True,
)
