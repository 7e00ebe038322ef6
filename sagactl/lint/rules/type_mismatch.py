"""type-mismatch: an expression is given a kind of value that it cannot take, so it always fails.

A text is no number, "7" is not 7, and what is no list has no elements. What the input's schema says
is sure, so the mistake is known before anything runs; at run time it would be a failed step, or in
a compensation one that is stuck.

    wrong:  when: ${{ input.total > 100 }}            where `total` is {type: string}
    right:  when: ${{ double(input.total) > 100 }}
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.definition.template import Fields, Hole, hole_place, holes, tree_place
from sagactl.definition.value import said
from sagactl.lint.kind import BOOL, LIST, NUMBER, TEXT, known, scope_of
from sagactl.lint.mismatch import mismatches, unfit
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, Spot, spots
from sagactl.source.problem import Problem, Severity

CONDITIONS = (Part.WHEN, Part.SUCCESS, Part.FAIL_WHEN, Part.FOUND)
# What a lone expression must be worth at these spots.
WANTED = {
    **dict.fromkeys(CONDITIONS, ((BOOL,), "a condition is true or false")),
    Part.FOR_EACH: ((LIST,), '"for_each" goes over a list'),
    Part.SLEEP: ((TEXT,), '"sleep" takes a text such as "24h"'),
}
FIELDS = {
    Part.QUERY: ((TEXT, NUMBER, BOOL, LIST), "a query takes texts, numbers and lists of them"),
    Part.FORM: ((TEXT, NUMBER, BOOL, LIST), "a form takes texts, numbers and lists of them"),
}
IN_URL = ((TEXT, NUMBER, BOOL), "a URL takes a text or a number")


def check(saga: Saga) -> Iterator[Problem]:
    for spot in spots(saga):
        scope = scope_of(saga, spot)
        for hole in holes(spot.template):
            for tree, message in mismatches(hole.tree, scope):
                yield RULE.problem(tree_place(hole, tree), message)
            wanted = _wanted(spot, hole)
            if wanted is None:
                continue
            found = unfit(known(hole.tree, scope), wanted[0])
            if found is not None:
                message = f'{wanted[1]}, and "{said(hole.tree)}" is {found}'
                yield RULE.problem(hole_place(hole), message)


def _wanted(spot: Spot, hole: Hole) -> tuple[tuple[str, ...], str] | None:
    if spot.part in (Part.REQUEST, Part.SERVICE_URL):
        return IN_URL
    if spot.part in FIELDS and isinstance(spot.template.compiled, Fields):
        is_whole = any(value is hole for _, value in spot.template.compiled.fields)
        return FIELDS[spot.part] if is_whole else None
    return WANTED.get(spot.part) if spot.template.compiled is hole else None


RULE = Rule(
    "type-mismatch",
    "SG104",
    "an expression is given a kind of value that it cannot take, so it always fails",
    Severity.ERROR,
    check,
)
