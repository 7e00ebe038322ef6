"""HTTP/1.1 connections as a transport for httpx: a plain list per origin, framing by h11.

Promises that an attempt's end is told exactly: ConnectError, ConnectTimeout, LocalProtocolError,
UnsupportedProtocol and InvalidURL mean that nothing was sent; any other exception that it may have
been, and `trace` (as in httpcore) is called just before the first byte leaves. A connection is used
again only for the same origin, only when its last reply was read to the end, and never for a
request that says `extensions={"fresh": True}`. The head of a reply is bounded; its body is streamed
and its reader bounds it.

Deliberately absent: retries, redirects, cookies, HTTP/2, and timeouts after the connection is made,
because the caller has one deadline for the whole attempt. Why not httpx's own pool: with 64
requests in flight it looks at every connection for every request and does a fraction of the work.
"""

import asyncio
import os
import re
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

import h11
import httpx

from sagactl.participants.connection import Address, Body, Connection, address_words

MAX_IDLE = 100
# RFC 8305: a dead IPv6 address costs this much and not the whole deadline.
NEXT_ADDRESS_S = 0.25


NO_USERINFO = "a URL takes no user name or password; send them in a header"
AUTHORITY = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*")
# RFC 9110, 8.6: where a body is expected, that there is none is said.
WITH_LENGTH = ("POST", "PUT", "PATCH")

Origin = tuple[str, str, int]


class Answer(NamedTuple):
    """The head of a reply. `trouble`: what is wrong with it, though its status is known."""

    status: int
    headers: list[tuple[bytes, bytes]]
    stream: httpx.AsyncByteStream
    trouble: str | None


class Connections(httpx.AsyncBaseTransport):
    """Connections to any number of origins. `connect_to`: all go there instead, in plain text."""

    def __init__(
        self,
        *,
        connect_to: Address | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._connect_to = connect_to
        self._ssl_context = ssl_context
        self._idle: dict[Origin, deque[Connection]] = {}

    async def exchange(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes | None,
        *,
        fresh: bool,
        leaving: Callable[[], Awaitable[None]],
    ) -> "Answer":
        """Send a request; `leaving` is called just before its first byte leaves.

        The same as through httpx but for its Request and Response, which take longer to be made
        than all of this.
        """
        origin, host, target = _parted(url)
        length = "0" if method in WITH_LENGTH else None
        length = length if body is None else str(len(body))
        framing = [("Host", host)] + ([] if length is None else [("Content-Length", length)])
        head = _request_head(method, target, [*framing, *headers])
        return await self._send(origin, head, body or b"", leaving, fresh=fresh)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        trace = request.extensions.get("trace")
        head = _request_head(request.method, request.url.raw_path, request.headers.raw)
        body = await request.aread()

        async def leaving() -> None:
            if trace is not None:
                await trace("http11.send_request_headers.started", {"request": request})

        answer = await self._send(
            origin_of(request.url),
            head,
            body,
            leaving,
            fresh=bool(request.extensions.get("fresh")),
            connect_s=request.extensions.get("timeout", {}).get("connect"),
        )
        extensions = {"trouble": answer.trouble} if answer.trouble else {}
        return httpx.Response(
            answer.status, headers=answer.headers, stream=answer.stream, extensions=extensions
        )

    async def _send(
        self,
        origin: Origin,
        head: h11.Request,
        body: bytes,
        leaving: Callable[[], Awaitable[None]],
        *,
        fresh: bool,
        connect_s: float | None = None,
    ) -> "Answer":
        connection = None if fresh else self._take(origin)
        if connection is None:
            connection = await self._open(origin, connect_s)
        try:
            await leaving()
            connection.send(head, body)
            event, trouble = await connection.receive_head()
        except BaseException:
            connection.close()
            raise
        stream = Body(connection, lambda: self._put(origin, connection))
        headers = [] if trouble else list(event.headers.raw_items())
        return Answer(event.status_code, headers, stream, trouble)

    async def aclose(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
        # A socket is closed in the next round of the loop, which may be the last one.
        await asyncio.sleep(0)

    def _take(self, origin: Origin) -> "Connection | None":
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def _put(self, origin: Origin, connection: "Connection") -> None:
        """Keep a connection whose reply was read to the end."""
        if not connection.start_next_cycle():
            connection.close()
            return
        idle = self._idle.setdefault(origin, deque())
        idle.append(connection)
        # The oldest stand first, and only there can one be too old.
        while len(idle) > MAX_IDLE or not idle[0].is_young():
            idle.popleft().close()

    async def _open(self, origin: Origin, connect_s: float | None) -> "Connection":
        scheme, host, port = origin
        secure = scheme == "https" and self._connect_to is None
        if self._connect_to is not None:
            host, port = self._connect_to
        where = address_words(host, port)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop),
                    host,
                    port,
                    ssl=self._tls() if secure else None,
                    # One address needs no race between several.
                    happy_eyeballs_delay=None if _is_address(host) else NEXT_ADDRESS_S,
                )
        except UnicodeError:
            raise httpx.InvalidURL(f'the host "{host}" cannot be looked up') from None
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"connect timed out ({where})") from error
        except OSError as error:
            cause = _last_of(error)
            raise httpx.ConnectError(f"{cause} ({where})") from cause
        return connection

    def _tls(self) -> ssl.SSLContext:
        # Made only when it is needed: reading all the certificates takes longer than a request.
        if self._ssl_context is None:
            self._ssl_context = verified_tls()
        return self._ssl_context


def verified_tls() -> ssl.SSLContext:
    """TLS that checks certificate and host name, trusting what this machine trusts."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None:
        return httpx.create_ssl_context(trust_env=False)  # a slim container trusts nobody
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def origin_of(url: httpx.URL) -> Origin:
    """Scheme, host and port; raises UnsupportedProtocol and InvalidURL."""
    if url.scheme not in ("http", "https"):
        raise httpx.UnsupportedProtocol(f'"{url.scheme}" is not http or https')
    if not url.host:
        raise httpx.UnsupportedProtocol("the URL has no host")
    port = url.port if url.port is not None else 443 if url.scheme == "https" else 80
    if not 0 < port < 65536:
        raise httpx.InvalidURL(f"{port} is no port")
    return url.scheme, url.raw_host.decode("ascii").strip("[]"), port


def origin_at(url: str) -> Origin:
    """The origin that a request to this URL goes to; raises as origin_of does."""
    origin, _, _ = _parted(url)
    return origin


def _last_of(error: OSError) -> OSError:
    """The last of several errors, where a host with several addresses gave one for each."""
    numbers = re.findall(r"\[Errno (\d+)\]", str(error))
    if error.errno is not None or not numbers:
        return error
    return OSError(int(numbers[-1]), os.strerror(int(numbers[-1])))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def _endpoint(prefix: str) -> tuple[Origin, str]:
    """The origin that scheme, host and port of a URL name, and what the Host header says."""
    url = httpx.URL(prefix)
    if url.userinfo:
        raise httpx.InvalidURL(NO_USERINFO)
    return origin_of(url), url.netloc.decode("ascii")


def _parted(url: str) -> tuple[Origin, str, str]:
    """Origin, Host header and request target of a URL."""
    found = AUTHORITY.match(url)
    prefix = found[0] if found is not None else url
    origin, host = _endpoint(prefix)
    target = url[len(prefix) :].partition("#")[0]
    return origin, host, target if target.startswith("/") else f"/{target}"


def _request_head(
    method: str, target: str | bytes, headers: list[tuple[str, str]] | list[tuple[bytes, bytes]]
) -> h11.Request:
    try:
        return h11.Request(method=method, target=target, headers=headers)
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from None
