"""Many files: the same is told of them in the same order, however many processes look at them."""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import Cli

from sagactl.cli import linting
from sagactl.cli.linting import FEW, STDIN, all_checked, workers_for

GOOD = "saga: x\nsteps: [{name: a, action: GET http://h/, compensation: none}]\n"
BAD = "saga: x\ntimeuot: 5m\nsteps: [{name: a, acton: GET http://h/}]\n"
WARNED = "saga: x\nsteps: [{name: a, action: POST http://h/}]\n"


@pytest.fixture
def files(cli: Cli) -> list[Path]:
    """More than a few of them, sound and wrong; one cannot be read."""
    texts = (GOOD, BAD, WARNED, "saga: [", "saga: x # sagactl: ignore[nix]\nsteps: 1\n")
    found = [cli.write(f"{n % 7}/s{n:03}.yaml", texts[n % 5]) for n in range(FEW + 30)]
    return [*found, cli.folder / "nowhere.yaml"]


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_any_number_of_processes_finds_the_same_in_the_same_order(
    files: list[Path], workers: int
) -> None:
    alone = all_checked(files, "", 1)
    assert [one.name for one in alone] == list(map(str, files))
    assert all_checked(files, "", workers) == alone
    assert all_checked(files[::-1], "", workers) == alone[::-1]
    assert sum(len(one.problems) for one in alone) > FEW
    assert [one.name for one in alone if one.refusal] == [str(files[-1])]


def test_a_second_process_is_begun_for_many_files_only(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert workers_for(files) == 4
    assert workers_for(files[: FEW - 1]) == 1
    assert workers_for([*files, STDIN]) == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert workers_for(files) == linting.MOST_WORKERS
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert workers_for(files) == 1


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_the_output_is_the_same_on_one_core_and_on_all(
    cli: Cli, files: list[Path], form: str
) -> None:
    def told(cores: set[int]) -> tuple[int, str, str]:
        done = subprocess.run(
            cli.command("lint", ".", "nowhere.yaml", "--format", form), cwd=cli.folder,
            env=cli.environment, capture_output=True, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    cores = os.sched_getaffinity(0)
    alone = told({min(cores)})
    assert alone[0] == 2
    assert alone == told(cores)
    assert files
