"""A good participant: what a service ought to do with the requests of a saga.

Theory of operation
-------------------
A call makes a Turn: the operation it means, whose it is, its key, and the fault that strikes it.
`play` ends a turn at one instant: it looks at the ledger, decides, writes the call down, and only
then is there a reply. Nothing happens between the decision and the line in the ledger, so two
calls at once are always two calls one after the other.

The promises kept are those that sagactl asks of a service: one effect per key, the same reply for
the same key, 422 for a key with another request, 409 while a key is still being worked on; PUT and
DELETE without a key are idempotent by their path. An undo that comes before its action is accepted
and bars the way for it; an undo that comes twice undoes once.

Deliberately absent: the network. Whether the reply leaves, and how, is the server's business.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sagactl.definition.model import Saga
from sagactl.machine.command import Call, Phase
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.fault import Fault, FaultKind, striking
from sagactl.rehearsal.ledger import Effect, EffectKind, Ledger, PlayedCall
from sagactl.rehearsal.memory import as_kept, found_effects, kept_reply, undoable_effects
from sagactl.rehearsal.operation import Match, find_operation, operations
from sagactl.rehearsal.recall import recalled
from sagactl.rehearsal.reply import Made, Replies
from sagactl.rehearsal.wire import BODILESS, Received, Reply, problem
from sagactl.source.node import Json

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
IDEMPOTENT_METHODS = ("PUT", "DELETE")
# No reply is ever sent for these.
SILENT = (
    FaultKind.TIMEOUT,
    FaultKind.TIMEOUT_BEFORE,
    FaultKind.RESET_AFTER,
    FaultKind.RESET_BEFORE,
    FaultKind.DROP,
    FaultKind.REFUSED,
)
# What the same call is answered from, when it comes again.
LASTING = (EffectKind.APPLIED, EffectKind.UNDONE, EffectKind.EMPTY)
GARBAGE = b'{"id": "'
SPOILT = (FaultKind.GARBAGE, FaultKind.CUT, FaultKind.OVERSIZED)


@dataclass(frozen=True, slots=True)
class Turn:
    """One call, understood. `key` is the call's own; `is_keyed` says whether it counts for much.

    `answer` is what somebody else wants to be answered, where it is done.
    """

    received: Received
    match: Match | None
    saga: str | None
    key: str | None
    is_keyed: bool
    fault: Fault | None
    is_running: bool  # another call with the same key is still being worked on
    attempt: int | None = None
    answer: Reply | None = None

    @property
    def service(self) -> str | None:
        if self.match is not None:
            return self.match.operation.service
        return None

    @property
    def digest(self) -> str:
        """What makes a request the same request."""
        head = f"{self.received.method} {self.received.path}\n".encode()
        return hashlib.sha256(head + self.received.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Played:
    """A turn that is over: its line in the ledger, and the reply, None where none is sent."""

    call: PlayedCall
    reply: Reply | None


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a turn does, and what would be answered if nothing went wrong on the way."""

    effect: EffectKind
    reply: Reply
    effect_id: str | None = None
    action_key: str | None = None
    note: str | None = None


class Participant:
    """Plays all services of a saga on one ledger."""

    def __init__(
        self,
        saga: Saga,
        ledger: Ledger,
        faults: Sequence[Fault],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._operations = operations(saga)
        self._replies = Replies(saga)
        self._ledger = ledger
        self._faults = tuple(faults)
        self._now = now
        self._running: list[Turn] = []

    def turn(self, received: Received) -> Turn:
        """The call, understood."""
        match = find_operation(self._operations, received)
        saga = received.headers.get("x-correlation-id")
        if match is None:
            return Turn(received, None, saga, None, False, None, False)
        request = match.operation.request
        said = request.idempotency
        name = "Idempotency-Key" if said is None else said.header
        headers = received.headers
        key = headers.get(name.lower()) or headers.get("idempotency-key")
        is_keyed = key is not None and (said is None or said.keyed)
        is_keyed = is_keyed and match.operation.phase is not Phase.LOOKUP
        attempt = 1 + self._earlier(match, saga)
        turn = Turn(received, match, saga, key, is_keyed, None, False, attempt)
        if any(_is_same_key(turn, other) for other in self._running):
            return replace(turn, is_running=True)
        return replace(turn, fault=self._fault(match, attempt))

    def refused(self, call: Call) -> PlayedCall | None:
        """Note a call that is to find nobody listening; None where it is to be sent.

        Raises StoreRefused. It is asked before a connection is made: whoever has a connection
        has reached the service, and no fault takes that back.
        """
        path, phase = path_as_written(call.step), call.phase
        earlier = self._ledger.attempts(call.run_id, call.step, phase)
        fault = striking(self._faults, (path, call.step), phase, earlier)
        if fault is None or fault.kind is not FaultKind.REFUSED:
            return None
        service = call.request.service
        played = PlayedCall(
            at=self._now(),
            saga=call.run_id,
            service=None if service is None else service.name,
            step=call.step,
            phase=phase,
            key=call.key,
            action_key=call.action_key if phase is Phase.COMPENSATION else None,
            method=call.sending.method,
            path=urlsplit(call.sending.url)._replace(scheme="", netloc="").geturl(),
            status=None,
            effect=EffectKind.NONE,
            fault=fault.word,
            attempt=earlier + 1,
        )
        self._ledger.append(played)
        return played

    @contextmanager
    def working(self, turn: Turn) -> Iterator[None]:
        """While in here, the turn's key is in progress."""
        self._running.append(turn)
        try:
            yield
        finally:
            self._running.remove(turn)

    def play(self, turn: Turn) -> Played:
        """End a turn; raises StoreRefused where the ledger cannot be written."""
        if turn.match is None:
            return self._noted(turn, _Decision(EffectKind.NONE, self._unknown()))
        if turn.is_running:
            running = problem(409, "a request with this key is still being worked on")
            return self._noted(turn, _Decision(EffectKind.NONE, running))
        if turn.fault is not None and turn.fault.prevents_effect:
            status, why = turn.fault.status or 500, f'on order: "{turn.fault}"'
            seed = turn.key or turn.received.path
            refusal = self._replies.refused(turn.match.operation, status, why, seed)
            return self._noted(turn, _Decision(EffectKind.NONE, refusal))
        return self._noted(turn, self._decided(turn, turn.match))

    def _fault(self, match: Match, attempt: int) -> Fault | None:
        names = (match.operation.path, match.instance)
        return striking(self._faults, names, match.operation.phase, attempt - 1)

    def _earlier(self, match: Match, saga: str | None) -> int:
        """How many attempts there were before, those that are still worked on among them."""
        instance, phase = match.instance, match.operation.phase
        running = sum(
            other.saga == saga
            and other.match is not None
            and (other.match.instance, other.match.operation.phase) == (instance, phase)
            for other in self._running
        )
        return self._ledger.attempts(saga, instance, phase) + running

    def _decided(self, turn: Turn, match: Match) -> _Decision:
        match match.operation.phase:
            case Phase.ACTION:
                return self._action(turn, match)
            case Phase.LOOKUP:
                return self._lookup(turn, match)
            case Phase.COMPENSATION:
                return self._compensation(turn, match)

    def _action(self, turn: Turn, match: Match) -> _Decision:
        if turn.received.method in SAFE_METHODS:
            made = self._done(turn, match, turn.key or turn.received.path)
            return _Decision(EffectKind.NONE, made.reply, note=made.note)
        if self._ledger.is_barred(turn.key, turn.saga, match.instance):
            # The undo was told that it is done; doing it now would leave it done for good.
            late = problem(410, "this was undone already and is not done any more")
            return _Decision(EffectKind.NONE, late, note="it arrived after its undo")
        again = self._again(turn)
        if again is not None:
            return again
        effect_id = turn.key
        if effect_id is None or self._ledger.has_effect(effect_id):
            effect_id = uuid.uuid4().hex
        natural = turn.key is None and turn.received.method in IDEMPOTENT_METHODS
        made = self._done(turn, match, turn.received.path if natural else effect_id)
        return _Decision(EffectKind.APPLIED, made.reply, effect_id, note=made.note)

    def _compensation(self, turn: Turn, match: Match) -> _Decision:
        again = self._again(turn)
        if again is not None:
            return again
        action_key = turn.received.headers.get("saga-action-key")
        found = undoable_effects(self._ledger, match, turn.received, turn.saga, action_key)
        standing = [effect for effect in found if not self._ledger.is_undone(effect)]
        made = self._done(turn, match, turn.key or turn.received.path)
        if standing:
            return self._undone(standing[0], made)
        if found:
            return _Decision(EffectKind.REPLAYED, made.reply, found[0].id, note="undone already")
        request = match.operation.request
        if request.method == "DELETE" and 404 in request.success.statuses:
            nothing = "there is nothing to undo"
            made = Made(self._replies.refused(match.operation, 404, nothing, seed=""))
        note = "there was nothing to undo"
        return _Decision(EffectKind.EMPTY, made.reply, action_key=action_key, note=note)

    def _undone(self, effect: Effect, made: Made) -> _Decision:
        return _Decision(EffectKind.UNDONE, made.reply, effect.id, effect.key, made.note)

    def _lookup(self, turn: Turn, match: Match) -> _Decision:
        names = recalled(match, turn.received, turn.saga)
        found = found_effects(self._ledger, match, turn.received, turn.saga)
        if not found:
            made = self._replies.missing(match.operation, names)
            return _Decision(EffectKind.NONE, made.reply, note=made.note)
        told = kept_reply(found[0].call)
        made = self._replies.found(match.operation, names, found[0].id, told)
        return _Decision(EffectKind.NONE, made.reply, found[0].id, note=made.note)

    def _again(self, turn: Turn) -> _Decision | None:
        """The decision on a call that was there before; None where it is new."""
        before = None
        if turn.is_keyed and turn.key is not None:
            before = self._ledger.remembered(turn.service, turn.key)
            if before is not None and before.digest != turn.digest:
                other = problem(422, "this key came with another request before")
                return _Decision(EffectKind.NONE, other, note="the same key, another request")
        elif turn.received.method in IDEMPOTENT_METHODS:
            before = self._same_path(turn)
        if before is None:
            return None
        return _Decision(EffectKind.REPLAYED, kept_reply(before), before.effect_id)

    def _same_path(self, turn: Turn) -> PlayedCall | None:
        if turn.match is None or turn.match.operation.phase is not Phase.ACTION:
            return None
        for effect in self._ledger.effects(turn.match.operation.path):
            same = (effect.call.method, effect.call.path) == (
                turn.received.method,
                turn.received.path,
            )
            if same and not self._ledger.is_undone(effect):
                return effect.call
        return None

    def _done(self, turn: Turn, match: Match, seed: str) -> Made:
        if turn.answer is not None:
            return Made(turn.answer)
        names = recalled(match, turn.received, turn.saga)
        return self._replies.done(match.operation, names, seed)

    def _unknown(self) -> Reply:
        known: list[Json] = [str(operation) for operation in self._operations]
        return problem(404, "no operation of the definition is like this", operations=known)

    def _noted(self, turn: Turn, decision: _Decision) -> Played:
        reply = _as_sent(turn, decision.reply)
        match = turn.match
        headers = turn.received.headers
        call = PlayedCall(
            at=self._now(),
            saga=turn.saga,
            service=turn.service,
            step=None if match is None else match.instance,
            phase=None if match is None else match.operation.phase,
            key=turn.key,
            action_key=decision.action_key or headers.get("saga-action-key"),
            method=turn.received.method,
            path=turn.received.path,
            status=None if reply is None else reply.status,
            effect=decision.effect,
            fault=None if turn.fault is None else turn.fault.word,
            effect_id=decision.effect_id,
            digest=turn.digest if turn.is_keyed else None,
            reply=as_kept(decision.reply) if decision.effect in LASTING else None,
            note=decision.note,
            attempt=turn.attempt,
        )
        self._ledger.append(call)
        return Played(call, reply)


def _is_same_key(turn: Turn, other: Turn) -> bool:
    return turn.is_keyed and (turn.service, turn.key) == (other.service, other.key)


def _as_sent(turn: Turn, reply: Reply) -> Reply | None:
    """The reply as the fault leaves it."""
    fault = turn.fault
    if fault is not None and fault.kind in SILENT:
        return None
    if fault is None or fault.prevents_effect:
        return reply
    is_lookup = turn.match is not None and turn.match.operation.phase is Phase.LOOKUP
    # A refusal stays one: a fault that promises an effect must not lie about its absence.
    if reply.status >= 400 and not is_lookup:
        return reply
    if fault.kind in SPOILT and turn.received.method != "HEAD":
        return _spoilt(turn, fault.kind, reply)
    return reply if fault.status is None else replace(reply, status=fault.status)


def _spoilt(turn: Turn, kind: FaultKind, reply: Reply) -> Reply:
    """A reply whose status is good, and whose body is no use."""
    status = 200 if reply.status in BODILESS or reply.status >= 400 else reply.status
    spoilt = replace(reply, status=status, raw=GARBAGE)
    match kind:
        case FaultKind.CUT:
            whole = reply.content or b"{}"
            return replace(spoilt, raw=whole[: len(whole) // 2], announced=len(whole))
        case FaultKind.OVERSIZED:
            whole = reply.content or b"{}"
            allowed = 0 if turn.match is None else turn.match.operation.request.max_reply_bytes
            # Blanks behind it: nothing is wrong with it but that it is too long.
            return replace(spoilt, raw=whole, announced=max(allowed, len(whole)) + 1)
    return spoilt
