"""Which template stands where: the same text means other things in a header than in a URL.

What a name may be, and whether it is known yet, depends on the spot it is read at. Every rule about
expressions walks these, so none of them can forget one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sagactl.definition.expression import (
    Apply,
    Index,
    Member,
    Name,
    Reference,
    Tree,
    children,
)
from sagactl.definition.kept import kept
from sagactl.definition.model import (
    Auth,
    ClientCredentials,
    Request,
    Saga,
    Sleep,
    Step,
    SubSaga,
)
from sagactl.definition.template import Template, holes, tree_place
from sagactl.source.place import Place


class Part(StrEnum):
    """The parts of a definition that take expressions, in the words a user writes."""

    ID = "id"
    SERVICE_URL = "url"
    AUTH = "auth"
    TOKEN_URL = "token_url"
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
        if self.part in (Part.SERVICE_URL, Part.AUTH, Part.TOKEN_URL):
            return f'the "{self.part}" of a service'
        return f'"{self.part}"'


def _part_of(auth: Auth | None, template: Template) -> Part:
    scheme = None if auth is None else auth.scheme
    is_url = isinstance(scheme, ClientCredentials) and template is scheme.token_url
    return Part.TOKEN_URL if is_url else Part.AUTH


@kept
def spots(saga: Saga) -> tuple[Spot, ...]:
    """Every template of a saga, with its spot."""
    return tuple(_spots(saga))


def _spots(saga: Saga) -> Iterator[Spot]:
    if saga.id is not None:
        yield Spot(saga.id, Part.ID)
    for service in saga.services.values():
        yield Spot(service.url, Part.SERVICE_URL)
        for template in service.auth.templates() if service.auth is not None else ():
            yield Spot(template, _part_of(service.auth, template))
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


@kept
def reads(saga: Saga) -> tuple[tuple[Spot, Reference], ...]:
    """Every name that the saga's expressions read, with the spot it is read at."""
    return tuple((spot, one) for spot in spots(saga) for one in spot.template.references)


def result_reads(saga: Saga) -> Iterator[tuple[Spot, Reference, str]]:
    """Every read of `steps.NAME.result` and below, with that name."""
    for spot, reference in reads(saga):
        match reference.path:
            case ("steps", str(name), "result", *_):
                yield spot, reference, name


@kept
def has_reads(saga: Saga) -> tuple[tuple[Spot, str, Place, Place], ...]:
    """Every `has(steps.NAME.result.x)`, which fails where there is no result at all.

    As (spot, name, its place, the place in front of "result"). What asks about the result as well,
    anywhere in the same expression, is left out.
    """
    return tuple(_has_reads(saga))


def _has_reads(saga: Saga) -> Iterator[tuple[Spot, str, Place, Place]]:
    for spot in spots(saga):
        for hole in holes(spot.template):
            for path in _has_paths(hole.tree):
                match _to_result(path):
                    case Member(target=Member(name=name), optional=False) as result:
                        if path is result or _asks_about(hole.tree, name):
                            continue
                        at = tree_place(hole, result)
                        column = at.end_column - len(result.name)
                        before = Place(at.source, at.line, column, at.line, column)
                        yield spot, name, tree_place(hole, path), before


def _has_paths(tree: Tree) -> Iterator[Tree]:
    match tree:
        case Apply(name="has", arguments=(path,)):
            yield path
    for below in children(tree):
        yield from _has_paths(below)


def _to_result(path: Tree) -> Tree | None:
    """The part of a path that is `steps.NAME.result`."""
    while isinstance(path, Member | Index):
        match path:
            case Member(name="result", target=Member(target=Name(name="steps"))):
                return path
        path = path.target
    return None


def _asks_about(tree: Tree, name: str) -> bool:
    """Whether an expression finds out, anywhere in it, whether a step has a result."""
    match tree:
        case Member(name="status", target=Member(name=asked, target=Name(name="steps"))):
            return asked == name
        case Member(
            name="result", optional=True, target=Member(name=asked, target=Name(name="steps"))
        ):
            return asked == name
        case Apply(name="has", arguments=(Member(name="result") as path,)):
            return isinstance(path.target, Member) and path.target.name == name
    return any(_asks_about(below, name) for below in children(tree))


@kept
def requests(saga: Saga) -> tuple[tuple[Step, Phase, Request], ...]:
    """Every request of a saga."""
    return tuple(_requests(saga))


def _requests(saga: Saga) -> Iterator[tuple[Step, Phase, Request]]:
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
