"""Services over HTTP: one Call becomes one request, and its end one Outcome.

Never raises but for cancellation. One deadline covers connecting, sending and the whole reply. Only
until the first byte leaves is an attempt "not sent"; once a status was seen, nothing that happens
to the body takes it back. Secrets are put into headers here, for each attempt anew, and taken out
of everything a service says.

Deliberately absent: retries (the machine's business), redirects, cookies, decompression.
"""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from sagactl import __version__
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Idempotency, OutcomeKind
from sagactl.definition.template import header_text
from sagactl.machine.command import Call, Outcome, Phase
from sagactl.participants.connection import Address, address_words
from sagactl.participants.outcome import Fault, FaultKind, Reply, Seen, classify
from sagactl.participants.redaction import Redaction
from sagactl.participants.trace import traceparent
from sagactl.participants.transport import NO_USERINFO, Answer, Connections
from sagactl.participants.wording import size_words

USER_AGENT = f"sagactl/{__version__}"
# What parts the stream, names the peer or asks for what is never decoded: not the author's to say.
OURS_ALONE = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip

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


@dataclass(slots=True)
class _Exchange:
    """How far an attempt has come, for whoever has to say what its end means."""

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

    def reply(self, trouble: str | None = None) -> Reply:
        assert self.status is not None
        return Reply(self.status, self.headers, bytes(self.body), trouble is None, trouble)


class Web:
    """Sends calls over HTTP. `connect_to`: every connection goes there (the sandbox).

    `trust_env`: proxies named in the environment are used, which hands them every header.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        clock: Callable[[], float] = time.time,
        connect_to: Address | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._secrets = dict(secrets)
        self._redaction = Redaction(self._secrets.values())
        self._clock = clock
        self._ssl_context = ssl_context
        self._direct = Connections(connect_to=connect_to, ssl_context=ssl_context)
        self._uses_proxies = trust_env and connect_to is None
        self._proxied: dict[str, httpx.AsyncHTTPTransport] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        await self._direct.aclose()
        for transport in self._proxied.values():
            await transport.aclose()

    async def send(self, call: Call) -> Outcome:
        """Send the call once and say how it ended."""
        exchange = _Exchange()
        redaction = self._redaction
        try:
            headers, confidential = self._headers(call)
            if confidential:
                redaction = Redaction([*self._secrets.values(), *confidential])
            seen = await self._attempt(call, headers, exchange)
        except ExpressionFailed as failure:
            seen = Fault(FaultKind.UNSENDABLE, f"a header cannot be sent: {failure.message}")
        except Exception as error:
            seen = _seen(error, exchange, call)
        try:
            outcome = classify(call, seen, self._clock(), redaction.text)
            result = redaction.value(outcome.result)
            return replace(outcome, detail=redaction.text(outcome.detail), result=result)
        except Exception as error:
            # Whatever is wrong with us, a request that may have left is never taken for one that
            # did not.
            kind = OutcomeKind.UNKNOWN if exchange.may_have_left else OutcomeKind.NOT_SENT
            return Outcome(kind, f"the reply cannot be judged: {type(error).__name__}")

    async def _attempt(
        self, call: Call, headers: list[tuple[str, str]], exchange: _Exchange
    ) -> Seen:
        try:
            async with asyncio.timeout(call.request.timeout_s) as deadline:
                answer = await self._answer(call, headers, exchange)
                return await _read(answer, call, exchange)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            return _timed_out(error, exchange, call)

    async def _answer(
        self, call: Call, headers: list[tuple[str, str]], exchange: _Exchange
    ) -> Answer:
        method, url = call.sending.method, call.sending.url
        body = None if call.sending.body is None else call.sending.body.encode()
        fresh = not call.request.may_repeat
        proxy = self._proxy(url, fresh=fresh) if self._uses_proxies else None
        if proxy is None:
            return await self._direct.exchange(
                method, url, headers, body, fresh=fresh, leaving=exchange.leave
            )
        extensions = {"trace": exchange.trace}
        request = httpx.Request(method, url, headers=headers, content=body, extensions=extensions)
        if request.url.userinfo:
            raise httpx.InvalidURL(NO_USERINFO)
        response = await proxy.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return Answer(response.status_code, response.headers.raw, response.stream, None)

    def _headers(self, call: Call) -> tuple[list[tuple[str, str]], list[str]]:
        """All the headers of an attempt, and those values that were made with secrets."""
        ours = _our_headers(call)
        reserved = {name.lower(): value for name, value in ours}
        headers = {
            "user-agent": ("User-Agent", USER_AGENT),
            "accept": ("Accept", "application/json"),
        }
        if call.sending.content_type is not None:
            headers["content-type"] = ("Content-Type", call.sending.content_type)
        confidential: list[str] = []
        scope = {**call.scope, "secrets": self._secrets}
        for name, template in call.request.headers:
            value = header_text(template, scope)
            # A definition may spell out `Idempotency-Key: ${{ step.idempotency_key }}`.
            if name.lower() in OURS_ALONE or reserved.get(name.lower(), value) != value:
                words = f'the header "{name}" is set by sagactl and cannot be another'
                raise ExpressionFailed(words, template.node.place)
            if any(reference.path[0] == "secrets" for reference in template.references):
                # What was made of a secret (`Basic …`) tells it as well as the secret itself.
                confidential += [value, value.rpartition(" ")[2]]
            if name.lower() not in reserved:
                headers[name.lower()] = (name, value)
        return [*ours, *headers.values(), ("Accept-Encoding", "identity")], confidential

    def _proxy(self, address: str, *, fresh: bool) -> httpx.AsyncBaseTransport | None:
        url = httpx.URL(address)
        found = getproxies()
        proxy = found.get(url.scheme, found.get("all"))
        if proxy is None or proxy_bypass(url.host):
            return None
        key = f"{proxy} {fresh}"
        if key not in self._proxied:
            self._proxied[key] = httpx.AsyncHTTPTransport(
                proxy=proxy if "://" in proxy else f"http://{proxy}",
                verify=self._ssl_context or True,
                limits=httpx.Limits(max_keepalive_connections=0 if fresh else 100),
            )
        return self._proxied[key]


def _our_headers(call: Call) -> list[tuple[str, str]]:
    """What every request carries, so that a service can tell a repetition and find its saga."""
    idempotency = call.request.idempotency or Idempotency(keyed=False)
    headers = [
        (idempotency.header, call.key),
        ("X-Correlation-ID", _visible(call.run_id)),
        ("traceparent", traceparent(call)),
        ("Saga-Step", _visible(call.step)),
        ("Saga-Attempt", str(call.attempt)),
    ]
    if call.phase is Phase.COMPENSATION:
        # With it a service can refuse an action that arrives after its own undo.
        headers.append(("Saga-Action-Key", call.action_key))
    return headers


def _visible(text: str) -> str:
    """The text as a header can carry it; what is no visible ASCII is percent-encoded."""
    return quote(text, safe="!#$&'()*+,-./:;<=>?@[]^_`{|}~\"\\")


async def _read(answer: Answer, call: Call, exchange: _Exchange) -> Reply:
    """The reply with as much of its body as is allowed."""
    exchange.status = answer.status
    try:
        exchange.headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers
        )
        trouble = answer.trouble or _coding_trouble(exchange.headers)
        if trouble is not None:
            return exchange.reply(trouble)
        limit = call.request.max_reply_bytes
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


def _timed_out(error: TimeoutError, exchange: _Exchange, call: Call) -> Seen:
    after = f"after {call.request.timeout_s:g}s"
    if exchange.status is not None:
        return exchange.reply(f"it was not complete {after}")
    if exchange.may_have_left:
        return Fault(FaultKind.READ_TIMEOUT, f"read timed out {after}")
    return Fault(FaultKind.CONNECT_TIMEOUT, f"connect timed out {after} ({_where(call)})")


def _seen(error: Exception, exchange: _Exchange, call: Call) -> Seen:
    """What an exception means, by how far the attempt had come before anything else."""
    if exchange.status is not None:
        return exchange.reply(f"it was cut: {_words(error)}")
    if exchange.may_have_left:
        kind = _first(AFTER, error) or FaultKind.UNEXPECTED_AFTER
        said = kind in (FaultKind.WRITE, FaultKind.CONNECTION_LOST)
        return Fault(kind, _words(error) if said else f"{kind.words}: {_words(error)}")
    cause = _cause(error)
    kind = _first(CAUSES, cause) or _first(BEFORE, error) or FaultKind.UNEXPECTED_BEFORE
    if kind in (FaultKind.NAME_LOOKUP, FaultKind.CONNECT_REFUSED):
        return Fault(kind, f"{kind.words} ({_where(call)})")
    if kind is FaultKind.TLS_CERTIFICATE:
        reason = getattr(cause, "verify_message", "") or str(cause)
        return Fault(kind, f"{kind.words}: {reason} ({_where(call)})")
    if isinstance(cause, OSError) and cause.errno in errno.errorcode and cause.strerror:
        return Fault(kind, f"{kind.words}: {cause.strerror} ({_where(call)})")
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


def _where(call: Call) -> str:
    """The host and port of a call; never its path, which may tell more than it should."""
    try:
        parts = urlsplit(call.sending.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "its host"
    return address_words(parts.hostname or "", port)
