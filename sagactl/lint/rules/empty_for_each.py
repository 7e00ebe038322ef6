"""empty-for-each: a `for_each` that goes over nothing, or `max_parallel` that changes nothing.

Over an empty list a step does nothing, and completes. And no more instances run at once than there
are elements, nor than the service takes requests at a time (`max_concurrency`).

    wrong:  for_each: [a, b]        max_parallel: 8
    right:  for_each: [a, b]        max_parallel: 2
"""

from collections.abc import Iterator

from sagactl.definition.model import ForEach, Saga, Step
from sagactl.definition.template import Hole
from sagactl.lint.kind import known, scope_of
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, Spot
from sagactl.lint.written import word_place
from sagactl.source.node import List
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for step in saga.steps:
        if step.for_each is None:
            continue
        most = _most_elements(saga, step, step.for_each)
        if most == 0:
            message = f'"for_each" of "{step.name}" goes over an empty list, so nothing is done'
            yield RULE.problem(step.for_each.items.node.place, message, "leave the step out")
            continue
        if most is not None and step.for_each.max_parallel > most:
            yield _in_vain(saga, step, step.for_each, f"there are at most {most} elements")
            continue
        service = None if step.request is None else step.request.service
        limit = None if service is None else service.max_concurrency
        if service is not None and limit is not None and step.for_each.max_parallel > limit:
            reason = f'service "{service.name}" takes {limit} at a time ("max_concurrency")'
            yield _in_vain(saga, step, step.for_each, reason)


def _in_vain(saga: Saga, step: Step, each: ForEach, reason: str) -> Problem:
    message = f'"max_parallel: {each.max_parallel}" is never reached: {reason}'
    return RULE.problem(word_place(saga, step, "max_parallel"), message, "write the smaller number")


def _most_elements(saga: Saga, step: Step, each: ForEach) -> int | None:
    """How many elements there are at most, where the definition says it."""
    if isinstance(each.items.node, List):
        return len(each.items.node.items)
    if not isinstance(each.items.compiled, Hole):
        return None
    spot = Spot(each.items, Part.FOR_EACH, step)
    found = known(each.items.compiled.tree, scope_of(saga, spot))
    schema = None if found is None else found.schema
    most = schema.get("maxItems") if isinstance(schema, dict) else None
    return most if isinstance(most, int) else None


RULE = Rule(
    "empty-for-each",
    "SG303",
    "a `for_each` that goes over nothing, or `max_parallel` that changes nothing",
    Severity.WARNING,
    check,
)
