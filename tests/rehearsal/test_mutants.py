"""The machine sabotaged: the rehearsal of `definitions/` turns red for every bug in it."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT
from rehearsal.mutants import MUTANTS, Mutant

QUICK = [mutant for mutant in MUTANTS if mutant.is_quick]
SLOW = [mutant for mutant in MUTANTS if not mutant.is_quick]
PATIENCE_S = 300

rehearses = pytest.mark.skipif(
    find_spec("sagactl.rehearsal.proof") is None, reason="nothing rehearses yet"
)


def sabotaged(folder: Path, mutant: Mutant | None) -> Path:
    """A copy of the package with one bug in it, or none."""
    for name in ("sagactl", "schema", "definitions"):
        # Written tests are not what is judged here.
        leave_out = shutil.ignore_patterns("__pycache__", "*.test.yaml")
        shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
    if mutant is not None:
        file = folder / "sagactl" / mutant.path
        text = file.read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1
        file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A Python that has the copy in place of the package it stems from."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def demand_red(folder: Path, mutant: Mutant) -> None:
    # A bug may open more ways than there are in a sound machine; the first ones are enough to tell.
    asked = ("test", "definitions", "-x", "-o", "json")
    told = run(sabotaged(folder, mutant), "-m", "sagactl", *asked)
    assert "Traceback" not in told.stderr, told.stderr
    holes = [
        finding
        for rehearsed in json.loads(told.stdout)["rehearsals"]
        for finding in rehearsed["findings"]
        if finding["judgement"] == "hole"
    ]
    assert holes, f"{mutant.name}: {mutant.why}"
    assert told.returncode == 1


def test_there_are_enough_mutants_and_no_two_of_them_are_the_same() -> None:
    assert len(QUICK) >= 10
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert len({(mutant.path, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place_and_is_still_python(mutant: Mutant) -> None:
    text = (ROOT / "sagactl" / mutant.path).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1
    compile(text.replace(mutant.old, mutant.new), mutant.path, "exec")


def test_a_copy_runs_in_place_of_the_package(tmp_path: Path) -> None:
    told = run(sabotaged(tmp_path, None), "-c", "import sagactl; print(sagactl.__file__)")
    assert Path(told.stdout.strip()).is_relative_to(tmp_path.resolve())


@rehearses
def test_the_machine_as_it_is_is_accused_of_nothing(tmp_path: Path) -> None:
    told = run(sabotaged(tmp_path, None), "-m", "sagactl", "test", "definitions")
    assert told.returncode == 0, told.stdout + told.stderr


@rehearses
@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: mutant.name)
def test_the_rehearsal_turns_red_for_a_mutant(mutant: Mutant, tmp_path: Path) -> None:
    demand_red(tmp_path, mutant)


@rehearses
@pytest.mark.long
@pytest.mark.parametrize("mutant", SLOW, ids=lambda mutant: mutant.name)
def test_the_rehearsal_turns_red_for_every_other_mutant(mutant: Mutant, tmp_path: Path) -> None:
    demand_red(tmp_path, mutant)
