"""Written tests as JUnit XML: each file a suite, each test a test.

A file that makes no sense is a suite with one test that could not be played. The text is ASCII,
whatever it tells of.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from sagactl.machine.tested import Tested, TestedFile
from sagactl.views.carets import problem_lines, visible
from sagactl.views.tested_text import CODE, failure_lines

NAME = "sagactl test"


def junit_text(files: Sequence[TestedFile]) -> str:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<testsuites name="{NAME}" {_counts(files)}>')
    for file in files:
        lines.append(f"  <testsuite name={_attribute(file.name)} {_counts([file])}>")
        lines.extend(_suite(file))
        lines.append("  </testsuite>")
    lines.append("</testsuites>\n")
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _counts(files: Sequence[TestedFile]) -> str:
    tests = [test for file in files for test in file.tests]
    errors = sum(not file.is_sound for file in files)
    failures = sum(not test.passed for test in tests)
    seconds = sum(file.seconds for file in files)
    return (
        f'tests="{len(tests) + errors}" failures="{failures}" errors="{errors}" '
        f'time="{seconds:.3f}"'
    )


def _suite(file: TestedFile) -> Iterator[str]:
    path = _attribute(file.name)
    if not file.is_sound:
        lines = [line for p in file.problems for line in problem_lines(p, colour=False)]
        told = [*map(visible, file.unread), *lines]
        yield f'    <testcase name="{NAME}" classname={path}>'
        yield f'      <error type="unsound" message={_attribute(told[0])}>{_text(told)}</error>'
        yield "    </testcase>"
    for test in file.tests:
        yield from _case(test, path)


def _case(test: Tested, path: str) -> Iterator[str]:
    head = f"    <testcase name={_attribute(test.name)} classname={path}"
    if test.passed:
        yield f"{head}/>"
        return
    message = _attribute(test.mismatches[0].message)
    text = _text(list(failure_lines(test, colour=False)))
    yield f"{head}>"
    yield f'      <failure type="{CODE}" message={message}>{text}</failure>'
    yield "    </testcase>"


def _attribute(text: str) -> str:
    return quoteattr(visible(text))


def _text(lines: Sequence[str]) -> str:
    return escape("\n".join(lines))
