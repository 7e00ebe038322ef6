"""Nodes of the right shape to a Saga, every default filled in here and nowhere else.

Where a request is silent its service speaks, then `defaults`, then the language. What the schema
cannot say is checked here: names that lead nowhere, cycles, two bodies, expressions that do not
parse. All mistakes are told at once; a saga comes out only where there are none.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from sagactl.definition.address import WHOLE
from sagactl.definition.asking import Asking, Silence
from sagactl.definition.auth import read_auth
from sagactl.definition.duration import parse_duration, parse_pause
from sagactl.definition.graph import find_cycle
from sagactl.definition.model import (
    Action,
    ForEach,
    Lookup,
    OnUnknown,
    Request,
    Saga,
    Service,
    Sleep,
    Step,
    SubSaga,
)
from sagactl.definition.operation import called_operation
from sagactl.definition.template import Template, parse_template
from sagactl.source.node import Json, List, Map, Node, Scalar, plain
from sagactl.source.place import Place, Source
from sagactl.source.problem import MAX_PROBLEMS, Problem, Related, Severity, nearest

if TYPE_CHECKING:
    from sagactl.definition.openapi.document import Document

MOST_COMPARED = 300
# In characters: what all requests together may take from services and defaults.
MAX_REPEATED = 2 * 1024 * 1024
KINDS = ("request", "operation", "sleep", "saga")
# What speaks of a request, and of what became of it.
OF_A_REQUEST = ("service", "lookup", "on_unknown", "budget", "settle", "timeout", "example")

# The saga that a path leads to, and what is wrong with it.
Child: TypeAlias = Callable[[Scalar], tuple[Saga | None, list[Problem]]]
# The OpenAPI document that a path leads to, and what is wrong with it.
Documents: TypeAlias = Callable[[Scalar], "tuple[Document | None, list[Problem]]"]


def build(
    source: Source, node: Map, child: Child, documents: Documents
) -> tuple[Saga | None, list[Problem]]:
    """The saga of a map that has the right shape, or None with the problems that forbid it."""
    building = _Building(source, node, child, documents)
    saga = None
    with suppress(_TooMuch):
        saga = building.saga()
    failed = any(problem.severity is Severity.ERROR for problem in building.problems)
    # What a service says wrongly is met again in each of its requests, and told once.
    return (None if failed else saga), list(dict.fromkeys(building.problems))


class _TooMuch(Exception):
    """Nothing more is built; the problem is told already."""


class _Building:
    def __init__(self, source: Source, node: Map, child: Child, documents: Documents) -> None:
        self.problems: list[Problem] = []
        self._child = child
        self._documents = documents
        self._source = source
        self._node = node
        self._services: dict[str, Service] = {}
        self._silences: dict[str, Map] = {}
        self._defaults = node.get("defaults")
        self._repeated = 0
        self._sizes: dict[int, int] = {}

    def saga(self) -> Saga:
        node = self._node
        for key, service in _entries(node.get("services")):
            if isinstance(service, Map):
                self._services[str(key.value)] = self._service(key, service)
                self._silences[str(key.value)] = service
        steps = self._steps()
        name = node.get("saga")
        assert isinstance(name, Scalar)  # the schema saw to it
        return Saga(
            source=self._source,
            place=name.place,
            name=str(name.value),
            version=_plain(node.get("version"), 1),
            steps=steps,
            services=self._services,
            description=_plain(node.get("description"), None),
            id=self._template(node.get("id")),
            input_schema=_plain(node.get("input"), None),
            timeout_s=self._seconds(node.get("timeout")),
            output=self._template(node.get("output")),
        )

    def _service(self, name: Scalar, node: Map) -> Service:
        url = self._template(node.get("url"))
        assert url is not None  # the schema saw to it
        limit = _plain(node.get("max_concurrency"), None)
        path, document = node.get("openapi"), None
        if isinstance(path, Scalar):
            document, problems = self._documents(path)
            self.problems.extend(problems)
        auth = read_auth(node, self._template, self._tell)
        return Service(str(name.value), name.place, url, limit, document, auth)

    def _steps(self) -> tuple[Step, ...]:
        nodes = self._node.get("steps")
        items = (
            [item for item in nodes.items if isinstance(item, Map)]
            if isinstance(nodes, List)
            else []
        )
        steps: list[Step] = []
        above: str | None = None
        for item in items:
            if self._is_full:
                break
            step = self._step(item, above)
            above = step.name
            steps.append(step)
        self._check_names(steps)
        self._check_needs(items, steps)
        return tuple(steps)

    def _step(self, node: Map, above: str | None) -> Step:
        name = node.get("name")
        assert isinstance(name, Scalar)  # the schema saw to it
        action = self._action(node, name)
        request = action if isinstance(action, Request) else None
        undo = node.get("compensation")
        undo_none = isinstance(undo, Scalar) and undo.value == "none"
        needs = node.get("needs")
        on_unknown = _plain(node.get("on_unknown"), None)
        has_undo = request is not None and undo is not None and not undo_none
        child = action.saga if isinstance(action, SubSaga) else None
        if request is not None and node.get("lookup") is not None:
            lookup = self._lookup(node, request)
        else:
            lookup = None
        return Step(
            name=str(name.value),
            place=name.place,
            action=action,
            needs=tuple(plain(needs)) if needs is not None else ((above,) if above else ()),
            settle_s=0.0 if request is None else self._settle(node, request),
            lookup=lookup,
            compensation=self._request(node, "compensation") if has_undo else None,
            compensation_none=undo_none,
            when=self._template(node.get("when"), bare=True),
            # A child's point of no return is its parent's.
            pivot=bool(_plain(node.get("pivot"), False)) or has_pivot(child),
            on_unknown=None if on_unknown is None else OnUnknown(on_unknown),
            budget_s=self._seconds(node.get("budget")),
            timeout_s=self._seconds(node.get("timeout")),
            example=self._template(node.get("example")),
            for_each=self._for_each(node, child),
        )

    def _action(self, step: Map, name: Scalar) -> Action:
        node = step.get("action")
        own = node if isinstance(node, Map) else None
        keys = [key for kind in KINDS if own is not None and (key := own.key(kind)) is not None]
        for key in keys[1:]:
            related = (Related(keys[0].place, "the other one"),)
            message = f'an action is one thing: "{keys[0].value}" or "{key.value}"'
            self.problems.append(Problem("two-actions", key.place, message, related=related))
        kind = str(keys[0].value) if keys else "request"
        if own is None or kind in ("request", "operation"):
            return self._request(step, "action")
        self._refuse_beside(step, own, kind)
        said = own.get(kind)
        assert isinstance(said, Scalar)  # the schema saw to it
        if kind == "sleep":
            return self._sleep(step, said)
        saga, problems = self._child(said)
        self.problems.extend(problems)
        if saga is None:  # told, and all else about the step still can be
            saga = Saga(self._source, said.place, str(name.value), 1, ())
        return SubSaga(said.place, saga, self._template(own.get("input")))

    def _refuse_beside(self, step: Map, own: Map, kind: str) -> None:
        """What has no meaning beside an action that is no request."""
        thing = f"a {'sleep' if kind == 'sleep' else 'sub-saga'}"
        allowed = (kind, "input") if kind == "saga" else (kind,)
        odd = [entry.key for entry in own if entry.name not in (*allowed, *KINDS)]
        odd += [entry.key for entry in step if entry.name in OF_A_REQUEST]
        undo = step.get("compensation")
        if undo is not None and not (isinstance(undo, Scalar) and undo.value == "none"):
            odd += [entry.key for entry in step if entry.name == "compensation"]
        for key in odd:
            hint = None
            if key.value == "compensation" and kind == "saga":
                hint = "its own compensations undo it"
            message = f'"{key.value}" has no meaning beside {thing}'
            self.problems.append(Problem("out-of-place", key.place, message, hint))

    def _sleep(self, step: Map, said: Scalar) -> Sleep:
        duration = self._template(said)
        assert duration is not None
        if duration.is_constant and parse_duration(str(said.value)) is None:
            message = f'"sleep" must be a duration such as 200ms, 10s or 24h, not "{said.value}"'
            self._tell("wrong-form", said.place, message)
        pivot = step.key("pivot")
        if pivot is not None and plain(step.get("pivot") or pivot) is True:
            message = "a sleep has no effect, so it is no point of no return"
            self._tell("out-of-place", pivot.place, message)
        return Sleep(said.place, duration)

    def _for_each(self, node: Map, child: Saga | None) -> ForEach | None:
        items = self._template(node.get("for_each"))
        limit = node.key("max_parallel")
        if items is None:
            if limit is not None:
                self._tell("out-of-place", limit.place, '"max_parallel" goes with "for_each"')
            return None
        if isinstance(node.get("for_each"), Scalar) and items.is_constant:
            place = items.node.place
            self._tell("wrong-type", place, '"for_each" must be a list, or an expression for one')
        pivot = node.key("pivot")
        if bool(_plain(node.get("pivot"), False)) or has_pivot(child):
            place = items.node.place if pivot is None else pivot.place
            message = "a pivot is one point of no return: it cannot stand in a for_each"
            self._tell("out-of-place", place, message)
        return ForEach(items, int(_plain(node.get("max_parallel"), 1)))

    def _settle(self, node: Map, action: Request) -> float:
        """How long a late request may be under way: no longer than the action waits for it."""
        lookup = node.get("lookup")
        beside, within = node.get("settle"), None
        if isinstance(lookup, Map):
            within = lookup.get("settle")
        if beside is not None and within is not None:
            related = (Related(beside.place, "and here"),)
            message = '"settle" stands in the step and in its lookup: once is enough'
            self.problems.append(Problem("settle-twice", within.place, message, related=related))
        seconds = self._seconds(beside if within is None else within)
        return action.timeout_s if seconds is None else seconds

    def _lookup(self, step: Map, action: Request) -> Lookup:
        node = step.get("lookup")
        # The step has one result, wherever it was learned.
        request = self._request(step, "lookup", result=action.result)
        if request.method not in ("GET", "HEAD"):
            message = f"a lookup only reads: it is a GET or a HEAD, not a {request.method}"
            self._tell("lookup-not-a-read", request.place, message)
        found = node.get("found") if isinstance(node, Map) else None
        return Lookup(request, self._template(found, bare=True))

    def _request(self, step: Map, key: str, result: Template | None = None) -> Request:
        node = step.get(key)
        own = node if isinstance(node, Map) else None
        line = own.get("request") or own.get("operation") if own is not None else node
        assert isinstance(line, Scalar)  # the schema saw to it
        service = self._service_of(step, own, line)
        called = None
        if own is not None:
            called = called_operation(key, own, line, service, self._silences, self.problems)
        silence = Silence(
            own=own,
            service=self._silences.get(service.name) if service is not None else None,
            defaults=self._defaults if isinstance(self._defaults, Map) else None,
            compensates=key == "compensation",
        )
        self._pay_for(silence, line)
        return Asking(self.problems, silence).request(line, service, result, called)

    def _pay_for(self, silence: Silence, line: Scalar) -> None:
        """Count what a request repeats of its service and the defaults; raises _TooMuch."""
        self._repeated += sum(
            self._size_of(said) for said in (silence.service, silence.defaults) if said is not None
        )
        if self._repeated > MAX_REPEATED:
            message = "what services and defaults say is repeated in too many requests"
            self._tell("file-too-large", line.place, message)
            raise _TooMuch

    def _size_of(self, said: Map) -> int:
        if id(said) not in self._sizes:
            self._sizes[id(said)] = _size(said)
        return self._sizes[id(said)]

    def _service_of(self, step: Map, own: Map | None, line: Scalar) -> Service | None:
        named = own.get("service") if own is not None else None
        _, _, address = str(line.value).partition(" ")
        if WHOLE.match(address.strip()) or address.strip().startswith("${{"):
            if named is not None:
                message = "a whole URL is not at the service: leave out one of them"
                self._tell("service-and-url", named.place, message)
            # The service of the step must not speak here: its headers hold its secrets.
            return None
        named = named or step.get("service")
        if not isinstance(named, Scalar):
            return None
        name = str(named.value)
        if name not in self._services:
            message = f'no service is called "{name}"{_meant(name, self._services)}'
            self._tell("unknown-service", named.place, message)
        # The name is unknown, and that is told; all else about the request still can be.
        return self._services.get(name) or Service(name, named.place, parse_template(named)[0])

    def _check_names(self, steps: list[Step]) -> None:
        first: dict[str, Place] = {}
        for step in steps:
            if step.name in first:
                related = (Related(first[step.name], f'"{step.name}" is here first'),)
                message = f'two steps are called "{step.name}"'
                problem = Problem("duplicate-step", step.place, message, related=related)
                self.problems.append(problem)
            first.setdefault(step.name, step.place)

    def _check_needs(self, nodes: list[Map], steps: list[Step]) -> None:
        names = {step.name: step.place for step in steps}
        written: dict[tuple[str, str], Place] = {}
        for node, step in zip(nodes, steps, strict=False):  # fewer steps, where it is full
            needs = node.get("needs")
            for need in needs.items if isinstance(needs, List) else ():
                if self._is_full:
                    return
                name = str(plain(need))
                written[step.name, name] = need.place
                if name == step.name:
                    self._tell("needs-itself", need.place, f'step "{name}" needs itself')
                elif name not in names:
                    message = f'step "{step.name}" needs "{name}", which no step is called'
                    self._tell("unknown-step", need.place, message + _meant(name, names))
        known = {s.name: tuple(n for n in s.needs if n != s.name) for s in steps}
        cycle = find_cycle(known)
        if cycle is None or len(names) < len(steps):
            return
        edges = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        places = [(edge, written.get(edge, names[edge[0]])) for edge in edges]
        related = tuple(Related(p, f'"{a}" needs "{b}"') for (a, b), p in places[1:])
        message = f"these steps need one another: {' → '.join([*cycle, cycle[0]])}"
        problem = Problem("needs-cycle", places[0][1], message, related=related)
        self.problems.append(problem)

    @property
    def _is_full(self) -> bool:
        """Whether more is wrong already than will be told."""
        return len(self.problems) > MAX_PROBLEMS

    def _template(self, node: Node | None, *, bare: bool = False) -> Template | None:
        if node is None:
            return None
        template, problems = parse_template(node, bare=bare)
        self.problems.extend(problems)
        return template

    def _seconds(self, node: Node | None) -> float | None:
        if node is None:
            return None
        seconds = parse_pause(str(plain(node)))
        if seconds is None:
            self._tell("wrong-value", node.place, f'"{plain(node)}" is longer than a century')
        return seconds

    def _tell(self, code: str, place: Place, message: str) -> None:
        self.problems.append(Problem(code, place, message))


def has_pivot(saga: Saga | None) -> bool:
    """Whether a saga has a point of no return, itself or in a sub-saga."""
    return saga is not None and any(step.pivot for step in saga.steps)


def _meant(name: str, known: Mapping[str, object]) -> str:
    close = nearest(name, list(known))
    return f'; did you mean "{close}"?' if close else ""


def _size(node: Node) -> int:
    """About how many characters a node was written with."""
    match node:
        case Scalar():
            return 1 + len(node.raw)
        case List():
            return 1 + sum(map(_size, node.items))
        case Map():
            return 1 + sum(1 + len(entry.name) + _size(entry.value) for entry in node)


def _entries(node: Node | None) -> Iterator[tuple[Scalar, Node]]:
    if isinstance(node, Map):
        for entry in node.entries:
            yield entry.key, entry.value


def _plain(node: Node | None, default: Json) -> Json:
    return default if node is None else plain(node)
