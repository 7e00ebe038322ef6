"""The services of a saga, simulated: its calls reach the sandbox's participant, and no socket.

A call is told apart by the very headers a real one has, what is done by it goes into the same kind
of ledger, and what came of it is judged by the table that judges real replies. Scripted answers
come first; to whatever is not scripted the participant answers well.

What a service began it ends, whether or not anybody still listens: late work is the world's own and
goes on through timeouts and crashes.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Saga
from sagactl.machine.command import Call, Outcome
from sagactl.participants.heading import headers_of
from sagactl.participants.outcome import Fault as Unseen
from sagactl.participants.outcome import FaultKind as Why
from sagactl.participants.outcome import Reply as SeenReply
from sagactl.participants.outcome import Seen, classify
from sagactl.participants.redaction import Redaction
from sagactl.participants.wording import size_words
from sagactl.rehearsal.fault import Fault, FaultKind
from sagactl.rehearsal.ledger import Ledger
from sagactl.rehearsal.operation import sandbox_url
from sagactl.rehearsal.participant import Participant, Turn
from sagactl.rehearsal.wire import Received, Reply
from sagactl.rehearsal.written.clock import LeapingClock
from sagactl.rehearsal.written.model import Answer, Case, Crash, Target

# A saga that asks for so long asks for ever: `finish` with its budget of a day asks 8,640 times.
MOST_CALLS = 12_000
CLOSED = "connection closed without a reply"
RESET = "connection lost: Connection reset by peer"
HELD = (FaultKind.TIMEOUT, FaultKind.TIMEOUT_BEFORE)


@dataclass(slots=True)
class Sent:
    """A call that was made; `outcome` is None where nobody heard how it ended."""

    call: Call
    at: float
    headers: Mapping[str, str]  # by lower-case name
    has_arrived: bool
    outcome: Outcome | None = None

    @property
    def path(self) -> str:
        """What is asked of the service, as the definition writes it; a whole URL as it is."""
        service, url = self.call.request.service, self.call.sending.url
        prefix = "" if service is None else sandbox_url(service.name)
        return url[len(prefix) :] or "/" if prefix and url.startswith(prefix) else url

    @property
    def name(self) -> str:
        """Whose call it is: `STEP` or `STEP.PHASE`."""
        return str(Target(self.call.step, self.call.phase))


class World:
    """Answers the calls of one run, through all of its crashes."""

    def __init__(self, saga: Saga, case: Case, clock: LeapingClock) -> None:
        self.attempts: list[Sent] = []
        self.given: Counter[Target] = Counter()  # how many calls each script answered, at most
        self.ledger = Ledger()
        self.end: asyncio.Future[Crash | None] | None = None
        self._case = case
        self._clock = clock
        self._crashes = list(case.crashes)
        self._participant = Participant(saga, self.ledger, (), clock.now)
        self._redaction = Redaction(case.secrets.values())
        self._calls: Counter[tuple[Target, str]] = Counter()
        self._work: set[asyncio.Task[Reply | None]] = set()

    @property
    def sent(self) -> list[Sent]:
        """The calls that reached their services, in order."""
        return [attempt for attempt in self.attempts if attempt.has_arrived]

    @property
    def uncrashed(self) -> list[Crash]:
        """The crashes that have not come."""
        return self._crashes

    def interruption(self) -> "asyncio.Future[Crash | None]":
        """Done when sagactl is to die, with the crash; with None where there is no end to it."""
        self.end = asyncio.get_running_loop().create_future()
        return self.end

    async def settle(self) -> None:
        """Until all the work is done that anybody began."""
        while self._work:
            await asyncio.gather(*self._work)

    async def send(self, call: Call) -> Outcome:
        """Send the call, and say how it ended."""
        await self._die_if(call, is_before=True)
        try:
            headers, confidential = headers_of(call, self._case.secrets)
        except ExpressionFailed as failure:
            words = f"a header cannot be sent: {failure.message}"
            return self._outcome(call, Unseen(Why.UNSENDABLE, words), self._redaction)
        redaction = Redaction([*self._case.secrets.values(), *confidential])
        answer, received = self._answer(call), _received(call, headers)
        arrives = answer is None or not answer.is_refused
        sent = Sent(call, self._clock.now(), received.headers, arrives)
        self.attempts.append(sent)
        if len(self.attempts) > MOST_CALLS:
            await self._die(None)
        seen: Seen = Unseen(Why.CONNECT_REFUSED)
        if arrives:
            seen = await self._exchange(call, received, answer)
            await self._die_if(call, is_before=False)
        sent.outcome = self._outcome(call, seen, redaction)
        return sent.outcome

    def _outcome(self, call: Call, seen: Seen, redaction: Redaction) -> Outcome:
        outcome = classify(call, seen, self._clock.now(), redaction.text)
        result = redaction.value(outcome.result)
        return replace(outcome, detail=redaction.text(outcome.detail), result=result)

    async def _die_if(self, call: Call, *, is_before: bool) -> None:
        crash = self._crashes[0] if self._crashes else None
        if crash is None or crash.is_before is not is_before:
            return
        if crash.target.meets(call.step, call.phase):
            del self._crashes[0]
            await self._die(crash)

    async def _die(self, crash: Crash | None) -> None:
        assert self.end is not None  # whoever drives waits for it
        if not self.end.done():
            self.end.set_result(crash)
        await asyncio.get_running_loop().create_future()  # nothing happens after it

    def _answer(self, call: Call) -> Answer | None:
        """What is scripted for the call; the very instance's script counts before its step's."""
        scripts = [s for s in self._case.scripts if s.target.meets(call.step, call.phase)]
        script = max(scripts, key=lambda script: len(script.target.step), default=None)
        if script is None:
            return None
        target = script.target
        number = self._calls[target, call.step]
        self._calls[target, call.step] += 1
        self.given[target] = max(self.given[target], number + 1)
        return script.first[number] if number < len(script.first) else script.ever

    async def _exchange(self, call: Call, received: Received, answer: Answer | None) -> Seen:
        until = self._clock.now() + call.request.timeout_s
        turn, delay_s = self._turn(received, answer)
        if delay_s:
            work = asyncio.create_task(self._late(turn, delay_s))
            self._work.add(work)
            work.add_done_callback(self._work.discard)
            if delay_s >= call.request.timeout_s:
                return await self._timeout(call, until)
            reply = await asyncio.shield(work)
        else:
            reply = self._participant.play(turn).reply
        if answer is not None and answer.reply is not None:
            reply = answer.reply
        if reply is not None:
            return _seen(call, reply)
        kind = None if turn.fault is None else turn.fault.kind
        if kind in HELD:
            return await self._timeout(call, until)
        return Unseen(Why.CONNECTION_LOST, CLOSED if kind is FaultKind.DROP else RESET)

    def _turn(self, received: Received, answer: Answer | None) -> tuple[Turn, float]:
        """The call as the participant is to play it, and how late."""
        turn = self._participant.turn(received)
        # A key that is still being worked on is answered so, unless a reply is scripted.
        if answer is None or (turn.is_running and answer.reply is None):
            return turn, 0.0
        fault, delay_s = answer.fault, answer.delay_s
        if fault is not None and fault.delay_s is not None:
            return turn, fault.delay_s
        if fault is None and answer.reply and not answer.is_done and turn.match is not None:
            match = turn.match
            fault = Fault(match.instance, match.operation.phase, FaultKind.TIMEOUT_BEFORE)
        if fault is None and answer.reply is None:
            return turn, delay_s
        return replace(turn, fault=fault, answer=answer.reply, is_running=False), delay_s

    async def _late(self, turn: Turn, delay_s: float) -> Reply | None:
        with self._participant.working(turn):
            await self._clock.sleep_until(self._clock.now() + delay_s)
            return self._participant.play(turn).reply

    async def _timeout(self, call: Call, until: float) -> Seen:
        await self._clock.sleep_until(until)
        return Unseen(
            Why.READ_TIMEOUT, f"{Why.READ_TIMEOUT.words} after {call.request.timeout_s:g}s"
        )


def _received(call: Call, headers: list[tuple[str, str]]) -> Received:
    """The call as its service would receive it."""
    url = urlsplit(call.sending.url)
    query = f"?{url.query}" if url.query else ""
    named = {name.lower(): value for name, value in headers}
    body = (call.sending.body or "").encode()
    target = f"{url.path or '/'}{query}"
    return Received(call.sending.method, target, {**named, "host": url.netloc}, body, True)


def _seen(call: Call, reply: Reply) -> Seen:
    """The reply as sagactl sees it."""
    content = b"" if call.sending.method == "HEAD" else reply.content
    headers = dict(reply.headers)
    if content:
        headers.setdefault("Content-Type", reply.content_type)
    limit = call.request.max_reply_bytes
    if len(content) > limit:
        trouble = f"it is over {size_words(limit)}"
        return SeenReply(reply.status, tuple(headers.items()), content[:limit], False, trouble)
    if reply.announced is not None and reply.announced > len(content):
        told = f"it is over {size_words(limit)}" if reply.announced > limit else "it was cut"
        return SeenReply(reply.status, tuple(headers.items()), content, False, told)
    return SeenReply(reply.status, tuple(headers.items()), content)
