"""A server of misbehaviours on loopback: real sockets, one animal per path.

`http://…/reset-mid-body` meets the animal `reset-mid-body`, whatever the method and the rest of the
path. An animal that returns True keeps its connection for the next request.
"""

import asyncio
import gzip
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType

import trustme

OK_BODY = b'{"id": "p-1"}'


@dataclass
class Peer:
    """One request as it came over the wire, and the means to answer it badly."""

    connection: int
    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    @property
    def animal(self) -> str:
        target = self.line.split(" ")[1]
        return target.split("?")[0].strip("/").split("/")[0]

    async def say(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def drip(self, text: bytes) -> None:
        for byte in text:
            await self.say(bytes([byte]))
            await asyncio.sleep(0.005)

    def reset(self) -> None:
        """Close with RST: the other side learns nothing of what became of its request."""
        peer = self.writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Animal = Callable[[Peer], Awaitable[bool | None]]
ANIMALS: dict[str, Animal] = {}


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    if not status.startswith(("204", "304")):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def ok(body: bytes = OK_BODY, *headers: str) -> bytes:
    return reply("200 OK", body, "Content-Type: application/json", *headers)


def animal(kind: Animal) -> Animal:
    ANIMALS[kind.__name__.replace("_", "-")] = kind
    return kind


def canned(name: str, answer: bytes, *, keeps: bool = True) -> None:
    async def answers(peer: Peer) -> bool:
        await peer.say(answer)
        return keeps

    ANIMALS[name] = answers


canned("ok", ok())
canned("created", reply("201 Created", OK_BODY))
canned("accepted", reply("202 Accepted", b'{"job": 1}', "Location: /jobs/1"))
canned("no-content", reply("204 No Content"))
canned("empty", ok(b""))
canned("moved", reply("301 Moved Permanently", b"", "Location: /ok"))
canned("found", reply("302 Found", b"", "Location: http://elsewhere.example/x"))
canned("see-other", reply("303 See Other", b"", "Location: /ok"))
canned("temporary", reply("307 Temporary Redirect", b"", "Location: /ok"))
canned("permanent", reply("308 Permanent Redirect", b"", "Location: /permanent"))
canned("conflict", reply("409 Conflict"))
canned("too-early", reply("425 Too Early", b"", "Retry-After: 3"))
canned("too-many", reply("429 Too Many Requests", b"", "Retry-After: 7"))
canned("unavailable", reply("503 Service Unavailable", b"", "Retry-After: 5"))
canned("broken", reply("500 Internal Server Error", b"<h1>oops</h1>"))
canned("declined", reply("402 Payment Required", b'{"error": "card declined"}'))
canned("cookie", ok(OK_BODY, "Set-Cookie: session=stolen; Path=/"))
canned("http10", b"HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\n" + OK_BODY, keeps=False)
canned("lowercase", b"HTTP/1.1 200 fine\r\ncontent-length:13\r\n\r\n" + OK_BODY)
canned("unframed", b"HTTP/1.1 200 OK\r\n\r\n" + OK_BODY, keeps=False)
canned("unframed-cut", b'HTTP/1.1 200 OK\r\n\r\n{"id": "p-', keeps=False)
canned("short-body", b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id":', keeps=False)
canned("long-body", ok() + b"and more")
canned("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd;a=b\r\n" + OK_BODY
       + b"\r\n0\r\nTrailer: x\r\n\r\n")  # fmt: skip
canned("chunked-cut", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n" + OK_BODY,
       keeps=False)  # fmt: skip
canned("bad-chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + OK_BODY)
canned("both-framings", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
       b"Transfer-Encoding: chunked\r\n\r\nd\r\n" + OK_BODY + b"\r\n0\r\n\r\n")  # fmt: skip
canned(
    "two-lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Length: 2\r\n\r\n" + OK_BODY
)
canned("same-length-twice", ok(OK_BODY, "Content-Length: 13"))
canned(
    "interim", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok()
)
canned("endless-interim", b"HTTP/1.1 100 Continue\r\n\r\n" * 5000 + ok())
canned("switch", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
canned("garbage", b"\x16\x03\x01 what is this\r\n\r\n")
canned("half-status", b"HTTP/1.1 20", keeps=False)
canned("bad-header", b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", keeps=False)
canned("gzip", ok(gzip.compress(OK_BODY), "Content-Encoding: gzip"))
canned("bad-gzip", ok(b"\x1f\x8b\x08broken", "Content-Encoding: gzip"))
canned("bomb", ok(gzip.compress(b"0" * 5_000_000), "Content-Encoding: gzip"))
canned("identity", ok(OK_BODY, "Content-Encoding: identity"))
canned("many-headers", ok(OK_BODY, *(f"X-{n}: {n}" for n in range(9000))))
canned("many-small-headers", ok(OK_BODY, *(["X: y"] * 300)))
canned("many-headers-refused", reply("422 Unprocessable Content", b"", *(["X: y"] * 300)))
canned(
    "terminal", reply("400 Bad Request", json.dumps({"error": "\x1b[2J\u202eevil\r\nx"}).encode())
)
canned("closing", ok(OK_BODY, "Connection: close"), keeps=False)
canned("stale", ok(), keeps=False)
canned("pushy", ok() + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
canned("http09", b"<html>it works</html>\r\n\r\n", keeps=False)
canned("no-reason", b"HTTP/1.1 200\r\nContent-Length: 13\r\n\r\n" + OK_BODY)
canned("big-header", ok(OK_BODY, "X-Big: " + "a" * 8192))
canned("too-big-header", ok(OK_BODY, "X-Big: " + "a" * 70_000))
canned("no-content-with-body", b"HTTP/1.1 204 No Content\r\n\r\n" + OK_BODY, keeps=False)
canned("bad-chunk-size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n")
canned("negative-length", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + OK_BODY)
canned("html", ok(b"<h1>it works</h1>"))
canned("latin-1", ok('{"id": "é"}'.encode("latin-1")))
canned("utf-16", ok('{"id": "p-1"}'.encode("utf-16")))
canned("byte-order-mark", ok(b"\xef\xbb\xbf" + OK_BODY))
canned("not-a-number", ok(b'{"id": NaN}'))
canned("too-large-a-number", ok(b'{"id": 1e999}'))
canned("lone-surrogate", ok(b'{"id": "\\ud800"}'))
canned("deep", ok(b'{"id": ' + b"[" * 5000 + b"]" * 5000 + b"}"))
canned("twice-the-key", ok(b'{"id": "p-1", "id": "p-2"}'))
canned("two-documents", ok(OK_BODY + OK_BODY))
canned("cut-json", ok(OK_BODY[:-1]))
canned("success-that-failed", ok(b'{"error": "no money"}'))
canned("another-reply", ok(b'{"id": "somebody else\'s"}'))
canned("twice-the-reply", ok() + ok(b'{"id": "of the second"}'))
canned("reply-and-refusal", ok() + reply("422 Unprocessable Content"))
canned("refusal-and-success", reply("422 Unprocessable Content") + ok())
canned("moved-to-itself", reply("301 Moved Permanently", b"", "Location: /moved-to-itself"))
for _name, _wait in {
    "date": "Mon, 23 Nov 2026 00:00:00 GMT", "zero": "0", "absurd": "1000000000", "past": "-5",
    "words": "in a while", "huge": "9" * 5000,
}.items():  # fmt: skip
    canned(f"retry-after-{_name}", reply("429 Too Many Requests", b"", f"Retry-After: {_wait}"))
    canned(f"down-for-{_name}", reply("503 Service Unavailable", b"", f"Retry-After: {_wait}"))
for _status in (*range(203, 207), *range(304, 307), *range(400, 432), 451, 499, *range(500, 512),
                520, 599, 600, 999):  # fmt: skip
    canned(f"status-{_status}", reply(f"{_status} X", b"" if _status > 299 else OK_BODY))


@animal
async def close_before_reply(peer: Peer) -> None:
    pass


@animal
async def reset_before_reply(peer: Peer) -> None:
    peer.reset()


@animal
async def reset_mid_headers(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nContent-Le")
    peer.reset()


@animal
async def reset_mid_body(peer: Peer) -> None:
    await peer.say(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id":')
    # The reset overtakes what the other side has not read yet, so it is given time to read.
    await asyncio.sleep(0.05)
    peer.reset()


@animal
async def pushy_later(peer: Peer) -> None:
    """Gives notice to an idle connection and waits for the other side to hang up."""
    await peer.say(ok())
    await asyncio.sleep(0.02)
    await peer.say(reply("408 Request Timeout"))
    await peer.reader.read()


@animal
async def continue_and_silence(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    await peer.reader.read()


@animal
async def half_a_head_and_silence(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nContent-Le")
    await peer.reader.read()


@animal
async def half_a_body_and_silence(peer: Peer) -> None:
    await peer.say(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id":')
    await peer.reader.read()


@animal
async def endless_chunks(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await peer.say(b"8000\r\n" + b"0" * 0x8000 + b"\r\n")


@animal
async def endless_trailers(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    while True:
        await peer.say(b"X-More: " + b"a" * 1000 + b"\r\n")


@animal
async def silent(peer: Peer) -> None:
    await peer.reader.read()


@animal
async def drip_headers(peer: Peer) -> None:
    await peer.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: a\r\n" * 10_000)


@animal
async def drip_body(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    await peer.drip(b" " * 100_000)


@animal
async def drip_refusal(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 100000\r\n\r\n")
    await peer.drip(b" " * 100_000)


@animal
async def endless_body(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\n\r\n[")
    while True:
        await peer.say(b"0," * 32_768)


@animal
async def endless_headers(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 200 OK\r\n")
    while True:
        await peer.say(b"X-More: " + b"a" * 1000 + b"\r\n")


@animal
async def endless_line(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 ")
    while True:
        await peer.say(b"a" * 4096)


@animal
async def mirror(peer: Peer) -> bool:
    """What came: the head's fields as a JSON object."""
    await peer.say(ok(json.dumps({"headers": peer.fields, "body": peer.body.decode()}).encode()))
    return True


@animal
async def parrot(peer: Peer) -> bool:
    """Refuses with whatever it was given, as services do that log too much."""
    words = f"{'-' * 190} {peer.fields.get('authorization', '')}"
    await peer.say(reply("401 Unauthorized", json.dumps({"error": words}).encode()))
    return True


class Zoo:
    """`async with Zoo() as zoo:` serves the animals; `zoo.met` are the requests that came.

    `guests` are animals of this zoo alone.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        ssl_context: ssl.SSLContext | None = None,
        guests: Mapping[str, Animal] | None = None,
    ) -> None:
        self.host = host
        self.animals = {**ANIMALS, **(guests or {})}
        self.met: list[Peer] = []
        self.connections = 0
        self._ssl = ssl_context
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Zoo":
        self._server = await asyncio.start_server(self._connected, self.host, 0, ssl=self._ssl)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._tasks)

    async def deserted(self) -> None:
        """Wait until the other side has closed every connection."""
        await asyncio.wait_for(asyncio.gather(*self._tasks), 20)

    def url(self, path: str, host: str | None = None) -> str:
        shown = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'http' if self._ssl is None else 'https'}://{shown}:{self.port}/{path}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        number = self.connections
        try:
            while await self._serve(number, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the other side has gone, as it may
        except asyncio.CancelledError:
            pass  # the zoo closes; nothing awaits this task but the zoo itself
        finally:
            writer.close()

    async def _serve(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:-2]
        fields = {
            name.lower(): value.strip() for name, _, value in (s.partition(":") for s in lines)
        }
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        peer = Peer(number, head, body, reader, writer, fields)
        self.met.append(peer)
        return bool(await self.animals[peer.animal](peer))


# Who misbehaves at the door: nothing of the request is read, so nothing can have come of it.

Door = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DOORS: dict[str, Door] = {}
TLS_DOORS: dict[str, Door] = {}


def door(doors: dict[str, Door]) -> Callable[[Door], Door]:
    def named(kind: Door) -> Door:
        doors[kind.__name__.replace("_", "-")] = kind
        return kind

    return named


@door(DOORS)
async def close_at_the_door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


@door(DOORS)
async def reset_at_the_door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    Peer(0, b"", b"", reader, writer).reset()


@door(DOORS)
async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


@door(DOORS)
async def reply_to_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await reader.read()


@door(TLS_DOORS)
async def tls_silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@door(TLS_DOORS)
async def tls_slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 10_000:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


@door(TLS_DOORS)
async def tls_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


@door(TLS_DOORS)
async def tls_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    Peer(0, b"", b"", reader, writer).reset()


@door(TLS_DOORS)
async def tls_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00" * 1000)
    await reader.read()


@door(TLS_DOORS)
async def tls_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def certificates(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server with a certificate for `names`, and for a client that trusts its issuer."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
