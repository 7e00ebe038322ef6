"""Written tests as JUnit XML: each file a suite, each test a test.

A file that makes no sense is a suite with one test that could not be played.
"""

from collections.abc import Iterator, Sequence

from sagactl.machine.tested import Tested, TestedFile
from sagactl.views.carets import problem_lines
from sagactl.views.junit import Case, Fault, Suite
from sagactl.views.tested_text import CODE, failure_lines

UNPLAYED = "every test was understood"


def written_suites(files: Sequence[TestedFile]) -> list[Suite]:
    """A suite for each file."""
    return [Suite(file.name, tuple(_cases(file)), seconds=file.seconds) for file in files]


def _cases(file: TestedFile) -> Iterator[Case]:
    if not file.is_sound:
        lines = [line for p in file.problems for line in problem_lines(p, colour=False)]
        told = (*file.unread, *lines)
        yield Case(UNPLAYED, Fault("error", "unsound", told[0], told))
    yield from map(_case, file.tests)


def _case(test: Tested) -> Case:
    if test.passed:
        return Case(test.name)
    lines = tuple(failure_lines(test, colour=False))
    return Case(test.name, Fault("failure", CODE, test.mismatches[0].message, lines))
