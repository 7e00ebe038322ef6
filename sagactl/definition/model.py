"""A saga as values: what the YAML says, checked, with every default filled in.

Frozen and complete: nothing downstream looks at YAML again or asks what an absent key means.
Durations are in seconds, sizes in bytes. How the values are read is the builder's business, what
they lead to the machine's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from sagactl.definition.kept import kept
from sagactl.definition.template import Template
from sagactl.source.node import Json
from sagactl.source.place import Place, Source

if TYPE_CHECKING:
    from sagactl.definition.openapi.document import Document


class OutcomeKind(StrEnum):
    """The five ways an attempt can end."""

    APPLIED = "applied"
    RESULT_LOST = "result_lost"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class OnUnknown(StrEnum):
    """What is done about an outcome that nobody could find out."""

    FINISH = "finish"
    COMPENSATE = "compensate"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class StatusSet:
    """HTTP statuses, as inclusive ranges."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)


# 202 says "accepted, not done yet" (RFC 9110, 15.3.3), so no 2xx includes it unless it is named.
SUCCESS_STATUSES = StatusSet(((200, 201), (203, 299)))


@dataclass(frozen=True, slots=True)
class Success:
    """When a reply counts as applied: its status is in `statuses` and every condition is true."""

    statuses: StatusSet = SUCCESS_STATUSES
    conditions: tuple[Template, ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """`max_attempts` counts the first one; an interval is at most `max_interval_s`."""

    max_attempts: int
    initial_interval_s: float
    multiplier: float
    max_interval_s: float


ACTION_RETRY = Retry(4, 0.2, 2.0, 10.0)
COMPENSATION_RETRY = Retry(10, 1.0, 2.0, 30.0)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """What a service promises about a repeated key: `keyed` and for how long, or nothing at all."""

    keyed: bool
    header: str = "Idempotency-Key"
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password (RFC 7617)."""

    username: Template
    password: Template


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token (RFC 6750)."""

    token: Template


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """An access token by client credentials (RFC 6749, 4.4)."""

    token_url: Template
    client_id: Template
    client_secret: Template
    scope: Template | None = None
    audience: Template | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM, by paths from where sagactl runs: a certificate, its key, who is trusted."""

    place: Place
    cert: str | None = None
    key: str | None = None
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class Auth:
    """How requests to a service say who sends them."""

    scheme: Basic | Bearer | ClientCredentials | None
    tls: Tls | None = None

    def templates(self) -> Iterator[Template]:
        """Every template in it."""
        for name in getattr(self.scheme, "__dataclass_fields__", ()):
            template = getattr(self.scheme, name)
            if template is not None:
                yield template


@dataclass(frozen=True, slots=True)
class Service:
    """A named HTTP endpoint; at most `max_concurrency` requests are under way at it.

    `document` is what it says of itself, in a file that the definition names.
    """

    name: str
    place: Place
    url: Template
    max_concurrency: int | None = None
    document: "Document | None" = field(default=None, repr=False, compare=False)
    auth: Auth | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as written, with what its service and the defaults say already in it."""

    place: Place
    method: str
    url: Template  # what follows the method: a path below the service's URL, or a whole URL
    service: Service | None
    headers: tuple[tuple[str, Template], ...] = ()
    query: Template | None = None
    json: Template | None = None
    form: Template | None = None
    body: Template | None = None
    timeout_s: float = 10.0
    retry: Retry = ACTION_RETRY
    idempotency: Idempotency | None = None  # None: nothing was said
    outcomes: Mapping[OutcomeKind, StatusSet] = field(default_factory=dict)
    success: Success = Success()
    fail_when: Template | None = None
    result: Template | None = None
    max_reply_bytes: int = 1024 * 1024
    operation: str | None = None  # the operationId that stood in place of method and path

    @property
    def may_repeat(self) -> bool:
        """Whether sending it again, under the same key, does no harm (RFC 9110, 9.2.2)."""
        if self.idempotency is not None:
            return self.idempotency.keyed
        return self.method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")


@dataclass(frozen=True, slots=True)
class Sleep:
    """A wait; `duration` gives a text such as `24h`."""

    place: Place
    duration: Template


@dataclass(frozen=True, slots=True)
class SubSaga:
    """Another definition, carried out as a step; its output is the step's result."""

    place: Place
    saga: "Saga"
    input: Template | None = None


# What a step does.
Action: TypeAlias = Request | Sleep | SubSaga


@dataclass(frozen=True, slots=True)
class ForEach:
    """The elements that a step is carried out for, at most `max_parallel` of them at once."""

    items: Template
    max_parallel: int = 1


@dataclass(frozen=True, slots=True)
class Lookup:
    """The question whether an action took place; `found` None means: 2xx yes, 404 no."""

    request: Request
    found: Template | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `needs` is always filled in: the step above, where the file is silent."""

    name: str
    place: Place  # of its name
    action: Action
    needs: tuple[str, ...]
    settle_s: float = 0.0  # how long a late request may still be under way
    lookup: Lookup | None = None
    compensation: Request | None = None
    compensation_none: bool = False  # `compensation: none` was written
    when: Template | None = None
    pivot: bool = False
    on_unknown: OnUnknown | None = None  # None: not written, the plan chooses
    budget_s: float | None = None  # of `finish`
    timeout_s: float | None = None  # of the step as a whole
    example: Template | None = None  # a reply body for the sandbox and rehearsals
    for_each: ForEach | None = None

    @property
    def request(self) -> Request | None:
        """The request that its action is, None for a sleep or a sub-saga."""
        return self.action if isinstance(self.action, Request) else None

    @property
    def child(self) -> "Saga | None":
        """The saga that its action is, if it is one."""
        return self.action.saga if isinstance(self.action, SubSaga) else None


@dataclass(frozen=True, slots=True)
class Saga:
    """A whole definition. `input_schema` is the plain JSON Schema, None where none is written."""

    source: Source
    place: Place  # of its name
    name: str
    version: int | str
    steps: tuple[Step, ...]
    services: Mapping[str, Service] = field(default_factory=dict)
    description: str | None = None
    id: Template | None = None
    input_schema: Json = None
    timeout_s: float | None = None
    output: Template | None = None

    def family(self) -> Iterator["Saga"]:
        """This saga and all of its sub-sagas, however deep, each place of them once."""
        yield self
        for step in self.steps:
            if step.child is not None:
                yield from step.child.family()

    def step(self, name: str) -> Step:
        """The step called `name`; KeyError where there is none."""
        return _by_name(self.steps)[name]


@kept
def _by_name(steps: tuple[Step, ...]) -> Mapping[str, Step]:
    return {step.name: step for step in reversed(steps)}
