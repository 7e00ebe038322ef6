"""Sagas a second, and what they cost: sagactl beside an ideal runner, and beside its peers.

Every runner drives the saga of order.yaml, four POSTs to one target (seven where the fourth is
refused), each with its state on the disk before the next request leaves. Runners are measured in
turn, round after round, and only the ratios within a round mean anything: the machine's speed
differs from minute to minute. The target counts, so that no runner is fast by leaving work out.

sagactl is measured as the command a user types. What its start takes is told apart by running it
twice, with a short batch and with a long one; the difference is what the rest of the long one took.

    PYTHONPATH=.:tests python tests/bench/throughput.py [--rounds N] [--seconds S] [--peer NAME=…]…

A peer is a command that drives the same saga. It is given `--conc N --n SAGAS --variant ok|fail`,
and the target in the environment as BENCH_URL, which refuses what is posted to /refuse; it warms up
with max(N, 10) sagas more, and prints one JSON line with `sagas_per_s`, `cpu_ms_per_saga` and
`rss_mb` of its own and `engine_rss_mb` of its servers. Goals are judged against the peers called
dbos (dbos-sync and dbos-async count as one, the faster), restate and sagaz.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import accounted
from ideal import ORDER, STEPS
from loopback import Target, target
from report import Goal, goal_table, machine_words, number, spread, table

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
IDEAL = HERE / "ideal.py"
DEFINITION = HERE / "order.yaml"
PYTHONPATH = os.pathsep.join((str(ROOT), str(ROOT / "tests")))


class Case(NamedTuple):
    in_flight: int
    fails: bool

    @property
    def posts(self) -> int:
        """How many POSTs a saga makes; the refused step is not undone."""
        return 2 * len(STEPS) - 1 if self.fails else len(STEPS)

    @property
    def words(self) -> str:
        return f"{self.in_flight} in flight{', refused' if self.fails else ''}"


ONE, MANY, REFUSED = Case(1, False), Case(64, False), Case(64, True)
CASES = (ONE, MANY, REFUSED)


@dataclass(frozen=True)
class Figures:
    """Of one runner in one case; `whole_per_s` counts the start of the process too."""

    sagas_per_s: float
    cpu_ms_per_saga: float
    peak_mb: float
    whole_per_s: float | None = None


Measure = Callable[[Case, int], Figures]


@dataclass(frozen=True)
class Runner:
    name: str
    measure: Measure
    cases: Sequence[Case] = CASES


class Bench:
    """The runners, and what each of them was seen to do in each round."""

    def __init__(self, service: Target, folder: Path, peers: dict[str, list[str]]) -> None:
        self._service = service
        self._folder = folder
        self._seen: dict[tuple[str, Case], list[Figures]] = {}
        self._runners = [
            Runner("sagactl", self._sagactl),
            Runner("ideal, raw", self._ideal("raw")),
            Runner("ideal, httpx", self._ideal("httpx")),
            Runner("ideal, sagactl's client", self._ideal("own")),
            Runner("bare, sagactl's client", self._ideal("own", "--bare"), (ONE, MANY)),
            *(Runner(name, self._peer(command)) for name, command in peers.items()),
        ]

    def play(self, rounds: int, seconds: float) -> None:
        """A round that finds out how many sagas last so long, and then those that count."""
        sizes = {}
        for runner, case in self._turns():
            rate = self._checked(runner, case, max(50, 4 * case.in_flight)).sagas_per_s
            sizes[runner.name, case] = max(50, 4 * case.in_flight, int(rate * seconds))
        for played in range(rounds):
            print(f"round {played + 1} of {rounds}", file=sys.stderr)
            for runner, case in self._turns():
                figures = self._checked(runner, case, sizes[runner.name, case])
                self._seen.setdefault((runner.name, case), []).append(figures)

    def ratios(
        self,
        of: str,
        to: str,
        case: Case,
        figure: Callable[[Figures], float] = lambda figures: figures.sagas_per_s,
    ) -> list[float]:
        """A figure of one runner by that of another, round by round."""
        pairs = zip(self._seen.get((of, case), []), self._seen.get((to, case), []), strict=False)
        return [figure(one) / figure(other) for one, other in pairs]

    def refusal_ratios(self) -> list[float]:
        """What a call of a refused saga costs sagactl, by what one of a completed saga does."""
        pairs = zip(self._seen["sagactl", REFUSED], self._seen["sagactl", MANY], strict=True)
        return [
            (fine.sagas_per_s * MANY.posts) / (refused.sagas_per_s * REFUSED.posts)
            for refused, fine in pairs
        ]

    def best(self, peer: str, case: Case) -> str:
        """The fastest of the runners whose names begin with the peer's."""
        rates = {
            name: statistics.median(figures.sagas_per_s for figures in seen)
            for (name, its_case), seen in self._seen.items()
            if its_case == case and name.startswith(peer)
        }
        return max(rates, key=lambda name: rates[name], default=peer)

    def rows(self) -> Iterator[list[str]]:
        for (name, case), seen in sorted(self._seen.items(), key=lambda item: item[0][1]):
            rates = [figures.sagas_per_s for figures in seen]
            wholes = [f.whole_per_s for f in seen if f.whole_per_s is not None]
            yield [
                case.words,
                name,
                spread(rates),
                spread(wholes) if wholes else "",
                number(statistics.median(rates) * case.posts),
                number(statistics.median(figures.cpu_ms_per_saga for figures in seen)),
                number(statistics.median(figures.peak_mb for figures in seen)),
            ]

    def _turns(self) -> Iterator[tuple[Runner, Case]]:
        for case in CASES:
            for runner in self._runners:
                if case in runner.cases:
                    yield runner, case

    def _checked(self, runner: Runner, case: Case, sagas: int) -> Figures:
        print(f"  {case.words:22} {runner.name}", file=sys.stderr)
        return runner.measure(case, sagas)

    def _demand_posts(self, before: int, case: Case, sagas: int, who: str) -> None:
        made = self._service.posts() - before
        if made != case.posts * sagas:
            raise SystemExit(f"{who}: {made / sagas:.3f} POSTs a saga instead of {case.posts}")

    def _sagactl(self, case: Case, sagas: int) -> Figures:
        warm_up = max(case.in_flight, 10)
        short, long = self._batch(case, warm_up), self._batch(case, warm_up + sagas)
        return Figures(
            sagas_per_s=sagas / (long.wall_s - short.wall_s),
            cpu_ms_per_saga=(long.cpu_s - short.cpu_s) / sagas * 1e3,
            peak_mb=long.peak_mb,
            whole_per_s=(warm_up + sagas) / long.wall_s,
        )

    def _batch(self, case: Case, sagas: int) -> accounted.Cost:
        before = self._service.posts()
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            command = batch_command(Path(folder), case, sagas)
            cost = accounted.run(command, env=self._env, stdout=Path(folder, "results"))
        if cost.status != (1 if case.fails else 0):
            raise SystemExit(f"sagactl: exit {cost.status}")
        self._demand_posts(before, case, sagas, "sagactl")
        return cost

    def _ideal(self, client: str, *options: str) -> Measure:
        def measure(case: Case, sagas: int) -> Figures:
            command = [sys.executable, str(IDEAL), self._service.url, "--client", client]
            command += ["--in-flight", str(case.in_flight), "--sagas", str(sagas)]
            command += ["--folder", str(self._folder), *options]
            before = self._service.posts()
            found = self._told([*command, "--fails"] if case.fails else command)
            self._demand_posts(before, case, sagas + case.in_flight, "ideal")
            return Figures(found["sagas_per_s"], found["cpu_ms_per_saga"], found["rss_mb"])

        return measure

    def _peer(self, command: list[str]) -> Measure:
        def measure(case: Case, sagas: int) -> Figures:
            variant = "fail" if case.fails else "ok"
            options = ["--conc", str(case.in_flight), "--n", str(sagas), "--variant", variant]
            before = self._service.posts()
            found = self._told([*command, *options])
            self._demand_posts(before, case, sagas + max(case.in_flight, 10), command[0])
            peak_mb = found["rss_mb"] + found["engine_rss_mb"]
            return Figures(found["sagas_per_s"], found["cpu_ms_per_saga"], peak_mb)

        return measure

    def _told(self, command: list[str]) -> dict[str, float]:
        done = subprocess.run(command, env=self._env, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if not lines:
            raise SystemExit(f"{shlex.join(command)}: {done.stderr[-2000:]}")
        found: dict[str, float] = json.loads(lines[-1])
        return found

    @property
    def _env(self) -> dict[str, str]:
        return bench_env(self._service)


def bench_env(service: Target) -> dict[str, str]:
    urls = {"TARGET_URL": service.url, "BENCH_URL": service.url}
    return {**os.environ, "PYTHONPATH": PYTHONPATH, **urls}


def batch_command(folder: Path, case: Case, sagas: int) -> list[str]:
    """sagactl with a batch of so many sagas, whose lines and state are in the folder."""
    lines = folder / "inputs.jsonl"
    last = "refuse" if case.fails else STEPS[-1]
    with lines.open("w") as file:
        for number in range(sagas):
            line = {"order_id": f"order-{number:08}", "order": ORDER, "last": last}
            print(json.dumps(line), file=file)
    command = [sys.executable, "-m", "sagactl", "run", str(DEFINITION), "--batch", str(lines)]
    return [*command, "--concurrency", str(case.in_flight), "--state", str(folder / "state.json")]


def syncs(service: Target, folder: Path, case: Case, sagas: int) -> int:
    """How often sagactl asks the disk to keep something of a batch, as strace sees it."""
    trace = folder / "trace"
    with tempfile.TemporaryDirectory(dir=folder) as state:
        strace = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
        command = [*strace, *batch_command(Path(state), case, sagas)]
        subprocess.run(command, env=bench_env(service), stdout=subprocess.DEVNULL, check=True)
    return len(re.findall(r"sync\(\d+<[^>]*\.log>", trace.read_text()))


def sync_goals(service: Target, folder: Path) -> list[Goal]:
    """G6: counted, not timed. What a new state costs is in the short batch as in the long one."""
    few, more, many = 1, 21, 600
    alone: list[float] = []
    shared: list[float] = []
    transitions = len(STEPS) + 1
    if shutil.which("strace"):
        counts = [syncs(service, folder, ONE, sagas) for sagas in (few, more)]
        alone = [(counts[1] - counts[0]) / (more - few)]
        shared = [syncs(service, folder, MANY, many) / many / transitions]
    return [
        Goal("G6", "fdatasyncs of a 4-step saga, 1 in flight", transitions, alone, at_most=True),
        Goal("G6", "fdatasyncs a transition, 64 in flight", 0.2, shared, at_most=True),
    ]


def goals(bench: Bench) -> list[Goal]:
    def against(peer: str, case: Case) -> list[float]:
        return bench.ratios("sagactl", bench.best(peer, case), case)

    def cost(peer: str, figure: Callable[[Figures], float]) -> list[float]:
        return bench.ratios("sagactl", bench.best(peer, MANY), MANY, figure)

    def cpu(figures: Figures) -> float:
        return figures.cpu_ms_per_saga

    def peak(figures: Figures) -> float:
        return figures.peak_mb

    bare = bench.ratios("sagactl", "bare, sagactl's client", MANY)
    return [
        Goal("–", "sagas/s of the ideal on httpx, 64 in flight", 0.7, against("ideal, httpx", MANY)),
        Goal("–", "sagas/s of the ideal on httpx, 1 in flight", 0.8, against("ideal, httpx", ONE)),
        Goal("G1", "sagas/s of DBOS on Postgres, 64 in flight", 20, against("dbos", MANY)),
        Goal("G1", "sagas/s of Restate, 64 in flight", 4, against("restate", MANY)),
        Goal("G1", "sagas/s of sagaz, 64 in flight", 1.5, against("sagaz", MANY)),
        Goal("G2", "sagas/s of DBOS on Postgres, 1 in flight", 4, against("dbos", ONE)),
        Goal("G2", "sagas/s of Restate, 1 in flight", 2, against("restate", ONE)),
        Goal("G3", "refused sagas/s of DBOS on Postgres, 64 in flight", 15, against("dbos", REFUSED)),
        Goal("G3", "refused sagas/s of Restate, 64 in flight", 3, against("restate", REFUSED)),
        Goal("G3", "a call of a refused saga to one of a completed saga", 1.1, bench.refusal_ratios(), at_most=True),
        Goal("G4", "steps/s of bare POSTs without state, 64 in flight", 0.85, bare),
        Goal("G5", "CPU a saga of DBOS on Postgres, 64 in flight", 1 / 20, cost("dbos", cpu), at_most=True),
        Goal("G5", "CPU a saga of Restate, 64 in flight", 1 / 5, cost("restate", cpu), at_most=True),
        Goal("G7", "peak memory of Restate, 64 in flight", 0.25, cost("restate", peak), at_most=True),
        Goal("G7", "peak memory of DBOS on Postgres, 64 in flight", 0.1, cost("dbos", peak), at_most=True),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="how long a runner's turn lasts")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    options = parser.parse_args()
    peers = dict(text.split("=", 1) for text in options.peer)
    with tempfile.TemporaryDirectory(dir=options.folder) as name, target() as service:
        folder = Path(name)
        bench = Bench(service, folder, {key: shlex.split(text) for key, text in peers.items()})
        bench.play(options.rounds, options.seconds)
        head = [
            "case",
            "runner",
            "sagas/s",
            "with its start",
            "calls/s",
            "CPU ms a saga",
            "peak MB",
        ]
        print(table(head, list(bench.rows())), end="\n\n")
        print(goal_table([*goals(bench), *sync_goals(service, folder)]), end="\n\n")
        print(f"{options.rounds} rounds on {machine_words(folder)}")


if __name__ == "__main__":
    main()
