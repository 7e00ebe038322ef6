"""`run --batch`: a saga per line, a result per line, and a second run that finishes what is left."""

import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pexpect
import pytest
from conftest import Cli, Told

FOUR = """\
saga: four
services:
  shop: {url: "${{ env.SHOP_URL }}", idempotency: key LIMIT}
input:
  type: object
  required: [n]
  properties: {n: {type: integer}, who: {type: object}}
steps:
  - name: reserve
    service: shop
    action: {request: POST /reserve, json: {n: "${{ input.n }}"}}
    compensation: {request: POST /release, json: {n: "${{ input.n }}"}}
  - name: charge
    service: shop
    action:
      request: POST /charge
      json: {n: "${{ input.n }}"}
      result: {id: "${{ response.body.n }}"}
    compensation: {request: POST /refund, json: {n: "${{ input.n }}"}}
output: {n: "${{ steps.charge.result.id }}"}
"""


class Shop(ThreadingHTTPServer):
    """A service on loopback that remembers every key, and how many it served at once."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Counting)
        self.lock = threading.Lock()
        self.calls: list[tuple[str, str, int]] = []
        self.inside = self.most = 0
        self.refused: set[int] = set()
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Semaphore(0)

    @property
    def effects(self) -> Counter[tuple[str, int]]:
        """How often something was done, whatever was sent again under the same key."""
        once = {(key, path, n) for path, key, n in self.calls}
        return Counter((path, n) for _, path, n in once)


class Counting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shop

    def do_POST(self) -> None:
        shop = self.server
        n = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["n"]
        with shop.lock:
            shop.inside += 1
            shop.most = max(shop.most, shop.inside)
            shop.calls.append((self.path, self.headers["Idempotency-Key"], n))
        shop.reached.release()
        shop.open.wait(30)
        refused = self.path == "/charge" and n in shop.refused
        body = b'{"n": %d}' % n
        with shop.lock:
            shop.inside -= 1
        self.send_response(422 if refused else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.open.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def four(cli: Cli, shop: Shop) -> Cli:
    cli.write("four.yaml", FOUR.replace(" LIMIT", ""))
    cli.env["SHOP_URL"] = f"http://127.0.0.1:{shop.server_port}"
    return cli


def lines(*inputs: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in inputs)


def batch(cli: Cli, *more: str) -> Told:
    return cli("run", "four.yaml", "--batch", "in.jsonl", *more)


def most_at_once(cli: Cli, shop: Shop, *more: str, reached: int) -> int:
    """How many requests were under way at once, where none ended before so many had come."""
    shop.open.clear()
    process = cli.start("run", "four.yaml", "--batch", "in.jsonl", *more)
    for _ in range(reached):
        assert shop.reached.acquire(timeout=30)
    shop.open.set()
    process.communicate(timeout=60)
    assert process.returncode == 0
    return shop.most


def results(told: Told) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.out.splitlines()]


def test_each_line_is_a_saga_with_a_result(four: Cli, shop: Shop) -> None:
    four.write("in.jsonl", lines(*({"n": n} for n in range(30))))
    told = batch(four, "--concurrency", "8")
    assert told.status == 0, told
    found = results(told)
    assert sorted(result["output"]["n"] for result in found) == list(range(30))
    assert sorted(result["line"] for result in found) == list(range(1, 31))
    assert {result["state"] for result in found} == {"completed"}
    assert "30 of 30 sagas: 30 completed" in told.err
    assert len(four("list", "-o", "json").json) == 30


def test_a_second_run_starts_nothing_twice(four: Cli, shop: Shop) -> None:
    four.write("in.jsonl", lines({"n": 1}, {"n": 2}))
    first = batch(four)
    calls = len(shop.calls)
    four.write("in.jsonl", lines({"n": 1}, {"n": 2}, {"n": 3}))
    second = batch(four)
    assert second.status == 0
    assert len(shop.calls) == calls + 2
    by_line = {result["line"]: result["id"] for result in results(second)}
    assert {result["line"]: result["id"] for result in results(first)}.items() < by_line.items()


def test_failures_are_undone_and_the_worst_speaks(four: Cli, shop: Shop) -> None:
    shop.refused = {1, 3}
    four.write("in.jsonl", lines(*({"n": n} for n in range(5))))
    told = batch(four)
    assert told.status == 1
    states = {result["line"]: result["state"] for result in results(told)}
    assert Counter(states.values()) == {"completed": 3, "failed": 2}
    [error] = {result["error"]["step"] for result in results(told) if result["error"]}
    assert error == "charge"
    assert shop.effects["/release", 1] == shop.effects["/release", 3] == 1
    assert "3 completed, 2 failed" in told.err


def test_ids_come_from_the_field_that_is_named(four: Cli) -> None:
    four.write("in.jsonl", lines({"n": 1, "who": {"id": "anna"}}, {"n": 2, "who": {"id": 7}}))
    told = batch(four, "--id-from", "who.id")
    assert sorted(result["id"] for result in results(told)) == ["7", "anna"]


def test_ids_come_from_the_definition(four: Cli) -> None:
    four.write("four.yaml", "id: four-${{ input.n }}\n" + FOUR.replace(" LIMIT", ""))
    four.write("in.jsonl", lines({"n": 1}, {"n": 2}))
    assert sorted(result["id"] for result in results(batch(four))) == ["four-1", "four-2"]


def test_the_same_line_twice_is_one_saga(four: Cli, shop: Shop) -> None:
    four.write("in.jsonl", lines({"n": 1}, {"n": 1}))
    assert len(results(batch(four))) == 1
    assert shop.effects["/charge", 1] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lines({"n": 1}) + "{\n", "in.jsonl:2: not JSON"),
        (lines({"n": 1}, {"m": 2}), 'in.jsonl:2: input has no "n"'),
        (lines({"n": 1, "who": {"id": "a"}}, {"n": 2, "who": {"id": "a"}}), "in.jsonl:2: the ID"),
        (lines({"n": 1, "who": {"id": "a b"}}), 'in.jsonl:1: the ID "a b" must be'),
        (lines({"n": 1}), "in.jsonl:1: --id-from"),
        ("\n\n", "there is no line with an input"),
    ],
)
def test_what_is_wrong_is_found_before_anything_is_sent(
    four: Cli, shop: Shop, text: str, message: str
) -> None:
    four.write("in.jsonl", text)
    told = batch(four, "--id-from", "who.id")
    assert told.status == 2
    assert message in told.err
    assert shop.calls == []
    assert not (four.folder / ".sagactl").exists()


def test_another_definition_under_the_same_id_is_refused_for_its_line(four: Cli) -> None:
    four.write("in.jsonl", lines({"n": 1}))
    batch(four)
    four.write("four.yaml", FOUR.replace(" LIMIT", "") + "description: another\n")
    four.write("in.jsonl", lines({"n": 1}, {"n": 2}))
    told = batch(four)
    assert told.status == 2
    refused, done = sorted(results(told), key=lambda result: result["line"])
    assert refused["state"] is None
    assert "with another definition" in refused["error"]["message"]
    assert done["state"] == "completed"


def test_a_service_is_never_asked_more_than_it_allows(four: Cli, shop: Shop) -> None:
    four.write("four.yaml", FOUR.replace(" LIMIT", ", max_concurrency: 3"))
    four.write("in.jsonl", lines(*({"n": n} for n in range(40))))
    assert most_at_once(four, shop, "--concurrency", "20", reached=3) == 3


def test_so_many_are_under_way_at_once(four: Cli, shop: Shop) -> None:
    four.write("in.jsonl", lines(*({"n": n} for n in range(40))))
    assert most_at_once(four, shop, "--concurrency", "8", reached=8) == 8


def test_a_batch_is_read_from_stdin(four: Cli) -> None:
    told = four("run", "four.yaml", "--batch", "-", stdin=lines({"n": 1}))
    assert [result["state"] for result in results(told)] == ["completed"]


@pytest.mark.parametrize("more", [["-i", "n=1"], ["--id", "x"], ["--input-file", "x"]])
def test_a_batch_goes_without_what_is_for_one(four: Cli, more: list[str]) -> None:
    four.write("in.jsonl", lines({"n": 1}))
    assert batch(four, *more).status == 2


def test_a_signal_lets_what_is_in_flight_end(four: Cli, shop: Shop) -> None:
    four.write("in.jsonl", lines(*({"n": n} for n in range(50))))
    shop.open.clear()
    process = four.start("run", "four.yaml", "--batch", "in.jsonl", "--concurrency", "4")
    for _ in range(4):
        assert shop.reached.acquire(timeout=30)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "stopping" in process.stderr.readline()
    shop.open.set()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert {json.loads(line)["state"] for line in out.splitlines()} == {"pending"}
    assert len(shop.calls) == 4
    again = batch(four)
    assert again.status == 0, again
    assert len(results(again)) == 50
    assert set(shop.effects.values()) == {1}


def test_a_kill_in_the_middle_is_made_good_by_a_second_run(four: Cli, shop: Shop) -> None:
    four.write("in.jsonl", lines(*({"n": n} for n in range(60))))
    shop.refused = {7, 30}
    process = four.start("run", "four.yaml", "--batch", "in.jsonl", "--concurrency", "8")
    for _ in range(40):
        assert shop.reached.acquire(timeout=30)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    told = batch(four)
    assert told.status == 1, told
    assert len(results(told)) == 60
    assert set(shop.effects.values()) == {1}
    assert Counter(path for path, _ in shop.effects) == {
        "/reserve": 60,
        "/charge": 60,
        "/release": 2,
    }


def test_what_another_process_has_is_told_with_its_line(four: Cli, shop: Shop) -> None:
    four.write("in.jsonl", lines({"n": 1, "who": {"id": "a"}}))
    shop.open.clear()
    first = four.start("run", "four.yaml", "--batch", "in.jsonl", "--id-from", "who.id")
    assert shop.reached.acquire(timeout=30)
    told = batch(four, "--id-from", "who.id")
    assert told.status == 6
    assert "held by process" in results(told)[0]["error"]["message"]
    shop.open.set()
    first.communicate(timeout=30)
    assert first.returncode == 0


def test_a_reader_that_went_away_stops_no_saga(four: Cli) -> None:
    four.write("in.jsonl", lines(*({"n": n} for n in range(20))))
    process = four.start("run", "four.yaml", "--batch", "in.jsonl")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=60)
    states = {run["state"] for run in four("list", "-o", "json").json}
    assert states == {"completed"}
    assert len(four("list", "-o", "json").json) == 20


def test_a_terminal_gets_a_bar(four: Cli, tmp_path: Path) -> None:
    four.write("in.jsonl", lines(*({"n": n} for n in range(30))))
    command = four.command("run", "four.yaml", "--batch", "in.jsonl")
    environment = {**four.environment, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    child = pexpect.spawn(
        command[0],
        command[1:],
        cwd=str(four.folder),
        env=environment,
        dimensions=(30, 100),
        encoding="utf-8",
        timeout=60,
        use_poll=True,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.before or "")
    assert "/30" in text
    assert "30 of 30 sagas: 30 completed" in text
