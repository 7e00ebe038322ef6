"""The services of a definition on a loopback socket, behaving well but for what was ordered.

A reply leaves only after the ledger has the call, in one write unless it is too long for one. A
client may keep its connection; which service it reaches is said by the first segment of the path,
or for a request with a whole URL by its host. `GET /_ledger` answers with every call so far, and
`GET /_ledger/left` with those whose effect is still in the world; `?saga=` names one saga.

Deliberately absent: TLS, any address but loopback unless the caller names one, and authorisation.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress

from sagactl.definition.model import Saga
from sagactl.journal.refusal import StoreRefused
from sagactl.machine.command import Call
from sagactl.machine.played import call_document
from sagactl.rehearsal.fault import Fault, FaultKind
from sagactl.rehearsal.ledger import Ledger, PlayedCall
from sagactl.rehearsal.operation import sandbox_url
from sagactl.rehearsal.participant import Participant, Played, Turn
from sagactl.rehearsal.wire import (
    MAX_HEAD_BYTES,
    ClientLeft,
    Received,
    Reply,
    RequestRefused,
    encode,
    problem,
    receive,
)

__all__ = ["Sandbox", "sandbox_url"]

LEDGER_PATH = "/_ledger"
LEFT_PATH = "/_ledger/left"
LINGER_S = 2.0
BLANKS = 64 * 1024
RESETS = (FaultKind.RESET_AFTER, FaultKind.RESET_BEFORE)
HOLDS = (FaultKind.TIMEOUT, FaultKind.TIMEOUT_BEFORE)


class Sandbox:
    """Plays the services of a saga. `on_call` is told each call, once the ledger has it."""

    def __init__(
        self,
        saga: Saga,
        ledger: Ledger,
        faults: Sequence[Fault],
        *,
        on_call: Callable[[PlayedCall], None] | None = None,
    ) -> None:
        self._ledger = ledger
        self._participant = Participant(saga, ledger, faults)
        self._on_call = on_call
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen, and say where; raises OSError where the address is not to be had."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=MAX_HEAD_BYTES)
        address = self._server.sockets[0].getsockname()
        return address[0], address[1]

    async def close(self) -> None:
        """Stop listening and drop every connection, held ones too."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def refuses(self, call: Call) -> bool:
        """Whether a call that is about to be sent is to find nobody listening; noted, if so.

        Where the ledger cannot be written it is sent, and told so by the sandbox itself.
        """
        try:
            played = self._participant.refused(call)
        except StoreRefused:
            return False
        if played is not None and self._on_call is not None:
            self._on_call(played)
        return played is not None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # start_server runs this in a task
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, ClientLeft):
            pass
        except asyncio.CancelledError:
            # Python 3.11's streams log a cancelled connection as an error; `close` meant it.
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        goes_on = True
        while goes_on:
            try:
                received = await receive(reader, writer)
            except RequestRefused as refusal:
                reply = problem(refusal.status, refusal.detail)
                writer.write(encode(reply, to_head=False, closes=True))
                await _linger(reader, writer)
                return
            if received is None:
                return
            goes_on = await self._serve(received, reader, writer)

    async def _serve(
        self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; whether another may follow on the connection."""
        if received.path.partition("?")[0] in (LEDGER_PATH, LEFT_PATH):
            return await _send(writer, received, self._ledger_reply(received))
        turn = self._participant.turn(received)
        try:
            played = await self._play(turn)
        except StoreRefused as refusal:
            return await _send(writer, received, problem(500, str(refusal)))
        if self._on_call is not None:
            self._on_call(played.call)
        if played.reply is not None:
            goes_on = await _send(writer, received, played.reply)
            return await _is_whole(turn, writer, played.reply) and goes_on
        await _fall_silent(turn, reader, writer)
        return False

    async def _play(self, turn: Turn) -> Played:
        fault = turn.fault
        if fault is None or fault.delay_s is None:
            return self._participant.play(turn)
        # The work goes on although its client may have left: that is what makes it late.
        with self._participant.working(turn):
            await asyncio.sleep(fault.delay_s)
            return self._participant.play(turn)

    def _ledger_reply(self, received: Received) -> Reply:
        if received.method not in ("GET", "HEAD"):
            return problem(405, "the ledger is only read")
        unknown = [name for name, _ in received.query if name != "saga"]
        if unknown:
            return problem(400, f'the ledger is asked with "saga" alone, not "{unknown[0]}"')
        saga = dict(received.query).get("saga")
        calls = self._ledger.calls(saga)
        if received.path.startswith(LEFT_PATH):
            calls = [effect.call for effect in self._ledger.left(saga)]
        return Reply(200, [call_document(call) for call in calls])


async def _send(writer: asyncio.StreamWriter, received: Received, reply: Reply) -> bool:
    is_head = received.method == "HEAD"
    writer.write(encode(reply, to_head=is_head, closes=not received.keeps_alive))
    await writer.drain()
    return received.keeps_alive


async def _is_whole(turn: Turn, writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Whether a reply is as long as it says, once what is wanting of an oversized one is sent."""
    if reply.announced is None:
        return True
    if turn.fault is not None and turn.fault.kind is FaultKind.OVERSIZED:
        left = reply.announced - len(reply.content)
        while left > 0:
            writer.write(b" " * min(left, BLANKS))
            await writer.drain()
            left -= BLANKS
    return False


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read on: closing at once would reset a client that still sends (RFC 9112, 9.6)."""
    await writer.drain()
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while await reader.read(MAX_HEAD_BYTES):
                pass


async def _fall_silent(
    turn: Turn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """End a connection without a reply, in the way that was ordered."""
    kind = None if turn.fault is None else turn.fault.kind
    if kind in HOLDS:
        with suppress(ConnectionError):
            while await reader.read(MAX_HEAD_BYTES):
                pass
    elif kind in RESETS:
        connection = writer.get_extra_info("socket")
        # Closing with no time to linger makes the kernel send RST in the place of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
