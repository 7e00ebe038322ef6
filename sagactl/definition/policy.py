"""What follows from a definition alone: its templates, who reads what, and what doubt leads to.

Lint warns by these rules and the machine moves by them, so they stand below both.
"""

from collections.abc import Iterator

from sagactl.definition.expression import Reference
from sagactl.definition.model import OnUnknown, Request, Saga, Sleep, Step, SubSaga
from sagactl.definition.template import Template


def on_unknown(step: Step, *, past_pivot: bool) -> OnUnknown:
    """What is done when neither repeating nor looking up told whether the action took place.

    Undoing on suspicion is right only where undoing nothing does no harm and needs no reply that
    never came: a DELETE or PUT written without the step's own result. Where there is no way back,
    at the pivot and past it, it is never right.
    """
    if step.request is None:
        # Of a sleep there is nothing to know, and the steps of a sub-saga speak for themselves.
        return OnUnknown.HOLD
    if step.pivot or past_pivot:
        if step.on_unknown is OnUnknown.HOLD:
            return OnUnknown.HOLD
        can_ask = step.request.may_repeat or step.lookup is not None
        return OnUnknown.FINISH if can_ask else OnUnknown.HOLD
    if step.on_unknown is not None:
        return step.on_unknown
    undo = step.compensation
    if undo is not None and undo.method in ("DELETE", "PUT") and not reads_own_result(step):
        return OnUnknown.COMPENSATE
    return OnUnknown.FINISH if step.request.may_repeat else OnUnknown.HOLD


def reads_own_result(step: Step) -> bool:
    """Whether the compensation is written with the result of its own step."""
    return any(True for _ in own_result_reads(step))


def own_result_reads(step: Step) -> Iterator[Reference]:
    """Where the compensation reads the result of its own step."""
    own = (("result",), ("steps", step.name, "result"))
    for template in templates(step.compensation) if step.compensation is not None else ():
        for reference in template.references:
            if any(reference.path[: len(prefix)] == prefix for prefix in own):
                yield reference


def templates(request: Request) -> Iterator[Template]:
    """Every template of a request: address, body, headers, and how its reply is read."""
    yield request.url
    if request.service is not None:
        yield request.service.url
    for _, header in request.headers:
        yield header
    for name in ("query", "json", "form", "body", "fail_when", "result"):
        template = getattr(request, name)
        if template is not None:
            yield template
    yield from request.success.conditions


def saga_templates(saga: Saga) -> Iterator[Template]:
    """Every template of a saga, those of its sub-sagas apart."""
    if saga.id is not None:
        yield saga.id
    for service in saga.services.values():
        yield service.url
        if service.auth is not None:
            yield from service.auth.templates()
    for step in saga.steps:
        yield from step_templates(step)
    if saga.output is not None:
        yield saga.output


def names_under(saga: Saga, root: str) -> dict[str, Reference]:
    """Every `root.NAME` that the expressions of a saga and its sub-sagas read, and where first."""
    found: dict[str, Reference] = {}
    for template in (template for one in saga.family() for template in saga_templates(one)):
        for reference in template.references:
            if len(reference.path) > 1 and reference.path[0] == root:
                found.setdefault(str(reference.path[1]), reference)
    return found


def result_reads(saga: Saga, step: Step) -> Iterator[tuple[tuple[str | int, ...], bool]]:
    """What is read of a step's result anywhere: (path below it, whether it surely will be)."""
    prefix = ("steps", step.name, "result")
    own_result = None if step.request is None else step.request.result
    for other in saga.steps:
        for template in step_templates(other):
            for reference in template.references:
                path = _below(reference, prefix)
                if path is None and other is step and template is not own_result:
                    path = _below(reference, ("result",))
                if path is None:
                    continue
                if step.for_each is not None and other is not step:
                    path = _of_one(path)
                sure = reference.certain and (other.when is None or template is other.when)
                yield path, sure
    for reference in saga.output.references if saga.output is not None else ():
        path = _below(reference, prefix)
        if path is not None:
            yield path if step.for_each is None else _of_one(path), reference.certain


def _of_one(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """What is read of one result, where `path` leads into the list of them all."""
    return path[1:] if path and isinstance(path[0], int) else ()


def undo_reads(saga: Saga, step: Step) -> Iterator[tuple[str | int, ...]]:
    """The paths below the step's result that compensations surely read, its own or another's."""
    for other in saga.steps:
        for template in templates(other.compensation) if other.compensation is not None else ():
            for reference in template.references:
                path = _below(reference, ("steps", step.name, "result"))
                if path is None and other is step:
                    path = _below(reference, ("result",))
                if path is not None and reference.certain:
                    yield path


def _below(reference: Reference, prefix: tuple[str, ...]) -> tuple[str | int, ...] | None:
    if reference.path[: len(prefix)] != prefix:
        return None
    return reference.path[len(prefix) :]


def step_templates(step: Step) -> Iterator[Template]:
    if step.when is not None:
        yield step.when
    if step.for_each is not None:
        yield step.for_each.items
    match step.action:
        case Request():
            yield from templates(step.action)
        case Sleep():
            yield step.action.duration
        case SubSaga():
            if step.action.input is not None:
                yield step.action.input
    if step.lookup is not None:
        yield from templates(step.lookup.request)
        if step.lookup.found is not None:
            yield step.lookup.found
    if step.compensation is not None:
        yield from templates(step.compensation)
