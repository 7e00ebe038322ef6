"""Files of tests, found, read and played: the one door of this room.

Deliberately absent: how definitions are found and checked, which the caller says, and how what came
of it is shown.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sagactl.machine.tested import Tested, TestedFile
from sagactl.rehearsal.written.judging import judge
from sagactl.rehearsal.written.model import Case, CaseFile
from sagactl.rehearsal.written.playing import play
from sagactl.rehearsal.written.reading import MANNER, SUFFIXES, Load, read_cases
from sagactl.rehearsal.written.story import story
from sagactl.source.reader import decode


def run_written(
    paths: Iterable[Path], load: Load, is_wanted: Callable[[str], bool] = lambda name: True
) -> list[TestedFile]:
    """Play the tests of these files and folders whose name `is_wanted`."""
    return [run_file(path, load, is_wanted) for path in find_written(paths)]


def find_written(paths: Iterable[Path]) -> list[Path]:
    """The files of tests among these, in these folders, and beside these definitions; each once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(_inside(path))))
        elif path.name.endswith(SUFFIXES):
            found[path] = None
        else:
            beside = (path.with_suffix(suffix) for suffix in SUFFIXES)
            found.update((file, None) for file in beside if file.is_file())
    return list(found)


def _inside(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names if name.endswith(SUFFIXES))


def run_file(path: Path, load: Load, is_wanted: Callable[[str], bool]) -> TestedFile:
    """Play the tests of one file."""
    began = time.perf_counter()
    name = str(path)
    try:
        if not path.is_file():
            path.stat()  # says what is wrong, unless it is a folder, a pipe or a device
            return TestedFile(name, "", unread=(f"{name}: it is no file",))
        with path.open("rb") as file:
            content = file.read(MANNER.max_bytes + 1)
    except OSError as error:
        return TestedFile(name, "", unread=(f"{name}: cannot be read: {error.strerror}",))
    source, problems = decode(content, name, MANNER)
    if source is None:
        return TestedFile(name, "", problems=tuple(problems))
    found = read_cases(source, load)
    if found.cases is None:
        return TestedFile(name, found.definition, problems=tuple(found.problems))
    wanted = [case for case in found.cases.cases if is_wanted(case.name)]
    tests = tuple(run_case(found.cases, case) for case in wanted)
    left_out = len(found.cases.cases) - len(wanted)
    seconds = time.perf_counter() - began
    return TestedFile(name, found.definition, tests, left_out=left_out, seconds=seconds)


def run_case(file: CaseFile, case: Case) -> Tested:
    """Play one test, and judge it."""
    played = play(file.saga, case)
    return Tested(case.name, case.place, judge(case, played), story(case, played))
