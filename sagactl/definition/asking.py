"""One request built from what it says, what its service says, and what the defaults say.

The first to speak is heard: the request, its service, `defaults`, the language. Only two keys are
put together from all of them: `retry` field by field, `headers` name by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sagactl.definition.address import is_whole, parse_request_line
from sagactl.definition.duration import parse_pause, parse_size
from sagactl.definition.model import (
    ACTION_RETRY,
    COMPENSATION_RETRY,
    SUCCESS_STATUSES,
    Idempotency,
    OutcomeKind,
    Request,
    Retry,
    Service,
    StatusSet,
    Success,
)
from sagactl.definition.status import is_status, listed, parse_statuses, shared_status
from sagactl.definition.template import Template, constant, parse_template
from sagactl.source.node import Entry, Map, Node, Scalar, plain
from sagactl.source.problem import Problem, Related

TIMEOUT_S = 10.0
MAX_REPLY_BYTES = 1024 * 1024
# The day that most services keep keys for, less an hour for clocks that disagree.
KEY_TTL_S = 23 * 3600.0
BODIES = ("json", "form", "body")
READS = ("GET", "HEAD", "OPTIONS")
# Every request carries these (one value each, ours), or the connection depends on them.
OURS = (
    "x-correlation-id", "traceparent", "saga-step", "saga-attempt", "saga-action-key",
    "connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding",
    "upgrade", "accept-encoding", "expect",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Silence:
    """Who speaks where a request is silent: its service, then `defaults`."""

    own: Map | None
    service: Map | None
    defaults: Map | None
    compensates: bool

    # All who are heard, the most particular first.
    speakers: tuple[Map, ...] = field(init=False)

    def __post_init__(self) -> None:
        every = (self.own, self.service, *self._defaults())
        object.__setattr__(self, "speakers", tuple(one for one in every if one is not None))

    def find(self, key: str) -> Node | None:
        """What is said under `key`, by whoever says it first."""
        return next(self.all(key), None)

    def all(self, key: str) -> Iterator[Node]:
        """Everything said under `key`, the most particular first."""
        for speaker in self.speakers:
            said = speaker.get(key)
            if said is not None:
                yield said

    def own_value(self, key: str) -> Node | None:
        """What the request itself says under `key`."""
        return self.own.get(key) if self.own is not None else None

    def _defaults(self) -> Iterator[Map | None]:
        if self.defaults is None:
            return
        if not self.compensates:
            yield self.defaults
            return
        for_undo = self.defaults.get("compensation")
        yield for_undo if isinstance(for_undo, Map) else None
        # `defaults.retry` is meant for actions: an undo is worth more patience than that.
        rest = tuple(e for e in self.defaults.entries if e.name != "retry")
        yield Map(self.defaults.place, rest)


@dataclass(frozen=True, slots=True)
class Called:
    """What an operation stands for: its method, None where it is unknown, and its address."""

    method: str | None
    url: Template


class Asking:
    """Builds one request; what is wrong with it goes to `problems`."""

    def __init__(self, problems: list[Problem], silence: Silence) -> None:
        self._problems = problems
        self._silence = silence

    def request(
        self,
        line: Scalar,
        service: Service | None,
        result: Template | None = None,
        called: Called | None = None,
    ) -> Request:
        """The request of a request line, or of the operation that a service's document calls so.

        `result` is what is kept where it does not say itself.
        """
        if called is None:
            method, url, problems = parse_request_line(line)
            self._problems.extend(problems)
        else:
            method, url = called.method, called.url
        is_path = url is not None and not is_whole(url)
        if is_path and service is None:
            message = f'"{line.value}" has a path but no service'
            hint = "name a service, or write the whole URL"
            self._problems.append(Problem("no-service", line.place, message, hint))
        self._check_bodies()
        return Request(
            place=line.place,
            method=method or "GET",
            url=url or constant("/", line.place),
            service=service,
            headers=self._headers(),
            query=self._own("query"),
            json=self._own("json"),
            form=self._own("form"),
            body=self._own("body"),
            timeout_s=self._timeout(),
            retry=self._retry(),
            idempotency=self._idempotency(method),
            outcomes=self._outcomes(),
            success=self._success(),
            fail_when=self._condition("fail_when"),
            result=self._own("result") or result,
            max_reply_bytes=self._size(),
            operation=None if called is None else str(line.value),
        )

    def _own(self, key: str) -> Template | None:
        node = self._silence.own_value(key)
        return None if node is None else self._template(node)

    def _template(self, node: Node, *, bare: bool = False) -> Template:
        template, problems = parse_template(node, bare=bare)
        self._problems.extend(problems)
        return template

    def _condition(self, key: str) -> Template | None:
        node = self._silence.find(key)
        return None if node is None else self._template(node, bare=True)

    def _check_bodies(self) -> None:
        own = self._silence.own
        written = [own.key(key) for key in BODIES] if own is not None else []
        keys = [key for key in written if key is not None]
        for key in keys[1:]:
            message = f'a request has one body: "{keys[0].value}" or "{key.value}"'
            related = (Related(keys[0].place, "the other one"),)
            self._problems.append(Problem("two-bodies", key.place, message, related=related))

    def _headers(self) -> tuple[tuple[str, Template], ...]:
        found: dict[str, tuple[str, Template]] = {}
        for said in reversed(list(self._silence.all("headers"))):
            here: dict[str, Entry] = {}
            for entry in said if isinstance(said, Map) else ():
                self._check_header(entry, here)
                found[entry.name.lower()] = (entry.name, self._template(entry.value))
        return tuple(found.values())

    def _check_header(self, entry: Entry, here: dict[str, Entry]) -> None:
        name = entry.name.lower()
        first = here.setdefault(name, entry)
        if first is not entry:
            message = f'the header "{entry.name}" stands twice: upper and lower case are the same'
            related = (Related(first.key.place, "here first"),)
            problem = Problem("duplicate-key", entry.key.place, message, related=related)
            self._problems.append(problem)
        if name in OURS or name == "idempotency-key":
            message = f'sagactl makes the header "{entry.name}" itself'
            hint = "idempotency: {header: …} names the key's header" if name not in OURS else None
            self._problems.append(Problem("reserved-header", entry.key.place, message, hint))

    def _timeout(self) -> float:
        node = self._silence.find("timeout")
        return TIMEOUT_S if node is None else self._seconds("timeout", node, TIMEOUT_S)

    def _seconds(self, key: str, node: Node, default: float) -> float:
        seconds = parse_pause(str(plain(node)))
        if seconds is None:
            message = f'"{key}" is longer than a century'
            self._problems.append(Problem("wrong-value", node.place, message))
            return default
        return seconds

    def _retry(self) -> Retry:
        usual = COMPENSATION_RETRY if self._silence.compensates else ACTION_RETRY
        said: dict[str, Node] = {}
        for node in reversed(list(self._silence.all("retry"))):
            said.update((e.name, e.value) for e in (node if isinstance(node, Map) else ()))
        attempts, first = said.get("max_attempts"), said.get("initial_interval")
        multiplier, longest = said.get("multiplier"), said.get("max_interval")
        return Retry(
            usual.max_attempts if attempts is None else int(plain(attempts)),
            usual.initial_interval_s
            if first is None
            else self._seconds("initial_interval", first, usual.initial_interval_s),
            usual.multiplier if multiplier is None else float(plain(multiplier)),
            usual.max_interval_s
            if longest is None
            else self._seconds("max_interval", longest, usual.max_interval_s),
        )

    def _idempotency(self, method: str | None) -> Idempotency | None:
        own = self._silence.own_value("idempotency")
        node = self._silence.find("idempotency") if own is None else own
        if node is None:
            return None
        if isinstance(node, Map):
            header, ttl = node.get("header"), node.get("ttl")
            return Idempotency(
                keyed=True,
                header="Idempotency-Key" if header is None else str(plain(header)),
                ttl_s=KEY_TTL_S if ttl is None else self._seconds("ttl", ttl, KEY_TTL_S),
            )
        if plain(node) == "key":
            return Idempotency(keyed=True, ttl_s=KEY_TTL_S)
        # A service without keys says nothing about reads, which have no effect to repeat
        # (RFC 9110, 9.2.1).
        return None if own is None and method in READS else Idempotency(keyed=False)

    def _outcomes(self) -> Mapping[OutcomeKind, StatusSet]:
        node = self._silence.find("outcomes")
        found: dict[OutcomeKind, StatusSet] = {}
        for entry in node if isinstance(node, Map) else ():
            statuses = parse_statuses(listed(entry.value))
            for other, known in found.items():
                if (status := shared_status(statuses, known)) is not None:
                    message = f'the status {status} is "{other}" already, and "{entry.name}" here'
                    problem = Problem("contradicting-outcomes", entry.value.place, message)
                    self._problems.append(problem)
            found[OutcomeKind(entry.name)] = statuses
        return found

    def _success(self) -> Success:
        node = self._silence.find("success")
        if node is None:
            return Success()
        items = listed(node)
        statuses = [item for item in items if is_status(plain(item))]
        conditions = [item for item in items if not is_status(plain(item))]
        return Success(
            parse_statuses(statuses) if statuses else SUCCESS_STATUSES,
            tuple(self._template(item) for item in conditions),
        )

    def _size(self) -> int:
        node = self._silence.find("max_reply")
        if node is None:
            return MAX_REPLY_BYTES
        size = parse_size(plain(node))
        if size is None:
            self._problems.append(Problem("wrong-value", node.place, '"max_reply" is at most 1GiB'))
        return size or MAX_REPLY_BYTES
