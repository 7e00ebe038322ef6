"""What takes its time says so on a terminal, and nowhere else."""

import io
import os
from pathlib import Path

import pytest

from sagactl.views import at_work as module
from sagactl.views.at_work import at_work

ERASED = "\x1b[2K"


def read_until(master: int, wanted: str, seen: str = "") -> str:
    while wanted not in seen:
        seen += os.read(master, 4096).decode()
    return seen


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[int, io.TextIOWrapper]:
    monkeypatch.setenv("TERM", "xterm-256color")
    master, slave = os.openpty()
    return master, open(slave, "w", encoding="utf-8")


def test_a_terminal_sees_what_is_under_way_and_how_many_are_done(
    terminal: tuple[int, io.TextIOWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "A_MOMENT_S", 0)
    master, stream = terminal
    with at_work("rehearsing definitions", 3, stream) as count:
        read_until(master, "rehearsing definitions, 0 of 3, 0 s")
        count()
        read_until(master, "rehearsing definitions, 1 of 3")
        stream.flush()
    stream.write("what came of it\n")
    stream.flush()
    last = read_until(master, "what came of it").rpartition("rehearsing")[2]
    assert ERASED in last.partition("what came of it")[0]


def test_whoever_is_answered_within_a_moment_sees_nothing_of_it(
    terminal: tuple[int, io.TextIOWrapper],
) -> None:
    master, stream = terminal
    with at_work("rehearsing order.yaml", 1, stream):
        pass
    stream.write("done\n")
    stream.flush()
    assert read_until(master, "done").startswith("done")


def test_a_file_never_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "A_MOMENT_S", 0)
    with (tmp_path / "out").open("w") as stream, at_work("rehearsing", 1, stream) as count:
        count()
    assert (tmp_path / "out").read_text() == ""
