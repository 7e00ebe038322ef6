"""What a rehearsal costs: by the steps of a saga, by its branches, and of a whole order.

    PYTHONPATH=.:tests python tests/bench/rehearsal.py [--rounds N] [--depth N] [--steps N]…

Seconds are the processor's own, so another one's work beside it counts for little. A pace is a way
from one state to the next: what the walk has to look at.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.report import Goal, goal_table, machine_words, number, spread, table
from conftest import DEFINITIONS, ROOT

from sagactl.cli.loading import check_text
from sagactl.definition.model import Saga
from sagactl.machine.rehearsed import Rehearsed
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.rehearse import beginning, rehearse
from sagactl.rehearsal.proof.variant import variants

HEAD = """\
saga: measured
services: {things: {url: "${{ env.THINGS_URL }}", idempotency: key}}
steps:
"""
STEP = """\
  - name: s%d
    service: things
    action: {request: "POST /things", json: {order: "${{ saga.id }}", number: %d}}
    lookup: {request: "GET /things?key=${{ step.action_key }}", found: "${{ size(response.body) > 0 }}",
             result: {id: "${{ response.body[0].id }}"}}
    compensation: {request: "DELETE /things/${{ result.id }}", success: [2xx, 404]}
"""
LINEAR = (4, 8, 16, 32)
PARALLEL = (2, 3, 4)


@dataclass(frozen=True)
class Cost:
    """What one rehearsal took; `walk_s` is that of the walk alone, in seconds of the processor."""

    told: Rehearsed
    paces: int
    walk_s: float
    all_s: float


def saga_of(text: str, name: str = "measured.yaml") -> Saga:
    saga, problems = check_text(text.encode(), name)
    assert saga is not None, problems
    return saga


def linear(steps: int) -> Saga:
    """One step after the other, each with an action, a lookup and a compensation."""
    return saga_of(HEAD + "".join(STEP % (number, number) for number in range(steps)))


def parallel(branches: int) -> Saga:
    """So many steps at the same time, and one behind all of them."""
    each = [STEP % (number, number) + "    needs: []\n" for number in range(branches)]
    return saga_of(HEAD + "".join(each) + JOIN % ", ".join(f"s{n}" for n in range(branches)))


JOIN = """\
  - name: join
    service: things
    needs: [%s]
    action: PUT /joined/${{ saga.id }}
    compensation: {request: "DELETE /joined/${{ saga.id }}", success: [2xx, 404]}
"""


def cost(saga: Saga, bounds: Bounds) -> Cost:
    began = time.process_time()
    told = rehearse(saga, "measured.yaml", bounds)
    all_s = time.process_time() - began
    began = time.process_time()
    paces = sum(_paces(saga, bounds))
    return Cost(told, paces, time.process_time() - began, all_s)


def _paces(saga: Saga, bounds: Bounds) -> Iterator[int]:
    for variant in variants(saga, bounds.depth):
        course = Course(variant.saga, bounds.depth)
        begun = beginning(course, variant)
        graph = course.explore([begun], bounds)
        yield sum(len(node.edges) for node in graph.nodes)


def row(name: str, costs: list[Cost]) -> list[str]:
    one = costs[0]
    whole = "" if one.told.is_whole else " (not all)"
    return [
        name,
        f"{one.told.states:,}{whole}",
        f"{one.told.schedules:,}",
        f"{one.paces:,}",
        number(statistics.median(each.walk_s for each in costs)),
        number(statistics.median(each.all_s for each in costs)),
    ]


def command_s(path: Path) -> float:
    """The processor's seconds of the whole command, from the shell to the shell."""
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'sagactl', 'test', sys.argv[1]],"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime)\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--steps", type=int, action="append", help="of linear sagas; repeatable")
    asked = parser.parse_args()
    bounds = Bounds(asked.depth, max_states=10**9)
    print(f"{machine_words(ROOT)}; {asked.rounds} rounds, depth {asked.depth}\n")

    def costs(make: Callable[[], Saga]) -> list[Cost]:
        return [cost(make(), bounds) for _ in range(asked.rounds)]

    rows = []
    for steps in asked.steps or LINEAR:
        rows.append(row(f"{steps} steps", costs(lambda n=steps: linear(n))))
    for branches in PARALLEL if not asked.steps else ():
        rows.append(row(f"{branches} branches, joined", costs(lambda n=branches: parallel(n))))
    order = DEFINITIONS / "order.yaml"
    text = order.read_text(encoding="utf-8")
    ours = costs(lambda: saga_of(text, str(order)))
    rows.append(row("order.yaml", ours))
    head = ["saga", "states", "schedules", "paces", "s for the walk", "s for all of it"]
    print(table(head, rows))
    taken = [command_s(order) for _ in range(asked.rounds)]
    words = "order.yaml: the processor's seconds, for a second"
    goal = Goal("rehearsal", words, 1.0, [each.all_s for each in ours], at_most=True)
    print(f"\n{goal_table([goal])}\n")
    print(f"`sagactl test order.yaml`, with its tests and all imports: {spread(taken)} s")


if __name__ == "__main__":
    main()
