"""The corpus of malformed files: for each row of the catalogue what is said of it, word for word.

Beside every file stands what lint says, a line for each problem; UPDATE_GOLDENS=1 writes it anew. What
is large is kept packed. The rows Y1 to Y19 are definitions, those of Y20 are inputs of a run.
"""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from conftest import DEFINITIONS, ROOT, Cli
from fuzz.judging import counted, judge_problem

from sagactl.cli.loading import check_text
from sagactl.source.problem import Problem, Severity

CORPUS = ROOT / "tests" / "cases" / "malformed"
DEFINED = sorted(p for p in CORPUS.iterdir() if p.name.endswith((".yaml", ".yaml.gz")))
INPUTS = sorted(CORPUS.glob("*.json"))
# Every one of them together: what is large is refused before much is done about it.
MOST_CALLS = 6_000_000


def content_of(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def golden(path: Path, said: str) -> str:
    file = path.with_name(path.name.split(".")[0] + ".out")
    if os.environ.get("UPDATE_GOLDENS"):
        file.write_text(said, encoding="utf-8")
    return file.read_text(encoding="utf-8")


def line_of(problem: Problem) -> str:
    place = problem.place
    message = problem.message if len(problem.message) <= 200 else problem.message[:200] + "…"
    return f"{place.line}:{place.column}: {problem.severity}: {message} [{problem.code}]\n"


def test_every_row_of_the_catalogue_has_a_file() -> None:
    rows = {path.name.split("-")[0] for path in (*DEFINED, *INPUTS)}
    assert rows == {f"Y{number:02}" for number in range(1, 21)}


@pytest.mark.parametrize("path", DEFINED, ids=lambda path: path.name.split(".")[0])
def test_a_malformed_definition_is_told_line_by_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CORPUS)
    name = path.name.removesuffix(".gz")
    (saga, problems), calls = counted(lambda: check_text(content_of(path), name))
    assert calls < MOST_CALLS, calls
    assert "".join(map(line_of, problems)) == golden(path, "".join(map(line_of, problems)))
    for problem in problems:
        judge_problem(problem)
    is_wrong = any(problem.severity is Severity.ERROR for problem in problems)
    assert is_wrong or saga is not None


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_a_malformed_input_is_refused_before_anything_is_sent(cli: Cli, path: Path) -> None:
    shutil.copy(DEFINITIONS / "order.yaml", cli.folder)
    shutil.copy(path, cli.folder / "input.json")
    told = cli("run", "order.yaml", "--sandbox", "--input-file", "input.json")
    assert told.status == 2
    assert told.err == golden(path, told.err)
    assert cli("list", "--sandbox", "-o", "json").json == []


def test_the_whole_corpus_is_told_by_the_program_itself(cli: Cli) -> None:
    for path in DEFINED:
        cli.folder.joinpath(path.name.removesuffix(".gz")).write_bytes(content_of(path))
    told = cli("lint", *sorted(cli.folder.glob("*.yaml")), "--format", "json")
    assert told.status == 1
    names = {problem["path"] for problem in told.json}
    silent = {path.stem for path in cli.folder.glob("*.yaml") if str(path) not in names}
    nothing = {p.stem for p in CORPUS.glob("*.out") if not p.stat().st_size}
    assert silent == nothing
