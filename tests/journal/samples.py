"""Events for the journal's tests, and the world in which its other processes run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import sagactl
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine.event import (
    ActionBegan,
    ActionSucceeded,
    ActionUnknown,
    DeadlinePassed,
    Event,
    RunStarted,
)

TESTS = Path(__file__).parent.parent
WORKER = Path(__file__).parent / "worker.py"


def started(run_id: str = "order-1", at: float = 1000.0, *, sandbox: bool = False) -> RunStarted:
    return RunStarted(
        at=at,
        run_id=run_id,
        saga="order",
        version=1,
        definition="saga: order\n",
        definition_name="order.yaml",
        digest="0f" * 32,
        input={"order_id": "42", "amount": 1999, "note": "grüße \u2603"},
        env={"SHOP": "http://127.0.0.1:1"},
        sandbox=sandbox,
        faults=[],
        sagactl="0.1.0",
    )


def began(attempt: int = 1, at: float = 1001.0) -> ActionBegan:
    return ActionBegan(
        at=at,
        step="pay",
        attempt=attempt,
        key="sg1-abc",
        method="POST",
        url="http://127.0.0.1:1/charges",
        content_type="application/json",
        body='{"amount": 1999}',
    )


def unknown(attempt: int = 1, at: float = 1002.5) -> ActionUnknown:
    return ActionUnknown(
        at=at,
        step="pay",
        attempt=attempt,
        status=None,
        detail="no reply in 10s",
        happened=False,
        due_at=1003.25,
    )


def succeeded(attempt: int = 2, at: float = 1004.0) -> ActionSucceeded:
    return ActionSucceeded(
        at=at, step="pay", attempt=attempt, status=201, detail="201", result={"ids": [1, 2.5, None]}
    )


def passed(at: float) -> DeadlinePassed:
    return DeadlinePassed(at=at)


def story(run_id: str = "order-1") -> list[Event]:
    return [started(run_id), began(), unknown(), began(2, 1003.25), succeeded()]


def worker(verb: str, *args: object) -> "subprocess.Popen[str]":
    """Another process at work on a state; see worker.py for what it can do."""
    here = os.pathsep.join((str(Path(sagactl.__file__).parent.parent), str(TESTS)))
    return subprocess.Popen(
        [sys.executable, str(WORKER), verb, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": here},
    )


def begun(path: Path, *run_ids: str) -> TinyDBStore:
    store = TinyDBStore(path, create=True)
    for run_id in run_ids or ("order-1",):
        store.append(run_id, [started(run_id)], "started")
    return store


def count(path: Path, run_id: str = "order-1") -> int:
    """How many events the disk has, as the next process will read it."""
    return len(TinyDBStore(path, create=False).read(run_id))


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
