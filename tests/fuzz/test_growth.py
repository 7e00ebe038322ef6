"""Twice the text is about twice the work, whatever it consists of; counted, never timed.

A line of Python that is carried out counts as one, so that loops count as well as calls. At full size
there is a clock besides, for what the interpreter does inside of one line.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from conftest import Cli
from fuzz.growing import GROWING
from fuzz.judging import judge_problem

from sagactl.cli.loading import check_text
from sagactl.source.reader import MAX_BYTES

# Of a bit more than twice the work: tables grow at times, and there is a beginning to everything.
MOST_GROWTH = 2.4
LONGEST_S = 15.0


def lines_carried_out(work: Callable[[], object]) -> int:
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return lines


@pytest.mark.parametrize("kind", sorted(set(GROWING) - {"a service that says much"}))
def test_twice_the_text_is_twice_the_work(kind: str) -> None:
    small, large = (GROWING[kind](count).encode() for count in (200, 400))
    check_text(GROWING[kind](10).encode(), "x.yaml")  # what is made once, and kept
    works = [
        lines_carried_out(lambda c=content: check_text(c, "x.yaml")) for content in (small, large)
    ]
    assert works[1] <= works[0] * MOST_GROWTH, works


def test_what_a_service_says_in_each_of_its_requests_has_a_limit() -> None:
    """This grows with the square by its nature: so many headers in so many requests."""
    [problem] = check_text(GROWING["a service that says much"](2500).encode(), "x.yaml")[1]
    assert problem.code == "file-too-large"
    assert "repeated in too many requests" in problem.message


@pytest.mark.long
@pytest.mark.parametrize("kind", GROWING)
def test_the_largest_text_is_told_of_in_seconds(kind: str) -> None:
    count = 200
    while len(GROWING[kind](count)) < MAX_BYTES // 2 and count < 300_000:
        count *= 2
    content = GROWING[kind](count).encode()[:MAX_BYTES]
    began = time.process_time()
    for problem in check_text(content, "x.yaml")[1]:
        judge_problem(problem)
    assert time.process_time() - began < LONGEST_S


def test_files_that_multiply_one_another_are_read_once_and_refused(cli: Cli) -> None:
    """The alias bomb, made of sub-sagas: ten to the power of ten steps in eleven small files."""
    for level in range(10):
        steps = "".join(
            f"  - {{name: s{n}, action: {{saga: l{level + 1}.yaml}}}}\n" for n in range(10)
        )
        cli.write(f"l{level}.yaml", f"saga: l{level}\nsteps:\n{steps}")
    cli.write(
        "l10.yaml", "saga: l10\nsteps: [{name: a, action: GET http://h/, compensation: none}]\n"
    )
    told = cli("lint", "l0.yaml")
    assert told.status == 1
    assert "has errors" in told.out
    assert "a saga has at most 1000 steps" in cli("lint", "l7.yaml").out
    assert cli("lint", "l8.yaml").status == 0


def test_sub_sagas_are_nested_so_deep_and_no_deeper(cli: Cli) -> None:
    for level in range(400):
        step = f"{{name: a, action: {{saga: l{level + 1}.yaml}}}}"
        cli.write(f"l{level}.yaml", f"saga: l{level}\nsteps: [{step}]\n")
    cli.write(
        "l400.yaml", "saga: l400\nsteps: [{name: a, action: GET http://h/, compensation: none}]\n"
    )
    told = cli("lint", "l0.yaml")
    assert told.status == 1
    assert "has errors" in told.out
    assert cli("lint", "l390.yaml").status == 0


def test_Y19_no_pipe_and_no_device_is_waited_for(cli: Cli) -> None:
    os.mkfifo(cli.folder / "pipe.yaml")
    cli.folder.joinpath("device.yaml").symlink_to("/dev/zero")
    cli.folder.joinpath("nowhere.yaml").symlink_to("/nowhere")
    cli.write(
        "order.yaml",
        "saga: x\nsteps: [{name: a, action: {saga: pipe.yaml}}, {name: b, action: {saga: device.yaml}}]\n",
    )
    told = cli("lint", "order.yaml")
    assert told.status == 1
    assert told.out.count("a pipe or a device") == 2
    told = cli("lint", ".")
    assert told.status == 2
    assert "nowhere.yaml: cannot be read" in told.err
    assert "1 definition checked" in told.err


def test_of_a_file_without_an_end_no_more_is_read_than_it_takes(cli: Cli) -> None:
    told = cli("lint", "/dev/zero")
    assert told.status == 1
    assert "a definition has at most 1048576 bytes" in told.out


def test_a_pipe_that_is_named_is_read(cli: Cli, tmp_path: Path) -> None:
    """As in `sagactl lint <(make-saga)`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = "saga: x\nsteps: [{name: a, action: GET http://h/, compensation: none}]\n"
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()
    assert cli("lint", pipe).status == 0
    writer.join()
