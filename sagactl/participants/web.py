"""Services over HTTP: one Call becomes one request, and its end one Outcome.

Never raises but for cancellation. One deadline covers connecting, sending and the whole reply. Only
until the first byte leaves is an attempt "not sent"; once a status was seen, nothing that happens
to the body takes it back. Secrets are put into headers here, for each attempt anew, and taken out
of everything a service says.

Deliberately absent: retries (the machine's business), redirects, cookies, decompression.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeAlias
from urllib.request import getproxies, proxy_bypass

import httpx

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Auth, OutcomeKind, Tls
from sagactl.machine.command import Call, Outcome
from sagactl.participants.connection import Address
from sagactl.participants.credentials import (
    MAX_TOKEN_REPLY,
    Authorization,
    Credentials,
    Grant,
    NoToken,
)
from sagactl.participants.exchange import Exchange, read_reply, seen_of, timed_out, tokenless
from sagactl.participants.heading import headers_of
from sagactl.participants.outcome import Fault, FaultKind, Reply, Seen, classify
from sagactl.participants.redaction import Redaction
from sagactl.participants.tls import trust_of
from sagactl.participants.transport import NO_USERINFO, Answer, Connections, Origin, origin_at

_Asked: TypeAlias = tuple[str, str, list[tuple[str, str]], bytes | None]


class Web:
    """Sends calls over HTTP. `connect_to`: every connection goes there (the sandbox).

    `trust_env`: proxies named in the environment are used, which hands them every header. `only`:
    what is for any other origin, of a token service too, is not sent.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        clock: Callable[[], float] = time.time,
        connect_to: Address | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        only: Collection[Origin] | None = None,
    ) -> None:
        self._only = only
        self._secrets = dict(secrets)
        self._redaction = Redaction(self._secrets.values())
        self._clock = clock
        self._connect_to = connect_to
        self._ssl_context = ssl_context
        self._credentials = Credentials(self._secrets)
        self._direct: dict[tuple[Tls | None, bool], Connections] = {}
        self._uses_proxies = trust_env and connect_to is None
        self._proxied: dict[tuple[str, bool, bool, Tls | None], httpx.AsyncHTTPTransport] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        for connections in self._direct.values():
            await connections.aclose()
        for transport in self._proxied.values():
            await transport.aclose()

    async def send(self, call: Call) -> Outcome:
        """Send the call once and say how it ended.

        Once more where it is refused for an access token that has ended: then it had no effect.
        """
        outcome, _ = await self.converse(call)
        return outcome

    async def converse(self, call: Call) -> tuple[Outcome, Seen]:
        """The same, with what was seen: a reply as it came, which nobody may be shown."""
        exchange = Exchange()
        try:
            headers, exchange.confidential = headers_of(call, self._secrets)
            seen = await self._attempt(call, headers, exchange)
        except ExpressionFailed as failure:
            seen = Fault(FaultKind.UNSENDABLE, f"a header cannot be sent: {failure.message}")
        except NoToken as no:
            seen = no.fault
        except Exception as error:
            seen = seen_of(error, exchange, call)
        return self._judged(call, seen, exchange), seen

    def _judged(self, call: Call, seen: Seen, exchange: Exchange) -> Outcome:
        try:
            redaction = self._redaction
            confidential = [*self._credentials.confidential, *exchange.confidential]
            if confidential:
                redaction = Redaction([*self._secrets.values(), *confidential])
            outcome = classify(call, seen, self._clock(), redaction.text)
            result = redaction.value(outcome.result)
            return replace(outcome, detail=redaction.text(outcome.detail), result=result)
        except Exception as error:
            # Whatever is wrong with us, a request that may have left is never taken for one that
            # did not.
            kind = OutcomeKind.UNKNOWN if exchange.may_have_left else OutcomeKind.NOT_SENT
            return Outcome(kind, f"the reply cannot be judged: {type(error).__name__}")

    async def _attempt(
        self, call: Call, headers: list[tuple[str, str]], exchange: Exchange
    ) -> Seen:
        try:
            async with asyncio.timeout(call.request.timeout_s) as deadline:
                who = await self._authorization(call, headers, exchange)
                reply = await self._reply(call, headers, who, exchange)
                if who is None or not self._has_ended(who, call, reply):
                    return reply
                exchange.begin_again()
                who = await self._authorization(call, headers, exchange)
                return await self._reply(call, headers, who, exchange)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            return timed_out(error, exchange, call)

    async def _authorization(
        self, call: Call, headers: list[tuple[str, str]], exchange: Exchange
    ) -> Authorization | None:
        """Who sends, as the service's `auth` says; None where the request says it, or nobody."""
        auth = _auth(call)
        if auth is None or auth.scheme is None:
            return None
        if any(name.lower() == "authorization" for name, _ in headers):
            return None
        env = call.scope.get("env", {})
        return await self._credentials.authorization(
            auth.scheme, env, lambda grant: self._ask(grant, auth.tls, exchange)
        )

    def _has_ended(self, who: Authorization, call: Call, reply: Reply) -> bool:
        """Whether a token from before was refused, and the request with it for certain."""
        if reply.status != 401 or not who.kept:
            return False
        self._credentials.forget(who)
        return classify(call, reply, self._clock()).kind is OutcomeKind.REJECTED

    async def _ask(self, grant: Grant, tls: Tls | None, exchange: Exchange) -> Reply:
        """What a token service replies to a grant."""
        exchange.asked = grant.url
        asked = ("POST", grant.url, grant.headers(), grant.body())
        asking = Exchange()
        try:
            answer = await self._answer(asked, tls, asking, fresh=True, widened=True)
            reply = await read_reply(answer, MAX_TOKEN_REPLY, asking)
        except Exception as error:
            raise NoToken(tokenless(error, grant.url)) from None
        exchange.asked = None
        return reply

    async def _reply(
        self,
        call: Call,
        headers: list[tuple[str, str]],
        who: Authorization | None,
        exchange: Exchange,
    ) -> Reply:
        sending, auth = call.sending, _auth(call)
        body = None if sending.body is None else sending.body.encode()
        if who is not None:
            headers = [*headers, ("Authorization", who.value)]
        answer = await self._answer(
            (sending.method, sending.url, headers, body),
            None if auth is None else auth.tls,
            exchange,
            fresh=not call.request.may_repeat,
        )
        return await read_reply(answer, call.request.max_reply_bytes, exchange)

    async def _answer(
        self,
        asked: _Asked,
        tls: Tls | None,
        exchange: Exchange,
        *,
        fresh: bool,
        widened: bool = False,
    ) -> Answer:
        method, url, headers, body = asked
        if self._only is not None and origin_at(url) not in self._only:
            raise httpx.InvalidURL("its host is none of those that may be contacted")
        proxy = self._proxy(url, tls, fresh=fresh, widened=widened) if self._uses_proxies else None
        if proxy is None:
            return await self._connections(tls, widened=widened).exchange(
                method, url, headers, body, fresh=fresh, leaving=exchange.leave
            )
        extensions = {"trace": exchange.trace}
        request = httpx.Request(method, url, headers=headers, content=body, extensions=extensions)
        if request.url.userinfo:
            raise httpx.InvalidURL(NO_USERINFO)
        response = await proxy.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return Answer(response.status_code, response.headers.raw, response.stream, None)

    def _connections(self, tls: Tls | None, *, widened: bool) -> Connections:
        """Those that say who we are, and trust whom, as `tls` has it."""
        key = (tls, widened and tls is not None)
        if key not in self._direct:
            context = self._ssl_context if tls is None else trust_of(tls, widened=widened)
            self._direct[key] = Connections(connect_to=self._connect_to, ssl_context=context)
        return self._direct[key]

    def _proxy(
        self, address: str, tls: Tls | None, *, fresh: bool, widened: bool
    ) -> httpx.AsyncBaseTransport | None:
        url = httpx.URL(address)
        found = getproxies()
        proxy = found.get(url.scheme, found.get("all"))
        if proxy is None or proxy_bypass(url.host):
            return None
        key = (proxy, fresh, widened, tls)
        if key not in self._proxied:
            context = self._ssl_context if tls is None else trust_of(tls, widened=widened)
            self._proxied[key] = httpx.AsyncHTTPTransport(
                proxy=proxy if "://" in proxy else f"http://{proxy}",
                verify=context or True,
                limits=httpx.Limits(max_keepalive_connections=0 if fresh else 100),
            )
        return self._proxied[key]


def _auth(call: Call) -> Auth | None:
    service = call.request.service
    return None if service is None else service.auth
