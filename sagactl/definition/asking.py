"""One request built from what it says, what its service says, and what the defaults say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sagactl.definition.address import is_whole, parse_request_line
from sagactl.definition.duration import parse_duration, parse_size
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
from sagactl.definition.template import Template, constant, parse_template
from sagactl.source.node import List, Map, Node, Scalar, plain
from sagactl.source.problem import Problem, Related

TIMEOUT_S = 10.0
MAX_REPLY_BYTES = 1024 * 1024
# The day that most services keep keys for, less an hour for clocks that disagree.
KEY_TTL_S = 23 * 3600.0
BODIES = ("json", "form", "body")


@dataclass(frozen=True, slots=True)
class Silence:
    """Who speaks where a request is silent: its service, then `defaults`."""

    own: Map | None
    service: Map | None
    defaults: Map | None
    compensates: bool

    def find(self, key: str) -> Node | None:
        """What is said under `key`, by whoever says it first."""
        return next(self.all(key), None)

    def all(self, key: str) -> Iterator[Node]:
        """Everything said under `key`, the most particular first."""
        for speaker in (self.own, self.service, *self._defaults()):
            said = speaker.get(key) if speaker is not None else None
            if said is not None:
                yield said

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


class Asking:
    """Builds one request; what is wrong with it goes to `problems`."""

    def __init__(self, problems: list[Problem], silence: Silence) -> None:
        self._problems = problems
        self._silence = silence

    def request(self, node: Node, service: Service | None, result: Template | None) -> Request:
        line = node.get("request") if isinstance(node, Map) else node
        assert isinstance(line, Scalar)  # the schema saw to it
        method, url, problems = parse_request_line(line)
        self._problems.extend(problems)
        if url is not None and service is None and not is_whole(url) and not problems:
            message = f'"{line.value}" has a path but no service: name one, or write the whole URL'
            self._problems.append(Problem("no-service", line.place, message))
        own = self._silence.own
        self._check_bodies(own)
        return Request(
            place=line.place,
            method=method or "GET",
            url=url or constant("/", line.place),
            service=None if url is not None and is_whole(url) else service,
            headers=self._headers(),
            query=self._own("query"),
            json=self._own("json"),
            form=self._own("form"),
            body=self._own("body"),
            timeout_s=self._seconds("timeout", TIMEOUT_S),
            retry=self._retry(),
            idempotency=self._idempotency(),
            outcomes=self._outcomes(),
            success=self._success(),
            fail_when=self._condition("fail_when"),
            result=self._own("result") or result,
            max_reply_bytes=self._size(),
        )

    def _own(self, key: str) -> Template | None:
        node = self._silence.own.get(key) if self._silence.own is not None else None
        return None if node is None else self._template(node)

    def _template(self, node: Node, *, bare: bool = False) -> Template:
        template, problems = parse_template(node, bare=bare)
        self._problems.extend(problems)
        return template

    def _condition(self, key: str) -> Template | None:
        node = self._silence.find(key)
        return None if node is None else self._template(node, bare=True)

    def _check_bodies(self, own: Map | None) -> None:
        written = [own.key(key) for key in BODIES] if own is not None else []
        keys = [key for key in written if key is not None]
        for key in keys[1:]:
            message = f'a request has one body: "{keys[0].value}" or "{key.value}"'
            related = (Related(keys[0].place, "the other one"),)
            self._problems.append(Problem("two-bodies", key.place, message, related=related))

    def _headers(self) -> tuple[tuple[str, Template], ...]:
        found: dict[str, tuple[str, Template]] = {}
        for said in reversed(list(self._silence.all("headers"))):
            for entry in said.entries if isinstance(said, Map) else ():
                found[entry.name.lower()] = (entry.name, self._template(entry.value))
        return tuple(found.values())

    def _seconds(self, key: str, default: float) -> float:
        node = self._silence.find(key)
        if node is None:
            return default
        seconds = parse_duration(str(plain(node)))
        if seconds is None:
            message = f'"{plain(node)}" is no time anybody waits'
            self._problems.append(Problem("wrong-value", node.place, message))
        return seconds or default

    def _retry(self) -> Retry:
        retry = COMPENSATION_RETRY if self._silence.compensates else ACTION_RETRY
        said: dict[str, object] = {}
        for node in reversed(list(self._silence.all("retry"))):
            said.update(plain(node))
        first_s = parse_duration(str(said.get("initial_interval", "")))
        longest_s = parse_duration(str(said.get("max_interval", "")))
        return Retry(
            max_attempts=int(str(said.get("max_attempts", retry.max_attempts))),
            initial_interval_s=first_s or retry.initial_interval_s,
            multiplier=float(str(said.get("multiplier", retry.multiplier))),
            max_interval_s=longest_s or retry.max_interval_s,
        )

    def _idempotency(self) -> Idempotency | None:
        node = self._silence.find("idempotency")
        if node is None:
            return None
        if isinstance(node, Map):
            said = plain(node)
            ttl_s = parse_duration(str(said.get("ttl", ""))) or KEY_TTL_S
            return Idempotency(True, said.get("header", "Idempotency-Key"), ttl_s)
        keyed = plain(node) == "key"
        return Idempotency(keyed, ttl_s=KEY_TTL_S if keyed else None)

    def _outcomes(self) -> Mapping[OutcomeKind, StatusSet]:
        found: dict[OutcomeKind, StatusSet] = {}
        for node in reversed(list(self._silence.all("outcomes"))):
            for entry in node.entries if isinstance(node, Map) else ():
                statuses = plain(entry.value)
                found[OutcomeKind(entry.name)] = StatusSet(tuple(map(_range, statuses)))
        return found

    def _success(self) -> Success:
        node = self._silence.find("success")
        if node is None:
            return Success()
        ranges: list[tuple[int, int]] = []
        conditions: list[Template] = []
        for item in node.items if isinstance(node, List) else (node,):
            text = str(plain(item))
            if "${{" in text:
                conditions.append(self._template(item))
            elif text == "2xx":
                ranges.extend(SUCCESS_STATUSES.ranges)
            elif text[1:] == "xx" or (text.isdigit() and 100 <= int(text) <= 599):
                ranges.append(_range(text))
            else:
                message = (
                    f'"{text}" is neither a status such as 404 or 2xx nor a ${{{{ condition }}}}'
                )
                self._problems.append(Problem("wrong-value", item.place, message))
        statuses = StatusSet(tuple(ranges)) if ranges else SUCCESS_STATUSES
        return Success(statuses, tuple(conditions))

    def _size(self) -> int:
        node = self._silence.find("max_reply")
        return MAX_REPLY_BYTES if node is None else parse_size(plain(node)) or MAX_REPLY_BYTES


def _range(status: object) -> tuple[int, int]:
    text = str(status)
    if text.endswith("xx"):
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    return int(text), int(text)
