"""How long lint takes: with one process beside all of them, beside its parser, and beside peers.

    PYTHONPATH=.:tests python tests/bench/lint.py [--rounds N] [--files N] [--peer NAME=COMMAND]…

What is compared is run side by side, in turns; only the ratios mean anything. A peer's command is
given the files: `--peer 'check-jsonschema=check-jsonschema --schemafile schema/saga.schema.json'`.
"""

import argparse
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml
from bench.report import Goal, goal_table, machine_words, spread, table
from conftest import ROOT, SAGAS

from sagactl.cli.linting import FEW, all_checked
from sagactl.cli.loading import check_text

COUNTS = (FEW // 4, FEW, 4 * FEW)


def rounds_of(
    works: dict[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """The seconds that each work took, one after the other in every round."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began = clock()
            work()
            taken[name].append(clock() - began)
    return taken


def processor_s(work: Callable[[], object]) -> float:
    """What a work costs all processors together: on a busy machine it is all that can be told."""

    def spent() -> float:
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))

    began = spent()
    work()
    return spent() - began


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(over, under, strict=True)]


def written(folder: Path, count: int) -> list[Path]:
    """So many definitions, none the same as another."""
    texts = [path.read_text(encoding="utf-8") for path in SAGAS]
    texts = [text for text in texts if "saga: ./" not in text]
    files = [folder / f"d{number // 100}" / f"o{number}.yaml" for number in range(count)]
    for number, file in enumerate(files):
        file.parent.mkdir(exist_ok=True)
        file.write_text(texts[number % len(texts)] + f"# {number}\n", encoding="utf-8")
    return files


def worker_rows(files: list[Path], rounds: int) -> list[list[str]]:
    cores = len(os.sched_getaffinity(0))
    rows = []
    for count in COUNTS:
        some = files[:count]
        taken = rounds_of(
            {
                "one": lambda s=some: all_checked(s, "", 1),
                "all": lambda s=some: all_checked(s, "", cores),
            },
            rounds,
        )
        faster = ratios(taken["one"], taken["all"])
        dearer = ratios(
            [processor_s(lambda s=some: all_checked(s, "", cores)) for _ in range(rounds)],
            [processor_s(lambda s=some: all_checked(s, "", 1)) for _ in range(rounds)],
        )
        spreads = map(spread, (taken["one"], taken["all"], faster, dearer))
        rows.append([str(count), *spreads])
    return rows


def goals(files: list[Path], peers: dict[str, str], rounds: int) -> list[Goal]:
    content = files[0].read_bytes()
    warm = rounds_of(
        {
            "lint": lambda: check_text(content, "x.yaml"),
            "parser": lambda: yaml.load(content, Loader=yaml.CSafeLoader),
        },
        rounds * 20,
        # A millisecond of this is soon a slice of somebody else's.
        time.process_time,
    )
    found = [
        Goal(
            "G18",
            "one file, warm: lint / CSafeLoader alone",
            1.5,
            ratios(warm["lint"], warm["parser"]),
            at_most=True,
        )
    ]
    wanted = {"check-jsonschema": 2.0, "yamllint": 6.0}
    command = [sys.executable, "-m", "sagactl", "lint"]
    works = {"ours": running(command, files)}
    works |= {name: running(shlex.split(words), files) for name, words in peers.items()}
    taken = rounds_of(works, rounds)
    for name in (*wanted, *(n for n in peers if n not in wanted)):
        measured = ratios(taken[name], taken["ours"]) if name in taken else []
        words = f"{len(files)} files: {name} / lint"
        found.append(Goal("G17", words, wanted.get(name, 1.0), measured))
    return found


def running(command: list[str], files: list[Path]) -> Callable[[], object]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    whole = [*command, *map(str, files)]
    return lambda: subprocess.run(
        whole,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    wish = parser.parse_args()
    peers = dict(peer.split("=", 1) for peer in wish.peer)
    with tempfile.TemporaryDirectory() as folder:
        files = written(Path(folder), max(wish.files, max(COUNTS)))
        print(machine_words(Path(folder)), "\n")
        head = ["files", "one process, s", "all cores, s", "times as fast", "times the work"]
        print(table(head, worker_rows(files, wish.rounds)), "\n")
        print(goal_table(goals(files[: wish.files], peers, wish.rounds)))


if __name__ == "__main__":
    main()
