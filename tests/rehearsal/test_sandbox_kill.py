"""kill -9 of a sandbox: what somebody had a reply for is never forgotten."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from rehearsal.play import PATIENCE_S, of_saga

from sagactl.rehearsal.ledger import EffectKind, Ledger

PROGRAM = Path(__file__).with_name("sandbox_process.py")


class Killable:
    """A running sandbox, and what it answered so far by key."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        host, port = process.stdout.readline().split()
        self.process = process
        self.address = (host, int(port))
        self.answers: dict[str, str] = {}
        self.news = threading.Condition()

    def charge(self, key: str) -> int:
        connection = HTTPConnection(*self.address, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/pay/charges", "{}", of_saga("s1", "charge", key))
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        if reply.status == 200:
            with self.news:
                self.answers[key] = text
                self.news.notify()
        return reply.status

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        assert self.process.wait(PATIENCE_S) == -signal.SIGKILL


@contextmanager
def running(ledger: Path, *faults: str) -> Iterator[Killable]:
    command = [sys.executable, str(PROGRAM), str(ledger), *faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Killable(process)
        finally:
            process.kill()


@pytest.mark.parametrize("count", [1, 7, 40])
def test_every_reply_is_remembered_by_the_next_sandbox(count: int, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with running(path) as first:
        killer = threading.Thread(target=lambda: kill_after(first, count))
        killer.start()
        sent = 0
        try:
            while True:
                sent += 1
                first.charge(f"k{sent}")
        except (OSError, HTTPException):
            pass  # it is dead
        killer.join()
    left = {effect.key: effect for effect in Ledger(path).left("s1")}
    assert len(first.answers) >= count
    assert set(first.answers) <= set(left)
    # What it had no time to answer may be done or not, but nothing that was never asked is.
    assert set(left) <= {f"k{number + 1}" for number in range(sent)}
    with running(path) as second:
        for key, answer in list(first.answers.items()):
            second.charge(key)
            assert second.answers[key] == answer
    kinds = [call.effect for call in Ledger(path).calls()]
    assert kinds.count(EffectKind.APPLIED) == len(left)
    assert kinds.count(EffectKind.REPLAYED) == len(first.answers)


def kill_after(sandbox: Killable, count: int) -> None:
    with sandbox.news:
        assert sandbox.news.wait_for(lambda: len(sandbox.answers) >= count, PATIENCE_S)
    sandbox.kill()


def test_an_effect_without_its_reply_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with running(path, "charge=reset-afterx1") as first:
        with pytest.raises(OSError):
            first.charge("k1")
        first.kill()
    with running(path, "charge=reset-afterx1") as second:
        assert second.charge("k1") == 200
    kept = Ledger(path).calls()
    assert [call.effect for call in kept] == [EffectKind.APPLIED, EffectKind.REPLAYED]
    assert json.loads(second.answers["k1"]) == kept[0].reply["body"]


def test_a_count_of_failures_outlives_the_sandbox(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    statuses = []
    for _ in range(3):
        with running(path, "charge=503x2") as sandbox:
            statuses.append(sandbox.charge("k1"))
            sandbox.kill()
    assert statuses == [503, 503, 200]
