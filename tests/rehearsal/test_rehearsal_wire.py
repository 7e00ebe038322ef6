"""The sandbox's HTTP, byte by byte: what it serves, and what it refuses to guess about."""

import json
import re
import socket

import pytest
from rehearsal.play import PATIENCE_S, Play, everything, one_step

from sagactl.rehearsal.wire import MAX_BODY_BYTES, MAX_HEAD_BYTES

# It echoes the request's number, so that a body which was read wrongly shows in the reply.
ECHO = one_step(
    "action:\n  request: POST /echo\n  json: {n: '${{ input.n }}'}\n"
    "  success: ['${{ response.body.n == input.n }}']"
)
HEAD = b"POST /svc/echo HTTP/1.1\r\nHost: sandbox\r\n"


def statuses(reply: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", reply)]


def bodies(reply: bytes) -> list[object]:
    heads = reply.split(b"HTTP/1.1 ")[1:]
    return [json.loads(part.partition(b"\r\n\r\n")[2]) for part in heads]


def test_a_body_with_a_length_is_read() -> None:
    with Play(ECHO) as play:
        reply = play.send(HEAD + b'Content-Length: 8\r\n\r\n{"n": 7}')
    assert bodies(reply) == [{"n": 7}]


def test_a_body_in_chunks_is_read() -> None:
    chunks = b'3\r\n{"n\r\n5;note="x"\r\n": 7}\r\n0\r\nTrailer: x\r\n\r\n'
    with Play(ECHO) as play:
        reply = play.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert bodies(reply) == [{"n": 7}]


def test_a_connection_serves_requests_one_after_the_other() -> None:
    request = HEAD + b'Content-Length: 8\r\n\r\n{"n": 7}'
    with Play(ECHO) as play:
        reply = play.send(request + b"\r\n" + request.replace(b"7}", b"8}"))
    assert bodies(reply) == [{"n": 7}, {"n": 8}]


def test_a_request_may_come_byte_by_byte() -> None:
    request = HEAD + b'Content-Length: 8\r\n\r\n{"n": 7}'
    with Play(ECHO) as play, play.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.sendall(bytes([byte]))
        connection.shutdown(socket.SHUT_WR)
        assert bodies(everything(connection)) == [{"n": 7}]


@pytest.mark.parametrize(
    ("first", "header", "closes"),
    [
        (b"HTTP/1.1", b"", False),
        (b"HTTP/1.1", b"Connection: close\r\n", True),
        (b"HTTP/1.1", b"Connection: foo, Close\r\n", True),
        (b"HTTP/1.0", b"", True),
        (b"HTTP/1.0", b"Connection: keep-alive\r\n", False),
    ],
)
def test_a_connection_is_kept_where_the_client_wants_it(
    first: bytes, header: bytes, closes: bool
) -> None:
    request = b"GET /_ledger " + first + b"\r\nHost: x\r\n" + header + b"\r\n"
    with Play(ECHO) as play:
        reply = play.send(request + request)
    assert statuses(reply) == ([200] if closes else [200, 200])
    assert (b"Connection: close" in reply) is closes


def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    with Play(ECHO) as play, play.connect() as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 8\r\n\r\n")
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'{"n": 7}')
        connection.shutdown(socket.SHUT_WR)
        assert bodies(everything(connection)) == [{"n": 7}]


def test_a_target_may_be_a_whole_url() -> None:
    with Play(ECHO) as play:
        reply = play.send(b"GET http://sandbox/_ledger HTTP/1.1\r\nHost: sandbox\r\n\r\n")
    assert bodies(reply) == [[]]


def test_head_is_answered_without_a_body() -> None:
    with Play(ECHO) as play:
        reply = play.send(b"HEAD /_ledger HTTP/1.1\r\nHost: x\r\n\r\n")
    assert statuses(reply) == [200]
    assert b"Content-Length: 2\r\n" in reply
    assert reply.endswith(b"\r\n\r\n")


def test_no_content_has_neither_body_nor_length() -> None:
    with Play(one_step("action: {request: POST /x, success: [204]}")) as play:
        reply = play.send(b"POST /svc/x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply == b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET  /x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: \x1b[31m\r\n\r\n", 400),
        (HEAD + b"Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (HEAD + b"Content-Length: 8\r\nContent-Length: 8\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1_0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n", 400),
        (HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 413),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (MAX_BODY_BYTES + 1), 413),
        (HEAD + b"X: " + b"x" * MAX_HEAD_BYTES, 431),
    ],
)
def test_what_cannot_be_served_is_refused_and_the_connection_closed(
    request_bytes: bytes, status: int
) -> None:
    with Play(ECHO) as play, play.connect() as connection:
        connection.sendall(request_bytes)
        reply = everything(connection)
    assert statuses(reply) == [status]
    assert b"Connection: close" in reply
    assert play.ledger.calls() == []


def test_a_refusal_is_read_although_its_client_was_still_sending() -> None:
    size = 8 * MAX_BODY_BYTES
    with Play(ECHO) as play, play.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        assert statuses(everything(connection)) == [413]


def test_a_body_of_just_the_size_allowed_is_read() -> None:
    body = b'{"n": 7, "pad": "' + b"x" * (MAX_BODY_BYTES - 19) + b'"}'
    assert len(body) == MAX_BODY_BYTES
    with Play(ECHO) as play:
        reply = play.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert bodies(reply) == [{"n": 7}]


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /svc/ec",
        HEAD,
        HEAD + b"Content-Length: 8\r\n\r\n",
        HEAD + b'Content-Length: 8\r\n\r\n{"n"',
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n",
    ],
)
def test_half_a_request_has_no_effect(begun: bytes) -> None:
    with Play(ECHO) as play:
        assert play.send(begun) == b""
        assert play.call("GET", "/_ledger").json == []


def test_closing_drops_those_who_wait() -> None:
    with Play(ECHO, ["act=timeout"]) as play:
        waiting = play.connect()
        waiting.sendall(HEAD + b'Content-Length: 8\r\n\r\n{"n": 7}')
        play.await_calls(1)
    with waiting:
        waiting.settimeout(PATIENCE_S)
        assert everything(waiting) == b""
