"""The operations of a definition, and which of them a request means.

A definition is read as the description of its services: each action, lookup and compensation is a
method and a path in which an expression stands for anything within one segment. Where several fit,
the saga's own headers tell them apart; whoever calls without them gets the closest fit.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from sagactl.definition.address import is_whole
from sagactl.definition.model import Request, Saga, Service, Step
from sagactl.definition.template import Hole, Template, evaluate_holes
from sagactl.machine.command import Phase
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.reading import static_path
from sagactl.rehearsal.wire import Received
from sagactl.source.node import Scalar

# Stands for an expression while a path is taken apart; no URL has it.
_MARK = "\0"
_ANY_SEGMENT = re.compile(r".+", re.DOTALL)
# The first segment of a URL that names no service: the host follows, or the environment variable
# in which the front of the URL is expected.
WHOLE_URL = "-"


def sandbox_url(service_name: str) -> str:
    """The URL under which the sandbox plays a service."""
    return f"http://sandbox/{quote(service_name, safe='')}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a URL must look like. `host` None: any; `prefix` segments may stand in front.

    `holes` are the expressions of path and query, in the order of what they match. `variable` is
    the environment variable that the whole URL begins with.
    """

    variable: str | None
    host: str | None
    prefix: tuple[str, ...]
    is_open: bool  # the front of the path comes from an expression and may be anything
    segments: tuple[re.Pattern[str], ...]
    literals: int
    query: tuple[tuple[str, str], ...]  # with a mark for each expression
    holes: tuple[Hole, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a service can be asked.

    `path` is the step's, as it is written: `payment/charge` in a sub-saga, which is `saga` then.
    """

    saga: Saga
    path: str
    step: Step
    phase: Phase
    request: Request
    pattern: Pattern

    @property
    def service(self) -> str | None:
        return None if self.request.service is None else self.request.service.name

    def __str__(self) -> str:
        address = str(getattr(self.request.url.node, "value", ""))
        root = "" if self.service is None else f"/{self.service}"
        return f"{self.request.method} {root}{address} ({self.path}.{self.phase})"


@dataclass(frozen=True, slots=True)
class Match:
    """An operation and what the URL has in the place of its expressions.

    `named` are the texts by which the request can name a thing: path and query values. `instance`
    is the step's path as the caller calls it, which for one of several is `name[2]`.
    """

    operation: Operation
    captures: tuple[tuple[Hole, str], ...]
    named: tuple[str, ...]
    instance: str


def operations(saga: Saga) -> tuple[Operation, ...]:
    """Everything that the services of a saga can be asked, in definition order."""
    return tuple(
        Operation(owner, path, step, phase, request, _pattern(request))
        for owner, path, step in steps_within(saga)
        for phase, request in _requests(step)
    )


def steps_within(saga: Saga, frame: str = "") -> Iterator[tuple[Saga, str, Step]]:
    """Every step of a saga and of its sub-sagas, with the saga it is in and its path."""
    for step in saga.steps:
        yield saga, f"{frame}{step.name}", step
        if step.child is not None:
            yield from steps_within(step.child, f"{frame}{step.name}/")


def find_operation(known: tuple[Operation, ...], received: Received) -> Match | None:
    """The operation that a request means."""
    best: tuple[tuple[int, ...], Match] | None = None
    for operation in known:
        match = _match(operation, received)
        if match is None:
            continue
        closeness = _closeness(operation, received)
        if best is None or closeness > best[0]:
            best = (closeness, match)
    return None if best is None else best[1]


def _requests(step: Step) -> Iterator[tuple[Phase, Request]]:
    if step.request is not None:
        yield Phase.ACTION, step.request
    if step.lookup is not None:
        yield Phase.LOOKUP, step.lookup.request
    if step.compensation is not None:
        yield Phase.COMPENSATION, step.compensation


def _pattern(request: Request) -> Pattern:
    text, holes = _marked(request.url)
    address, _, query_text = text.partition("?")
    host: str | None = None
    is_open = False
    prefix: tuple[str, ...] = ()
    if is_whole(request.url):
        host, is_open, address, holes = _whole(address, holes)
    elif request.service is not None:
        prefix = _service_prefix(request.service)
    parts = address.split("/")[1:]
    query = (*parse_qsl(query_text, keep_blank_values=True), *_query_names(request.query))
    return Pattern(
        variable=leading_variable(request.url if request.service is None else request.service.url),
        host=host,
        prefix=prefix,
        is_open=is_open,
        segments=tuple(_segment(part) for part in parts),
        literals=sum(_MARK not in part for part in parts),
        query=query,
        holes=holes,
    )


def leading_variable(url: Template) -> str | None:
    """The environment variable whose value a URL begins with, up to where its path goes on."""
    if not isinstance(url.node, Scalar):
        return None
    first, *rest = evaluate_holes(url.node, url.compiled) or ("",)
    if not isinstance(first, Hole) or (rest and not str(rest[0]).startswith(("/", "?"))):
        return None
    path = static_path(first.tree)
    return str(path[1]) if path is not None and path[0] == "env" and len(path) == 2 else None


def _marked(url: Template) -> tuple[str, tuple[Hole, ...]]:
    scalar = url.node
    if not isinstance(scalar, Scalar):
        return "", ()
    parts = evaluate_holes(scalar, url.compiled)
    text = "".join(_MARK if isinstance(part, Hole) else part for part in parts)
    return text, tuple(part for part in parts if isinstance(part, Hole))


def _whole(address: str, holes: tuple[Hole, ...]) -> tuple[str | None, bool, str, tuple[Hole, ...]]:
    """Host, whether the path's front is open, the path, and the expressions that are left."""
    scheme, slashes, rest = address.partition("://")
    if not slashes:  # `${{ env.BANK_URL }}/charges`: how deep that URL is, nobody knows here
        front, slash, path = address.partition("/")
        return None, True, slash + path, holes[front.count(_MARK) :]
    host, slash, path = rest.partition("/")
    used = scheme.count(_MARK) + host.count(_MARK)
    known = None if _MARK in host else urlsplit(f"//{host}").hostname
    return known, False, slash + path, holes[used:]


def _service_prefix(service: Service) -> tuple[str, ...]:
    """The path that follows the last expression of a service's URL, or its literal path."""
    text, _ = _marked(service.url)
    if _MARK in text:
        path = text.rpartition(_MARK)[2].partition("/")[2]
    else:
        path = text.partition("://")[2].partition("/")[2]
    return tuple(unquote(part) for part in path.strip("/").split("/")) if path.strip("/") else ()


def _segment(part: str) -> re.Pattern[str]:
    if part == _MARK:
        return _ANY_SEGMENT
    literals = (re.escape(unquote(literal)) for literal in part.split(_MARK))
    return re.compile("(.+)".join(literals), re.DOTALL)


def _query_names(query: Template | None) -> list[tuple[str, str]]:
    value = None if query is None else query.node
    entries = getattr(value, "entries", ())
    return [(str(entry.key.value), _MARK) for entry in entries]


def _match(operation: Operation, received: Received) -> Match | None:
    pattern = operation.pattern
    if operation.request.method != received.method:
        return None
    by_variable = received.segments[:2] == (WHOLE_URL, pattern.variable)
    segments = received.segments[2:] if by_variable else _below(operation, received)
    if segments is None:
        return None
    for front in _fronts(pattern, segments, needs_prefix=by_variable):
        texts = _captures(pattern.segments, segments[front:])
        if texts is not None:
            break
    else:
        return None
    asked = _asked(pattern, dict(received.query))
    captures = zip(pattern.holes, (*texts, *asked), strict=False)
    named = (*texts, *(value for _, value in received.query))
    return Match(operation, tuple(captures), named, _instance(operation, received.headers))


def _below(operation: Operation, received: Received) -> tuple[str, ...] | None:
    """The segments that are the operation's own, None where the request is for somebody else."""
    segments, host = received.segments, received.host
    if operation.service is not None:
        return segments[1:] if segments[:1] == (operation.service,) else None
    if segments[:1] == (WHOLE_URL,) and len(segments) > 1:
        segments, host = segments[2:], segments[1].partition(":")[0]
    wanted = operation.pattern.host
    return segments if wanted is None or wanted.lower() == host.lower() else None


def _fronts(pattern: Pattern, segments: tuple[str, ...], *, needs_prefix: bool) -> Iterator[int]:
    """How many segments may stand before the operation's path."""
    if pattern.is_open:
        if len(segments) >= len(pattern.segments):
            yield len(segments) - len(pattern.segments)
        return
    if not (needs_prefix and pattern.prefix):
        yield 0
    if pattern.prefix and segments[: len(pattern.prefix)] == pattern.prefix:
        yield len(pattern.prefix)


def _captures(
    patterns: tuple[re.Pattern[str], ...], segments: tuple[str, ...]
) -> tuple[str, ...] | None:
    if len(patterns) != len(segments):
        return None
    found: list[str] = []
    for pattern, segment in zip(patterns, segments, strict=True):
        match = pattern.fullmatch(segment)
        if match is None:
            return None
        found.extend(match.groups() or ((segment,) if pattern is _ANY_SEGMENT else ()))
    return tuple(found)


def _asked(pattern: Pattern, given: Mapping[str, str]) -> Iterator[str]:
    """The texts in the place of the query's expressions, as far as they can be told apart."""
    for name, value in pattern.query:
        found = _captures((_segment(value),), (given.get(name, ""),))
        if found is None:
            return
        yield from found


def _closeness(operation: Operation, received: Received) -> tuple[int, ...]:
    headers = received.headers
    said = path_as_written(headers.get("saga-step", ""))
    by_step = int(bool(said) and said == operation.path)
    undoes = operation.phase is Phase.COMPENSATION
    # Without a saga behind it, a request says nothing about its phase.
    by_phase = int(bool(said) and ("saga-action-key" in headers) is undoes)
    given = dict(received.query)
    query = operation.pattern.query
    by_value = sum(given.get(name) == value for name, value in query)
    by_name = sum(name in given for name, _ in query) - sum(name not in given for name, _ in query)
    return by_step, by_phase, by_value, by_name, operation.pattern.literals


def _instance(operation: Operation, headers: Mapping[str, str]) -> str:
    said = headers.get("saga-step", "")
    return said if path_as_written(said) == operation.path else operation.path
