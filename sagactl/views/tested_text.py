"""Written tests as people read them: what passed, what came otherwise and where that is written.

Values of a test are shown as they are, those of an input that is sensitive in life too: they stand
in the file of tests, and nothing else is read.
"""

from collections.abc import Iterator, Sequence

from sagactl.machine.tested import Happened, Mismatch, Tested, TestedFile
from sagactl.source.problem import Problem
from sagactl.views.carets import GREEN, OFF, RED, problem_lines, visible

CODE = "mismatch"


def text_lines(files: Sequence[TestedFile], *, colour: bool) -> Iterator[str]:
    """Each file with its tests, and of those that failed everything there is to know."""
    for file in files:
        if file.is_sound and not file.tests:
            continue  # none of its tests was asked for
        if file.is_sound:
            yield visible(file.name)
        for problem in file.problems:
            yield from problem_lines(problem, colour=colour)
        for test in file.tests:
            yield from _test(test, colour)


def failure_lines(test: Tested, *, colour: bool) -> Iterator[str]:
    """What came otherwise in a test, and its story."""
    for mismatch in test.mismatches:
        yield from problem_lines(as_problem(mismatch), colour=colour)
    for happened in test.story:
        yield f"    {since(happened)}  {visible(happened.text)}"


def as_problem(mismatch: Mismatch) -> Problem:
    """A mismatch as a problem, which can be shown at its place."""
    return Problem(CODE, mismatch.place, mismatch.message)


def count_words(files: Sequence[TestedFile]) -> str:
    """How many passed and how many did not, in a line."""
    tests = [test for file in files for test in file.tests]
    failed = sum(not test.passed for test in tests)
    parts = [f"{len(tests) - failed} passed"]
    if failed:
        parts.append(f"{failed} failed")
    if unsound := sum(not file.is_sound for file in files):
        parts.append(f"{_counted(unsound, 'file')} not understood")
    if left_out := sum(file.left_out for file in files):
        parts.append(f"{left_out} left out")
    where = f"{_counted(len(tests), 'test')} in {_counted(len(files), 'file')}"
    return f"{where}: {', '.join(parts)}"


def since(happened: Happened) -> str:
    """How long after the beginning it was: `00:10.168`, with hours where there are any."""
    milliseconds = round(happened.after_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
    return f"{hours}:{clock}" if hours else clock


def _test(test: Tested, colour: bool) -> Iterator[str]:
    mark, paint = ("✓", GREEN) if test.passed else ("✗", RED)
    shown = f"{paint}{mark}{OFF}" if colour else mark
    yield f"  {shown} {visible(test.name)}"
    if not test.passed:
        yield from failure_lines(test, colour=colour)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
