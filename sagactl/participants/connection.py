"""One socket and the HTTP/1.1 spoken over it: one request at a time, framing by h11.

The head of a reply is bounded; its body is streamed, and whoever reads it bounds it. A connection
that is idle and hears something is closed: whatever it is, it is not the next reply.
"""

import asyncio
import re
import select
import socket
from collections.abc import AsyncIterator, Callable

import h11
import httpx

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
MAX_INTERIM = 20  # 1xx replies before the real one; their number is not bounded by RFC 9110
MAX_UNREAD_BYTES = 256 * 1024
# A connection that was idle for longer may have been forgotten by something on the way, silently.
MAX_IDLE_S = 5.0

TOO_LARGE = 431  # how h11 calls a head that is
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)[ \r]")
BYTES = re.compile(r"bytearray\(b['\"](.*)['\"]\)")

Address = tuple[str, int]


def address_words(host: str, port: int) -> str:
    """Host and port as people write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Connection(asyncio.BufferedProtocol):
    """A connection, from when the loop has made it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._buffer = memoryview(bytearray(MAX_HEAD_BYTES))
        self._unread = 0
        self._eof = False
        self._lost = False
        self._error: Exception | None = None
        self._single_use = False
        self._idle_since: float | None = None

    # What the loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._idle_since is not None:
            self.close()  # nobody asked: whatever it is, it is not the next reply
            return
        self._http.receive_data(bytes(self._buffer[:nbytes]))
        self._unread += nbytes
        if self._unread > MAX_UNREAD_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        if self._idle_since is None and not self._eof:
            self._http.receive_data(b"")
        self._eof = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the transport asks.

    def is_lost(self) -> bool:
        assert self._transport is not None
        return self._lost or self._eof or self._transport.is_closing()

    def is_young(self) -> bool:
        return self._idle_since is None or self._loop.time() - self._idle_since < MAX_IDLE_S

    def is_usable(self) -> bool:
        """Whether an idle connection may carry another request, as far as can be known."""
        usable = not self.is_lost() and self.is_young() and not self._is_readable()
        if usable:
            self._idle_since = None
        return usable

    def _is_readable(self) -> bool:
        # The end of the stream may have arrived after the loop looked last.
        assert self._transport is not None
        peer: socket.socket | None = self._transport.get_extra_info("socket")
        if peer is None or peer.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(peer.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def send(self, head: h11.Request, body: bytes) -> None:
        """Head and body in one write: two would wait for one another (Nagle, delayed ACK)."""
        assert self._transport is not None
        parts = [self._http.send(head)]
        if body:
            parts.append(self._http.send(h11.Data(data=body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in parts if part))

    async def receive_head(self) -> tuple[h11.Response, str | None]:
        """The status and headers, or the status alone and what is wrong with the headers."""
        for _ in range(MAX_INTERIM):
            try:
                event = await self.receive()
            except httpx.RemoteProtocolError:
                status = self._oversized_status()
                if status is None:
                    raise
                trouble = f"its headers are over {MAX_HEAD_BYTES // 1024} KiB"
                return h11.Response(status_code=status, headers=[]), trouble
            if isinstance(event, h11.Response):
                return event, self._excess(event)
            if not isinstance(event, h11.InformationalResponse):
                raise httpx.RemoteProtocolError("the reply is not HTTP")
        raise httpx.RemoteProtocolError(f"more than {MAX_INTERIM} interim replies")

    def _oversized_status(self) -> int | None:
        """The status in a head too large to be read to its end."""
        line, _ = self._http.trailing_data
        status = STATUS_LINE.match(line)
        return int(status[1]) if status and len(line) > MAX_HEAD_BYTES else None

    def _excess(self, head: h11.Response) -> str | None:
        names = [name for name, _ in head.headers]
        if b"transfer-encoding" in names and b"content-length" in names:
            self._single_use = True  # two readers could part the stream differently (RFC 9112, 6.3)
        if len(names) > MAX_HEADERS:
            return f"it has more than {MAX_HEADERS} headers"
        if sum(len(name) + len(value) for name, value in head.headers) > MAX_HEAD_BYTES:
            return f"its headers are over {MAX_HEAD_BYTES // 1024} KiB"
        return None

    async def receive(self) -> h11.Event:
        """The next event of the reply; raises ReadError, WriteError or RemoteProtocolError."""
        while True:
            answered = self._http.their_state is not h11.SEND_RESPONSE
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._eof and not answered and error.error_status_hint != TOO_LARGE:
                    raise httpx.ReadError("connection closed without a reply") from None
                words = BYTES.sub(r'"\1"', str(error))
                raise httpx.RemoteProtocolError(words) from None
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                raise httpx.RemoteProtocolError("it switched protocols unasked")
            await self._more()

    async def _more(self) -> None:
        assert self._transport is not None
        if self._lost:
            unsent = self._transport.get_write_buffer_size() > 0
            kind = httpx.WriteError if unsent else httpx.ReadError
            why = getattr(self._error, "strerror", None) or self._error or "closed"
            raise kind(f"connection lost: {why}") from self._error
        if self._unread > MAX_UNREAD_BYTES:
            self._transport.resume_reading()
        self._unread = 0
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def start_next_cycle(self) -> bool:
        """Be idle, ready for another request; False where HTTP or the peer does not allow it."""
        if self.is_lost() or self._single_use or self._http.trailing_data[0]:
            return False
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._unread = 0
        self._idle_since = self._loop.time()
        return True

    def close(self) -> None:
        if self._transport is not None:
            # Not close(): that would go on sending what is still buffered of a request given up.
            self._transport.abort()


class Body(httpx.AsyncByteStream):
    """The body of a reply: read to its end it frees the connection, closed before it cuts it."""

    def __init__(self, connection: Connection, release: Callable[[], None]) -> None:
        self._connection: Connection | None = connection
        self._release = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None:
            event = await self._connection.receive()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._connection = None
                self._release()
            else:
                raise httpx.RemoteProtocolError("the reply is not HTTP")

    async def aclose(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
