"""Which operation of its service's document a request calls, and which replies count for it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from sagactl.definition.model import OutcomeKind, Request, Saga, Service, StatusSet, Step
from sagactl.definition.openapi.document import Document, Found, Operation, Reply
from sagactl.definition.openapi.route import MARK
from sagactl.definition.template import Fixed, Hole, Template, evaluate_holes
from sagactl.lint.spot import Phase, requests
from sagactl.source.node import Map, Scalar
from sagactl.source.place import Place
from sagactl.source.problem import Related

NONE = StatusSet(())


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a service that has a document, and what that says of it.

    `path` is what is held against the document: the path below its server, computed parts marked.
    """

    step: Step
    phase: Phase
    request: Request
    document: Document
    path: str
    found: Found = field(repr=False)

    @property
    def operation(self) -> Operation | None:
        return self.found.operation

    @property
    def shown_path(self) -> str:
        """The path as messages show it."""
        return self.path.replace(MARK, "{}")

    @property
    def begins_anywhere(self) -> bool:
        """Whether not even the first part of the path is written out."""
        return MARK in self.path.split("/", 2)[1:2]

    @property
    def is_below_a_server(self) -> bool:
        """Whether the whole path stands below that of one of the document's servers."""
        full = _full_path(self.request)
        return any(is_below(full, front) for _, front in self.document.servers)

    @property
    def place(self) -> Place:
        return self.request.place

    def __str__(self) -> str:
        return f'the {self.phase} of "{self.step.name}"'


@dataclass(frozen=True, slots=True)
class Known:
    """A call whose operation is known."""

    call: Call
    operation: Operation

    @property
    def request(self) -> Request:
        return self.call.request

    @property
    def is_3_0(self) -> bool:
        return self.call.document.is_3_0

    @property
    def success_replies(self) -> tuple[Reply, ...]:
        """The documented replies that count as applied."""
        return success_replies(self)

    def is_settled(self, status: int) -> bool:
        """Whether the definition itself says what a status means, or it is a success."""
        return outcome_of(self.request, status) is not None

    @property
    def query_names(self) -> frozenset[str]:
        """The names in the request's query, wherever it is written."""
        return query_names(self.request)

    @property
    def related(self) -> tuple[Related, ...]:
        return (Related(self.operation.piece.place, f"{self.operation} is described here"),)


def documented(saga: Saga) -> Iterator[Call]:
    """The requests that go to services with a document."""
    for step, phase, request in requests(saga):
        service = request.service
        if service is not None and service.document is not None:
            yield call_of(step, phase, request, service.document)


def known(saga: Saga) -> Iterator[Known]:
    """Those of them whose operation is known."""
    for call in documented(saga):
        if call.operation is not None and call.found.is_sure:
            yield Known(call, call.operation)


def call_of(step: Step, phase: Phase, request: Request, document: Document) -> Call:
    """What a document says of a request."""
    if request.operation is not None:
        named = document.called(request.operation)
        found = Found(named[0], named[0].path) if named else Found(None)
        return Call(step, phase, request, document, found.path or "", found)
    tried = [(below, document.find(request.method, below)) for below in _below(request, document)]
    # A path that the document has, then one with the wrong method, then none at all.
    best = max(tried, key=lambda one: (one[1].operation is not None, one[1].path is not None))
    return Call(step, phase, request, document, *best)


def _below(request: Request, document: Document) -> Iterator[str]:
    """The request's path as it may stand below a server of the document, the likeliest first."""
    path, full = marked(request.url).partition("?")[0], _full_path(request)
    for _, front in document.servers:
        if is_below(full, front):
            yield full[len(front) :]
    yield path
    yield full


def _full_path(request: Request) -> str:
    """The path of a request with that of its service's URL before it."""
    front = "" if request.service is None else service_path(request.service)
    return front + marked(request.url).partition("?")[0]


def is_below(path: str, front: str) -> bool:
    """Whether a path stands below another."""
    return not front or path.startswith(front + "/")


def service_path(service: Service) -> str:
    """The path of a service's URL, as far as it is written out."""
    text = marked(service.url)
    if MARK in text:
        return ("/" + text.rpartition(MARK)[2].partition("/")[2]).rstrip("/")
    return urlsplit(text).path.rstrip("/")


def marked(template: Template) -> str:
    """A text with a mark in place of each expression."""
    return "".join(MARK if isinstance(part, Hole) else part for part in parts(template))


def parts(template: Template) -> tuple[str | Hole, ...]:
    """The literal texts and the expressions of a text."""
    match template.compiled:
        case Fixed(value):
            return (str(value),)
        case compiled:
            node = template.node
            assert isinstance(node, Scalar)  # the schema saw to it
            return evaluate_holes(node, compiled)


def query_names(request: Request) -> frozenset[str]:
    """The names in a request's query, wherever it is written."""
    literal = marked(request.url).partition("?")[2]
    names = {name for name, _ in parse_qsl(literal, keep_blank_values=True)}
    node = request.query.node if request.query is not None else None
    return frozenset(names | {entry.name for entry in node} if isinstance(node, Map) else names)


def outcome_of(request: Request, status: int) -> OutcomeKind | None:
    """What the definition makes of a status, by name or as a success; None where it is silent."""
    for kind in OutcomeKind:
        if status in request.outcomes.get(kind, NONE):
            return kind
    return OutcomeKind.APPLIED if status in request.success.statuses else None


def success_replies(one: Known) -> tuple[Reply, ...]:
    """The documented replies that count as applied."""
    found = []
    for reply in one.operation.replies:
        digits = reply.status.upper().replace("XX", "00")
        is_known = digits.isdecimal()
        if is_known and outcome_of(one.request, int(digits)) is OutcomeKind.APPLIED:
            found.append(reply)
    if not found:
        found = [reply for reply in one.operation.replies if reply.status == "default"]
    return tuple(found)
