"""Connections under httpx itself: which are used again, and what each way to end is called."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from zoo import Zoo, certificates, closed_port

from sagactl.participants.connection import MAX_IDLE_S
from sagactl.participants.transport import MAX_IDLE, Connections

Story = Callable[[Zoo, httpx.AsyncClient], Awaitable[None]]


def tell(story: Story, **options: Any) -> Zoo:
    async def whole() -> Zoo:
        async with Zoo() as zoo, httpx.AsyncClient(transport=Connections(**options)) as client:
            await story(zoo, client)
            return zoo

    return asyncio.run(whole())


def connections_after(animal: str, times: int = 3) -> int:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        for _ in range(times):
            reply = await client.post(zoo.url(animal), content=b"x" * 100_000)
            assert reply.status_code < 500

    return tell(story).connections


@pytest.mark.parametrize(
    "animal", ["ok", "no-content", "chunked", "interim", "empty", "same-length-twice"]
)
def test_a_connection_whose_reply_was_read_is_used_again(animal: str) -> None:
    assert connections_after(animal) == 1


@pytest.mark.parametrize(
    "animal", ["closing", "stale", "http10", "unframed", "long-body", "both-framings", "pushy"]
)
def test_a_connection_that_cannot_be_trusted_is_never_used_again(animal: str) -> None:
    assert connections_after(animal) == 3


def test_a_reply_left_unread_costs_its_connection() -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        for _ in range(2):
            async with client.stream("GET", zoo.url("ok")) as reply:
                assert reply.status_code == 200

    assert tell(story).connections == 2


def test_fresh_opens_a_connection_although_one_is_idle() -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        await client.get(zoo.url("ok"))
        await client.get(zoo.url("ok"), extensions={"fresh": True})
        await client.get(zoo.url("ok"))

    assert [peer.connection for peer in tell(story).met] == [1, 2, 2]


def test_another_origin_gets_another_connection() -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        for host in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
            await client.get(f"http://{host}:{zoo.port}/ok")

    async def everywhere() -> list[int]:
        async with Zoo("0.0.0.0") as zoo, httpx.AsyncClient(transport=Connections()) as client:
            await story(zoo, client)
            return [peer.connection for peer in zoo.met]

    assert asyncio.run(everywhere()) == [1, 2, 1]


def test_a_connection_idle_for_too_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        await client.get(zoo.url("ok"))
        loop = asyncio.get_running_loop()
        later = loop.time() + MAX_IDLE_S
        monkeypatch.setattr(loop, "time", lambda: later)
        await client.get(zoo.url("ok"))
        monkeypatch.undo()

    assert tell(story).connections == 2


def test_requests_at_the_same_time_have_a_connection_each() -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        for _ in range(2):
            await asyncio.gather(*(client.get(zoo.url("ok")) for _ in range(20)))

    assert tell(story).connections == 20


def test_a_connection_that_speaks_unasked_is_closed() -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        await client.get(zoo.url("pushy-later"))
        await zoo.deserted()
        assert (await client.get(zoo.url("ok"))).status_code == 200

    assert tell(story).connections == 2


def test_no_more_than_so_many_connections_are_kept() -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        await asyncio.gather(*(client.get(zoo.url("ok")) for _ in range(MAX_IDLE + 20)))
        assert zoo.connections == MAX_IDLE + 20
        async with asyncio.timeout(20):
            while zoo.open > MAX_IDLE:
                await asyncio.sleep(0)

    tell(story)


def test_head_and_body_leave_in_one_write() -> None:
    async def story() -> bytes:
        first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        class Watcher(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                first.set_result(data)

        loop = asyncio.get_running_loop()
        server = await loop.create_server(Watcher, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with httpx.AsyncClient(transport=Connections()) as client:
            task = asyncio.create_task(client.post(f"http://127.0.0.1:{port}/", content=b"body"))
            data = await first
            task.cancel()
        server.close()
        return data

    data = asyncio.run(story())
    assert data.startswith(b"POST / HTTP/1.1\r\n")
    assert data.endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize(
    ("animal", "error"),
    [
        ("close-before-reply", httpx.ReadError),
        ("reset-before-reply", httpx.ReadError),
        ("reset-mid-headers", httpx.ReadError),
        ("reset-mid-body", httpx.ReadError),
        ("short-body", httpx.RemoteProtocolError),
        ("chunked-cut", httpx.RemoteProtocolError),
        ("bad-chunk", httpx.RemoteProtocolError),
        ("two-lengths", httpx.RemoteProtocolError),
        ("garbage", httpx.RemoteProtocolError),
        ("switch", httpx.RemoteProtocolError),
        ("endless-interim", httpx.RemoteProtocolError),
        ("endless-line", httpx.RemoteProtocolError),
        ("half-status", httpx.ReadError),
    ],
)
def test_what_goes_wrong_after_sending_is_a_read_error(
    animal: str, error: type[httpx.TransportError]
) -> None:
    begun = []

    async def trace(event: str, details: dict[str, Any]) -> None:
        begun.append(event)

    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        with pytest.raises(error):
            await client.get(zoo.url(animal), extensions={"trace": trace})

    tell(story)
    assert begun == ["http11.send_request_headers.started"]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:{closed}/", httpx.ConnectError),
        ("http://localhost:{closed}/", httpx.ConnectError),
        ("http://no-such-host.invalid/", httpx.ConnectError),
        ("http://a..b/", httpx.InvalidURL),
        ("ftp://127.0.0.1/", httpx.UnsupportedProtocol),
    ],
)
def test_what_goes_wrong_before_sending_says_so(url: str, error: type[Exception]) -> None:
    async def trace(event: str, details: dict[str, Any]) -> None:
        raise AssertionError("nothing may be sent")

    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        with pytest.raises(error):
            await client.get(url.format(closed=closed_port()), extensions={"trace": trace})

    tell(story)


def test_a_header_that_is_none_is_refused_before_anything_is_opened() -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.LocalProtocolError):
            await client.get(zoo.url("ok"), headers={"X": "a\r\nY: b"})

    assert tell(story).connections == 0


def test_a_peer_that_never_accepts_ends_in_a_connect_timeout() -> None:
    async def story(zoo: Zoo, client: httpx.AsyncClient) -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            address = deaf.getsockname()
            # The backlog is full, so that the next SYN gets no answer.
            crowd = [socket.socket() for _ in range(4)]
            for one in crowd:
                one.setblocking(False)
                one.connect_ex(address)
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(f"http://127.0.0.1:{address[1]}/", timeout=0.2)
            for one in crowd:
                one.close()

    tell(story)


def test_a_large_reply_arrives_whole_however_slowly_it_is_read() -> None:
    size = 3_000_000

    async def story() -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            writer.write(b"x" * size)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        total = 0
        async with (
            httpx.AsyncClient(transport=Connections()) as client,
            client.stream("GET", f"http://127.0.0.1:{port}/") as reply,
        ):
            async for chunk in reply.aiter_raw():
                total += len(chunk)
                await asyncio.sleep(0.001)
        server.close()
        return total

    assert asyncio.run(story()) == size


def test_tls_is_checked_and_its_connection_used_again() -> None:
    served, trusting = certificates("127.0.0.1")

    async def story() -> int:
        transport = Connections(ssl_context=trusting)
        async with Zoo(ssl_context=served) as zoo, httpx.AsyncClient(transport=transport) as client:
            for _ in range(3):
                reply = await client.get(zoo.url("ok"))
                assert reply.json() == {"id": "p-1"}
            return zoo.connections

    assert asyncio.run(story()) == 1


def test_a_certificate_nobody_vouches_for_is_refused_by_default() -> None:
    served, _ = certificates("127.0.0.1")

    async def story() -> int:
        async with Zoo(ssl_context=served) as zoo, httpx.AsyncClient(transport=Connections()) as c:
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                await c.get(zoo.url("ok"))
            return len(zoo.met)

    assert asyncio.run(story()) == 0
