"""Orders: what ought to be under way now, and how an attempt can end.

Commands are comparable by value and name no hands: who sends a Call, and over what, is the
driver's and the participant's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from sagactl.definition.model import Lookup, OutcomeKind, Request
from sagactl.machine.event import Event
from sagactl.source.node import Json


class Phase(StrEnum):
    """The three conversations a step can have with its service."""

    ACTION = "action"
    LOOKUP = "lookup"
    COMPENSATION = "compensation"


@dataclass(frozen=True, slots=True)
class Sending:
    """The very bytes of a request: the same for every attempt, also after a crash.

    `url` is absolute, `body` is text in UTF-8. Headers that carry secrets are not here: they are
    made anew for each attempt.
    """

    method: str
    url: str
    content_type: str | None
    body: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """Send `sending` once, not before `due_at` (None: at once)."""

    run_id: str
    step: str
    phase: Phase
    attempt: int  # from 1, over the whole life of the step's phase
    key: str
    action_key: str
    sending: Sending
    request: Request = field(compare=False)  # how to send it and how to read the reply
    lookup: Lookup | None = field(compare=False, default=None)  # set where the phase is LOOKUP
    scope: Mapping[str, Json] = field(compare=False, default_factory=dict)  # all but `secrets`
    doubted: bool = False  # an earlier attempt of this phase ended unknown
    needs_body: bool = False  # something reads the reply's body
    needed_paths: tuple[tuple[str | int, ...], ...] = ()  # below the result, surely read later
    due_at: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Record a fact that follows from where the run stands, not before `due_at`.

    `event` has `at` 0.0; the driver fills in the time.
    """

    event: Event
    due_at: float | None = None


Command: TypeAlias = Call | Note


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended.

    `result` is what the step's result becomes (applied, or found by a lookup). `found` answers a
    lookup: True, False, or None where there was no answer. `absent`: the status was 404 or 410.
    `retriable` is False where trying again cannot help (a bad certificate, an unsendable value).
    """

    kind: OutcomeKind
    detail: str
    status: int | None = None
    result: Json = None
    found: bool | None = None
    retry_after_s: float | None = None
    absent: bool = False
    retriable: bool = True
