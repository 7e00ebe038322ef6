"""A shop that keeps every promise but those it is told to break, and a definition for it."""

import json
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

# `hold` is undone by the saga's own ID, `pay` by what its reply told.
SHOP = """\
saga: shop
version: 1
input:
  type: object
  required: [who]
  properties: {who: {type: string, x-sensitive: true}}
  examples: [{who: ada@example.com}]
services:
  stock:
    url: ${{ env.SHOP_URL }}
    idempotency: key
    headers: {Authorization: "Bearer ${{ secrets.STOCK }}"}
  bank: {url: "${{ env.SHOP_URL }}", idempotency: key}
defaults:
  timeout: 5s
  retry: {max_attempts: 3, initial_interval: 10ms, multiplier: 1, max_interval: 10ms}
  compensation: {retry: {max_attempts: 3, initial_interval: 10ms, multiplier: 1, max_interval: 10ms}}
steps:
  - name: hold
    service: stock
    settle: 10ms
    action: {request: "PUT /holds/${{ saga.id }}", json: {who: "${{ input.who }}"}}
    lookup:
      request: GET /holds?key=${{ step.action_key }}
      found: ${{ size(response.body) > 0 }}
    compensation: DELETE /holds/${{ saga.id }}
  - name: pay
    service: bank
    settle: 10ms
    action:
      request: POST /charges
      json: {amount: 5}
      result: {id: "${{ response.body.id }}"}
    lookup:
      request: GET /charges?key=${{ step.action_key }}
      found: ${{ size(response.body) > 0 }}
      result: {id: "${{ response.body[0].id }}"}
    compensation: POST /charges/${{ result.id }}/refund
"""

PATIENCE_S = 60.0


@dataclass
class Thing:
    kind: str
    id: str
    key: str
    is_undone: bool = False


@dataclass
class Shop:
    """`breaks` are words: see where they are asked about. `with Shop({"repeat"}) as shop: …`."""

    breaks: Collection[str] = ()
    things: list[Thing] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    barred: set[str] = field(default_factory=set)
    undos: dict[str, int] = field(default_factory=dict)
    body: bytes = b""
    held: threading.Event = field(default_factory=threading.Event)  # a charge arrived, and waits
    freed: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Shop":
        shop = self

        class Conversation(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                shop.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body, headers = shop.reply(self.command, self.path, dict(self.headers))
                content = json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = _serve

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Conversation)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def standing(self) -> list[str]:
        """What is in the world."""
        return [thing.kind for thing in self.things if not thing.is_undone]

    def reply(self, method: str, target: str, headers: dict[str, str]) -> tuple[int, Any, Any]:
        self.calls.append((method, target))
        url = urlsplit(target)
        kind, *rest = url.path.strip("/").split("/")
        key = headers["Idempotency-Key"]
        if "redirect" in self.breaks:
            return 307, None, {"Location": "http://127.0.0.1:1/elsewhere"}
        if "echo" in self.breaks and method == "PUT":
            said = f"not with {headers.get('Authorization')} for {self.body.decode()}"
            return 422, {"message": said}, {}
        if "hold" in self.breaks and target == "/charges":
            self.held.set()
            assert self.freed.wait(PATIENCE_S)
        if method == "GET":
            return 200, self._found(kind, parse_qs(url.query)["key"][0]), {}
        if method == "PUT" or rest == []:
            if "fails-before" in self.breaks:
                return 500, None, {}
            done = self._do(kind, rest[0] if rest else "", key)
            return (500, None, {}) if "fails-after" in self.breaks else done
        if "no-undo" in self.breaks:
            return 403, {"message": "that is not undone here"}, {}
        return self._undo(kind, rest[0], key, headers["Saga-Action-Key"])

    def _do(self, kind: str, name: str, key: str) -> tuple[int, Any, Any]:
        if key in self.barred and "late" not in self.breaks:
            return 410, {"message": "undone already"}, {}
        known = next((thing for thing in self.things if thing.key == key), None)
        if "late-replayed" in self.breaks and known is not None and known.is_undone:
            return 201, {"id": known.id}, {}
        if known is None or known.is_undone or "repeat" in self.breaks:
            known = Thing(kind, name or f"{kind}-{len(self.things)}", key)
            self.things.append(known)
        elif "repeat-refused" in self.breaks:
            return 409, {"message": "this is there already"}, {}
        if "silent-repeat" in self.breaks and sum(t.key == key for t in self.things) == 1:
            self.things.append(Thing(kind, known.id, key))
        return 201, {"id": known.id}, {}

    def _undo(self, kind: str, name: str, key: str, action_key: str) -> tuple[int, Any, Any]:
        self.undos[key] = self.undos.get(key, 0) + 1
        if self.undos[key] > 1:
            for status in (404, 500):
                if f"second-undo-{status}" in self.breaks:
                    return status, {"message": "no"}, {}
            if "second-undo-anew" in self.breaks:
                return 200, {"id": f"undo-{self.undos[key]}"}, {}
            return 200, {"id": "undo-1"}, {}
        there = [t for t in self.things if (t.kind, t.id, t.key) == (kind, name, action_key)]
        if not there and "lone-undo" in self.breaks:
            return 404, {"message": "nothing is called so"}, {}
        if "late-replayed" not in self.breaks:
            self.barred.add(action_key)
        for thing in there:
            thing.is_undone = True
        return 200, {"id": "undo-1"}, {}

    def _found(self, kind: str, key: str) -> list[Any]:
        found = [{"id": thing.id} for thing in self.things if thing.key == key]
        if "lookup-never" in self.breaks:
            return []
        if "lookup-always" in self.breaks:
            return found or [{"id": "somebody-else"}]
        if "lookup-other" in self.breaks:
            return [{"id": "somebody-else"} for _ in found]
        return found
