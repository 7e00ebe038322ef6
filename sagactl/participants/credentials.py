"""Who sends: the Authorization that the `auth` of a service stands for.

An access token is fetched before the first byte of the request leaves, so whatever becomes of that,
the request was not sent. It is kept in memory alone, for all requests of the process.

Deliberately absent: refresh tokens, which client credentials have none of (RFC 6749, 4.4.3).
"""

import asyncio
import re
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias
from urllib.parse import quote_plus, urlencode

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Basic, Bearer, ClientCredentials
from sagactl.definition.template import evaluate_text, header_text
from sagactl.participants.outcome import Fault, FaultKind, Reply
from sagactl.participants.redaction import Redaction
from sagactl.participants.wording import Redact, own_words, shown, status_words
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json

MAX_TOKEN_REPLY = 64 * 1024
# The part of a token's life that is left unused, so that it does not end on its way.
EARLY = 0.1
MAX_EARLY_S = 30.0
# RFC 6750, 2.1, and what other tokens are made of: visible ASCII.
TOKEN = re.compile(r"[!-~]+")
# What a token service may think better of; any other 4xx it would say again.
MAY_PASS = (408, 425, 429)


class Grant(NamedTuple):
    """What a token is asked for with: two requests with the same grant share one."""

    url: str
    client_id: str
    client_secret: str
    scope: str | None
    audience: str | None

    def headers(self) -> list[tuple[str, str]]:
        return [
            ("Authorization", f"Basic {self._credentials()}"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
        ]

    def confidential(self) -> list[str]:
        """What of it a token service must not be quoted with."""
        return [self.client_secret, self._credentials()]

    def _credentials(self) -> str:
        """The client's, form-encoded before they are joined (RFC 6749, 2.3.1)."""
        return _base64(f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}")

    def body(self) -> bytes:
        """RFC 6749, 4.4.2; `audience` is no word of it, but many token services ask for it."""
        fields = {"grant_type": "client_credentials"}
        fields |= {} if self.scope is None else {"scope": self.scope}
        fields |= {} if self.audience is None else {"audience": self.audience}
        return urlencode(fields).encode()


Ask: TypeAlias = Callable[[Grant], Awaitable[Reply]]


class NoToken(Exception):
    """There is no access token to send; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Authorization:
    """The value of the header. `kept`: it was fetched for an earlier request and may have ended."""

    value: str = field(repr=False)
    grant: Grant | None = field(default=None, repr=False)
    kept: bool = False


class _Kept(NamedTuple):
    token: str
    until: float


class Credentials:
    """The Authorizations of a process, made with its secrets.

    `clock` is one that never jumps, in seconds: a token's life is counted from when it came.
    """

    def __init__(
        self, secrets: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._secrets = dict(secrets)
        self._clock = clock
        self.confidential: set[str] = set()  # what was made with secrets, or is one: tokens
        self._kept: dict[Grant, _Kept] = {}
        self._turns: dict[Grant, asyncio.Lock] = {}

    async def authorization(
        self, scheme: Basic | Bearer | ClientCredentials, env: Json, ask: Ask
    ) -> Authorization:
        """Raises ExpressionFailed, NoToken, and what `ask` raises, which sends a grant."""
        scope: dict[str, Json] = {"env": env, "secrets": dict(self._secrets)}
        match scheme:
            case Basic():
                who = Authorization(f"Basic {_basic(scheme, scope)}")
            case Bearer():
                who = Authorization(f"Bearer {header_text(scheme.token, scope)}")
            case ClientCredentials():
                grant = _grant(scheme, scope)
                self.confidential.update(grant.confidential())
                who = await self._token(grant, ask)
        self.confidential.add(who.value.partition(" ")[2])
        return who

    def forget(self, authorization: Authorization) -> None:
        """Its token was refused; who comes next fetches another, unless somebody has already."""
        grant = authorization.grant
        if grant is None:
            return
        kept = self._kept.get(grant)
        if kept is not None and authorization.value == f"Bearer {kept.token}":
            del self._kept[grant]

    async def _token(self, grant: Grant, ask: Ask) -> Authorization:
        async with self._turns.setdefault(grant, asyncio.Lock()):
            kept = self._kept.get(grant)
            if kept is not None and self._clock() < kept.until:
                return Authorization(f"Bearer {kept.token}", grant, kept=True)
            reply = await ask(grant)
            redaction = Redaction([*self._secrets.values(), *self.confidential])
            token, life_s = _granted(reply, redaction.text)
            until = self._clock() + life_s - min(life_s * EARLY, MAX_EARLY_S)
            self._kept[grant] = _Kept(token, until)
            return Authorization(f"Bearer {token}", grant)


def _basic(scheme: Basic, scope: Mapping[str, Json]) -> str:
    username = evaluate_text(scheme.username, scope)
    if ":" in username:
        # What stands behind it would be read as the password (RFC 7617, 2).
        raise ExpressionFailed("a user name takes no colon", scheme.username.node.place)
    return _base64(f"{username}:{evaluate_text(scheme.password, scope)}")


def _grant(scheme: ClientCredentials, scope: Mapping[str, Json]) -> Grant:
    return Grant(
        evaluate_text(scheme.token_url, scope),
        evaluate_text(scheme.client_id, scope),
        evaluate_text(scheme.client_secret, scope),
        None if scheme.scope is None else evaluate_text(scheme.scope, scope),
        None if scheme.audience is None else evaluate_text(scheme.audience, scope),
    )


def _granted(reply: Reply, redact: Redact) -> tuple[str, float]:
    """The token of a reply and for how many seconds it is good (RFC 6749, 5.1); raises NoToken."""
    try:
        body = parse_json(reply.body.decode("utf-8")) if reply.complete else None
    except (UnicodeDecodeError, JsonRejected):
        body = None
    if reply.status != 200:
        said = own_words(body, redact)
        words = status_words(reply.status) + ("" if said is None else f": {said}")
        refused = 400 <= reply.status <= 499 and reply.status not in MAY_PASS
        raise _no(words, FaultKind.TOKEN_REFUSED if refused else FaultKind.NO_TOKEN)
    if reply.trouble is not None:
        raise _no(f"its reply was not read: {reply.trouble}")
    if not isinstance(body, dict):
        raise _no("its reply is no JSON object")
    token, kind, life = (body.get(name) for name in ("access_token", "token_type", "expires_in"))
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise _no('its reply has no "access_token" that can be sent')
    if isinstance(kind, str) and kind.lower() != "bearer":
        raise _no(f'its token is of the type "{shown(kind)}", not "Bearer"')
    return token, _seconds(life)


def _seconds(life: Json) -> float:
    """For how long a token is good; where nobody says so, a refusal tells that it has ended."""
    if isinstance(life, str) and life.isdecimal():
        life = int(life[:12])  # against the RFC, but seen
    known = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return float(life) if known else float("inf")


def _no(words: str, kind: FaultKind = FaultKind.NO_TOKEN) -> NoToken:
    return NoToken(Fault(kind, f"{kind.words}: {words}"))


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")
