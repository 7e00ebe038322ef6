"""The README is true: its commands run and print what it shows, its tables say what the code says."""

import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import DEFINITIONS, ROOT, SAGAS, Cli

from sagactl.cli.exit import MEANING
from sagactl.definition.model import SUCCESS_STATUSES, OutcomeKind
from sagactl.lint.catalogue import CATALOGUE
from sagactl.lint.code import Code
from sagactl.machine.finding_code import OF_THE_MACHINE, FindingCode
from sagactl.machine.moves import StepState
from sagactl.machine.rehearsed import Judgement, Trouble
from sagactl.machine.state import SagaState
from sagactl.participants.outcome import FaultKind, by_status
from sagactl.views.diagram import moves_mermaid

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(<!-- not run here[^\n]*-->\n)?```console\n(.*?)```", re.DOTALL)
SHOWN = [block for skipped, block in BLOCK.findall(README) if not skipped]


def stories() -> list[tuple[str, list[str]]]:
    """Every command of the README with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in SHOWN:
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def matches(wanted: list[str], seen: str) -> bool:
    """Whether the text is as wanted; `...` stands for anything, lines included."""
    pattern = ".*".join(re.escape(part) for part in "\n".join(wanted).split("..."))
    return re.fullmatch(pattern + r"\s*", seen, re.DOTALL) is not None


def test_every_command_of_the_readme_prints_what_it_shows(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    shutil.copytree(DEFINITIONS, tmp_path / "definitions")
    ran = stories()
    assert len(ran) >= 3
    for command, wanted in ran:
        status = 0
        if wanted and (said := re.fullmatch(r"\[exit (\d+)\]", wanted[-1])):
            status, wanted = int(said.group(1)), wanted[:-1]
        program, *arguments = shlex.split(command)
        if program == "grep":
            subprocess.run(command, shell=True, cwd=tmp_path, check=True)
            continue
        assert program == "sagactl"
        told = cli(*arguments)
        assert told.status == status, (command, told)
        # On a terminal both streams are read as one: what goes on, then what came of it.
        assert matches(wanted, told.err + told.out), (command, told.err + told.out)


def test_the_two_commands_of_the_readme_are_the_ones_that_ci_runs() -> None:
    ci = (ROOT / ".ci/run").read_text()
    assert "pip install -q -e '.[dev]' && sagactl run definitions/order.yaml --sandbox" in README
    assert "$ pytest -n auto\n" in README
    assert "-e '.[dev]'" in ci
    assert "\npytest -n auto" in ci


def test_every_verb_is_documented(cli: Cli) -> None:
    shown = re.findall(r"^  ([a-z]+)  ", cli("--help").out.split("Commands:")[1], re.MULTILINE)
    assert len(shown) >= 12
    for verb in shown:
        assert f"`sagactl {verb}" in README, verb
        told = cli(verb, "--help")
        assert told.status == 0
        assert "Example: sagactl" in told.out, verb


def test_every_exit_code_is_documented() -> None:
    for code, meaning in MEANING.items():
        assert f"| {int(code)} | {meaning} |" in README


def test_the_picture_of_the_states_is_drawn_from_the_table() -> None:
    assert f"<!-- moves -->\n```mermaid\n{moves_mermaid()}\n```" in README
    for state in StepState:
        assert str(state) in README


def test_the_picture_of_a_saga_is_what_graph_draws(cli: Cli) -> None:
    shutil.copytree(DEFINITIONS, cli.folder / "definitions")
    begin = next(command for command, _ in stories() if "--id demo " in command)
    assert cli(*shlex.split(begin)[1:]).status == 1
    drawn = cli("graph", "demo", "--format", "mermaid").out
    assert f"<!-- graph demo -->\n```mermaid\n{drawn}```" in README


def test_every_state_of_a_saga_is_documented() -> None:
    for state in SagaState:
        assert f"`{state}`" in README


def table_of(codes: list[Code]) -> str:
    rows = [
        f"| {c.number} | `{c.code}` | {c.severity} | {'yes' if c.is_fixable else ''} | {c.summary} |"
        for c in codes
    ]
    heads = ["| number | code | severity | `--fix` | finds |", "|---|---|---|---|---|"]
    return "\n".join([*heads, *rows, "", ""])


@pytest.mark.parametrize("is_shape", [False, True])
def test_the_tables_of_codes_are_generated_from_the_catalogue(is_shape: bool) -> None:
    table = table_of([code for code in CATALOGUE if code.is_shape is is_shape])
    assert f"<!-- {'shape' if is_shape else 'rules'} -->\n{table.rstrip()}\n\n" in README, table


def test_the_table_of_findings_is_generated_from_their_codes() -> None:
    def said(code: FindingCode) -> str:
        if code in OF_THE_MACHINE:
            return "a mistake of sagactl"
        return "a hole" if code.judgement is Judgement.HOLE else "rightly a person's"

    rows = [f"| `{code}` | {said(code)} | {code.meaning} |" for code in FindingCode]
    table = "\n".join(["| code | is | found |", "|---|---|---|", *rows])
    assert f"<!-- findings -->\n{table}\n\n" in README, table


def test_every_trouble_of_the_matrix_is_explained() -> None:
    _, _, table = README.partition("| column | what befalls the step |\n|---|---|\n")
    rows = table.partition("\n\n")[0].splitlines()
    assert [row.split("`")[1] for row in rows] == list(Trouble)


def statuses_of(kind: OutcomeKind) -> str:
    """The statuses that mean this, as ranges: `200–201, 203–299`."""
    found = [
        status
        for status in range(200, 600)
        if (OutcomeKind.APPLIED if status in SUCCESS_STATUSES else by_status(status)) is kind
    ]
    ends = [(low, high) for low, high in pairwise([0, *found, 0]) if high != low + 1]
    ranges = [(start, end) for (_, start), (end, _) in pairwise(ends)]
    return ", ".join(f"{low}" if low == high else f"{low}–{high}" for low, high in ranges)


def test_the_table_of_outcomes_is_generated_from_the_classifier() -> None:
    rows = [(statuses_of(kind), kind, True) for kind in OutcomeKind if statuses_of(kind)]
    rows += [(kind.words, kind.outcome, kind.retriable) for kind in FaultKind]
    again = {OutcomeKind.NOT_SENT: "yes", OutcomeKind.UNKNOWN: "where safe"}
    lines = [
        f"| {seen} | {kind.replace('_', ' ')} | {again.get(kind, '') if retriable else 'no'} |"
        for seen, kind, retriable in rows
    ]
    table = "\n".join(
        ["<!-- outcomes -->", "| seen | outcome | sent again |", "|---|---|---|", *lines]
    )
    assert f"{table}\n\n" in README, table


@pytest.mark.parametrize("path", SAGAS, ids=lambda path: path.name)
def test_every_definition_lints_clean_and_runs(cli: Cli, path: Path) -> None:
    linted = cli("lint", "--strict", path)
    assert linted.status == 0, linted
    told = cli("run", path, "--sandbox", "-o", "json")
    assert told.status == 0, told
    assert told.json["state"] == "completed"


def test_the_first_yaml_block_is_a_definition(cli: Cli) -> None:
    block = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0]
    path = cli.write("order.yaml", block)
    assert cli("lint", path).status == 0, cli("lint", path)
    told = cli("run", path, "--sandbox", "-i", "order_id=1", "-i", "amount=5", "-o", "json")
    assert told.status == 0, told


def test_the_tests_of_the_readme_pass_as_they_stand(cli: Cli) -> None:
    shutil.copytree(DEFINITIONS, cli.folder / "definitions")
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (block,) = [text for text in blocks if "saga-test.schema.json" in text]
    told = cli("test", cli.write("definitions/order.test.yaml", block))
    assert told.status == 0, told
    assert "2 tests in 1 file: 2 passed" in told.err


LOST = """\
tests:
  - name: a refused shipment gives the money back
    answers: {create_shipment: 422}
    expect:
      state: failed
      left: []
"""


def test_the_mismatch_of_the_readme_is_what_test_prints(cli: Cli) -> None:
    text = (DEFINITIONS / "order.yaml").read_text(encoding="utf-8")
    refund = "compensation: POST /charges/${{ result.payment_id }}/refund"
    assert refund in text
    cli.write("order.yaml", text.replace(refund, "compensation: none"))
    cli.write("order.test.yaml", LOST)
    shown = "\n".join(cli("test", "order.test.yaml").out.splitlines()[2:])
    assert f"<!-- mismatch -->\n```\n{shown}\n```" in README, shown


def test_python_m_and_the_console_script_are_the_same_program(cli: Cli) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from sagactl.cli import main; main()", "version"],
        cwd=cli.folder, env=cli.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == cli("version").out
