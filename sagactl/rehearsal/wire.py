"""HTTP/1.1 as a server sees it, over asyncio streams: enough for any correct client on loopback.

Framing is strict where two readers could differ about where a message ends (RFC 9112, 6.3), and
every part is bounded. Deliberately absent: TLS, compression, ranges, HTTP/2, and any meaning of
what is carried.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from sagactl.source.node import Json

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 1024 * 1024
BODILESS = (204, 304)
JSON_TYPE = "application/json"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"[!-~]+")
# Everything but control characters; a lone CR or LF would let a value become a header of its own.
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")


class RequestRefused(Exception):
    """What was received is no request that can be served; the connection ends after the reply."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class ClientLeft(Exception):
    """The connection ended before a request was complete."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request. `headers` have lower-case names, `segments` are the path's, percent-decoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    keeps_alive: bool

    @property
    def path(self) -> str:
        """The path with its query as it came, for the ledger and for people."""
        if self.target.startswith("/"):
            return self.target
        path = "/" + self.target.partition("://")[2].partition("/")[2]
        return "*" if self.target == "*" else path

    @property
    def host(self) -> str:
        """The host that was asked, without its port."""
        authority = self.target if "://" in self.target else f"//{self.headers['host']}"
        try:
            return urlsplit(authority).hostname or ""
        except ValueError:
            return ""

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(unquote(part) for part in self.path.partition("?")[0].split("/")[1:])

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        return tuple(parse_qsl(self.path.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, its body JSON; none at all where it `is_empty`. `raw` replaces it as it stands.

    `announced` is the length that its head says where that is a lie.
    """

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_empty: bool = False
    raw: bytes | None = None
    content_type: str = JSON_TYPE
    announced: int | None = None

    @property
    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.is_empty or self.status in BODILESS:
            return b""
        return json.dumps(self.body, separators=(",", ":")).encode()


def problem(status: int, detail: str, **more: Json) -> Reply:
    """A refusal in the words of RFC 9457."""
    body = {"title": _reason(status), "status": status, "detail": detail, **more}
    return Reply(status, body, content_type="application/problem+json")


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Received | None:
    """The next request, None where the client is done; raises RequestRefused or ClientLeft."""
    head = await _head(reader)
    if head is None:
        return None
    method, target, version, headers = _parse_head(head)
    keeps_alive = _keeps_alive(version, headers.get("connection", ""))
    length = _content_length(headers)
    if "100-continue" in headers.get("expect", "").lower() and length != 0:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        body = await _chunks(reader) if length is None else await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        raise ClientLeft from None
    return Received(method, target, headers, body, keeps_alive)


def encode(reply: Reply, *, to_head: bool, closes: bool) -> bytes:
    """The bytes of a reply, to be written at once: half a reply is a fault, and never ours."""
    content = reply.content
    lines = [f"HTTP/1.1 {reply.status} {_reason(reply.status)}"]
    lines.extend(f"{name}: {value}" for name, value in reply.headers.items())
    if content:
        lines.append(f"Content-Type: {reply.content_type}")
    if reply.status not in BODILESS:
        length = len(content) if reply.announced is None else reply.announced
        lines.append(f"Content-Length: {length}")
    if closes:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head if to_head else head + content


async def _head(reader: asyncio.StreamReader) -> bytes | None:
    head = b""
    while not head:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial.strip():
                raise ClientLeft from None
            return None
        except asyncio.LimitOverrunError:
            raise RequestRefused(431, f"the head is longer than {MAX_HEAD_BYTES} bytes") from None
        # An empty line before a request is to be overlooked (RFC 9112, 2.2).
        head = head.lstrip(b"\r\n")
    return head


def _parse_head(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = (*first.split(" "), "", "", "")[:3]
    if first.count(" ") != 2 or not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise RequestRefused(400, "the first line is no request line")
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise RequestRefused(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if not (target.startswith("/") or "://" in target or target == "*"):
        raise RequestRefused(400, "the target is neither a path nor a URL")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise RequestRefused(400, "a header line is malformed")
        key, value = name.lower(), value.strip(" \t")
        if key in headers and key in ("content-length", "transfer-encoding", "host"):
            raise RequestRefused(400, f'"{key}" stands twice')
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if "host" not in headers:
        if version == "HTTP/1.1":
            raise RequestRefused(400, '"host" is missing')
        headers["host"] = ""
    return method, target, version, headers


def _keeps_alive(version: str, connection: str) -> bool:
    options = {option.strip().lower() for option in connection.split(",")}
    return "close" not in options if version == "HTTP/1.1" else "keep-alive" in options


def _content_length(headers: Mapping[str, str]) -> int | None:
    """The length of the body, None where it comes in chunks."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        # Both at once is how requests are smuggled (RFC 9112, 6.3).
        if length is not None:
            raise RequestRefused(400, "both content-length and transfer-encoding")
        if coding.lower() != "chunked":
            raise RequestRefused(501, "only chunked is understood as transfer-encoding")
        return None
    if length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,15}", length):
        raise RequestRefused(400, "the content-length is no number")
    if int(length) > MAX_BODY_BYTES:
        raise RequestRefused(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
    return int(length)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = _CHUNK_SIZE.fullmatch(await _line(reader))
        if size is None:
            raise RequestRefused(400, "a chunk has no size")
        count = int(size[1], 16)
        if count == 0:
            break
        if len(body) + count > MAX_BODY_BYTES:
            raise RequestRefused(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
        body += await reader.readexactly(count)
        if await reader.readexactly(2) != b"\r\n":
            raise RequestRefused(400, "a chunk is longer than its size")
    for _ in range(100):  # trailers: read, and of no meaning here
        if not await _line(reader):
            return body
    raise RequestRefused(431, "more than 100 trailers")


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except asyncio.LimitOverrunError:
        raise RequestRefused(431, f"a line is longer than {MAX_HEAD_BYTES} bytes") from None


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"
