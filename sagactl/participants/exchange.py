"""One exchange with a service: how far it came, and what its end means by that.

Only until the first byte leaves is an attempt "not sent"; once a status was seen, nothing that
happens to the body takes it back.
"""

import errno
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from sagactl.machine.command import Call
from sagactl.participants.connection import address_words
from sagactl.participants.outcome import Fault, FaultKind, Reply, Seen
from sagactl.participants.transport import Answer
from sagactl.participants.wording import size_words

CAUSES: tuple[tuple[type[BaseException], FaultKind], ...] = (
    (socket.gaierror, FaultKind.NAME_LOOKUP),
    (ConnectionRefusedError, FaultKind.CONNECT_REFUSED),
    (ssl.SSLCertVerificationError, FaultKind.TLS_CERTIFICATE),
    (ssl.SSLError, FaultKind.TLS_HANDSHAKE),
)
BEFORE: tuple[tuple[type[BaseException], FaultKind], ...] = (
    (httpx.ConnectTimeout, FaultKind.CONNECT_TIMEOUT),
    (httpx.ProxyError, FaultKind.PROXY),
    (httpx.UnsupportedProtocol, FaultKind.UNSENDABLE),
    (httpx.LocalProtocolError, FaultKind.UNSENDABLE),
    (httpx.InvalidURL, FaultKind.UNSENDABLE),
    (httpx.TransportError, FaultKind.CONNECT_FAILED),
    (OSError, FaultKind.CONNECT_FAILED),
    # UnicodeError is one, and so is what httpx says about a header that is none.
    (ValueError, FaultKind.UNSENDABLE),
    (ImportError, FaultKind.UNSENDABLE),  # a SOCKS proxy is named, and its library is absent
)
AFTER: tuple[tuple[type[BaseException], FaultKind], ...] = (
    (httpx.WriteError, FaultKind.WRITE),
    (httpx.RemoteProtocolError, FaultKind.BAD_PROTOCOL),
    (httpx.TransportError, FaultKind.CONNECTION_LOST),
    (OSError, FaultKind.CONNECTION_LOST),
)
# A token service was reached, and did not answer.
UNANSWERED = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


@dataclass(slots=True)
class Exchange:
    """How far an attempt has come, for whoever has to say what its end means.

    `asked` is the URL of a token service while it is asked; `confidential` is what was made with
    secrets, and must be found in what a service says.
    """

    asked: str | None = None
    confidential: list[str] = field(default_factory=list)
    may_have_left: bool = False
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytearray = field(default_factory=bytearray)

    async def trace(self, event: str, details: Mapping[str, Any]) -> None:
        # A tunnel's CONNECT goes to the proxy; the request itself has not left by then.
        if event.endswith("send_request_headers.started"):
            self.may_have_left |= details["request"].method not in (b"CONNECT", "CONNECT")

    async def leave(self) -> None:
        self.may_have_left = True

    def begin_again(self) -> None:
        """What was refused has had no effect, so nothing of it counts any more."""
        self.may_have_left, self.status, self.headers = False, None, ()
        self.body = bytearray()

    def reply(self, trouble: str | None = None) -> Reply:
        assert self.status is not None
        return Reply(self.status, self.headers, bytes(self.body), trouble is None, trouble)


async def read_reply(answer: Answer, limit: int, exchange: Exchange) -> Reply:
    """The reply with as much of its body as is allowed."""
    exchange.status = answer.status
    try:
        exchange.headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers
        )
        trouble = answer.trouble or _coding_trouble(exchange.headers)
        if trouble is not None:
            return exchange.reply(trouble)
        async for chunk in answer.stream:
            exchange.body += chunk
            if len(exchange.body) > limit:
                del exchange.body[limit:]
                return exchange.reply(f"it is over {size_words(limit)}")
        return exchange.reply()
    finally:
        await answer.stream.aclose()


def _coding_trouble(headers: Sequence[tuple[str, str]]) -> str | None:
    """Why a body cannot be read as it stands: a bomb is a small body until somebody decodes it."""
    named = [value for name, value in headers if name.lower() == "content-encoding"]
    coding = ", ".join(named).strip()
    if coding.lower() in ("", "identity"):
        return None
    return f'its content coding "{coding}" was not asked for'


def timed_out(error: TimeoutError, exchange: Exchange, call: Call) -> Seen:
    after = f"after {call.request.timeout_s:g}s"
    if exchange.asked is not None:
        kind = FaultKind.NO_TOKEN
        return Fault(kind, f"{kind.words} {after} ({_where(exchange.asked)})")
    if exchange.status is not None:
        return exchange.reply(f"it was not complete {after}")
    if exchange.may_have_left:
        return Fault(FaultKind.READ_TIMEOUT, f"read timed out {after}")
    return Fault(
        FaultKind.CONNECT_TIMEOUT, f"connect timed out {after} ({_where(call.sending.url)})"
    )


def seen_of(error: Exception, exchange: Exchange, call: Call) -> Seen:
    """What an exception means, by how far the attempt had come before anything else."""
    if exchange.status is not None:
        return exchange.reply(f"it was cut: {_words(error)}")
    if exchange.may_have_left:
        kind = _first(AFTER, error) or FaultKind.UNEXPECTED_AFTER
        said = kind in (FaultKind.WRITE, FaultKind.CONNECTION_LOST)
        return Fault(kind, _words(error) if said else f"{kind.words}: {_words(error)}")
    return _unsent(error, call.sending.url)


def tokenless(error: Exception, url: str) -> Fault:
    """Why a token service could not be asked; a certificate gets no better by asking again."""
    fault = _unsent(error, url)
    kind = fault.kind if not fault.kind.retriable else FaultKind.NO_TOKEN
    lost = isinstance(error, UNANSWERED)
    said = f"{_words(error)} ({_where(url)})" if lost else fault.detail
    return Fault(kind, f"{FaultKind.NO_TOKEN.words}: {said}")


def _unsent(error: Exception, url: str) -> Fault:
    """What it means where nothing has left yet."""
    cause = _cause(error)
    kind = _first(CAUSES, cause) or _first(BEFORE, error) or FaultKind.UNEXPECTED_BEFORE
    if kind in (FaultKind.NAME_LOOKUP, FaultKind.CONNECT_REFUSED):
        return Fault(kind, f"{kind.words} ({_where(url)})")
    if kind is FaultKind.TLS_CERTIFICATE:
        reason = getattr(cause, "verify_message", "") or str(cause)
        return Fault(kind, f"{kind.words}: {reason} ({_where(url)})")
    if isinstance(cause, OSError) and cause.errno in errno.errorcode and cause.strerror:
        return Fault(kind, f"{kind.words}: {cause.strerror} ({_where(url)})")
    return Fault(kind, f"{kind.words}: {_words(error)}")


def _cause(error: BaseException) -> BaseException | None:
    """Why it failed; trouble with TLS is looked for deeper, for through a proxy it stands so."""
    cause = deeper = error.__cause__
    while deeper is not None and not isinstance(deeper, ssl.SSLError):
        deeper = deeper.__cause__ or deeper.__context__
    return deeper or cause


def _first(
    table: tuple[tuple[type[BaseException], FaultKind], ...], error: BaseException | None
) -> FaultKind | None:
    return next((kind for one, kind in table if isinstance(error, one)), None)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _where(url: str) -> str:
    """The host and port of a URL; never its path, which may tell more than it should."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "its host"
    return address_words(parts.hostname or "", port)
