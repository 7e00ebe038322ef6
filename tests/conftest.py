"""Fixtures that every room's tests share: above all `cli`, the real program in a folder of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is no failure: nothing here is ever judged by the clock.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Tests import one another's worlds and oracles as `machine.world`, without being a package.
sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parent.parent
DEFINITIONS = ROOT / "definitions"
# Those of sagas; beside them are the files of their tests.
SAGAS = sorted(file for file in DEFINITIONS.glob("*.yaml") if not file.match("*.test.yaml"))


@dataclass(frozen=True)
class Told:
    """What the program said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """`cli("run", "order.yaml", …)` in a temporary folder, as a user would type it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env: dict[str, str] = {}

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> Told:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
        )
        told = Told(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in told.out + told.err, told
        return told

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """The program in the background, its streams open."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "sagactl", *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAGACTL_", "GITHUB_"))}
        return {**kept, "PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": "100", **self.env}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)
