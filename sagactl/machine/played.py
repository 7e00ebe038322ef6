"""A call that the sandbox played, as a value for whoever keeps, shows or sends it.

Here and not in the room that plays, because views may not reach into that one.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum

from sagactl.machine.command import Phase
from sagactl.machine.request import rfc3339
from sagactl.source.node import Json


class EffectKind(StrEnum):
    """What a call did in the world."""

    APPLIED = "applied"
    UNDONE = "undone"
    NONE = "none"
    REPLAYED = "replayed"  # it had been done before; the same reply again
    EMPTY = "empty"  # an undo that found nothing; its action may not come after it


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedCall:
    """One call and what became of it. `status` None: no reply was sent.

    `step` and `phase` are None where no operation matched; `attempt` counts the calls of that phase
    in that saga, from 1. `effect_id` names the effect that the call made, found or undid, and
    `reply` is what is answered when the call comes again. `fault` is the word of the fault that
    struck, `note` says in words what was out of the ordinary.
    """

    at: float
    saga: str | None
    service: str | None
    step: str | None
    phase: Phase | None
    key: str | None
    action_key: str | None
    method: str
    path: str
    status: int | None
    effect: EffectKind
    fault: str | None = None
    effect_id: str | None = None
    digest: str | None = None
    reply: Json = None
    note: str | None = None
    attempt: int | None = None


def call_document(call: PlayedCall) -> dict[str, Json]:
    """A call in the words that other programs rely on; what only the sandbox needs is left out."""
    document = asdict(call)
    del document["digest"]
    return {**document, "at": rfc3339(call.at)}
