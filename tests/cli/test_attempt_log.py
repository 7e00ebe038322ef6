"""`--log-file` and `-v`: a line for every attempt, and nothing in it that nobody may see."""

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import DEFINITIONS, Cli

ORDER = DEFINITIONS / "order.yaml"
FIELDS = [
    "at", "id", "correlation_id", "saga", "step", "phase", "attempt", "method", "url", "status",
    "outcome", "duration_ms", "reason",
]  # fmt: skip
LINES = [
    {"order_id": f"{n}", "customer": "a@b.c", "items": [{"sku": "tea"}], "amount": 5}
    for n in range(5)
]
SECRETIVE = """\
saga: pay
input:
  type: object
  properties: {card: {type: string, x-sensitive: true}}
services:
  bank:
    url: ${{ env.BANK_URL }}
    headers: {Authorization: "Bearer ${{ secrets.TOKEN }}"}
steps:
  - {name: look, service: bank, action: "GET /cards/${{ input.card }}", compensation: none}
"""


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def attempts(cli: Cli, run_id: str) -> list[tuple[str, str, int]]:
    """Step, phase and number of every attempt in a saga's history, in their order."""
    began = ("action_began", "lookup_began", "compensation_began")
    return [
        (event["step"], event["type"].removesuffix("_began"), event["attempt"])
        for event in cli("history", run_id, "-o", "json").json
        if event["type"] in began
    ]


def logged(path: Path) -> list[tuple[str, str, int]]:
    return [(line["step"], line["phase"], line["attempt"]) for line in lines(path)]


def test_every_attempt_of_a_run_has_its_line(cli: Cli) -> None:
    os.umask(os.umask(0))
    told = cli("run", ORDER, "--sandbox", "--id", "o1", "--log-file", "a.jsonl", "--fail",
               "create_shipment=422", "--fail", "process_payment=503x1")  # fmt: skip
    assert told.status == 1, told
    path = cli.folder / "a.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert logged(path) == attempts(cli, "o1")
    assert all(list(line) == FIELDS for line in lines(path))
    assert {(line["id"], line["correlation_id"]) for line in lines(path)} == {("o1", "o1")}
    assert [(line["status"], line["outcome"]) for line in lines(path)] == [
        (200, "applied"), (503, "unknown"), (200, "applied"), (422, "rejected"),
        (200, "applied"), (200, "applied"),
    ]  # fmt: skip
    assert lines(path)[0]["url"].endswith("/reservations/o1")
    assert all(0 <= line["duration_ms"] < 60_000 for line in lines(path))


def test_later_commands_add_to_it(cli: Cli) -> None:
    words = ["--log-file", "a.jsonl"]
    cli("run", ORDER, "--sandbox", "--id", "o1", "--no-wait", "--fail", "process_payment=503",
        *words)  # fmt: skip
    count = len(lines(cli.folder / "a.jsonl"))
    assert count == 2
    assert cli("resume", "o1", "--no-wait", *words).status == 5
    assert cli("compensate", "o1", "--fail", "none", *words).status == 1
    assert logged(cli.folder / "a.jsonl") == attempts(cli, "o1")
    assert lines(cli.folder / "a.jsonl")[-1]["phase"] == "compensation"


def test_a_batch_logs_all_of_its_sagas(cli: Cli) -> None:
    cli.write("in.jsonl", "\n".join(map(json.dumps, LINES)))
    told = cli("run", ORDER, "--sandbox", "--batch", "in.jsonl", "--log-file", "a.jsonl", "-v")
    assert told.status == 0, told
    found = lines(cli.folder / "a.jsonl")
    assert len(found) == 4 * len(LINES)
    assert len({line["id"] for line in found}) == len(LINES)
    assert told.err.count(": applied in ") == 4 * len(LINES)


def test_verbose_tells_people_and_leaves_stdout_to_data(cli: Cli) -> None:
    told = cli("run", ORDER, "--sandbox", "--id", "o1", "-v", "-o", "json")
    assert told.status == 0
    assert told.json["state"] == "completed"
    said = [line for line in told.err.splitlines() if ": applied in " in line]
    assert len(said) == 4
    assert "o1 reserve_inventory 1: PUT http://sandbox/inventory/reservations/o1" in said[0]


@contextmanager
def echoing() -> Iterator[str]:
    """A service that says no, with everything that it was sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    body = json.dumps({"message": connection.recv(65536).decode()}).encode()
                    head = b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\n"
                    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_neither_secrets_nor_what_is_sensitive_are_logged(cli: Cli) -> None:
    cli.env["SAGACTL_SECRET_TOKEN"] = "canary-secret"
    path = cli.write("pay.yaml", SECRETIVE)
    with echoing() as address:
        for user in ("", "me:canary-password@"):
            cli.env["BANK_URL"] = f"http://{user}{address}"
            words = ["-i", "card=canary card/7", "--log-file", "a.jsonl", "-v"]
            told = cli("run", path, *words)
            assert told.status == 1, told
            shown = "\n".join(line for line in told.err.splitlines() if " in " in line)
            assert "canary" not in shown, shown
    text = (cli.folder / "a.jsonl").read_text()
    assert "canary" not in text
    refused, unsendable = lines(cli.folder / "a.jsonl")
    assert (refused["outcome"], refused["url"]) == ("rejected", f"http://{address}/cards/***")
    assert (unsendable["outcome"], unsendable["status"]) == ("not_sent", None)
    assert unsendable["url"] == f"http://***@{address}/cards/***"


@pytest.mark.parametrize(
    "name", [".", "missing/a.jsonl", "a.pipe", ".sagactl/sandbox.json", ".sagactl/sandbox.json.log"]
)
def test_a_log_that_cannot_be_written_is_refused_before_anything_is_sent(
    cli: Cli, name: str
) -> None:
    os.mkfifo(cli.folder / "a.pipe")  # nobody reads it
    told = cli("run", ORDER, "--sandbox", "--id", "o1", "--log-file", name)
    assert (told.status, told.out) == (2, ""), told
    assert not (cli.folder / ".sagactl").exists()


def test_a_log_that_fails_later_stops_no_saga_and_is_told_once(cli: Cli) -> None:
    told = cli("run", ORDER, "--sandbox", "--id", "o1", "--log-file", "/dev/full")
    assert told.status == 0, told
    assert told.err.count("/dev/full: the log cannot be written") == 1


def test_a_reader_that_goes_away_stops_no_saga(cli: Cli) -> None:
    path = cli.folder / "a.pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    process = cli.start("run", ORDER, "--sandbox", "--id", "o1", "--log-file", "a.pipe")
    assert process.stderr is not None
    while "applied" not in process.stderr.readline():
        pass
    os.close(reader)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def test_a_line_that_found_no_room_leaves_the_next_one_whole(cli: Cli) -> None:
    """A pipe takes what there is room for; here it is full for the first saga, not for the next."""
    path = cli.folder / "a.pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    filled = 0
    with suppress(BlockingIOError):
        while True:
            filled += os.write(writer, b"x" * 4096)
    assert filled
    told = cli("run", ORDER, "--sandbox", "--id", "o1", "--log-file", "a.pipe")
    assert told.status == 0
    assert told.err.count("the log cannot be written") == 1
    while filled > 0:
        filled -= len(os.read(reader, filled))
    assert cli("run", ORDER, "--sandbox", "--id", "o2", "--log-file", "a.pipe").status == 0
    found = [json.loads(line) for line in os.read(reader, 1 << 20).splitlines()]
    assert {line["id"] for line in found} == {"o2"}
    assert len(found) == 4
    os.close(reader)
    os.close(writer)
