"""The sandbox as it is typed: a process of its own, called by whoever likes, until Ctrl-C."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pexpect
import pytest
from conftest import DEFINITIONS, Cli
from definition.test_openapi import SAGA, SHOP

ORDER = DEFINITIONS / "order.yaml"
INPUT = (
    "-i",
    "order_id=7",
    "-i",
    "customer=a@example.com",
    "-i",
    'items=["tea"]',
    "-i",
    "amount=5",
)
SHARED = """\
saga: shared
services:
  stock: {url: "${{ env.API_URL }}/stock", idempotency: key}
  pay: {url: "${{ env.API_URL }}/pay", idempotency: key}
  mail: {url: "https://mail.example", idempotency: key}
steps:
  - name: hold
    service: stock
    action: PUT /things/${{ saga.id }}
    compensation: DELETE /things/${{ saga.id }}
  - name: book
    service: pay
    action: PUT /things/${{ saga.id }}
    compensation: DELETE /things/${{ saga.id }}
  - name: tell
    action: {request: "POST ${{ env.HOOK_URL }}/told", idempotency: key}
    compensation: none
"""


class Played:
    """A sandbox in a process, and what it said on stderr before it waited."""

    def __init__(self, process: "subprocess.Popen[str]", exports: int) -> None:
        self.process = process
        self.head = ""
        assert process.stderr is not None
        while self.head.count("export ") < exports:
            line = process.stderr.readline()
            assert line, self.head
            self.head += line
        found = re.search(r"(http://[\d.:]+)/_ledger", self.head)
        assert found is not None, self.head
        self.root = found[1]

    @property
    def env(self) -> dict[str, str]:
        """What the lines that are to be pasted put into a shell."""
        pasted = "\n".join(line for line in self.head.splitlines() if line.startswith("export "))
        done = subprocess.run(
            ["sh", "-c", f"{pasted}\nenv"], env={}, capture_output=True, text=True, check=True
        )
        lines = (line.split("=", 1) for line in done.stdout.splitlines())
        return {name: value for name, value in lines if name not in ("PWD", "SHLVL", "_")}

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.root + path, trust_env=False)

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextmanager
def played(cli: Cli, *arguments: str | Path, exports: int) -> Iterator[Played]:
    process = cli.start("sandbox", *arguments)
    try:
        yield Played(process, exports)
    finally:
        process.kill()
        process.communicate()


def test_a_run_in_another_process_goes_its_way_against_it(cli: Cli) -> None:
    with played(cli, ORDER, "--fail", "process_payment@1=503", exports=5) as sandbox:
        cli.env = sandbox.env
        assert set(cli.env) == {
            "INVENTORY_URL", "PAYMENTS_URL", "SHIPPING_URL", "MAIL_URL",
            "SAGACTL_SECRET_INVENTORY_TOKEN",
        }  # fmt: skip
        assert cli.env["INVENTORY_URL"] == f"{sandbox.root}/inventory"
        told = cli("run", ORDER, *INPUT, "--id", "o7", "-o", "json")
        assert told.status == 0, told
        assert told.json["sandbox"] is False
        payment = next(s for s in told.json["steps"] if s["name"] == "process_payment")
        assert payment["attempts"] == 2
        assert len(sandbox.get("/_ledger/left?saga=o7").json()) == 4
        undone = cli("run", ORDER, *INPUT[2:], "-i", "order_id=8", "--id", "o8")
        assert undone.status == 0, undone
        status, out, err = sandbox.end()
    assert status == 0
    assert err.splitlines()[-1].startswith("sandbox: 10 requests were played; left in the world:")
    lines = out.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  503  process_payment@1 +-  +POST   /payments/charges  \(on order: 503\)",
        lines[1],
    )
    assert re.fullmatch(r"\d\d:\d\d:\d\d  200  process_payment@2 +done +POST   /\S+", lines[2])
    assert len({line.index(" /") for line in lines}) == 1, "the paths stand in one column"
    assert "\x1b" not in out + err


def test_each_call_is_a_line_of_json_where_that_is_asked_for(cli: Cli) -> None:
    with played(cli, ORDER, "-o", "json", exports=5) as sandbox:
        httpx.post(f"{sandbox.root}/payments/charges", json={}, trust_env=False)
        httpx.get(f"{sandbox.root}/nowhere", trust_env=False)
        ledger = sandbox.get("/_ledger").json()
        status, out, _ = sandbox.end(signal.SIGTERM)
    assert status == 0
    assert [json.loads(line) for line in out.splitlines()] == ledger
    assert [(call["step"], call["status"]) for call in ledger] == [
        ("process_payment", 200),
        (None, 404),
    ]


def test_services_that_share_a_variable_are_told_apart_by_their_paths(cli: Cli) -> None:
    cli.write("shared.yaml", SHARED)
    with played(cli, "shared.yaml", exports=2) as sandbox:
        assert sandbox.env == {
            "API_URL": f"{sandbox.root}/-/API_URL",
            "HOOK_URL": f"{sandbox.root}/-/HOOK_URL",
        }
        assert (
            f'"mail" is at {sandbox.root}/mail: the definition writes its URL out' in sandbox.head
        )
        cli.env = sandbox.env
        assert cli("run", "shared.yaml", "--id", "s").status == 0
        assert [call["step"] for call in sandbox.get("/_ledger").json()] == ["hold", "book", "tell"]


def test_replies_are_those_of_the_services_document(cli: Cli) -> None:
    cli.write("order.yaml", SAGA.replace("https://shop.example/v1", '"${{ env.SHOP_URL }}"'))
    cli.write("shop.yaml", SHOP)
    with played(cli, "order.yaml", exports=1) as sandbox:
        put = httpx.put(f"{sandbox.env['SHOP_URL']}/orders/1", json={}, trust_env=False)
        gone = httpx.delete(f"{sandbox.env['SHOP_URL']}/orders/1", trust_env=False)
    assert put.status_code == 200
    assert {name: type(value) for name, value in put.json().items()} == {"id": str, "amount": int}
    assert (gone.status_code, gone.content) == (204, b"")


def test_it_ends_at_once_though_somebody_is_kept_waiting(cli: Cli) -> None:
    with played(cli, ORDER, "--fail", "process_payment=timeout", exports=5) as sandbox:
        host, port = sandbox.root.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as held:
            held.sendall(b"POST /payments/charges HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n")
            assert sandbox.process.stdout is not None
            assert "on order: timeout" in sandbox.process.stdout.readline()
            status, _, err = sandbox.end()
            assert held.recv(1) == b""
    assert (status, "Traceback" in err) == (0, False)


def test_a_port_that_is_taken_is_told(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = cli("sandbox", ORDER, "--port", str(port))
    assert told.status == 2
    assert told.err == (
        f"sagactl: port {port} is taken: give another --port, or none for any that is free\n"
    )


def test_whoever_stops_reading_the_log_stops_no_service(cli: Cli) -> None:
    with played(cli, ORDER, exports=5) as sandbox:
        assert sandbox.process.stdout is not None
        sandbox.process.stdout.close()
        for _ in range(3):
            reply = httpx.post(f"{sandbox.root}/payments/charges", json={}, trust_env=False)
            assert reply.status_code == 200
        assert len(sandbox.get("/_ledger").json()) == 3
        sandbox.process.send_signal(signal.SIGINT)
        assert sandbox.process.stderr is not None
        assert "the services are played on" in sandbox.process.stderr.read()
        assert sandbox.process.wait(60) == 0


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_it_wants_none(
    cli: Cli, no_color: str, coloured: bool
) -> None:
    cli.env = {"TERM": "xterm", "NO_COLOR": no_color}
    command = cli.command("sandbox", ORDER)
    child = pexpect.spawn(
        command[0], command[1:], cwd=str(cli.folder), env=cli.environment, encoding="utf-8",
        timeout=60, dimensions=(40, 200),
    )  # type: ignore[arg-type]  # fmt: skip
    child.expect(r"(http://[\d.:]+)/_ledger")
    root = child.match.group(1)
    httpx.post(f"{root}/payments/charges", json={}, trust_env=False)
    child.expect("/payments/charges")
    line = child.before.splitlines()[-1]
    assert ("\x1b[32m200\x1b[0m" in line) is coloured
    assert "200" in line
    child.sendintr()
    child.expect("1 request was played")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


FAULTS = "process_payment: reset-afterx1\ncreate_shipment@1: 422\nreserve_inventory.compensation@1: 503\n"


def test_the_faults_of_a_file_strike_and_stay_with_the_run(cli: Cli) -> None:
    cli.write("faults.yaml", FAULTS)
    words = ("--sandbox", "--id", "f", "--fail-file", "faults.yaml")
    told = cli("run", ORDER, *words, "--no-wait", "-o", "json")
    assert told.status == 5, told
    (cli.folder / "faults.yaml").unlink()
    resumed = cli("resume", "f", "-o", "json")
    assert resumed.status == 1, resumed
    states = {step["name"]: (step["status"], step["attempts"]) for step in resumed.json["steps"]}
    assert states["process_payment"] == ("compensated", 2)
    assert states["create_shipment"][0] == "failed"
    ledger = (cli.folder / ".sagactl" / "sandbox.ledger.jsonl").read_text()
    calls = [json.loads(line) for line in ledger.splitlines()]
    struck = [(call["step"], call["phase"], call["fault"]) for call in calls if call["fault"]]
    assert struck == [
        ("process_payment", "action", "reset-after"),
        ("create_shipment", "action", "422"),
        ("reserve_inventory", "compensation", "503"),
    ]


def test_a_fault_of_the_command_line_counts_instead_of_the_files(cli: Cli) -> None:
    cli.write("faults.yaml", FAULTS)
    words = ("--sandbox", "--fail-file", "faults.yaml", "--fail", "create_shipment=503x1")
    assert cli("run", ORDER, *words).status == 0


def test_mistakes_in_a_file_of_faults_have_their_places_and_nothing_is_sent(cli: Cli) -> None:
    cli.write("faults.yaml", "process_payments: 422\ncreate_shipment: [timeuot]\n")
    for verb in (("run", ORDER, "--sandbox"), ("sandbox", ORDER)):
        told = cli(*verb, "--fail-file", "faults.yaml")
        assert told.status == 2, told
        assert "faults.yaml:1:1: error: " in told.err
        assert 'did you mean "process_payment"?' in told.err
        assert "faults.yaml:2:19: error: " in told.err
        assert 'did you mean "timeout"?' in told.err
    assert not (cli.folder / ".sagactl").exists()
    assert "cannot be read" in cli("sandbox", ORDER, "--fail-file", "gone.yaml").err
    real = cli("run", ORDER, "--fail-file", "faults.yaml")
    assert (real.status, "it goes with --sandbox" in real.err) == (2, True)


def test_a_service_is_not_reached_in_the_sandbox_of_a_run(cli: Cli) -> None:
    told = cli("run", ORDER, "--sandbox", "--id", "r", "--fail", "process_payment=refusedx2")
    assert told.status == 0, told
    assert "not sent: " in told.err
    assert "completed after 3 attempts" in told.out
    gone = cli("run", ORDER, "--sandbox", "--fail", "create_shipment=refused", "-i", "order_id=9",
               *INPUT[2:], "-o", "json")  # fmt: skip
    assert (gone.status, gone.json["state"]) == (1, "failed")
    refused = cli("sandbox", ORDER, "--fail", "process_payment=refused")
    assert refused.status == 2
    assert "is for run --sandbox" in refused.err


def test_a_batch_is_struck_by_the_faults_of_a_file(cli: Cli) -> None:
    cli.write("faults.yaml", "create_shipment: refused\n")
    line = {"order_id": "1", "customer": "a@example.com", "items": ["tea"], "amount": 5}
    cli.write(
        "batch.jsonl", "".join(json.dumps({**line, "order_id": str(n)}) + "\n" for n in (1, 2))
    )
    told = cli("run", ORDER, "--batch", "batch.jsonl", "--sandbox", "--fail-file", "faults.yaml")
    assert told.status == 1, told
    assert [json.loads(line)["state"] for line in told.out.splitlines()] == ["failed"] * 2


def test_yaml_is_no_form_for_a_log(cli: Cli) -> None:
    told = cli("sandbox", ORDER, "-o", "yaml")
    assert (told.status, "table or json" in told.err) == (2, True)
