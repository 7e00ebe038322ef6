"""A crowd of processes that shares the sagas of one state, dying all the time (rows S11 and S12).

Every process takes any saga that has not ended, by all the ways in which sagactl is run, and most of
them are killed. Never are two at one saga, nothing that was acknowledged is lost,
every saga ends, and what the services saw is judged as in the campaign of the single process.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.test_kill_campaign import ORDER, STORIES, World, judge, order
from conftest import Cli
from journal.samples import pipe

from sagactl.cli.exit import Exit
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine.event import AttemptBegan

SHARING = Path(__file__).with_name("sharing.py")
KILLED = -9
PATIENCE_S = 1800.0


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def crowd(cli: Cli, world: World, story: str, count: int, processes: int) -> Counter[int]:
    """Let so many processes bring so many sagas to their end; how often each status was seen."""
    cli.env = {
        **world.urls[story],
        "SAGACTL_STATE": state_of(story),
        "SAGACTL_SECRET_INVENTORY_TOKEN": "t",
    }
    for number in range(count):
        cli.write(f"{number}.json", json.dumps(order(number)))
    started = [
        subprocess.Popen(
            [sys.executable, str(SHARING), str(ORDER)],
            cwd=cli.folder,
            env=cli.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in started:
        assert pipe(process.stdout).readline() == "ready\n"
    for runner, process in enumerate(started):
        job = {"runner": runner, "count": count, "state": state_of(story), "marks": "marks"}
        pipe(process.stdin).write(json.dumps(job) + "\n")
        pipe(process.stdin).flush()
    seen: Counter[int] = Counter()
    try:
        for process in started:
            said, _ = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0
            seen.update({int(status): often for status, often in json.loads(said).items()})
    finally:
        for process in started:
            process.kill()
    return seen


def state_of(story: str) -> str:
    return f"{story.replace(' ', '-').replace(',', '')}.json"


def marks(cli: Cli) -> list[list[str]]:
    return [line.split() for line in (cli.folder / "marks").read_text().splitlines()]


def demand_one_at_a_time(marked: list[list[str]]) -> None:
    """Who is inside a saga has left it, or is being killed, when the next one enters."""
    inside: dict[str, str] = {}
    dying: set[str] = set()
    entered = 0
    for name, what, *more in marked:
        match what:
            case "kill":
                dying.add(name)
            case "begin":
                assert inside.get(more[0]) in {None, *dying}, (inside[more[0]], name, more)
                inside[more[0]] = name
                entered += 1
            case "end":
                assert inside.pop(more[0]) == name
            case "kept":
                assert inside[more[0]] == name, "it wrote without holding the saga"
    assert dying.issuperset(inside.values())
    assert entered


def demand_nothing_lost(cli: Cli, story: str, marked: list[list[str]]) -> None:
    """Every acknowledged event is there, and none but those that a killed process was writing."""
    acknowledged: Counter[str] = Counter()
    for _, what, *more in marked:
        if what == "kept":
            acknowledged[more[0]] += int(more[1])
    store = TinyDBStore(cli.folder / state_of(story), create=False)
    kept = Counter({s.run_id: len(store.read(s.run_id)) for s in store.summaries()})
    assert acknowledged - kept == Counter()
    kills = sum(what == "kill" for _, what, *_ in marked)
    # What was on the disk and not yet said to be: a few events of each killed one.
    assert (kept - acknowledged).total() <= 8 * kills
    assert len(kept) == len(acknowledged)


def demand_no_double_sends(cli: Cli, world: World, story: str) -> None:
    """Each request that a service had was written down before, as an attempt of its own."""
    store = TinyDBStore(cli.folder / state_of(story), create=False)
    for run_id in [summary.run_id for summary in store.summaries()]:
        sent = Counter((c.method, c.key) for c in world.ledgers[story].calls(run_id))
        attempts = [e for e in store.read(run_id) if isinstance(e, AttemptBegan)]
        assert sent - Counter((a.method, a.key) for a in attempts) == Counter(), run_id
        assert len(attempts) == len({(a.method, a.key, a.attempt) for a in attempts}), run_id


def share(cli: Cli, world: World, story: str, count: int, processes: int) -> Counter[int]:
    seen = crowd(cli, world, story, count, processes)
    marked = marks(cli)
    demand_one_at_a_time(marked)
    assert set(seen) <= {Exit.OK, Exit.FAILED, Exit.HELD, KILLED}, seen
    assert cli("resume", "--all").err == "sagactl: no saga waits to go on\n"
    judge(cli, world, Counter({story: count}))
    demand_nothing_lost(cli, story, marked)
    demand_no_double_sends(cli, world, story)
    return seen


@pytest.mark.parametrize("story", ["completes", "loses a reply, then rolls back"])
def test_S11_a_crowd_shares_the_sagas_of_one_state(cli: Cli, world: World, story: str) -> None:
    seen = share(cli, world, story, count=40, processes=8)
    # Neither is a proof without them having met, and died.
    assert seen[Exit.HELD] >= 10
    assert seen[KILLED] >= 10


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_S11_sixty_four_processes_share_a_thousand_sagas(
    cli: Cli, world: World, story: str
) -> None:
    seen = share(cli, world, story, count=1000, processes=64)
    assert seen[Exit.HELD] >= 500
    assert seen[KILLED] >= 500
