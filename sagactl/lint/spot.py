"""Which template stands where: the same text means other things in a header than in a URL.

What a name may be, and whether it is known yet, depends on the spot it is read at. Every rule about
expressions walks these, so none of them can forget one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sagactl.definition.expression import Reference
from sagactl.definition.model import Request, Saga, Sleep, Step, SubSaga
from sagactl.definition.template import Template


class Part(StrEnum):
    """The parts of a definition that take expressions, in the words a user writes."""

    ID = "id"
    SERVICE_URL = "url"
    AUTH = "auth"
    WHEN = "when"
    FOR_EACH = "for_each"
    SLEEP = "sleep"
    INPUT = "input"
    REQUEST = "request"
    HEADERS = "headers"
    QUERY = "query"
    JSON = "json"
    FORM = "form"
    BODY = "body"
    FAIL_WHEN = "fail_when"
    SUCCESS = "success"
    RESULT = "result"
    FOUND = "found"
    OUTPUT = "output"


class Phase(StrEnum):
    """The three conversations of a step."""

    ACTION = "action"
    LOOKUP = "lookup"
    COMPENSATION = "compensation"


@dataclass(frozen=True, slots=True)
class Spot:
    """A template and where it stands; `phase` is None outside the requests of a step."""

    template: Template
    part: Part
    step: Step | None = None
    phase: Phase | None = None

    def __str__(self) -> str:
        if self.phase is not None:
            return (
                f'the "{self.part}" of {"an" if self.phase is Phase.ACTION else "a"} {self.phase}'
            )
        if self.part in (Part.SERVICE_URL, Part.AUTH):
            return f'the "{self.part}" of a service'
        return f'"{self.part}"'


def spots(saga: Saga) -> Iterator[Spot]:
    """Every template of a saga, with its spot."""
    if saga.id is not None:
        yield Spot(saga.id, Part.ID)
    for service in saga.services.values():
        yield Spot(service.url, Part.SERVICE_URL)
        for template in service.auth.templates() if service.auth is not None else ():
            yield Spot(template, Part.AUTH)
    for step in saga.steps:
        yield from step_spots(step)
    if saga.output is not None:
        yield Spot(saga.output, Part.OUTPUT)


def step_spots(step: Step) -> Iterator[Spot]:
    if step.when is not None:
        yield Spot(step.when, Part.WHEN, step)
    if step.for_each is not None:
        yield Spot(step.for_each.items, Part.FOR_EACH, step)
    match step.action:
        case Request():
            yield from _request_spots(step, Phase.ACTION, step.action)
        case Sleep():
            yield Spot(step.action.duration, Part.SLEEP, step)
        case SubSaga():
            if step.action.input is not None:
                yield Spot(step.action.input, Part.INPUT, step)
    own_result = None if step.request is None else step.request.result
    if step.lookup is not None:
        for spot in _request_spots(step, Phase.LOOKUP, step.lookup.request):
            # A lookup without a `result` of its own reads its reply as the action does.
            if spot.template is not own_result:
                yield spot
        if step.lookup.found is not None:
            yield Spot(step.lookup.found, Part.FOUND, step, Phase.LOOKUP)
    if step.compensation is not None:
        yield from _request_spots(step, Phase.COMPENSATION, step.compensation)


def reads(saga: Saga) -> Iterator[tuple[Spot, Reference]]:
    """Every name that the saga's expressions read, with the spot it is read at."""
    for spot in spots(saga):
        for reference in spot.template.references:
            yield spot, reference


def result_reads(saga: Saga) -> Iterator[tuple[Spot, Reference, str]]:
    """Every read of `steps.NAME.result` and below, with that name."""
    for spot, reference in reads(saga):
        match reference.path:
            case ("steps", str(name), "result", *_):
                yield spot, reference, name


def requests(saga: Saga) -> Iterator[tuple[Step, Phase, Request]]:
    """Every request of a saga."""
    for step in saga.steps:
        if step.request is not None:
            yield step, Phase.ACTION, step.request
        if step.lookup is not None:
            yield step, Phase.LOOKUP, step.lookup.request
        if step.compensation is not None:
            yield step, Phase.COMPENSATION, step.compensation


def _request_spots(step: Step, phase: Phase, request: Request) -> Iterator[Spot]:
    yield Spot(request.url, Part.REQUEST, step, phase)
    for _, header in request.headers:
        yield Spot(header, Part.HEADERS, step, phase)
    for part, template in (
        (Part.QUERY, request.query),
        (Part.JSON, request.json),
        (Part.FORM, request.form),
        (Part.BODY, request.body),
        (Part.FAIL_WHEN, request.fail_when),
        (Part.RESULT, request.result),
    ):
        if template is not None:
            yield Spot(template, part, step, phase)
    for condition in request.success.conditions:
        yield Spot(condition, Part.SUCCESS, step, phase)
