"""Attempts as they are logged: a JSON value for programs, a line for people; nothing sensitive."""

import re

from sagactl.machine.attempted import Attempted
from sagactl.machine.request import rfc3339
from sagactl.source.node import Json
from sagactl.views.carets import visible
from sagactl.views.veil import MASK, Veil, veil_of

# A user and a password in front of a host. Such a request is never sent, but it is told about.
USERINFO = re.compile(r"(?<=://)[^/?#]*@")


class AttemptView:
    """What may be shown of attempts, whatever runs they belong to."""

    # Of so many runs the veils are kept: a run under way is asked for again and again.
    KEPT = 256

    def __init__(self) -> None:
        self._veils: dict[str, tuple[object, Veil]] = {}

    def document(self, attempted: Attempted) -> dict[str, Json]:
        """The attempt as a JSON value."""
        call, outcome = attempted.call, attempted.outcome
        veil = self._veil(attempted)
        return {
            "at": rfc3339(attempted.began_at),
            "id": call.run_id,
            "correlation_id": call.run_id,
            "saga": attempted.run.saga,
            "step": call.step,
            "phase": str(call.phase),
            "attempt": call.attempt,
            "method": call.sending.method,
            "url": USERINFO.sub(f"{MASK}@", veil.text(call.sending.url)),
            "status": outcome.status,
            "outcome": str(outcome.kind),
            "duration_ms": max(0, round((attempted.ended_at - attempted.began_at) * 1000)),
            "reason": veil.text(outcome.detail),
        }

    def _veil(self, attempted: Attempted) -> Veil:
        run = attempted.run
        members, veil = self._veils.get(run.id, (None, None))
        # What a sub-saga is given may be sensitive in its own words.
        if veil is None or members is not run.members:
            if len(self._veils) >= self.KEPT:
                self._veils.clear()
            veil = veil_of(attempted.plan, run)
            self._veils[run.id] = run.members, veil
        return veil


def attempt_line(document: dict[str, Json]) -> str:
    """The same in one line."""
    phase = "" if document["phase"] == "action" else f"{document['phase']} "
    return visible(
        f"{document['at']} {document['id']} {document['step']} {phase}{document['attempt']}: "
        f"{document['method']} {document['url']}: {document['outcome']} "
        f"in {document['duration_ms']}ms: {document['reason']}"
    )
