"""Replies that begin well, services that nobody reaches, and what a client makes of them."""

import asyncio
import json

import httpx
import pytest
from rehearsal.play import ORDER, Play, effects, of_saga, one_step, saga_of

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Call, Outcome, Phase, Sending
from sagactl.participants.web import Web
from sagactl.rehearsal.fault import parse_fault
from sagactl.rehearsal.ledger import Ledger
from sagactl.rehearsal.server import Sandbox
from sagactl.rehearsal.unreachable import Unreachable, silent_port

CHARGE = of_saga("s1", "charge", "k-charge")
BODY = b'{"amount": 5}'
REQUEST = (
    b"POST /pay/charges HTTP/1.1\r\nHost: s\r\nContent-Length: 13\r\nX-Correlation-ID: s1\r\n"
    b"Saga-Step: charge\r\nIdempotency-Key: k-charge\r\n\r\n" + BODY
)


def test_a_cut_reply_says_that_it_was_done_and_breaks_off() -> None:
    with Play(saga_of(ORDER), ["charge@1=cut"]) as play:
        head, _, body = play.send(REQUEST).partition(b"\r\n\r\n")
        again = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    announced = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    assert 0 < len(body) < int(announced.split()[1])
    assert again.text.encode().startswith(body)
    assert effects(play.ledger) == [("charge", "applied"), ("charge", "replayed")]


def test_httpx_sees_a_cut_reply_as_what_it_is() -> None:
    with Play(saga_of(ORDER), ["charge=cut"]) as play:
        url = f"http://{play.address[0]}:{play.address[1]}/pay/charges"
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message"):
            httpx.post(url, json={"amount": 5}, headers=CHARGE, trust_env=False)
        with httpx.stream("POST", url, json={"amount": 5}, trust_env=False) as reply:
            assert reply.status_code == 200


def test_an_oversized_reply_is_sound_but_for_its_length() -> None:
    saga = one_step("action: {request: POST /things, max_reply: 200 KiB}")
    with Play(saga, ["act=oversized"]) as play:
        answer = play.call("POST", "/svc/things", {}, of_saga("s1", "act", "k1"))
    assert len(answer.text) == 200 * 1024 + 1
    assert list(answer.json) == ["id"]
    assert len(play.ledger.left()) == 1


@pytest.mark.parametrize("fault", ["cut", "oversized"])
def test_a_reply_without_a_body_gets_one_to_be_spoilt(fault: str) -> None:
    saga = one_step("action: {request: POST /things, success: [204], max_reply: 2 KiB}")
    with Play(saga, [f"act={fault}"]) as play:
        raw = play.send(b"POST /svc/things HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("fault", ["cut", "oversized"])
def test_a_reply_to_head_has_no_body_to_spoil(fault: str) -> None:
    saga = one_step("action: POST /things\nlookup: HEAD /things/1\ncompensation: none")
    with Play(saga, [f"act.lookup={fault}"]) as play:
        play.call("POST", "/svc/things", {}, of_saga("s1", "act", "k1"))
        raw = play.send(b"HEAD /svc/things/1 HTTP/1.1\r\nHost: s\r\nX-Correlation-ID: s1\r\n\r\n")
    assert raw.endswith(b"\r\n\r\n")


def call_of(play_saga: str, attempt: int = 1) -> Call:
    saga = saga_of(ORDER)
    request = saga.step("charge").request
    assert request is not None
    sending = Sending("POST", "http://sandbox/pay/charges?a=1", "application/json", BODY.decode())
    return Call(
        play_saga, "charge", Phase.ACTION, attempt, "k-charge", "k-charge", sending, request
    )


async def send(faults: list[str], ledger: Ledger, times: int) -> list[Outcome]:
    sandbox = Sandbox(saga_of(ORDER), ledger, [parse_fault(text) for text in faults])
    with silent_port() as nobody:
        there = Web({}, connect_to=await sandbox.start())
        nowhere = Web({}, connect_to=nobody.getsockname())
        reaching = Unreachable(sandbox, there, nowhere)
        try:
            return [await reaching.send(call_of("s1", n + 1)) for n in range(times)]
        finally:
            for web in (there, nowhere):
                await web.aclose()
            await sandbox.close()


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("charge@2=refused", [OutcomeKind.APPLIED, OutcomeKind.NOT_SENT, OutcomeKind.APPLIED]),
        ("charge=refusedx2", [OutcomeKind.NOT_SENT, OutcomeKind.NOT_SENT, OutcomeKind.APPLIED]),
        ("charge@1=cut", [OutcomeKind.RESULT_LOST, OutcomeKind.APPLIED, OutcomeKind.APPLIED]),
        ("charge@1=oversized", [OutcomeKind.RESULT_LOST, OutcomeKind.APPLIED, OutcomeKind.APPLIED]),
    ],
)
def test_a_runner_takes_it_for_what_it_is(fault: str, kinds: list[OutcomeKind]) -> None:
    outcomes = asyncio.run(send([fault], Ledger(), 3))
    assert [outcome.kind for outcome in outcomes] == kinds, outcomes


def test_a_call_that_finds_nobody_is_in_the_ledger_and_counts_as_an_attempt() -> None:
    ledger = Ledger()
    outcomes = asyncio.run(send(["charge=refusedx1"], ledger, 2))
    assert "refused" in outcomes[0].detail
    one, two = ledger.calls()
    assert (one.path, one.status, one.effect, one.fault, one.attempt) == (
        "/pay/charges?a=1", None, "none", "refused", 1,
    )  # fmt: skip
    assert (two.status, two.attempt) == (200, 2)


def test_the_ledger_over_http_says_what_was_called_and_what_is_left() -> None:
    with Play(saga_of(ORDER), ["charge@1=503"]) as play:
        for _ in range(2):
            play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        play.call("PUT", "/stock/reservations/s2", {}, of_saga("s2", "reserve", "k2"))
        undo = of_saga("s2", "reserve", "k3", "k2")
        play.call("DELETE", "/stock/reservations/s2", None, undo)
        calls = play.call("GET", "/_ledger?saga=s1").json
        left = play.call("GET", "/_ledger/left").json
        of_other = play.call("GET", "/_ledger/left?saga=s2").json
        wrong = play.call("GET", "/_ledger?sage=s1")
        posted = play.call("POST", "/_ledger/left")
    assert [(call["attempt"], call["status"], call["fault"]) for call in calls] == [
        (1, 503, "503"),
        (2, 200, None),
    ]
    assert left == [calls[1]]
    assert of_other == []
    assert list(calls[0]) == [
        "at", "saga", "service", "step", "phase", "key", "action_key", "method", "path", "status",
        "effect", "fault", "effect_id", "reply", "note", "attempt",
    ]  # fmt: skip
    assert calls[0]["at"].endswith("Z")
    assert (wrong.status, "saga" in json.dumps(wrong.json)) == (400, True)
    assert posted.status == 405
