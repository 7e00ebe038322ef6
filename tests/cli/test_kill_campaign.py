"""kill -9 at random instants, again and again, judged by what the services saw.

After every saga was let to its end: none is lost, every effect of a failed one is undone, nothing
took place twice, and whatever a service saw was written down before it was sent. The default run
kills 500 times; `pytest -m long tests/cli/test_kill_campaign.py` kills 10,000 times.
"""

import asyncio
import json
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import DEFINITIONS, Cli
from invariants import CLOCKS_S, check, deeds_of

from sagactl.cli.loading import load_definition
from sagactl.journal.compaction import compact
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine.plan import make_plan
from sagactl.machine.state import SagaState
from sagactl.rehearsal.fault import parse_fault
from sagactl.rehearsal.ledger import Ledger
from sagactl.rehearsal.server import Sandbox

FORKING = Path(__file__).with_name("forking.py")
ORDER = DEFINITIONS / "order.yaml"
# So often one saga is killed before it is let to its end.
MOST_KILLS = 8
SERVICES = ("inventory", "payments", "shipping", "mail")

STORIES = {
    "completes": ("completed", []),
    "rolls back": ("failed", ["create_shipment=422"]),
    "loses a reply": ("completed", ["process_payment=reset-afterx1"]),
    "loses a reply, then rolls back": (
        "failed",
        ["process_payment=reset-afterx1", "create_shipment=422"],
    ),
}


class World:
    """The services of every story, played in a thread of their own."""

    def __init__(self) -> None:
        self.ledgers = {story: Ledger() for story in STORIES}
        self.urls: dict[str, dict[str, str]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._sandboxes: list[Sandbox] = []
        saga = load_definition(ORDER)
        for story, (_, faults) in STORIES.items():
            sandbox = Sandbox(saga, self.ledgers[story], [parse_fault(text) for text in faults])
            host, port = self._do(sandbox.start())
            self._sandboxes.append(sandbox)
            self.urls[story] = {
                f"{name.upper()}_URL": f"http://{host}:{port}/{name}" for name in SERVICES
            }

    def close(self) -> None:
        for sandbox in self._sandboxes:
            self._do(sandbox.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


class Runner:
    """The program, started quickly and killed on order."""

    def __init__(self, cli: Cli) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(FORKING), str(ORDER)],
            cwd=cli.folder,
            env=cli.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    took_ms = 0.0

    def __call__(self, *argv: str, env: dict[str, str], kill_after_ms: float | None) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"argv": argv, "env": env, "kill_after_ms": kill_after_ms}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        status: int = told["status"]
        self.took_ms = told["took_ms"]
        return status

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture
def runner(cli: Cli) -> Iterator[Runner]:
    runner = Runner(cli)
    yield runner
    runner.close()


def order(number: int) -> dict[str, object]:
    return {
        "order_id": f"{number}",
        "customer": "ada@example.com",
        "items": [{"sku": "tea", "quantity": 1}],
        "amount": 100 + number,
    }


def campaign(cli: Cli, world: World, runner: Runner, wanted: int, seed: int) -> Counter[str]:
    """Begin sagas and batches of them until so many kills have struck; what was begun by story."""
    chance = random.Random(seed)
    begun: Counter[str] = Counter()
    kills = number = 0
    latest_ms = {1: 1000.0, 8: 1000.0}  # how long a run takes here, by its size
    while kills < wanted:
        story = chance.choice(list(STORIES))
        size = chance.choice([1, 1, 1, 1, 1, 8])
        numbers = range(number, number + size)
        number += size
        begun[story] += size
        state = f"{story.replace(' ', '-').replace(',', '')}.json"
        env = {**world.urls[story], "SAGACTL_STATE": state, "SAGACTL_SECRET_INVENTORY_TOKEN": "t"}
        cli.write("in.jsonl", "".join(json.dumps(order(n)) + "\n" for n in numbers))
        first = ["run", str(ORDER), "--batch", "in.jsonl", "--concurrency", "4"]
        if size == 1:
            cli.write("in.json", json.dumps(order(numbers[0])))
            first = ["run", str(ORDER), "--input-file", "in.json"]
        again = [first, ["resume", "--all"]]
        verb = first
        for _ in range(chance.randint(1, MOST_KILLS)):
            patience = chance.uniform(1, latest_ms[size])
            status = runner(*verb, env=env, kill_after_ms=patience)
            if status != -9:
                latest_ms[size] = 0.5 * latest_ms[size] + 0.5 * runner.took_ms
                break
            kills += 1
            verb = chance.choice(again)
            if chance.random() < 0.02:
                compact(cli.folder / state)
        # `resume` may have come before anything was kept: only the first verb brings it about.
        assert runner(*first, env=env, kill_after_ms=None) in (0, 1)
    return begun


def judge(cli: Cli, world: World, begun: Counter[str]) -> None:
    plan = make_plan(load_definition(ORDER))
    for story, (end, _) in STORIES.items():
        if not begun[story]:
            continue
        state = f"{story.replace(' ', '-').replace(',', '')}.json"
        store = TinyDBStore(cli.folder / state, create=False)
        summaries = store.summaries()
        assert len(summaries) == begun[story], "a saga was lost"
        assert {summary.state for summary in summaries} == {end}, story
        ledger = world.ledgers[story]
        assert {call.saga for call in ledger.calls()} <= {s.run_id for s in summaries}
        for summary in summaries:
            calls = ledger.calls(summary.run_id)
            events = list(store.read(summary.run_id))
            assert check(plan, events, deeds_of(calls), slack_s=CLOCKS_S) is SagaState(end)
            left = len(ledger.left(summary.run_id))
            assert left == (0 if end == "failed" else len(plan.steps)), story


def test_S1_nothing_is_lost_whenever_it_dies(cli: Cli, world: World, runner: Runner) -> None:
    judge(cli, world, campaign(cli, world, runner, 500, seed=20261123))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_S1_nothing_is_lost_in_ten_thousand_deaths(
    cli: Cli, world: World, runner: Runner, seed: int
) -> None:
    judge(cli, world, campaign(cli, world, runner, 1000, seed))
