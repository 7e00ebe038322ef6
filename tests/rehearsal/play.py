"""A sandbox on a real socket for as long as a test takes, and clients for it."""

import asyncio
import json
import socket
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, TypeVar

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.rehearsal.fault import check_faults, parse_fault
from sagactl.rehearsal.ledger import Ledger, PlayedCall
from sagactl.rehearsal.server import Sandbox
from sagactl.source.place import Source

T = TypeVar("T")
PATIENCE_S = 20.0

ORDER = """\
saga: order
version: 1
services:
  stock: {url: "${{ env.STOCK_URL }}", idempotency: key}
  pay: {url: "${{ env.PAY_URL }}/v1", idempotency: key}
  mail: {url: "http://mail.example", idempotency: none}
steps:
  - name: reserve
    service: stock
    action:
      request: PUT /reservations/${{ saga.id }}
      json: {sku: "${{ input.sku }}"}
    compensation:
      request: DELETE /reservations/${{ saga.id }}
      success: [2xx, 404]
  - name: charge
    service: pay
    action:
      request: POST /charges
      json: {amount: "${{ input.amount }}"}
      result: {payment_id: "${{ response.body.id }}"}
    lookup:
      request: GET /charges?key=${{ step.action_key }}
      found: ${{ size(response.body) > 0 }}
      result: {payment_id: "${{ response.body[0].id }}"}
    compensation: POST /charges/${{ result.payment_id }}/refund
  - name: notify
    service: mail
    pivot: true
    action:
      request: POST /messages
      json: {about: "${{ saga.id }}"}
    compensation: none
"""


def saga_of(text: str) -> Saga:
    saga, problems = load(Source("test.yaml", text))
    assert saga is not None, "\n".join(f"{p.place}: {p.message}" for p in problems)
    return saga


def one_step(more: str, *, service: str = "idempotency: key", rest: str = "") -> Saga:
    """A saga whose first step, `act`, is written by the test."""
    indented = "\n".join(f"    {line}" for line in more.splitlines())
    return saga_of(
        f'saga: s\nversion: 1\nservices:\n  svc: {{url: "http://svc.example", {service}}}\n'
        f"steps:\n  - name: act\n    service: svc\n{indented}\n{rest}"
    )


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    content_type: str | None

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Play:
    """`with Play(saga) as play: play.call("PUT", "/stock/…")`."""

    def __init__(
        self, saga: Saga, faults: Sequence[str] = (), ledger: Ledger | None = None
    ) -> None:
        self.saga = saga
        self.ledger = ledger if ledger is not None else Ledger()
        orders = [parse_fault(text) for text in faults]
        check_faults(orders, saga)
        self.told: list[PlayedCall] = []
        self._news = threading.Condition()
        self._sandbox = Sandbox(saga, self.ledger, orders, on_call=self._hear)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.address = ("", 0)

    def __enter__(self) -> "Play":
        self._thread.start()
        self.address = self._do(self._sandbox.start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._sandbox.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = HTTPConnection(*self.address, timeout=PATIENCE_S)
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, content, headers or {})
            reply = connection.getresponse()
            text = reply.read().decode()
            return Answer(reply.status, text, reply.headers.get("Content-Type"))
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=PATIENCE_S)

    def send(self, raw: bytes) -> bytes:
        """Everything that is answered to these bytes, until the sandbox closes the connection."""
        with self.connect() as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            return everything(connection)

    def await_calls(self, count: int) -> list[PlayedCall]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.told) >= count, PATIENCE_S)
            return list(self.told)

    def _hear(self, call: PlayedCall) -> None:
        with self._news:
            self.told.append(call)
            self._news.notify_all()

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)


def everything(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def of_saga(saga: str, step: str, key: str, action_key: str | None = None) -> dict[str, str]:
    """The headers that a saga's request carries."""
    headers = {
        "X-Correlation-ID": saga,
        "Saga-Step": step,
        "Saga-Attempt": "1",
        "Idempotency-Key": key,
    }
    return headers if action_key is None else {**headers, "Saga-Action-Key": action_key}


def effects(ledger: Ledger) -> list[tuple[str | None, str]]:
    return [(call.step, str(call.effect)) for call in ledger.calls()]
