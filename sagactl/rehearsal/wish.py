"""What a definition wishes of one reply of a service, and whether a reply leads the saga on.

Gathered from all the expressions that read it: the request's own, the lookup's, and those of later
steps, which read it through the step's result.
"""

from collections.abc import Iterator, Mapping

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Step
from sagactl.definition.policy import step_templates, templates
from sagactl.definition.template import evaluate, evaluate_condition
from sagactl.machine.command import Phase
from sagactl.rehearsal.operation import Operation
from sagactl.rehearsal.reading import Reading, Root, literals, source_of
from sagactl.rehearsal.shape import Path, Wish
from sagactl.source.node import Json


def own_wishes(
    operation: Operation, names: Mapping[str, Json], *, wary: bool, other: bool = False
) -> Iterator[Wish]:
    """What the request and its lookup wish; the wary wish for what `fail_when` reads, too."""
    reading = Reading(_own_reply, names, other=other)
    request, lookup = operation.request, operation.step.lookup
    for condition in request.success.conditions:
        yield from reading.condition(condition, want=True)
    if operation.phase is Phase.LOOKUP and lookup is not None:
        yield from reading.condition(lookup.found, want=True)
    # `fail_when` fails nothing while what it reads is not there, so only the wary put it there.
    if wary:
        yield from reading.condition(request.fail_when, want=False)
    yield from reading.value(request.result)


def read_later(operation: Operation, names: Mapping[str, Json]) -> Iterator[Wish]:
    """What the rest of the saga reads of the step's result."""
    step = operation.step
    if operation.phase is not Phase.ACTION:
        return
    own = set(map(id, templates(operation.request)))
    for other in operation.saga.steps:
        reading = Reading(_result_root(step, other), names)
        yield from reading.condition(other.when, want=True)
        for template in step_templates(other):
            if id(template) not in own and template is not other.when:
                yield from reading.value(template)
    yield from Reading(_result_root(step, None), names).value(operation.saga.output)


def leads_on(operation: Operation, response: Json, names: Mapping[str, Json]) -> bool:
    """Whether no `when` of another step is false with this one's result, as far as is known."""
    step = operation.step
    if step.for_each is not None:
        return True
    try:
        template = operation.request.result
        scope = {**names, "response": response}
        result = response["body"] if template is None else evaluate(template, scope)
    except ExpressionFailed:
        return True
    told = {**names, "steps": {step.name: {"result": result, "status": "completed"}}}
    for other in operation.saga.steps:
        try:
            if other.when is not None and not evaluate_condition(other.when, told):
                return False
        except ExpressionFailed:
            continue
    return True


def literal_values(operation: Operation) -> list[Json]:
    """Every value that a condition on the reply mentions."""
    lookup = operation.step.lookup
    asked = [*operation.request.success.conditions, operation.request.fail_when]
    if operation.phase is Phase.LOOKUP and lookup is not None:
        asked.append(lookup.found)
    return [value for template in asked if template is not None for value in literals(template)]


def _own_reply(path: Path) -> Path | None:
    """Where a path that an expression reads leads to in the reply it is about."""
    return path[1:] if path[0] == "response" else None


def _result_root(step: Step, reader: Step | None) -> Root:
    """Where reads of the step's result, in the templates of `reader`, lead to in its reply."""

    result = None if step.request is None else step.request.result

    def root(path: Path) -> Path | None:
        if path[:3] == ("steps", step.name, "result"):
            below = path[3:]
            if step.for_each is not None and reader is not step:
                # The list is put together here; what stands in it was answered one by one.
                if not (below and isinstance(below[0], int)):
                    return None
                below = below[1:]
            return source_of(result, below)
        if reader is step and path[0] == "result":
            return source_of(result, path[1:])
        return None

    return root
