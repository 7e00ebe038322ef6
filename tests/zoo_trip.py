"""A saga of three steps whose service misbehaves at one of them, and keeps books of what it did.

The real driver, machine and HTTP against raw sockets; every case has a service, and so a port, of
its own. The books say what took place, whatever anybody was told about it.
"""

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import trustme
from invariants import Deed, Done, check
from zoo import ANIMALS, DOORS, TLS_DOORS, Peer, ok, reply
from zoo_table import FINAL, HANG, Case, Keeps, Moment, Times, end

from sagactl.definition.loader import load
from sagactl.definition.model import OutcomeKind
from sagactl.engine.clock import SystemClock
from sagactl.engine.driver import Driver
from sagactl.engine.group_commit import DirectCommit
from sagactl.journal.store import MemoryStore
from sagactl.machine import event as e
from sagactl.machine.command import Call, Outcome, Phase
from sagactl.machine.plan import Plan, make_plan
from sagactl.machine.run import Run
from sagactl.participants.web import Web
from sagactl.source.place import Source

# Only what hangs is to meet its deadline; all else has time enough on the slowest machine.
SHORT_S, LONG_S = 0.8, 60.0
LATE_S = 0.9
EARLY = {"early-reply": ok(), "early-refusal": reply("413 Content Too Large")}
# Its behaviour is in its handshake, so it is met with TLS.
HANDSHAKES = {*TLS_DOORS, *FINAL}
RETRY = "{max_attempts: 3, initial_interval: 1ms, max_interval: 40ms}"


@dataclass(frozen=True)
class Contexts:
    """TLS: what clients trust, a server's that is right, and others with something wrong."""

    trusting: ssl.SSLContext
    served: dict[str, ssl.SSLContext]


@lru_cache(maxsize=1)
def contexts() -> Contexts:
    authority, stranger = trustme.CA(), trustme.CA()
    past = datetime(2020, 1, 1, tzinfo=UTC)
    certificates = {
        "right": authority.issue_cert("127.0.0.1"),
        "tls-elsewhere": authority.issue_cert("elsewhere.example"),
        "tls-expired": authority.issue_cert("127.0.0.1", not_before=past, not_after=past),
        "tls-stranger": stranger.issue_cert("127.0.0.1"),
    }
    served = {}
    for name, certificate in certificates.items():
        served[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(served[name])
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return Contexts(trusting, served)


def definition(case: Case, url: str, door_url: str) -> str:
    names = ["a", "b", "c"] + (["d"] if case.phase is Phase.COMPENSATION else [])
    return "saga: trip\nversion: 1\nsteps:\n" + "".join(
        _step(case, name, url, door_url) for name in names
    )


def _step(case: Case, name: str, url: str, door_url: str) -> str:
    keeps = case.keeps if name == case.step else Keeps.KEY
    act, undo = ("PUT", "DELETE") if keeps is Keeps.NATURE else ("POST", "POST")
    word = {Keeps.KEY: "idempotency: key", Keeps.NATURE: "", Keeps.NOTHING: "idempotency: none"}
    here = name == case.step
    # While an action is asked about in vain, its budget ends; a lookup leaves time to finish.
    forever = case.times is Times.ALWAYS and case.phase is Phase.ACTION
    lookup = here and case.phase is Phase.LOOKUP

    def request(method: str, phase: Phase, *more: str) -> str:
        met = here and phase is case.phase
        timeout_s = SHORT_S if met and case.animal in HANG else LONG_S
        retry = RETRY.replace("3", "1") if lookup and phase is Phase.ACTION else RETRY
        return "\n".join(
            f"      {line}"
            for line in (
                f"request: {method} {door_url if met else url}/{name}/{phase}",
                f"timeout: {timeout_s * 1000:g}ms",
                f"retry: {retry}",
                *more,
            )
            if line
        )

    body = f"json: {{step: {name}, for: '${{{{ saga.id }}}}'}}"
    result = "result: {id: '${{ response.body.id }}'}"
    lines = [
        f"  - name: {name}",
        f"    settle: {case.settled_s * 1000:g}ms",
        f"    budget: {200 if forever else 60_000}ms" if keeps is Keeps.KEY else "",
        f"    action:\n{request(act, Phase.ACTION, word[keeps], body, result)}",
        f"    lookup:\n{request('GET', Phase.LOOKUP)}" if lookup else "",
        f"    compensation:\n{request(undo, Phase.COMPENSATION, word[keeps])}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


class Service:
    """Everybody's participant: `misbehaves` says when, and `deeds` are its books."""

    def __init__(self, case: Case, clock: SystemClock) -> None:
        self.case = case
        self.deeds: list[Deed] = []
        self.misbehaved = 0
        self._clock = clock
        self._standing: set[str] = set()
        self._undone: set[str] = set()
        self._dropped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    async def open(self) -> tuple[str, str]:
        """The URL of the service, and of the door through which the animal is met."""
        server = await asyncio.start_server(self._enter, "127.0.0.1", 0)
        self._servers.append(server)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        animal = self.case.animal
        if animal == "refused":
            self._shut = socket.socket()
            self._shut.bind(("127.0.0.1", 0))
            return url, f"http://127.0.0.1:{self._shut.getsockname()[1]}"
        if animal not in DOORS and animal not in HANDSHAKES:
            return url, url
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self._spawn(self._keep_the_door(listening))
        scheme = "https" if animal in HANDSHAKES else "http"
        return url, f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"

    def heard(self, event: e.Event) -> None:
        """Whom nobody listened to may be listened to from the next attempt on."""
        ended = isinstance(event, e.AttemptEnded) and event.status is None
        if (
            self.case.animal == "refused"
            and ended
            and event.detail.startswith("connection refused")
        ):  # type: ignore[attr-defined]
            self.misbehaved += 1
            if self.case.times is Times.ONCE and self.misbehaved == 1:
                self._shut.listen()
                self._spawn(self._open_up())

    async def _open_up(self) -> None:
        self._servers.append(await asyncio.start_server(self._enter, sock=self._shut))

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.case.animal == "refused":
            self._shut.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._converse(reader, writer))

    async def _keep_the_door(self, listening: socket.socket) -> None:
        with listening:
            while True:
                accepted, _ = await asyncio.get_running_loop().sock_accept(listening)
                self._spawn(self._receive(accepted, strikes=self._strikes()))

    async def _receive(self, accepted: socket.socket, *, strikes: bool) -> None:
        animal = self.case.animal
        behaves: Any = self._enter
        context = contexts().served["right"] if animal in HANDSHAKES else None
        if strikes and animal in FINAL:
            context = contexts().served[animal]
        elif strikes:
            behaves, context = self._misbehave_at_the_door, None
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), behaves)
        with suppress(OSError):  # they would not have our certificate
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=context)

    async def _misbehave_at_the_door(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async def misbehave() -> None:
            with suppress(OSError):
                await (DOORS | TLS_DOORS)[self.case.animal](reader, writer)
            writer.close()

        self._spawn(misbehave())

    def _strikes(self) -> bool:
        if self.case.times is Times.ONCE and self.misbehaved:
            return False
        self.misbehaved += 1
        return True

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._serve(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side has gone, as it may
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:-2]
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        peer = Peer(0, head, b"", reader, writer, fields)
        _, step, phase = peer.line.split(" ")[1].split("/")
        case = self.case
        here = (step, phase) == (case.step, case.phase)
        at_the_door = case.animal in DOORS or case.animal in HANDSHAKES or case.animal == "refused"
        misbehaves = here and not at_the_door and self._strikes()
        length = int(fields.get("content-length", 0))
        if misbehaves and case.animal in EARLY:
            await peer.say(EARLY[case.animal])
        peer.body = await reader.readexactly(length)
        if misbehaves:
            return await self._misbehave(peer, step, Phase(phase))
        asks = (step, case.phase, phase) == (case.step, Phase.LOOKUP, Phase.ACTION)
        if asks and not self._dropped:
            # What makes them ask at all: the action's reply is lost.
            self._dropped = True
            self._act(peer, step, Phase.ACTION, refrains=case.moment is Moment.BEFORE)
            return False
        await peer.say(self._act(peer, step, Phase(phase)))
        return True

    async def _misbehave(self, peer: Peer, step: str, phase: Phase) -> bool:
        case = self.case
        if case.animal == "late":
            await asyncio.sleep(LATE_S)
        self._act(peer, step, phase, refrains=case.moment is Moment.BEFORE)
        if case.animal == "late":
            return False
        return case.animal in EARLY or bool(await ANIMALS[case.animal](peer))

    def _act(self, peer: Peer, step: str, phase: Phase, *, refrains: bool = False) -> bytes:
        """Do what is asked, note it, and say what a good service replies."""
        done, answer = Done.NOTHING, ok()
        if phase is Phase.LOOKUP:
            answer = ok() if step in self._standing else reply("404 Not Found")
        elif step == "d":
            answer = reply("422 Unprocessable Content")
        elif not refrains:
            done = self._done(step, phase)
            if phase is Phase.ACTION and step in self._undone:
                answer = reply("410 Gone")
        key = peer.fields["idempotency-key"]
        self.deeds.append(Deed(self._clock.now(), step, phase, key, done, peer.body.decode()))
        return answer

    def _done(self, step: str, phase: Phase) -> Done:
        remembers = step != self.case.step or self.case.keeps is not Keeps.NOTHING
        if phase is Phase.ACTION:
            if remembers and (step in self._standing or step in self._undone):
                return Done.NOTHING
            self._standing.add(step)
            return Done.APPLIED
        known = step in self._standing
        self._undone.add(step)
        self._standing.discard(step)
        # Who keeps nothing pays out again for each undo that comes.
        return Done.UNDONE if known or not remembers else Done.NOTHING


class Heard:
    """The real participant, and how each attempt of the case's phase ended."""

    def __init__(self, web: Web, case: Case) -> None:
        self._web = web
        self._case = case
        self.outcomes: list[Outcome] = []

    async def send(self, call: Call) -> Outcome:
        outcome = await self._web.send(call)
        if (call.step, call.phase) == (self._case.step, self._case.phase):
            self.outcomes.append(outcome)
        return outcome


def planned(text: str) -> Plan:
    saga, problems = load(Source("trip.yaml", text))
    assert saga is not None, (text, [f"{one.place}: {one.message}" for one in problems])
    return make_plan(saga)


async def travel(case: Case) -> None:
    """One saga from its beginning to where it stands still, judged."""
    clock = SystemClock()
    service = Service(case, clock)
    text = definition(case, *await service.open())
    plan, store = planned(text), MemoryStore()
    web = Web({}, ssl_context=contexts().trusting)
    heard = Heard(web, case)
    run_started = e.RunStarted(
        at=clock.now(), run_id="t1", saga="trip", version=1, definition=text,
        definition_name="trip.yaml", digest="", input={}, env={}, sandbox=False, faults=[],
        sagactl="0",
    )  # fmt: skip
    driver = Driver(plan, DirectCommit(store), heard, clock, lambda event, _: service.heard(event))
    try:
        run = await driver.drive(None, run_started)
    finally:
        await web.aclose()
        await service.close()
    _judge(case, plan, run, list(store.read("t1")), service, heard.outcomes)


def _judge(
    case: Case,
    plan: Plan,
    run: Run,
    events: list[e.Event],
    service: Service,
    outcomes: list[Outcome],
) -> None:
    told = [f"{type(event).__name__} {getattr(event, 'detail', '')}" for event in events[1:]]
    story = "\n".join([str(case), *told, *map(str, service.deeds)])
    met = outcomes if case.times is Times.ALWAYS else outcomes[:1]
    assert service.misbehaved >= 1, story
    for outcome in met:
        assert outcome.kind is case.outcome, story
        assert outcome.detail.isprintable(), story
        assert "unexpected" not in outcome.detail, story
        if outcome.kind is OutcomeKind.NOT_SENT:
            assert outcome.retriable is (case.animal not in FINAL), story
    try:
        state = check(plan, events, service.deeds)
    except AssertionError as broken:
        raise AssertionError(f"{broken}\n{story}") from None
    states = {name: str(run.step(name).state) for name in plan.steps}
    assert (str(state), states) == end(case), story
