"""How many requests a second go out with 64 in flight: our connections beside httpx's own pool.

Run it by hand: `PYTHONPATH=.:tests python tests/bench/http_rate.py [seconds] [rounds]`. It is no
test, because only the ratio of what was measured side by side means anything, and that not on a
busy machine.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import httpx
from participants.calls import KEYED, call

from sagactl.definition.model import OutcomeKind
from sagactl.participants.transport import Connections
from sagactl.participants.web import Web

BODY = '{"order_id":"order-42","amount":1999,"currency":"EUR","note":"%s"}' % ("x" * 130)
REPLY = b'{"id":"p-42","state":"accepted","note":"' + b"y" * 140 + b'"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
    REPLY
)

Send = Callable[[], Awaitable[None]]


class Service(asyncio.Protocol):
    """The least that answers a POST: it must not be what is measured."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffered = b""

    def data_received(self, data: bytes) -> None:
        self.buffered += data
        while b"\r\n\r\n" in self.buffered:
            head, _, rest = self.buffered.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(rest) < length:
                return
            self.buffered = rest[length:]
            self.transport.write(ANSWER + REPLY)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Service, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def rate(send: Send, in_flight: int, seconds: float) -> float:
    """Requests a second, after a warming up that opens every connection."""
    await asyncio.gather(*(send() for _ in range(in_flight)))
    count = 0
    began = time.perf_counter()
    end = began + seconds

    async def work() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await send()
            count += 1

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return count / (time.perf_counter() - began)


async def measure(port: int, in_flight: int, seconds: float) -> dict[str, float]:
    url = f"http://127.0.0.1:{port}/charges"
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    web = Web({})
    made = call(url, body=BODY, idempotency=KEYED, needs_body=True)

    async def over_web() -> None:
        outcome = await web.send(made)
        assert outcome.kind is OutcomeKind.APPLIED, outcome

    def over(client: httpx.AsyncClient) -> Send:
        async def post() -> None:
            reply = await client.post(url, content=BODY, headers={"Idempotency-Key": "k"})
            assert reply.json()["id"] == "p-42"

        return post

    async with (
        httpx.AsyncClient(limits=limits, timeout=60) as pooled,
        httpx.AsyncClient(transport=Connections()) as ours,
    ):
        found = {
            "httpx, its own pool": await rate(over(pooled), in_flight, seconds),
            "httpx over Connections": await rate(over(ours), in_flight, seconds),
            "Web.send": await rate(over_web, in_flight, seconds),
        }
    await web.aclose()
    return found


def main(seconds: float = 1.5, rounds: int = 5) -> None:
    service = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE)
    assert service.stdout is not None
    try:
        port = int(service.stdout.readline())
        for in_flight in (1, 64):
            seen = [asyncio.run(measure(port, in_flight, seconds)) for _ in range(rounds)]
            rates = {name: statistics.median(one[name] for one in seen) for name in seen[0]}
            for name, value in rates.items():
                ratio = value / rates["httpx, its own pool"]
                print(f"{in_flight:3} in flight  {name:24} {value:8.0f} req/s   x {ratio:.1f}")
    finally:
        service.terminate()
        service.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        main(*(kind(text) for kind, text in zip((float, int), sys.argv[1:], strict=False)))
