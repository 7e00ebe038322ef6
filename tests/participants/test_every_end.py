"""Every way a request can end is a row of the table: each status, each exception of each library.

The exceptions are found by looking at what is loaded, not by a list: a class that a newer version
brings is tried here before anybody meets it.
"""

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio
import h11
import httpcore
import httpx
import pytest
from participants.calls import call, headers, meet
from zoo import Zoo, certificates, closed_port

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Outcome
from sagactl.participants.outcome import FaultKind
from sagactl.participants.web import Web

T = TypeVar("T")

APPLIED = OutcomeKind.APPLIED
RESULT_LOST = OutcomeKind.RESULT_LOST
REJECTED = OutcomeKind.REJECTED
NOT_SENT = OutcomeKind.NOT_SENT
UNKNOWN = OutcomeKind.UNKNOWN

LIBRARIES = {"httpx", "httpcore", "h11", "ssl", "asyncio", "socket", "select", "builtins", "anyio"}
# These two end a generator wherever they pass one: Python itself makes RuntimeErrors of them.
ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration)


def run(story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(story)


def subclasses(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(subclasses(one) for one in kind.__subclasses__()))


EXCEPTIONS = sorted(
    (
        kind
        for kind in subclasses(Exception)
        if kind.__module__.split(".")[0].lstrip("_") in LIBRARIES
        and not issubclass(kind, ENDS_OF_LOOPS)
    ),
    key=lambda kind: f"{kind.__module__}.{kind.__name__}",
)


def made(kind: type[BaseException]) -> BaseException:
    """One of its kind, whatever its own __init__ asks for."""
    if issubclass(kind, ExceptionGroup):
        return kind("trouble", [OSError(5, "trouble")])
    error = kind.__new__(kind, "trouble")
    error.args = ("trouble",)
    return error


def test_the_exceptions_of_every_library_are_found() -> None:
    for some in (
        httpx.InvalidURL,
        httpx.PoolTimeout,
        httpx.StreamConsumed,
        httpcore.ConnectionNotAvailable,
        h11.RemoteProtocolError,
        ssl.SSLCertVerificationError,
        socket.gaierror,
        asyncio.IncompleteReadError,
        anyio.BrokenResourceError,
        UnicodeEncodeError,
        ImportError,
        RecursionError,
        MemoryError,
        ConnectionResetError,
        ExceptionGroup,
    ):
        assert some in EXCEPTIONS
    assert len(EXCEPTIONS) > 130


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_an_exception_before_anything_left_is_not_sent(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lookup(*_: Any, **__: Any) -> Any:
        raise made(kind)

    async def story() -> Outcome:
        web = Web({})
        return await web.send(call("http://pay.example/charges"))

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    outcome = run(story())
    assert (outcome.kind, outcome.status) == (NOT_SENT, None)
    row = _row(outcome)
    assert row.retriable == outcome.retriable
    if issubclass(kind, OSError | ValueError | ImportError | httpx.TransportError):
        assert row is not FaultKind.UNEXPECTED_BEFORE


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@pytest.mark.parametrize(
    ("event", "expected"), [(1, UNKNOWN), (2, RESULT_LOST)], ids=["before a status", "after it"]
)
def test_an_exception_after_the_request_left_is_never_not_sent(
    kind: type[BaseException],
    event: int,
    expected: OutcomeKind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = 0
    next_event = h11.Connection.next_event

    def breaks(self: h11.Connection) -> Any:
        nonlocal events
        found = next_event(self)
        events += found is not h11.NEED_DATA
        if events == event:
            raise made(kind)
        return found

    async def story() -> Outcome:
        async with Zoo() as zoo:
            monkeypatch.setattr(h11.Connection, "next_event", breaks)
            return await meet(zoo, "ok", needs_body=True)

    outcome = run(story())
    assert outcome.kind is expected
    assert outcome.status == (200 if event == 2 else None)
    if event == 1:
        assert _row(outcome).outcome is UNKNOWN
        if issubclass(kind, OSError | httpx.TransportError):
            assert _row(outcome) is not FaultKind.UNEXPECTED_AFTER


def _row(outcome: Outcome) -> FaultKind:
    """The row that an outcome without a status comes from, by its words."""
    same = [kind for kind in FaultKind if kind.outcome is outcome.kind]
    named = [kind for kind in same if outcome.detail.startswith(kind.words)]
    if named:
        return max(named, key=lambda kind: len(kind.words))
    # Of a connection that was lost the error itself says it best.
    assert outcome.kind is UNKNOWN
    return FaultKind.CONNECTION_LOST


def status_outcome(status: int) -> OutcomeKind:
    """The contract's table once more, for every number that three digits can make."""
    if status in {200, 201, *range(203, 300)}:
        return APPLIED
    if status in {*range(300, 400)} - {303}:
        return REJECTED
    if status in {425, 429}:
        return NOT_SENT
    if status in {*range(400, 418), 421, 422, 423, 424, 426, 428, 431, 451, 501, 505} - {408}:
        return REJECTED
    return UNKNOWN


def test_every_status_that_a_reply_can_name_over_a_socket_is_in_the_table() -> None:
    async def says(peer: Any) -> bool:
        line = f"HTTP/1.1 {peer.fields['x-status']} X\r\n"
        await peer.say(line.encode(), b"Content-Length: 0\r\n\r\n")
        return False

    async def story(web: Web, zoo: Zoo, status: str) -> Outcome:
        named = headers(X_Status=status)
        return await web.send(call(zoo.url("says"), method="PUT", headers=named))

    async def all_of_them(statuses: list[str]) -> list[Outcome]:
        async with Zoo(guests={"says": says}) as zoo:
            web = Web({})
            told = [await story(web, zoo, status) for status in statuses]
            await web.aclose()
            return told

    numbers = [f"{status:03}" for status in range(1000)]
    odd = ["", "2", "20", "1000", "2000", "-20", "+20", "20x", "2.0", "0x1", "2 0"]
    outcomes = run(all_of_them([*numbers, *odd]))
    told = [outcome.kind for outcome in outcomes]
    assert told[:1000] == [status_outcome(status) for status in range(1000)]
    assert set(told[1000:]) == {UNKNOWN}
    assert not any("unexpected" in outcome.detail for outcome in outcomes)


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """A proxy that lets CONNECT through, to this port whatever it asks for."""
    await reader.readuntil(b"\r\n\r\n")
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while some := await source.read(65536):
                target.write(some)
        except ConnectionError:
            pass  # it hung up, as it may
        finally:
            target.close()

    await asyncio.gather(pass_on(reader, there_writer), pass_on(there_reader, writer))


def test_a_bad_certificate_behind_a_proxy_is_not_tried_again_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served, trusting = certificates("elsewhere.example")

    async def story() -> Outcome:
        tunnels = []

        async def opened(*streams: Any) -> None:
            tunnels.append(asyncio.create_task(_tunnel(*streams, zoo.port)))

        async with Zoo(ssl_context=served) as zoo:
            proxy = await asyncio.start_server(opened, "127.0.0.1", 0)
            monkeypatch.setenv(
                "https_proxy", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
            )
            web = Web({}, trust_env=True, ssl_context=trusting)
            try:
                return await web.send(call("https://pay.example/ok"))
            finally:
                await web.aclose()
                await asyncio.gather(*tunnels)
                proxy.close()

    outcome = run(story())
    assert (outcome.kind, outcome.retriable) == (NOT_SENT, False)
    assert outcome.detail.startswith("bad certificate: Hostname mismatch")


@pytest.mark.parametrize(
    "proxy",
    [
        "http://127.0.0.1:{closed}",
        "http://no-such-host.invalid:1",
        "socks5h://127.0.0.1:1",
        "socks4://127.0.0.1:1",
        "gopher://127.0.0.1:1",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://\udcff",
        "http://",
        "://",
    ],
)
def test_no_proxy_is_so_odd_that_something_escapes(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> Outcome:
        web = Web({}, trust_env=True)
        try:
            return await web.send(call("https://pay.example/charges"))
        finally:
            await web.aclose()

    monkeypatch.setenv("https_proxy", proxy.format(closed=closed_port()))
    monkeypatch.delenv("no_proxy", raising=False)
    assert run(story()).kind is NOT_SENT
