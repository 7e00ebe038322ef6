"""The fault catalogue's rows on HTTP, one by one, each over real sockets on loopback."""

import asyncio
import gc
import os
import socket
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from participants.calls import KEYED, call, headers, meet, success, template
from zoo import ANIMALS, Zoo, certificates, closed_port

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Outcome, Phase
from sagactl.participants.web import Web

T = TypeVar("T")

APPLIED = OutcomeKind.APPLIED
RESULT_LOST = OutcomeKind.RESULT_LOST
REJECTED = OutcomeKind.REJECTED
NOT_SENT = OutcomeKind.NOT_SENT
UNKNOWN = OutcomeKind.UNKNOWN

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def run(story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(story)


def met(animal: str, **fields: Any) -> Outcome:
    async def story() -> Outcome:
        async with Zoo() as zoo:
            return await meet(zoo, animal, **fields)

    return run(story())


def sent(url: str, web: Web | None = None, **fields: Any) -> Outcome:
    async def story() -> Outcome:
        used = web or Web({})
        try:
            return await used.send(call(url, **fields))
        finally:
            await used.aclose()

    return run(story())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:{closed}/", "connection refused (127.0.0.1:"),
        ("http://localhost:{closed}/", "connection refused (localhost:"),
        ("http://no-such-host.invalid/", "name lookup failed (no-such-host.invalid:80)"),
    ],
)
def test_H1_what_never_connects_is_not_sent_and_may_be_tried_again(url: str, words: str) -> None:
    outcome = sent(url.format(closed=closed_port()))
    assert (outcome.kind, outcome.retriable) == (NOT_SENT, True)
    assert outcome.detail.startswith(words)


@pytest.mark.parametrize("names", [("127.0.0.1",), ("elsewhere.example",)])
def test_H1_a_bad_certificate_is_not_sent_and_not_tried_again(names: tuple[str, ...]) -> None:
    """Once nobody vouches for it, once it is somebody else's."""
    served, trusting = certificates(*names)
    stranger = certificates("127.0.0.1")[1]

    async def story() -> tuple[Outcome, int]:
        web = Web({}, ssl_context=stranger if names == ("127.0.0.1",) else trusting)
        async with Zoo(ssl_context=served) as zoo:
            return await meet(zoo, "ok", web=web), len(zoo.met)

    outcome, came = run(story())
    assert (outcome.kind, outcome.retriable, came) == (NOT_SENT, False, 0)
    assert outcome.detail.startswith("bad certificate: ")


def test_H1_a_peer_that_speaks_no_tls_is_not_sent() -> None:
    async def story() -> Outcome:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await reader.read()
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        web = Web({})
        port = server.sockets[0].getsockname()[1]
        outcome = await web.send(call(f"https://127.0.0.1:{port}/"))
        await web.aclose()
        server.close()
        return outcome

    outcome = run(story())
    assert (outcome.kind, outcome.retriable) == (NOT_SENT, True)
    assert outcome.detail.startswith("TLS handshake failed")


def test_H1_a_handshake_that_never_ends_is_a_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        outcome = sent(f"https://127.0.0.1:{deaf.getsockname()[1]}/", timeout_s=0.2)
    assert outcome.kind is NOT_SENT
    assert outcome.detail.startswith("connect timed out after 0.2s (127.0.0.1:")


def test_H1_no_more_files_is_not_sent() -> None:
    import resource

    async def story() -> Outcome:
        async with Zoo() as zoo:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            probe = os.open("/dev/null", os.O_RDONLY)
            os.close(probe)
            resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
            try:
                return await meet(zoo, "ok")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    outcome = run(story())
    assert outcome.kind is NOT_SENT
    assert "Too many open files" in outcome.detail


@pytest.mark.parametrize(
    "animal", ["close-before-reply", "reset-before-reply", "reset-mid-headers", "half-status"]
)
def test_H2_a_peer_that_goes_away_without_a_status_leaves_the_outcome_unknown(animal: str) -> None:
    assert met(animal).kind is UNKNOWN


@pytest.mark.parametrize("animal", ["reset-mid-body", "short-body", "chunked-cut"])
def test_H2_a_status_that_was_seen_is_not_taken_back_by_a_cut_body(animal: str) -> None:
    assert met(animal, needs_body=True).kind is RESULT_LOST
    assert met(animal, needs_body=False).kind is APPLIED


def test_H3_a_reply_that_never_comes_leaves_the_outcome_unknown_and_nothing_is_sent_twice() -> None:
    async def story() -> tuple[Outcome, int]:
        async with Zoo() as zoo:
            return await meet(zoo, "silent", timeout_s=0.2), len(zoo.met)

    outcome, came = run(story())
    assert (outcome.kind, outcome.detail, came) == (UNKNOWN, "read timed out after 0.2s", 1)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_H4_a_connection_closed_while_idle_is_never_mistaken_for_a_lost_reply(method: str) -> None:
    async def story() -> list[OutcomeKind]:
        async with Zoo() as zoo:
            web = Web({})
            kinds = []
            for _ in range(20):
                outcome = await meet(zoo, "stale", web=web, method=method, idempotency=None)
                kinds.append(outcome.kind)
            await web.aclose()
            return kinds

    assert set(run(story())) == {APPLIED}


def test_H4_a_request_that_may_not_be_repeated_gets_a_connection_of_its_own() -> None:
    async def story() -> list[int]:
        async with Zoo() as zoo:
            web = Web({})
            for keyed in (KEYED, None, KEYED):
                await meet(zoo, "ok", web=web, idempotency=keyed)
            await web.aclose()
            return [peer.connection for peer in zoo.met]

    assert run(story())[:2] == [1, 2]


@pytest.mark.parametrize(
    ("animal", "kind"),
    [("drip-headers", UNKNOWN), ("drip-body", RESULT_LOST), ("drip-refusal", REJECTED)],
)
def test_H5_a_slow_reply_ends_at_the_deadline_whatever_it_drips(
    animal: str, kind: OutcomeKind
) -> None:
    assert met(animal, timeout_s=0.3, needs_body=True).kind is kind


@pytest.mark.parametrize(
    "animal",
    ["endless-body", "endless-headers", "many-headers", "many-small-headers", "bomb", "drip-body"],
)
def test_H6_too_much_is_cut_off_and_the_status_still_decides(animal: str) -> None:
    assert met(animal, needs_body=True, timeout_s=5.0 if animal != "drip-body" else 0.3).kind is (
        RESULT_LOST
    )
    assert met("many-headers-refused").kind is REJECTED


def test_H6_a_head_that_never_comes_to_a_status_is_cut_off_too() -> None:
    outcome = met("endless-line")
    assert outcome.kind is UNKNOWN
    assert outcome.detail.startswith("the reply is not HTTP")


@pytest.mark.parametrize("animal", ["gzip", "bad-gzip", "bomb"])
def test_H7_a_coding_nobody_asked_for_is_not_decoded(animal: str) -> None:
    outcome = met(animal, needs_body=True)
    assert outcome.kind is RESULT_LOST
    assert 'its content coding "gzip" was not asked for' in outcome.detail
    assert met(animal, phase=Phase.COMPENSATION).kind is APPLIED


def test_H7_identity_is_what_is_asked_for_and_what_is_read() -> None:
    assert met("identity", needs_body=True).result == {"id": "p-1"}


def test_H8_a_reply_without_a_frame_is_read_to_its_end_and_its_cut_shows_in_the_json() -> None:
    assert met("unframed", needs_body=True).result == {"id": "p-1"}
    assert met("unframed-cut", needs_body=True).kind is RESULT_LOST


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[NaN]",
        b'{"a":1,"a":2}',
        b"[1e999]",
        b'"\\udfff"',
        b"\xef\xbb\xbf1",
        b"\xff\xfe1",
    ],
)
def test_H9_a_success_that_cannot_be_read_did_happen(body: bytes) -> None:
    async def story(**fields: Any) -> Outcome:
        async def corpus(peer: Any) -> bool:
            await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)
            return True

        async with Zoo(guests={"corpus": corpus}) as zoo:
            return await meet(zoo, "corpus", **fields)

    assert run(story(needs_body=True)).kind is RESULT_LOST
    assert run(story(phase=Phase.COMPENSATION)).kind is APPLIED


def test_H10_created_and_no_content_are_applied_and_accepted_is_not_yet() -> None:
    assert met("created").result == {"id": "p-1"}
    assert (met("no-content").kind, met("no-content").result) == (APPLIED, None)
    assert met("accepted").kind is UNKNOWN
    assert met("accepted", success=success((202, 202))).kind is APPLIED


@pytest.mark.parametrize(
    ("animal", "kind"),
    [
        ("moved", REJECTED),
        ("found", REJECTED),
        ("see-other", UNKNOWN),
        ("temporary", REJECTED),
        ("permanent", REJECTED),
    ],
)
def test_H11_redirects_are_not_followed(animal: str, kind: OutcomeKind) -> None:
    async def story() -> tuple[Outcome, int]:
        async with Zoo() as zoo:
            return await meet(zoo, animal), len(zoo.met)

    outcome, came = run(story())
    assert (outcome.kind, came) == (kind, 1)
    assert "not followed" in outcome.detail


@pytest.mark.parametrize(
    ("animal", "kind", "wait"),
    [("too-early", NOT_SENT, 3.0), ("too-many", NOT_SENT, 7.0), ("unavailable", UNKNOWN, 5.0)],
)
def test_H12_retry_after_is_honoured(animal: str, kind: OutcomeKind, wait: float) -> None:
    outcome = met(animal)
    assert (outcome.kind, outcome.retry_after_s) == (kind, wait)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
def test_H13_a_service_that_gave_up_leaves_the_outcome_unknown(status: int) -> None:
    assert _answered(status).kind is UNKNOWN


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 501])
def test_H14_a_definite_no_is_one(status: int) -> None:
    outcome = _answered(status)
    assert (outcome.kind, outcome.absent) == (REJECTED, status in (404, 410))


def _answered(status: int, **fields: Any) -> Outcome:
    async def story() -> Outcome:
        async def says(peer: Any) -> bool:
            await peer.say(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
            return True

        async with Zoo(guests={"says": says}) as zoo:
            return await meet(zoo, "says", **fields)

    return run(story())


def test_H16_a_conflict_is_a_no_at_first_and_later_means_still_running() -> None:
    assert met("conflict").kind is REJECTED
    assert met("conflict", doubted=True, attempt=2).kind is UNKNOWN


def test_H20_proxies_in_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("no_proxy", "")
    assert met("ok").kind is APPLIED
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    assert met("ok").kind is APPLIED


def test_H20_proxies_are_used_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> tuple[Outcome, list[str]]:
        # To a proxy the target is the whole URL, so the animal is found where its scheme stands.
        async with Zoo(guests={"http:": ANIMALS["ok"]}) as zoo:
            for name in PROXIES:
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("http_proxy", zoo.url(""))
            web = Web({}, trust_env=True)
            for _ in range(2):
                outcome = await web.send(call("http://pay.example/charges"))
            await web.aclose()
            assert zoo.connections == 2, "what may not be repeated gets a connection of its own"
            return outcome, [peer.line for peer in zoo.met]

    outcome, lines = run(story())
    assert outcome.kind is APPLIED
    assert lines == ["POST http://pay.example/charges HTTP/1.1"] * 2


@pytest.mark.parametrize(
    ("scheme", "proxy", "retriable"),
    [
        ("http", "http://127.0.0.1:{closed}", True),
        ("https", "http://127.0.0.1:{closed}", True),
        ("https", "http://127.0.0.1:{zoo}", True),
        ("http", "socks5://127.0.0.1:1", False),
        ("http", "gopher://127.0.0.1:1", False),
    ],
)
def test_H20_a_proxy_that_refuses_means_not_sent(
    scheme: str, proxy: str, retriable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> Outcome:
        # What CONNECT asks for is host and port.
        async with Zoo(guests={"pay.example:443": ANIMALS["broken"]}) as zoo:
            for name in PROXIES:
                monkeypatch.delenv(name, raising=False)
            value = proxy.format(closed=closed_port(), zoo=zoo.port)
            monkeypatch.setenv(f"{scheme}_proxy", value)
            web = Web({}, trust_env=True)
            outcome = await web.send(call(f"{scheme}://pay.example/charges"))
            await web.aclose()
            return outcome

    outcome = run(story())
    assert (outcome.kind, outcome.retriable) == (NOT_SENT, retriable)


def test_H21_cookies_are_not_kept() -> None:
    async def story() -> list[bool]:
        async with Zoo() as zoo:
            web = Web({})
            for _ in range(2):
                await meet(zoo, "cookie", web=web, idempotency=KEYED)
            await web.aclose()
            return ["cookie" in peer.fields for peer in zoo.met]

    assert run(story()) == [False, False]


def test_H21_one_step_s_headers_do_not_reach_another() -> None:
    async def story() -> list[bool]:
        async with Zoo() as zoo:
            web = Web({"TOKEN": "canary-1"})
            bearer = headers(Authorization="Bearer ${{ secrets.TOKEN }}")
            for fields in (bearer, ()):
                await meet(zoo, "ok", web=web, idempotency=KEYED, headers=fields)
            await web.aclose()
            return ["authorization" in peer.fields for peer in zoo.met]

    assert run(story()) == [True, False]


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")
def test_H22_an_ipv6_address_is_reached_and_named_with_brackets() -> None:
    async def story() -> tuple[Outcome, str]:
        async with Zoo("::1") as zoo:
            return await meet(zoo, "ok"), zoo.met[0].fields["host"]

    outcome, host = run(story())
    assert outcome.kind is APPLIED
    assert host.startswith("[::1]:")


def _resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Every name has these addresses, in this order."""

    def lookup(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*stream, (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_H22_a_dead_first_address_does_not_cost_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> Outcome:
        async with Zoo("127.0.0.1") as zoo:
            with socket.socket() as deaf:
                deaf.bind(("127.0.0.2", zoo.port))
                deaf.listen(0)
                # Its backlog is full, so that it does not even refuse.
                crowd = [socket.socket() for _ in range(4)]
                for one in crowd:
                    one.setblocking(False)
                    one.connect_ex(deaf.getsockname())
                _resolving_to(monkeypatch, "127.0.0.2", "127.0.0.1")
                try:
                    return await meet(zoo, "ok", host="pay.example", timeout_s=10.0)
                finally:
                    for one in crowd:
                        one.close()

    assert run(story()).kind is APPLIED


def test_H22_several_addresses_that_refuse_are_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving_to(monkeypatch, "127.0.0.1", "127.0.0.2")
    port = closed_port()
    outcome = sent(f"http://pay.example:{port}/")
    assert outcome.kind is NOT_SENT
    assert outcome.detail == f"connection refused (pay.example:{port})"


@pytest.mark.parametrize("host", ["bücher.invalid", "xn--bcher-kva.invalid"])
def test_H22_an_international_name_is_looked_up_or_told(host: str) -> None:
    outcome = sent(f"http://{host}/")
    assert (outcome.kind, outcome.retriable) == (NOT_SENT, True)
    assert outcome.detail.startswith("name lookup failed")


@pytest.mark.parametrize(
    "animal",
    [
        "interim",
        "http10",
        "lowercase",
        "chunked",
        "both-framings",
        "same-length-twice",
        "long-body",
    ],
)
def test_H23_old_and_odd_replies_are_read_right(animal: str) -> None:
    outcome = met(animal, needs_body=True)
    assert (outcome.kind, outcome.result) == (APPLIED, {"id": "p-1"})


@pytest.mark.parametrize(
    "animal", ["two-lengths", "endless-interim", "switch", "garbage", "bad-header"]
)
def test_H23_what_is_not_http_leaves_the_outcome_unknown(animal: str) -> None:
    assert met(animal).kind is UNKNOWN


def test_H23_no_reply_of_any_kind_raises_or_outlives_its_deadline() -> None:
    """The whole zoo at once, every phase; the deadline is told apart from a hang by its words."""

    async def story() -> list[Outcome]:
        async with Zoo() as zoo:
            web = Web({"TOKEN": "canary-1"})
            result = template("${{ response.body.id }}")
            outcomes = await asyncio.gather(
                *(
                    web.send(call(zoo.url(name), phase=phase, timeout_s=3.0, result=result))
                    for name in ANIMALS
                    for phase in Phase
                )
            )
            await web.aclose()
            return list(outcomes)

    began = time.monotonic()
    outcomes = run(story())
    assert {outcome.kind for outcome in outcomes} == set(OutcomeKind)
    assert all(outcome.detail.isprintable() for outcome in outcomes)
    assert not any("unexpected" in outcome.detail for outcome in outcomes)
    # Generous, and no measure of speed: a reply that escapes the deadline drips for minutes.
    assert time.monotonic() - began < 60


def test_H23_nothing_is_left_open(recwarn: pytest.WarningsRecorder) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for animal in ("ok", "silent", "reset-mid-body", "endless-body", "stale", "drip-body"):
        met(animal, timeout_s=0.2, idempotency=KEYED)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert [str(one.message) for one in recwarn if one.category is ResourceWarning] == []
