"""Who sends: what a service and its token service are told, over real sockets."""

import asyncio
import json
import ssl
from base64 import b64decode
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

import pytest
import trustme
from participants.calls import PLACE, call, headers, template
from zoo import Peer, Zoo, closed_port, reply

from sagactl.definition.model import (
    Auth,
    Basic,
    Bearer,
    ClientCredentials,
    OutcomeKind,
    Service,
    Tls,
)
from sagactl.machine.command import Call, Outcome
from sagactl.participants.credentials import Credentials, NoToken
from sagactl.participants.outcome import Fault, FaultKind, Reply
from sagactl.participants.tls import TlsUnreadable, trust_of
from sagactl.participants.web import Web

T = TypeVar("T")

SECRETS = {"PASSWORD": "canary-pass word", "CLIENT": "canary/secret+1"}
BASIC = Basic(template("shop"), template("${{ secrets.PASSWORD }}"))
BEARER = Bearer(template("${{ secrets.CLIENT }}"))


def run(story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(story)


def client(url: str, **more: str) -> ClientCredentials:
    fields = {name: template(text) for name, text in more.items()}
    return ClientCredentials(
        template(url), template("shop:1"), template("${{ secrets.CLIENT }}"), **fields
    )


def sent_by(scheme: Any, url: str, tls: Tls | None = None, **fields: Any) -> Call:
    """A call to a service that is told so who sends it."""
    made = call(url, scope={"env": {"USER": "shop"}}, **fields)
    service = Service("bank", PLACE, template(url), auth=Auth(scheme, tls))
    return replace(made, request=replace(made.request, service=service))


@dataclass
class Issuer:
    """A token service, and a service that takes its tokens as long as they are `good`."""

    lives: list[Any] = field(default_factory=lambda: [3600])
    says: bytes | None = None
    grants: list[tuple[dict[str, list[str]], str]] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    refused: int = 0

    async def token(self, peer: Peer) -> bool:
        self.grants.append((parse_qs(peer.body.decode()), peer.fields["authorization"]))
        if self.says is not None:
            await peer.say(self.says)
            return True
        token = f"canary-token-{len(self.grants)}"
        self.good.add(token)
        said: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        life = self.lives[min(len(self.grants), len(self.lives)) - 1]
        said |= {} if life is None else {"expires_in": life}
        await peer.say(reply("200 OK", json.dumps(said).encode()))
        return True

    async def api(self, peer: Peer) -> bool:
        came = peer.fields.get("authorization", "")
        if came.removeprefix("Bearer ") in self.good:
            await peer.say(reply("200 OK", json.dumps({"came": came}).encode()))
        else:
            self.refused += 1
            await peer.say(reply("401 Unauthorized", b'{"error": "token has ended"}'))
        return True

    def zoo(self) -> Zoo:
        return Zoo(guests={"token": self.token, "api": self.api})


async def outcomes(zoo: Zoo, *calls: Call, between: Any = None) -> list[Outcome]:
    web = Web(SECRETS)
    try:
        found = []
        for one in calls:
            found.append(await web.send(one))
            if between is not None:
                between()
        return found
    finally:
        await web.aclose()


def came_as(scheme: Any, **fields: Any) -> tuple[Outcome, dict[str, str]]:
    async def story() -> tuple[Outcome, dict[str, str]]:
        async with Zoo() as zoo:
            [outcome] = await outcomes(zoo, sent_by(scheme, zoo.url("mirror"), **fields))
            return outcome, zoo.met[0].fields if zoo.met else {}

    return run(story())


def test_a_user_with_a_password() -> None:
    outcome, came = came_as(BASIC)
    kind, _, value = came["authorization"].partition(" ")
    assert (kind, b64decode(value)) == ("Basic", b"shop:canary-pass word")
    # The mirror sends back what came: neither form of the password is told.
    told = json.dumps(outcome.result) + outcome.detail
    assert "canary" not in told
    assert value not in told


def test_a_user_name_with_a_colon_cannot_be_sent() -> None:
    outcome, came = came_as(Basic(template("a:b"), template("c")))
    assert came == {}
    assert (outcome.kind, outcome.retriable) == (OutcomeKind.NOT_SENT, False)
    assert outcome.detail == "a header cannot be sent: a user name takes no colon"


def test_a_token_that_somebody_gave() -> None:
    outcome, came = came_as(BEARER)
    assert came["authorization"] == "Bearer canary/secret+1"
    assert "canary" not in json.dumps(outcome.result)


def test_a_request_that_says_itself_who_sends_it_is_believed() -> None:
    _, came = came_as(BEARER, headers=headers(AUTHORIZATION="Own x"))
    assert came["authorization"] == "Own x"


def test_a_token_is_fetched_once_for_all_requests() -> None:
    issuer = Issuer()

    async def story() -> list[Outcome]:
        async with issuer.zoo() as zoo:
            scheme = client(zoo.url("token"), scope="charges", audience="bank")
            web = Web(SECRETS)
            calls = [sent_by(scheme, zoo.url("api"), attempt=n + 1) for n in range(8)]
            found = await asyncio.gather(*(web.send(one) for one in calls))
            await web.aclose()
            return found

    found = run(story())
    assert [outcome.kind for outcome in found] == [OutcomeKind.APPLIED] * 8
    assert found[0].result == {"came": "Bearer ***"}
    [(fields, who)] = issuer.grants
    assert fields == {
        "grant_type": ["client_credentials"], "scope": ["charges"], "audience": ["bank"],
    }  # fmt: skip
    # RFC 6749, 2.3.1: each is form-encoded first, so that a colon within is none between.
    assert b64decode(who.removeprefix("Basic ")) == b"shop%3A1:canary%2Fsecret%2B1"


def test_a_token_that_was_revoked_is_renewed_within_the_attempt() -> None:
    issuer = Issuer()

    async def story() -> list[Outcome]:
        async with issuer.zoo() as zoo:
            one = sent_by(client(zoo.url("token")), zoo.url("api"))
            return await outcomes(zoo, one, one, between=issuer.good.clear)

    assert [outcome.kind for outcome in run(story())] == [OutcomeKind.APPLIED] * 2
    assert (len(issuer.grants), issuer.refused) == (2, 1)


def test_a_fresh_token_that_is_refused_is_a_refusal() -> None:
    issuer = Issuer()

    async def forgetful(peer: Peer) -> bool:
        issuer.good.clear()
        return await issuer.api(peer)

    async def story() -> list[Outcome]:
        async with Zoo(guests={"token": issuer.token, "api": forgetful}) as zoo:
            one = sent_by(client(zoo.url("token")), zoo.url("api"))
            return await outcomes(zoo, one, one)

    found = run(story())
    assert [outcome.kind for outcome in found] == [OutcomeKind.REJECTED] * 2
    assert found[0].detail == '401 Unauthorized: "token has ended"'
    # The second attempt had a kept token, and asked for another; neither was asked for twice.
    assert (len(issuer.grants), issuer.refused) == (2, 3)


def test_a_refusal_that_is_said_to_mean_something_else_is_not_sent_again() -> None:
    issuer = Issuer()

    async def story() -> list[Outcome]:
        async with issuer.zoo() as zoo:
            scheme = client(zoo.url("token"))
            unsure = {OutcomeKind.UNKNOWN: statuses(401)}
            one = sent_by(scheme, zoo.url("api"), outcomes=unsure)
            return await outcomes(zoo, one, one, between=issuer.good.clear)

    found = run(story())
    assert [outcome.kind for outcome in found] == [OutcomeKind.APPLIED, OutcomeKind.UNKNOWN]
    assert issuer.refused == 1


def statuses(*codes: int) -> Any:
    from sagactl.definition.model import StatusSet

    return StatusSet(tuple((code, code) for code in codes))


@pytest.mark.parametrize(
    ("status", "body", "kind", "detail"),
    [
        (
            "400 Bad Request", b'{"error": "invalid_scope"}', FaultKind.TOKEN_REFUSED,
            'the token service refused: 400 Bad Request: "invalid_scope"',
        ),
        (
            "401 Unauthorized", b'{"error": "no client canary/secret+1 or canary%2Fsecret%2B1"}',
            FaultKind.TOKEN_REFUSED,
            'the token service refused: 401 Unauthorized: "no client *** or ***"',
        ),
        ("429 Too Many Requests", b"", FaultKind.NO_TOKEN, "no access token: 429 Too Many Requests"),
        ("302 Found", b"", FaultKind.NO_TOKEN, "no access token: 302 Found"),
        ("503 Service Unavailable", b"", FaultKind.NO_TOKEN, "no access token: 503 Service Unavailable"),
        ("200 OK", b"<html>", FaultKind.NO_TOKEN, "no access token: its reply is no JSON object"),
        ("200 OK", b'["x"]', FaultKind.NO_TOKEN, "no access token: its reply is no JSON object"),
        (
            "200 OK", b'{"token": "x"}', FaultKind.NO_TOKEN,
            'no access token: its reply has no "access_token" that can be sent',
        ),
        (
            "200 OK", b'{"access_token": "a\\nb"}', FaultKind.NO_TOKEN,
            'no access token: its reply has no "access_token" that can be sent',
        ),
        (
            "200 OK", b'{"access_token": "a", "token_type": "mac"}', FaultKind.NO_TOKEN,
            'no access token: its token is of the type "mac", not "Bearer"',
        ),
    ],
)  # fmt: skip
def test_what_a_token_service_says_instead(
    status: str, body: bytes, kind: FaultKind, detail: str
) -> None:
    issuer = Issuer(says=reply(status, body))

    async def story() -> Outcome:
        async with issuer.zoo() as zoo:
            one = sent_by(client(zoo.url("token")), zoo.url("api"))
            [outcome] = await outcomes(zoo, one)
            assert [peer.animal for peer in zoo.met] == ["token"]
            return outcome

    outcome = run(story())
    assert (outcome.kind, outcome.retriable) == (kind.outcome, kind.retriable)
    assert outcome.detail == detail


@pytest.mark.parametrize(
    "animal",
    [
        "silent",
        "reset-before-reply",
        "reset-mid-body",
        "endless-body",
        "endless-headers",
        "garbage",
        "bomb",
    ],
)
def test_a_token_service_that_misbehaves_lets_nothing_be_sent(animal: str) -> None:
    async def story() -> Outcome:
        async with Zoo() as zoo:
            assert animal in zoo.animals
            one = sent_by(client(zoo.url(animal)), zoo.url("ok"), timeout_s=1.0)
            [outcome] = await outcomes(zoo, one)
            assert {peer.animal for peer in zoo.met} == {animal}
            return outcome

    outcome = run(story())
    assert (outcome.kind, outcome.retriable) == (OutcomeKind.NOT_SENT, True)
    assert outcome.detail.startswith("no access token")
    assert "connect" not in outcome.detail.replace("connection lost", "")


def test_what_is_sent_with_a_renewed_token_and_not_answered_is_unknown() -> None:
    issuer = Issuer()
    came = 0

    async def failing(peer: Peer) -> bool:
        nonlocal came
        came += 1
        if came == 3:
            await zoo_silence(peer)
        return await issuer.api(peer)

    async def story() -> list[Outcome]:
        async with Zoo(guests={"token": issuer.token, "api": failing}) as zoo:
            one = sent_by(client(zoo.url("token")), zoo.url("api"), timeout_s=1.0)
            return await outcomes(zoo, one, one, between=issuer.good.clear)

    # That the first was refused says nothing about the second.
    assert [outcome.kind for outcome in run(story())] == [OutcomeKind.APPLIED, OutcomeKind.UNKNOWN]


async def zoo_silence(peer: Peer) -> None:
    await peer.reader.read()


def test_a_token_that_cannot_be_renewed_lets_nothing_be_done() -> None:
    issuer = Issuer()

    def ends() -> None:
        issuer.good.clear()
        issuer.says = reply("503 Service Unavailable")

    async def story() -> list[Outcome]:
        async with issuer.zoo() as zoo:
            one = sent_by(client(zoo.url("token")), zoo.url("api"))
            return await outcomes(zoo, one, one, between=ends)

    found = run(story())
    assert [outcome.kind for outcome in found] == [OutcomeKind.APPLIED, OutcomeKind.NOT_SENT]
    assert found[1].detail == "no access token: 503 Service Unavailable"


def test_a_token_service_that_is_not_there() -> None:
    port = closed_port()

    async def story() -> Outcome:
        async with Zoo() as zoo:
            one = sent_by(client(f"http://127.0.0.1:{port}/token"), zoo.url("ok"))
            [outcome] = await outcomes(zoo, one)
            assert zoo.met == []
            return outcome

    outcome = run(story())
    assert outcome.detail == f"no access token: connection refused (127.0.0.1:{port})"
    assert (outcome.kind, outcome.retriable) == (OutcomeKind.NOT_SENT, True)


@pytest.mark.parametrize(
    ("life", "good_s"),
    [(3600, 3569), (10, 8.9), ("60", 53.9), (None, 1e9), (0, 1e9), (True, 1e9), (-5, 1e9)],
)
def test_how_long_a_token_is_kept(life: Any, good_s: float) -> None:
    """It ends a little early, so that none ends on its way; `true` is no number."""
    now = [100.0]
    asked = []

    async def ask(grant: Any) -> Reply:
        asked.append(grant)
        said = {"access_token": f"t{len(asked)}", "expires_in": life}
        return Reply(200, body=json.dumps(said).encode())

    async def story() -> None:
        credentials = Credentials(SECRETS, clock=lambda: now[0])
        scheme = client("http://id.example/token")
        await credentials.authorization(scheme, {}, ask)
        now[0] += good_s
        assert (await credentials.authorization(scheme, {}, ask)).kept
        now[0] += 2
        assert (await credentials.authorization(scheme, {}, ask)).kept is (good_s == 1e9)

    run(story())


def test_who_waits_for_a_token_asks_for_one_if_the_first_could_not() -> None:
    answers: Iterator[Reply] = iter([Reply(503), Reply(200, body=b'{"access_token": "t"}')])

    async def ask(grant: Any) -> Reply:
        await asyncio.sleep(0)
        return next(answers)

    async def story() -> list[Any]:
        credentials = Credentials(SECRETS)
        scheme = client("http://id.example/token")
        return await asyncio.gather(
            *(credentials.authorization(scheme, {}, ask) for _ in range(3)), return_exceptions=True
        )

    first, second, third = run(story())
    assert isinstance(first, NoToken)
    assert first.fault == Fault(FaultKind.NO_TOKEN, "no access token: 503 Service Unavailable")
    assert [second.value, third.value] == ["Bearer t"] * 2
    assert (second.kept, third.kept) == (False, True)
    assert "Bearer t" not in repr(second)


@pytest.fixture
def files(tmp_path: Path) -> tuple[ssl.SSLContext, Tls]:
    """TLS for a service that wants a certificate of its own authority, and what it takes."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours = authority.issue_cert("shop@example.org")
    ours.private_key_pem.write_to_path(tmp_path / "client.key")
    for blob in ours.cert_chain_pems:
        blob.write_to_path(tmp_path / "client.pem", append=True)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(served)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    cert, key, ca = (str(tmp_path / name) for name in ("client.pem", "client.key", "ca.pem"))
    return served, Tls(PLACE, cert, key, ca)


def over_tls(served: ssl.SSLContext, tls: Tls | None, scheme: Any = None) -> Outcome:
    issuer = Issuer()

    async def story() -> Outcome:
        guests = {"token": issuer.token, "api": issuer.api}
        async with Zoo(ssl_context=served, guests=guests) as zoo:
            who = None if scheme is None else client(zoo.url("token"))
            path = "ok" if scheme is None else "api"
            [outcome] = await outcomes(zoo, sent_by(who, zoo.url(path), tls))
            return outcome

    return run(story())


def test_a_service_that_wants_our_certificate(files: tuple[ssl.SSLContext, Tls]) -> None:
    served, tls = files
    assert over_tls(served, tls).kind is OutcomeKind.APPLIED
    assert over_tls(served, tls, scheme="oauth2").kind is OutcomeKind.APPLIED


def test_whom_only_the_file_trusts_is_not_trusted_without_it(
    files: tuple[ssl.SSLContext, Tls],
) -> None:
    served, tls = files
    outcome = over_tls(served, None)
    assert (outcome.kind, outcome.retriable) == (OutcomeKind.NOT_SENT, False)
    assert outcome.detail.startswith("bad certificate")
    stranger = trustme.CA()
    path = Path(str(tls.ca)).with_name("other.pem")
    stranger.cert_pem.write_to_path(path)
    assert over_tls(served, replace(tls, ca=str(path))).detail.startswith("bad certificate")


def test_a_token_service_may_be_one_that_the_machine_trusts(
    files: tuple[ssl.SSLContext, Tls], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, tls = files
    public = trustme.CA()
    public.cert_pem.write_to_path(tmp_path / "public.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
    presented = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    public.issue_cert("127.0.0.1").configure_cert(presented)
    issuer = Issuer()

    async def story() -> list[Outcome]:
        guests = {"token": issuer.token, "api": issuer.api}
        async with (
            Zoo(ssl_context=presented, guests=guests) as machines,
            Zoo(ssl_context=served, guests=guests) as own,
        ):
            scheme = client(machines.url("token"))
            return await outcomes(
                own,
                sent_by(scheme, own.url("api"), tls),
                # The service itself is to be known by the file alone.
                sent_by(None, machines.url("ok"), tls),
            )

    found = run(story())
    assert [outcome.kind for outcome in found] == [OutcomeKind.APPLIED, OutcomeKind.NOT_SENT]
    assert found[1].detail.startswith("bad certificate")


def test_a_service_for_which_we_are_nobody_takes_nothing(
    files: tuple[ssl.SSLContext, Tls],
) -> None:
    served, tls = files
    assert over_tls(served, replace(tls, cert=None, key=None)).kind is not OutcomeKind.APPLIED


def test_files_that_cannot_be_used_are_named_with_their_place(
    files: tuple[ssl.SSLContext, Tls], tmp_path: Path
) -> None:
    _, tls = files
    (tmp_path / "empty.pem").write_text("")
    broken = {
        "gone.pem is not there": replace(tls, ca=str(tmp_path / "gone.pem")),
        "empty.pem cannot be used as PEM": replace(tls, ca=str(tmp_path / "empty.pem")),
        f"with {tmp_path}/empty.pem cannot be used as PEM": replace(
            tls, key=str(tmp_path / "empty.pem")
        ),
        f"{tmp_path} cannot be read": replace(tls, cert=str(tmp_path), key=None),
    }
    for words, one in broken.items():
        with pytest.raises(TlsUnreadable) as caught:
            trust_of(one)
        assert words in str(caught.value)
        assert str(caught.value).startswith(str(PLACE))
