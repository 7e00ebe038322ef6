"""`watch`: sagas followed from another process, in a pipe and on a terminal."""

import fcntl
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from conftest import DEFINITIONS, Cli

ORDER = DEFINITIONS / "order.yaml"
KILLER = Path(__file__).with_name("killer.py")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# One saga in each state in which a watch ends, and the exit code of its run.
ENDS = {
    "completed": ([], 0),
    "failed": (["--fail", "create_shipment=422"], 1),
    "stuck": (["--fail", "create_shipment=422", "--fail", "process_payment.compensation=403"], 3),
}


def pending(cli: Cli, run_id: str) -> None:
    """A saga that waits for a retry and that nobody has."""
    told = cli("run", ORDER, "--sandbox", "--id", run_id, "--no-wait", "--fail",
               "process_payment=503")  # fmt: skip
    assert told.status == 5, told


def event_of(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return {key: value for key, value in found.items() if key not in ("id", "state")}


def history(cli: Cli, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cli("history", run_id, "-o", "json").json
    return found


def rest(watch: "subprocess.Popen[str]") -> tuple[str, str]:
    """What is left to be read until the end: `communicate` knows nothing of what `readline` has."""
    assert watch.stdout is not None
    assert watch.stderr is not None
    out, err = watch.stdout.read(), watch.stderr.read()
    watch.wait(timeout=60)
    return out, err


@pytest.mark.parametrize("state", ENDS)
def test_a_watch_ends_with_the_saga_and_exits_as_its_run(cli: Cli, state: str) -> None:
    words, status = ENDS[state]
    assert cli("run", ORDER, "--sandbox", "--id", "o1", *words).status == status
    told = cli("watch", "o1")
    assert told.status == status, told
    lines = told.out.splitlines()
    assert "started in the sandbox" in lines[0]
    assert lines[-1].startswith(f"order-fulfillment o1: {state}")
    assert len(lines) == len(history(cli, "o1")) + 1


def test_of_several_the_worst_speaks(cli: Cli) -> None:
    for state, (words, _) in ENDS.items():
        cli("run", ORDER, "--sandbox", "--id", state, *words)
    assert cli("watch", "completed", "failed").status == 1
    told = cli("watch", "completed", "failed", "stuck", "-o", "json")
    assert told.status == 3
    assert {json.loads(line)["id"] for line in told.out.splitlines()} == set(ENDS)


def test_a_saga_is_followed_while_it_is_killed_compacted_and_resumed(cli: Cli) -> None:
    pending(cli, "o1")
    watch = cli.start("watch", "o1", "-o", "json")
    assert watch.stdout is not None
    first = watch.stdout.readline()
    for _ in range(2):
        killed = subprocess.run(
            [sys.executable, str(KILLER), "after", "1", "resume", "o1", "--no-wait"],
            cwd=cli.folder, env=cli.environment, stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        assert killed.returncode == -signal.SIGKILL
        assert cli("doctor", "--compact").status == 0
    assert cli("resume", "o1", "--fail", "none").status == 0
    out, err = rest(watch)
    assert (watch.returncode, err) == (0, "")
    assert [event_of(line) for line in [first, *out.splitlines()]] == history(cli, "o1")
    assert json.loads(out.splitlines()[-1])["state"] == "completed"


def test_without_an_id_everything_is_followed_until_ctrl_c(cli: Cli) -> None:
    pending(cli, "before")
    watch = cli.start("watch", "--sandbox", "-o", "json")
    assert watch.stdout is not None
    assert watch.stderr is not None
    assert watch.stderr.readline() == "sagactl: watching .sagactl/sandbox.json; Ctrl-C ends it\n"
    cli("run", ORDER, "--sandbox", "--id", "first")
    lines = [watch.stdout.readline()]
    batch = [
        {"order_id": f"{n}", "customer": "a@b.c", "items": [{"sku": "tea"}], "amount": 5}
        for n in range(40)
    ]
    cli.write("in.jsonl", "\n".join(map(json.dumps, batch)))
    told = cli("run", ORDER, "--sandbox", "--batch", "in.jsonl")
    assert told.status == 0, told
    assert cli("doctor", "--compact").status == 0
    ids = ["first", *(json.loads(line)["id"] for line in told.out.splitlines())]
    wanted = {run_id: history(cli, run_id) for run_id in ids}
    while len(lines) < sum(map(len, wanted.values())):
        lines.append(watch.stdout.readline())
    watch.send_signal(signal.SIGINT)
    out, err = watch.communicate(timeout=60)
    assert (watch.returncode, out) == (130, ""), err
    seen: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        seen.setdefault(json.loads(line)["id"], []).append(event_of(line))
    assert seen == wanted


def test_a_watch_waits_for_no_lock(cli: Cli) -> None:
    assert cli("run", ORDER, "--sandbox", "--id", "o1").status == 0
    locks = [path for path in (cli.folder / ".sagactl").rglob("*") if "lock" in path.name]
    held = [os.open(path, os.O_RDONLY) for path in locks if path.is_file()]
    assert len(held) >= 2
    for fd in held:
        fcntl.flock(fd, fcntl.LOCK_EX)
    before = {path: path.stat().st_mtime_ns for path in (cli.folder / ".sagactl").rglob("*")}
    told = cli("watch", "o1")
    assert told.status == 0, told
    after = {path: path.stat().st_mtime_ns for path in (cli.folder / ".sagactl").rglob("*")}
    assert after == before
    for fd in held:
        os.close(fd)


def test_a_watch_with_nothing_to_tell_takes_next_to_no_processor(cli: Cli) -> None:
    pending(cli, "o1")
    watch = cli.start("watch", "o1", "-o", "json")
    assert watch.stdout is not None
    for _ in history(cli, "o1"):
        watch.stdout.readline()
    began = _ticks(watch.pid)
    assert select.select([watch.stdout], [], [], 2.0)[0] == []  # and says nothing
    spent_s = (_ticks(watch.pid) - began) / os.sysconf("SC_CLK_TCK")
    watch.terminate()
    watch.communicate(timeout=60)
    assert spent_s < 0.5, spent_s


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_whoever_has_read_enough_ends_the_watch(cli: Cli) -> None:
    assert cli("run", ORDER, "--sandbox", "--id", "o1").status == 0
    watch = cli.start("watch", "o1")
    assert watch.stdout is not None
    watch.stdout.close()
    assert watch.wait(timeout=60) == 0
    assert watch.stderr is not None
    assert watch.stderr.read() == ""


def test_unknown_ids_and_exports_are_refused(cli: Cli) -> None:
    assert cli("run", ORDER, "--sandbox", "--id", "o1").status == 0
    told = cli("watch", "nobody")
    assert (told.status, told.out) == (2, "")
    cli.write("sagas.jsonl", cli("export", "--sandbox").out)
    told = cli("watch", "o1", "--state", "sagas.jsonl")
    assert (told.status, told.out) == (2, "")
    assert "an export never moves" in told.err


def test_yaml_has_a_document_for_each_event(cli: Cli) -> None:
    assert cli("run", ORDER, "--sandbox", "--id", "o1").status == 0
    told = cli("watch", "o1", "-o", "yaml")
    assert told.status == 0
    assert told.out.count('---\nid: "o1"\nstate: ') == len(history(cli, "o1"))


def test_a_terminal_is_left_with_the_table_and_the_verdict(cli: Cli) -> None:
    pending(cli, "o1")
    cli.env |= {"TERM": "xterm-256color", "LINES": "30"}
    child = pexpect.spawn(
        sys.executable, cli.command("watch", "o1")[1:], cwd=str(cli.folder), env=cli.environment,
        dimensions=(30, 100), encoding="utf-8", timeout=60,
    )  # fmt: skip
    child.expect("again in")
    assert cli("resume", "o1", "--fail", "none").status == 0
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    shown = ESCAPE.sub("", child.before)
    assert re.search(r"✓ send_confirmation.*\s+completed in ", shown), shown[-500:]


def test_the_bounds_of_what_a_watch_may_open_are_small(cli: Cli) -> None:
    """Compactions leave no descriptor behind: with few of them a watch still follows."""
    pending(cli, "o1")
    watch = subprocess.Popen(
        cli.command("watch", "o1", "-o", "json"), cwd=cli.folder, env=cli.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)),
    )  # fmt: skip
    assert watch.stdout is not None
    watch.stdout.readline()
    for _ in range(12):
        assert cli("doctor", "--compact").status == 0
        assert cli("resume", "o1", "--no-wait").status == 5
    assert cli("resume", "o1", "--fail", "none").status == 0
    out, err = rest(watch)
    assert (watch.returncode, err) == (0, "")
    assert len(out.splitlines()) == len(history(cli, "o1")) - 1
