"""HTTP clients to compare: the least that asyncio can do, httpx, and sagactl's own.

Each posts JSON and reads the JSON of the reply, over connections that stay open.
"""

import asyncio
import json
from dataclasses import replace
from typing import Any, Protocol, Self

import httpx

Reply = tuple[int, Any]


class Client(Protocol):
    @classmethod
    async def open(cls, url: str, in_flight: int) -> Self:
        """A client for so many requests at once."""

    async def post(self, path: str, body: str) -> Reply:
        """The status and the JSON of the reply."""

    async def close(self) -> None: ...


class Connection:
    """One connection, as bare as it gets: it understands what the target sends, and no more."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> Self:
        host, _, port = url.removeprefix("http://").partition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """The head and the body of the reply."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        return head, await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


class Raw:
    """Bytes over asyncio's streams."""

    def __init__(self, connections: list[Connection]) -> None:
        self._free = connections

    @classmethod
    async def open(cls, url: str, in_flight: int) -> Self:
        return cls([await Connection.open(url) for _ in range(in_flight)])

    async def post(self, path: str, body: str) -> Reply:
        content = body.encode()
        request = (
            b"POST %s HTTP/1.1\r\nHost: target\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (path.encode(), len(content), content)
        )
        connection = self._free.pop()
        head, answer = await connection.ask(request)
        self._free.append(connection)
        return int(head[9:12]), json.loads(answer)

    async def close(self) -> None:
        for connection in self._free:
            connection.close()


class OwnPool(httpx.AsyncBaseTransport):
    """httpx without its pool, whose bookkeeping is quadratic in the requests in flight."""

    def __init__(self, connections: list[Connection]) -> None:
        self._free = connections

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fields = b"\r\n".join(b"%s: %s" % field for field in request.headers.raw)
        start = b"%s %s HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)
        connection = self._free.pop()
        head, answer = await connection.ask(
            b"%s%s\r\n\r\n%s" % (start, fields, await request.aread())
        )
        self._free.append(connection)
        lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:-2]]
        headers = [(name, value) for name, _, value in lines]
        return httpx.Response(int(head[9:12]), headers=headers, content=answer)

    async def aclose(self) -> None:
        for connection in self._free:
            connection.close()


class Httpx:
    """httpx.Client for one request at a time, else httpx.AsyncClient over OwnPool."""

    def __init__(self, url: str, client: httpx.Client | httpx.AsyncClient) -> None:
        self._url = url
        self._client = client

    @classmethod
    async def open(cls, url: str, in_flight: int) -> Self:
        if in_flight == 1:
            return cls(url, httpx.Client())
        connections = [await Connection.open(url) for _ in range(in_flight)]
        return cls(url, httpx.AsyncClient(transport=OwnPool(connections)))

    async def post(self, path: str, body: str) -> Reply:
        headers = {"Content-Type": "application/json"}
        reply = self._client.post(f"{self._url}{path}", content=body, headers=headers)
        if not isinstance(reply, httpx.Response):
            reply = await reply
        return reply.status_code, reply.json()

    async def close(self) -> None:
        if isinstance(self._client, httpx.Client):
            self._client.close()
        else:
            await self._client.aclose()


class Own:
    """What sagactl sends its requests with, and judges the replies."""

    def __init__(self, url: str) -> None:
        # Only here: the other clients are not to be judged by what sagactl imports.
        from participants.calls import KEYED, call

        from sagactl.participants.web import Web

        self._url = url
        self._web = Web({})
        self._call = call(idempotency=KEYED, needs_body=True)

    @classmethod
    async def open(cls, url: str, in_flight: int) -> Self:
        return cls(url)

    async def post(self, path: str, body: str) -> Reply:
        sending = replace(self._call.sending, url=f"{self._url}{path}", body=body)
        outcome = await self._web.send(replace(self._call, sending=sending))
        assert outcome.status is not None, outcome
        return outcome.status, outcome.result

    async def close(self) -> None:
        await self._web.aclose()


CLIENTS: dict[str, type[Client]] = {"raw": Raw, "httpx": Httpx, "own": Own}
