"""The services of a definition on a socket: good manners first, then misbehaviour on order."""

import socket
import struct
from pathlib import Path
from urllib.parse import quote

import pytest
from rehearsal.play import ORDER, Play, effects, everything, of_saga, one_step, saga_of

from sagactl.rehearsal.fault import parse_fault
from sagactl.rehearsal.ledger import EffectKind, Ledger
from sagactl.rehearsal.participant import Participant
from sagactl.rehearsal.server import sandbox_url
from sagactl.rehearsal.wire import Received

CHARGE = of_saga("s1", "charge", "k-charge")
REFUND = of_saga("s1", "charge", "k-refund", "k-charge")


def sandbox(*faults: str, ledger: Ledger | None = None) -> Play:
    return Play(saga_of(ORDER), faults, ledger)


def raw(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: sandbox", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def received(method: str, path: str, headers: dict[str, str], body: bytes = b"{}") -> Received:
    lower = {name.lower(): value for name, value in headers.items()}
    return Received(method, path, {"host": "sandbox", **lower}, body, True)


# Good manners


def test_an_action_is_answered_with_what_its_definition_reads() -> None:
    with sandbox() as play:
        answer = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
    assert answer.status == 200
    assert list(answer.json) == ["id"]
    assert answer.json["id"].startswith("charge-")


def test_the_same_key_has_one_effect_and_the_same_reply() -> None:
    with sandbox() as play:
        first = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        again = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
    assert again == first
    assert effects(play.ledger) == [("charge", "applied"), ("charge", "replayed")]
    assert len(play.ledger.left("s1")) == 1


def test_the_same_key_with_another_request_is_refused() -> None:
    with sandbox() as play:
        play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        other = play.call("POST", "/pay/charges", {"amount": 6}, CHARGE)
    assert other.status == 422
    assert other.content_type == "application/problem+json"
    assert len(play.ledger.left()) == 1


def test_a_key_in_progress_is_a_conflict_for_its_repetition_only() -> None:
    with sandbox("charge=slow:1h") as play, play.connect() as first:
        first.sendall(raw("POST", "/pay/charges", CHARGE, b'{"amount": 5}'))
        again = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        other = play.call("PUT", "/stock/reservations/s1", {}, of_saga("s1", "reserve", "k1"))
    assert again.status == 409
    assert other.status == 200
    assert effects(play.ledger) == [("charge", "none"), ("reserve", "applied")]


def test_a_service_without_keys_does_it_twice() -> None:
    saga = one_step("action: POST /messages", service="idempotency: none")
    headers = of_saga("s1", "act", "k1")
    with Play(saga) as play:
        one = play.call("POST", "/svc/messages", {}, headers)
        two = play.call("POST", "/svc/messages", {}, headers)
    assert one.json["id"] != two.json["id"]
    assert len(play.ledger.left("s1")) == 2


def test_the_key_header_that_a_service_names_is_honoured() -> None:
    saga = one_step("action: POST /things", service="idempotency: {header: X-Request-Key}")
    with Play(saga) as play:
        one = play.call("POST", "/svc/things", {}, {"X-Request-Key": "a"})
        two = play.call("POST", "/svc/things", {}, {"X-Request-Key": "a"})
    assert one == two
    assert len(play.ledger.left()) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_put_and_delete_without_a_key_are_idempotent_by_their_path(method: str) -> None:
    with Play(one_step(f"action: {method} /things/${{{{ input.id }}}}")) as play:
        one = play.call(method, "/svc/things/1")
        two = play.call(method, "/svc/things/1")
        other = play.call(method, "/svc/things/2")
    assert one == two
    assert [answer.status for answer in (one, two, other)] == [200] * 3
    assert [effect.call.path for effect in play.ledger.left()] == ["/svc/things/1", "/svc/things/2"]


def test_a_put_without_a_key_is_answered_alike_in_another_sandbox() -> None:
    saga = one_step("action: {request: PUT /things/1, result: '${{ response.body.id }}'}")
    answers = []
    for _ in range(2):
        with Play(saga) as play:
            answers.append(play.call("PUT", "/svc/things/1"))
    assert answers[0] == answers[1]


def test_reading_changes_nothing_in_the_world() -> None:
    with Play(one_step("action: GET /rates")) as play:
        assert play.call("GET", "/svc/rates", None, of_saga("s1", "act", "k1")).status == 200
    assert play.ledger.left() == []


# Undoing


def test_an_undo_takes_back_what_its_action_did() -> None:
    with sandbox() as play:
        charged = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        undone = play.call("POST", f"/pay/charges/{charged.json['id']}/refund", None, REFUND)
    assert undone.status == 200
    assert effects(play.ledger) == [("charge", "applied"), ("charge", "undone")]
    assert play.ledger.left("s1") == []


def test_an_undo_that_comes_twice_undoes_once() -> None:
    with sandbox() as play:
        play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        one = play.call("POST", "/pay/charges/x/refund", None, REFUND)
        two = play.call("POST", "/pay/charges/x/refund", None, REFUND)
        fresh = {**REFUND, "Idempotency-Key": "k-other"}
        three = play.call("POST", "/pay/charges/x/refund", None, fresh)
    assert one == two
    assert three.status == 200
    kinds = [kind for _, kind in effects(play.ledger)]
    assert kinds == ["applied", "undone", "replayed", "replayed"]


def test_an_undo_leaves_other_sagas_alone() -> None:
    with sandbox() as play:
        play.call("PUT", "/stock/reservations/s1", {}, of_saga("s1", "reserve", "k1"))
        play.call("PUT", "/stock/reservations/s2", {}, of_saga("s2", "reserve", "k2"))
        undo = of_saga("s2", "reserve", "k3", "k2")
        play.call("DELETE", "/stock/reservations/s2", None, undo)
    assert [effect.saga for effect in play.ledger.left()] == ["s1"]


@pytest.mark.parametrize(
    ("method", "path", "step", "status"),
    [
        ("DELETE", "/stock/reservations/s1", "reserve", 404),
        ("POST", "/pay/charges/x/refund", "charge", 200),
    ],
)
def test_an_undo_without_an_action_is_accepted(
    method: str, path: str, step: str, status: int
) -> None:
    with sandbox() as play:
        answer = play.call(method, path, None, of_saga("s1", step, "k2", "k1"))
    assert answer.status == status
    assert effects(play.ledger) == [(step, "empty")]


def test_an_action_that_was_undone_is_not_done_again() -> None:
    with sandbox() as play:
        play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        play.call("POST", "/pay/charges/x/refund", None, REFUND)
        late = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
    assert late.status == 410
    assert play.ledger.left() == []


# Lookups


def test_a_lookup_tells_what_the_action_had_answered() -> None:
    with sandbox("charge=reset-after") as play:
        with pytest.raises(OSError):
            play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        kept = play.ledger.calls()[0].reply["body"]["id"]
        lookup = of_saga("s1", "charge", "k-lookup")
        answer = play.call("GET", "/pay/charges?key=k-charge", None, lookup)
    assert answer.status == 200
    assert answer.json == [{"id": kept}]


def test_a_lookup_of_what_never_took_place_finds_nothing() -> None:
    with sandbox() as play:
        lookup = of_saga("s1", "charge", "k-lookup")
        before = play.call("GET", "/pay/charges?key=k-charge", None, lookup)
        play.call("POST", "/pay/charges", {"amount": 5}, of_saga("s2", "charge", "k2"))
        other = play.call("GET", "/pay/charges?key=k-charge", None, lookup)
    assert (before.status, before.json) == (200, [])
    assert other == before


def test_a_lookup_after_the_undo_finds_nothing() -> None:
    with sandbox() as play:
        play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        play.call("POST", "/pay/charges/x/refund", None, REFUND)
        answer = play.call("GET", "/pay/charges?key=k-charge", None, of_saga("s1", "charge", "k3"))
    assert answer.json == []


# Without a saga behind it


def test_whoever_calls_by_hand_gets_the_same_service() -> None:
    with sandbox() as play:
        one = play.call("POST", "/pay/charges", {"amount": 1}).json["id"]
        two = play.call("POST", "/pay/charges", {"amount": 1}).json["id"]
        assert one != two
        assert play.call("GET", f"/pay/charges?key={one}").json == [{"id": one}]
        assert play.call("POST", f"/pay/charges/{one}/refund").status == 200
        assert play.call("GET", f"/pay/charges?key={one}").json == []
        play.call("PUT", "/stock/reservations/r1", {"sku": "tea"})
        play.call("PUT", "/stock/reservations/r2", {"sku": "tea"})
        assert play.call("DELETE", "/stock/reservations/r1").status == 200
        assert play.call("DELETE", "/stock/reservations/r9").status == 404
    left = [(effect.step, effect.call.path) for effect in play.ledger.left()]
    assert left == [("charge", "/pay/charges"), ("reserve", "/stock/reservations/r2")]


def test_a_thing_can_be_named_in_the_body_of_its_undo() -> None:
    saga = one_step(
        "action: {request: POST /holds, result: {id: '${{ response.body.id }}'}}\n"
        "compensation: {request: POST /releases, json: {hold: '${{ result.id }}'}}"
    )
    with Play(saga) as play:
        ids = [play.call("POST", "/svc/holds").json["id"] for _ in range(3)]
        play.call("POST", "/svc/releases", {"hold": ids[1]})
        left = [effect.call.reply["body"]["id"] for effect in play.ledger.left()]
    assert left == [ids[0], ids[2]]


def test_the_ledger_can_be_read_over_http() -> None:
    with sandbox() as play:
        play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        play.call("PUT", "/stock/reservations/s2", {}, of_saga("s2", "reserve", "k2"))
        every = play.call("GET", "/_ledger").json
        one = play.call("GET", "/_ledger?saga=s2").json
    assert [call["step"] for call in every] == ["charge", "reserve"]
    assert [(call["step"], call["effect"], call["status"]) for call in one] == [
        ("reserve", "applied", 200)
    ]


def test_what_no_definition_speaks_of_is_not_found() -> None:
    with sandbox() as play:
        answer = play.call("PATCH", "/pay/charges")
    assert answer.status == 404
    assert "POST /pay/charges (charge.action)" in answer.json["operations"]
    assert effects(play.ledger) == [(None, "none")]


# Routing


def test_a_service_url_with_a_path_of_its_own_works_either_way() -> None:
    with sandbox() as play:
        assert play.call("POST", "/pay/charges", {}).status == 200
        assert play.call("POST", "/pay/v1/charges", {}).status == 200
        assert play.call("POST", "/pay/v2/charges", {}).status == 404


def test_a_service_is_found_under_its_sandbox_url() -> None:
    assert sandbox_url("pay") == "http://sandbox/pay"


def test_a_whole_url_is_known_by_its_host() -> None:
    saga = one_step("action: POST https://bank.example/v1/moves/${{ saga.id }}")
    with Play(saga) as play:
        by_path = play.call("POST", "/-/bank.example/v1/moves/1")
        by_host = play.call("POST", "/v1/moves/1", None, {"Host": "bank.example:443"})
        elsewhere = play.call("POST", "/-/other.example/v1/moves/1")
    assert [by_path.status, by_host.status, elsewhere.status] == [200, 200, 404]


def test_a_whole_url_from_the_environment_is_known_by_its_end() -> None:
    with Play(one_step("action: POST ${{ env.BANK }}/moves")) as play:
        deep = play.call("POST", "/-/any.example/api/v3/moves")
        wrong = play.call("POST", "/-/any.example/api/v3/other")
    assert [deep.status, wrong.status] == [200, 404]


@pytest.mark.parametrize("value", ["a/b", "ü€", "a b", "100%", "a;b=c", "x?y#z", "-"])
def test_a_value_is_one_segment_whatever_it_holds(value: str) -> None:
    with Play(one_step("action: PUT /things/${{ input.id }}/parts")) as play:
        answer = play.call("PUT", f"/svc/things/{quote(value, safe='')}/parts")
    assert answer.status == 200


def test_operations_that_look_alike_are_told_apart_by_the_sagas_headers() -> None:
    saga = one_step(
        "action: POST /moves\ncompensation: POST /moves",
        rest="  - name: second\n    service: svc\n    action: POST /moves\n"
        "    compensation: none\n",
    )
    with Play(saga) as play:
        play.call("POST", "/svc/moves", None, of_saga("s1", "second", "k2"))
        play.call("POST", "/svc/moves", None, of_saga("s1", "act", "k1"))
        play.call("POST", "/svc/moves", None, of_saga("s1", "act", "k3", "k1"))
    assert effects(play.ledger) == [("second", "applied"), ("act", "applied"), ("act", "undone")]


def test_operations_that_differ_in_their_query_are_told_apart_by_it() -> None:
    saga = one_step(
        "action: POST /moves?kind=debit\ncompensation: POST /moves?kind=credit",
    )
    with Play(saga) as play:
        play.call("POST", "/svc/moves?kind=credit")
        play.call("POST", "/svc/moves?kind=debit")
    assert [str(call.phase) for call in play.ledger.calls()] == ["compensation", "action"]


def test_one_of_several_instances_is_undone_by_itself() -> None:
    with sandbox() as play:
        for index in range(3):
            headers = of_saga("s1", f"charge[{index}]", f"k{index}")
            play.call("POST", "/pay/charges", {"amount": index}, headers)
        undo = of_saga("s1", "charge[1]", "u1", "k1")
        play.call("POST", "/pay/charges/x/refund", None, undo)
        lookup = of_saga("s1", "charge[2]", "l2")
        told = play.call("GET", "/pay/charges?key=nobody", None, lookup).json
    assert [effect.step for effect in play.ledger.left()] == ["charge[0]", "charge[2]"]
    assert told == [{"id": play.ledger.left()[1].call.reply["body"]["id"]}]


# Misbehaviour


@pytest.mark.parametrize(
    ("fault", "status", "effect"),
    [
        ("422", 422, "none"),
        ("503", 503, "none"),
        ("303", 303, "none"),
        ("202", 202, "applied"),
        ("204", 204, "applied"),
    ],
)
def test_a_status_on_order(fault: str, status: int, effect: str) -> None:
    with sandbox(f"charge={fault}") as play:
        answer = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
    assert answer.status == status
    assert effects(play.ledger) == [("charge", effect)]
    assert play.ledger.calls()[0].fault == fault


def test_garbage_is_a_success_that_cannot_be_read() -> None:
    with sandbox("charge=garbage") as play:
        answer = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
    assert answer.status == 200
    with pytest.raises(ValueError):
        _ = answer.json
    assert len(play.ledger.left()) == 1


@pytest.mark.parametrize(
    ("fault", "effect"), [("timeout", "applied"), ("timeout-before", "none"), ("drop", "applied")]
)
def test_a_reply_on_order_never_comes(fault: str, effect: str) -> None:
    with sandbox(f"charge={fault}") as play:
        # The write side is shut afterwards, which to a held connection means: the client left.
        assert play.send(raw("POST", "/pay/charges", CHARGE, b'{"amount": 5}')) == b""
    assert effects(play.ledger) == [("charge", effect)]
    assert play.ledger.calls()[0].status is None


def test_a_timeout_holds_the_connection_until_the_client_leaves() -> None:
    with sandbox("charge=timeout") as play, play.connect() as connection:
        connection.sendall(raw("POST", "/pay/charges", CHARGE, b'{"amount": 5}'))
        play.await_calls(1)
        # Others are served meanwhile, so the sandbox had every chance to close it.
        play.call("PUT", "/stock/reservations/s1", {})
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.shutdown(socket.SHUT_WR)
        assert everything(connection) == b""


def test_a_dropped_connection_ends_without_a_reply_though_the_client_stays() -> None:
    with sandbox("charge=drop") as play, play.connect() as connection:
        connection.sendall(raw("POST", "/pay/charges", CHARGE, b'{"amount": 5}'))
        assert everything(connection) == b""
    assert len(play.ledger.left()) == 1


@pytest.mark.parametrize(
    ("fault", "effect"), [("reset-after", "applied"), ("reset-before", "none")]
)
def test_a_connection_is_reset_on_order(fault: str, effect: str) -> None:
    with sandbox(f"charge={fault}") as play, play.connect() as connection:
        connection.sendall(raw("POST", "/pay/charges", CHARGE, b'{"amount": 5}'))
        with pytest.raises(ConnectionResetError):
            everything(connection)
    assert effects(play.ledger) == [("charge", effect)]


def test_a_slow_action_is_done_although_its_client_left() -> None:
    with sandbox("charge=slow:50ms") as play:
        with play.connect() as connection:
            connection.sendall(raw("POST", "/pay/charges", CHARGE, b'{"amount": 5}'))
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert play.await_calls(1)[0].effect is EffectKind.APPLIED


def test_a_slow_action_comes_too_late_after_its_undo() -> None:
    ledger = Ledger()
    slow = [parse_fault("charge=slow")]
    participant = Participant(saga_of(ORDER), ledger, slow)
    action = participant.turn(received("POST", "/pay/charges", CHARGE))
    with participant.working(action):
        undo = participant.turn(received("POST", "/pay/charges/x/refund", REFUND))
        assert participant.play(undo).call.effect is EffectKind.EMPTY
        late = participant.play(action)
    assert late.reply is not None
    assert late.reply.status == 410
    assert late.call.note == "it arrived after its undo"
    assert ledger.left() == []


def test_a_count_is_for_the_first_attempts_only() -> None:
    with sandbox("charge=503x2") as play:
        calls = [play.call("POST", "/pay/charges", {"amount": 5}, CHARGE) for _ in range(4)]
    assert [call.status for call in calls] == [503, 503, 200, 200]
    assert [kind for _, kind in effects(play.ledger)] == ["none", "none", "applied", "replayed"]


def test_a_call_under_way_counts_as_an_attempt() -> None:
    slow = [parse_fault("charge=slowx1")]
    participant = Participant(saga_of(ORDER), Ledger(), slow)
    first = participant.turn(received("POST", "/pay/charges", CHARGE))
    assert first.fault == slow[0]
    with participant.working(first):
        other = of_saga("s1", "charge", "k-other")
        assert participant.turn(received("POST", "/pay/charges", other)).fault is None


@pytest.mark.parametrize("fault", ["202", "garbage"])
def test_a_refusal_is_not_dressed_up_as_success(fault: str) -> None:
    with sandbox(f"charge={fault}") as play:
        play.call("POST", "/pay/charges/x/refund", None, REFUND)
        assert play.call("POST", "/pay/charges", {"amount": 5}, CHARGE).status == 410


def test_each_saga_is_struck_by_itself() -> None:
    with sandbox("charge=503x1") as play:
        for saga in ("s1", "s2"):
            headers = of_saga(saga, "charge", f"k-{saga}")
            assert play.call("POST", "/pay/charges", {}, headers).status == 503
            assert play.call("POST", "/pay/charges", {}, headers).status == 200


def test_a_count_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    statuses = []
    for _ in range(3):
        with sandbox("charge=503x2", ledger=Ledger(path)) as play:
            statuses.append(play.call("POST", "/pay/charges", {"amount": 5}, CHARGE).status)
    assert statuses == [503, 503, 200]


def test_an_undo_and_a_lookup_misbehave_on_their_own_orders() -> None:
    with sandbox("charge.compensation=403x1", "charge.lookup=503x1") as play:
        play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
        lookup = of_saga("s1", "charge", "k-lookup")
        lookups = [play.call("GET", "/pay/charges?key=k-charge", None, lookup) for _ in range(2)]
        undos = [play.call("POST", "/pay/charges/x/refund", None, REFUND) for _ in range(2)]
    assert [answer.status for answer in lookups] == [503, 200]
    assert [answer.status for answer in undos] == [403, 200]
    assert play.ledger.left() == []


def test_a_lost_reply_is_the_same_when_it_is_asked_for_again() -> None:
    with sandbox("charge=dropx1") as play:
        assert play.send(raw("POST", "/pay/charges", CHARGE, b'{"amount":5}')) == b""
        answer = play.send(raw("POST", "/pay/charges", CHARGE, b'{"amount":5}'))
    kept = play.ledger.calls()[0].reply["body"]["id"]
    assert kept.encode() in answer
    assert [kind for _, kind in effects(play.ledger)] == ["applied", "replayed"]


# The ledger's disk


def test_nothing_is_done_that_the_ledger_cannot_keep(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    path.mkdir()
    with sandbox(ledger=ledger) as play:
        answer = play.call("POST", "/pay/charges", {"amount": 5}, CHARGE)
    assert answer.status == 500
    assert ledger.left() == []


def test_the_replies_are_the_same_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    answers = []
    for _ in range(2):
        with sandbox(ledger=Ledger(path)) as play:
            answers.append(play.call("POST", "/pay/charges", {"amount": 5}, CHARGE))
    assert answers[0] == answers[1]
    assert len(Ledger(path).left()) == 1
