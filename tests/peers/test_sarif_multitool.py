"""Our SARIF before the validator of those who wrote the format: Microsoft's Multitool, from npm."""

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, Cli

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        shutil.which("npm") is None or platform.system() != "Linux",
        reason="npm is not installed, or has no program for this system",
    ),
]

PACKAGE = "@microsoft/sarif-multitool-linux"
VERSION = "5.7.0"


@pytest.fixture(scope="module")
def multitool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("multitool")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"{PACKAGE}@{VERSION}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(f"the multitool cannot be installed: {done.stderr[-200:]}")
    program = folder / "node_modules" / PACKAGE / "Sarif.Multitool"
    program.chmod(0o755)
    return program


def test_the_multitool_finds_no_error_and_nothing_that_is_ours_to_mend(
    cli: Cli, multitool: Path
) -> None:
    shutil.copytree(ROOT / "tests" / "cases" / "lint", cli.folder / "cases")
    told = cli("lint", "--format", "sarif", "cases")
    assert len(told.json["runs"][0]["results"]) > 10
    cli.write("ours.sarif", told.out)
    validated = cli.folder / "validated.sarif"
    command = [str(multitool), "validate", "ours.sarif", "--output", str(validated)]
    subprocess.run(
        command, cwd=cli.folder, capture_output=True, timeout=300, check=False,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
    )  # fmt: skip
    [run] = json.loads(validated.read_text(encoding="utf-8-sig"))["runs"]
    results = run.get("results", [])
    assert run["invocations"][0]["executionSuccessful"]
    rules = run["tool"]["driver"]["rules"]
    said = {
        (rules[result["ruleIndex"]]["name"], result.get("level", "warning")) for result in results
    }
    # There is no page of ours to lead to.
    assert {name for name, level in said if level != "note"} <= {"ProvideToolProperties"}, said
