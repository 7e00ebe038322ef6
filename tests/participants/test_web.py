"""One call over a real socket: what is sent, and what is said about it."""

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from participants.calls import KEYED, call, headers, meet, template
from zoo import Zoo, closed_port

from sagactl import __version__
from sagactl.definition.model import Idempotency, OutcomeKind
from sagactl.machine.command import Call, Outcome, Phase
from sagactl.participants.trace import traceparent
from sagactl.participants.web import Web

T = TypeVar("T")

SECRETS = {"TOKEN": "canary-0123456789"}


def run(story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(story)


def sent(web: Web | None = None, **fields: Any) -> tuple[Outcome, dict[str, str]]:
    """The outcome of a call to the mirror, and the headers that came there."""

    async def story() -> tuple[Outcome, dict[str, str]]:
        async with Zoo() as zoo:
            outcome = await meet(zoo, "mirror", web=web, **fields)
            return outcome, zoo.met[0].fields if zoo.met else {}

    return run(story())


def test_a_request_carries_these_headers_and_no_others() -> None:
    _, came = sent(attempt=3)
    port = came.pop("host").removeprefix("127.0.0.1:")
    assert port.isdigit()
    assert came == {
        "idempotency-key": "key-action",
        "x-correlation-id": "order-1",
        "traceparent": traceparent(call(attempt=3)),
        "saga-step": "charge",
        "saga-attempt": "3",
        "user-agent": f"sagactl/{__version__}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "12",
    }


def test_a_compensation_also_names_the_key_of_its_action() -> None:
    _, came = sent(phase=Phase.COMPENSATION)
    assert came["idempotency-key"] == "key-compensation"
    assert came["saga-action-key"] == "key-action"


def test_a_lookup_has_a_key_of_its_own_and_no_body() -> None:
    outcome, came = sent(phase=Phase.LOOKUP, method="GET", body=None)
    assert came["idempotency-key"] == "key-lookup"
    assert "saga-action-key" not in came
    assert "content-type" not in came
    assert outcome.found is True


def test_a_service_may_call_the_key_by_another_name() -> None:
    _, came = sent(idempotency=Idempotency(True, header="X-Request-Id"))
    assert came["x-request-id"] == "key-action"
    assert "idempotency-key" not in came


def test_what_a_header_cannot_carry_is_percent_encoded() -> None:
    async def story() -> dict[str, str]:
        async with Zoo() as zoo:
            web = Web({})
            made = replace(call(zoo.url("mirror")), run_id="order-ä 5%", step="charge[2]")
            await web.send(made)
            await web.aclose()
            return zoo.met[0].fields

    came = run(story())
    assert came["x-correlation-id"] == "order-%C3%A4%205%25"
    assert came["saga-step"] == "charge[2]"


def test_the_trace_is_one_per_run_and_the_span_one_per_attempt() -> None:
    def parts(made: Call) -> list[str]:
        shape = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", traceparent(made))
        assert shape is not None
        return list(shape.groups())

    trace, span = parts(call())
    assert [trace, span] == parts(call())
    others = [call(attempt=2), call(phase=Phase.COMPENSATION), replace(call(), step="ship")]
    assert all(parts(other)[0] == trace for other in others)
    assert len({span, *(parts(other)[1] for other in others)}) == 4
    assert parts(replace(call(), run_id="order-2"))[0] != trace


def test_headers_of_the_definition_are_rendered_and_may_replace_accept() -> None:
    fields = headers(Accept="text/csv", X_Name="${{ input.name }}", Content_Type="text/x+json")
    _, came = sent(headers=fields)
    assert came["accept"] == "text/csv"
    assert came["x-name"] == "Ada"
    assert came["content-type"] == "text/x+json"


@pytest.mark.parametrize("name", ["idempotency_key", "Saga_Step", "Host", "Transfer_Encoding"])
def test_headers_that_are_ours_cannot_be_replaced(name: str) -> None:
    outcome, came = sent(headers=headers(**{name: "x"}))
    assert (outcome.kind, outcome.retriable, came) == (OutcomeKind.NOT_SENT, False, {})
    assert f'"{name.replace("_", "-")}" is set by sagactl' in outcome.detail


def test_a_definition_may_spell_out_the_key_it_gets_anyway() -> None:
    scope = {"step": {"idempotency_key": "key-action"}}
    fields = headers(Idempotency_Key="${{ step.idempotency_key }}")
    _, came = sent(headers=fields, scope=scope)
    assert came["idempotency-key"] == "key-action"


@pytest.mark.parametrize("value", ["${{ input.gone }}", "${{ input.lines }}", "${{ secrets.X }}"])
def test_a_header_that_cannot_be_made_sends_nothing(value: str) -> None:
    scope = {"input": {"lines": "a\r\nX-Evil: 1"}}
    outcome, came = sent(headers=headers(X_A=value), scope=scope)
    assert (outcome.kind, outcome.retriable, came) == (OutcomeKind.NOT_SENT, False, {})
    assert outcome.detail.startswith("a header cannot be sent: ")


def test_a_header_whose_name_is_none_sends_nothing() -> None:
    outcome, came = sent(headers=(("X Y", template("1")),))
    assert (outcome.kind, outcome.retriable, came) == (OutcomeKind.NOT_SENT, False, {})


def test_a_secret_goes_into_a_header_and_never_comes_back() -> None:
    fields = headers(Authorization="Bearer ${{ secrets.TOKEN }}", X_Key="${{ secrets.TOKEN }}")
    outcome, came = sent(Web(SECRETS), headers=fields)
    assert came["authorization"] == "Bearer canary-0123456789"
    assert "canary" not in repr(outcome)
    assert outcome.result["headers"]["x-key"] == "***"


def test_what_was_made_of_a_secret_never_comes_back_either() -> None:
    fields = headers(Authorization="Basic ${{ base64('u:' + secrets.TOKEN) }}")
    outcome, came = sent(Web(SECRETS), headers=fields)
    encoded = came["authorization"].removeprefix("Basic ")
    assert encoded not in repr(outcome)
    assert "***" in outcome.result["headers"]["authorization"]


def test_a_refusal_that_repeats_a_secret_is_told_without_it() -> None:
    async def story() -> Outcome:
        async with Zoo() as zoo:
            fields = headers(Authorization="Bearer ${{ secrets.TOKEN }}")
            return await meet(zoo, "parrot", web=Web(SECRETS), headers=fields)

    outcome = run(story())
    assert outcome.kind is OutcomeKind.REJECTED
    # Not even the beginning of it, where the words are cut short.
    assert "can" not in outcome.detail


def test_the_body_is_sent_as_it_stands_in_utf_8() -> None:
    outcome, _ = sent(body='{"name":"Zoë ✓"}')
    assert outcome.result["body"] == '{"name":"Zoë ✓"}'


def test_a_url_with_a_password_in_it_sends_nothing() -> None:
    async def story() -> tuple[Outcome, int]:
        async with Zoo() as zoo:
            web = Web({})
            outcome = await web.send(call(zoo.url("ok", host="u:p@127.0.0.1")))
            await web.aclose()
            return outcome, len(zoo.met)

    outcome, met = run(story())
    assert (outcome.kind, outcome.retriable, met) == (OutcomeKind.NOT_SENT, False, 0)


def test_a_request_that_may_be_repeated_uses_a_connection_again_and_another_never() -> None:
    async def connections(**fields: Any) -> int:
        async with Zoo() as zoo:
            web = Web({})
            for _ in range(3):
                await meet(zoo, "ok", web=web, **fields)
            await web.aclose()
            return zoo.connections

    assert run(connections(idempotency=KEYED)) == 1
    assert run(connections(method="PUT")) == 1
    assert run(connections()) == 3
    assert run(connections(method="PUT", idempotency=Idempotency(False))) == 3


def test_in_the_sandbox_every_host_is_the_sandbox_in_plain_text() -> None:
    async def story() -> list[tuple[OutcomeKind, str]]:
        async with Zoo() as zoo:
            web = Web({}, connect_to=("127.0.0.1", zoo.port))
            told = []
            for url in (
                "https://pay.example/ok",
                "http://[::1]:9/ok?a=1",
                "http://stock.example/ok",
            ):
                outcome = await web.send(call(url))
                told.append((outcome.kind, zoo.met[-1].fields["host"]))
            await web.aclose()
            return told

    assert run(story()) == [
        (OutcomeKind.APPLIED, "pay.example"),
        (OutcomeKind.APPLIED, "[::1]:9"),
        (OutcomeKind.APPLIED, "stock.example"),
    ]


def test_a_reply_of_exactly_the_limit_is_read_and_one_byte_more_is_not() -> None:
    async def story(limit: int) -> Outcome:
        async with Zoo() as zoo:
            return await meet(zoo, "ok", needs_body=True, max_reply_bytes=limit)

    assert run(story(13)).kind is OutcomeKind.APPLIED
    outcome = run(story(12))
    assert outcome.kind is OutcomeKind.RESULT_LOST
    assert outcome.detail == "200 OK: the reply was not read: it is over 12 bytes"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://127.0.0.1/x", "ftp"),
        ("http:///x", "host"),
        ("http://127.0.0.1:99999/x", "port"),
        ("http://127.0.0.1:x/x", "port"),
        ("http://[::1/x", ""),
        ("http://a..b/x", ""),
        (f"http://{'a' * 64}.example/x", ""),
        ("http://\udcff/x", ""),
        ("http://127.0.0.1/\x00", ""),
        ("not a url", ""),
    ],
)
def test_a_url_that_is_none_is_never_sent_and_never_tried_again(url: str, words: str) -> None:
    async def story() -> Outcome:
        web = Web({})
        outcome = await web.send(call(url))
        await web.aclose()
        return outcome

    outcome = run(story())
    assert (outcome.kind, outcome.retriable) == (OutcomeKind.NOT_SENT, False)
    assert words in outcome.detail.lower()


def test_the_detail_of_a_refused_connection_names_host_and_port_but_no_path() -> None:
    port = closed_port()

    async def story() -> Outcome:
        web = Web({})
        outcome = await web.send(call(f"http://127.0.0.1:{port}/charges?token=secret"))
        await web.aclose()
        return outcome

    assert run(story()).detail == f"connection refused (127.0.0.1:{port})"


def test_cancelling_passes_through_and_cuts_the_connection() -> None:
    async def story() -> None:
        async with Zoo() as zoo:
            web = Web({})
            task = asyncio.create_task(web.send(call(zoo.url("silent"))))
            while not zoo.met:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await zoo.deserted()
            await web.aclose()

    run(story())


@pytest.mark.parametrize(
    ("animal", "kind"), [("ok", OutcomeKind.UNKNOWN), ("", OutcomeKind.NOT_SENT)]
)
def test_an_error_of_ours_never_turns_what_was_sent_into_not_sent(
    animal: str, kind: OutcomeKind
) -> None:
    class Broken(Exception):
        pass

    def clock() -> float:
        raise Broken

    async def story() -> Outcome:
        async with Zoo() as zoo:
            web = Web({}, clock=clock)
            port = zoo.port if animal else closed_port()
            outcome = await web.send(call(f"http://127.0.0.1:{port}/{animal}"))
            await web.aclose()
            return outcome

    outcome = run(story())
    assert outcome.kind is kind
    assert outcome.detail == "the reply cannot be judged: Broken"
