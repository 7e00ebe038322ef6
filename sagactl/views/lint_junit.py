"""Problems as JUnit XML: each file a suite, each problem that fails a test that failed.

A file without any is one test that passed. Warnings that do not fail stand in the suite's output.
The text is ASCII, whatever it tells of.
"""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from sagactl.source.problem import Problem
from sagactl.views.carets import problem_lines, visible
from sagactl.views.lint_report import Report


def junit_text(report: Report) -> str:
    suites: dict[str, list[Problem]] = {name: [] for name in (*report.files, *report.unread)}
    for problem in report.problems:
        suites.setdefault(problem.place.source.name, []).append(problem)
    failures = sum(report.fails(problem) for problem in report.problems)
    counts = f'tests="{_tests(report, suites)}" failures="{failures}" errors="{len(report.unread)}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="sagactl lint" {counts}>',
    ]
    for name, problems in suites.items():
        lines.extend(_suite(report, name, problems))
    lines.append("</testsuites>\n")
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _tests(report: Report, suites: dict[str, list[Problem]]) -> int:
    return sum(max(sum(map(report.fails, problems)), 1) for problems in suites.values())


def _suite(report: Report, name: str, problems: list[Problem]) -> Iterator[str]:
    failed = [problem for problem in problems if report.fails(problem)]
    warned = [problem for problem in problems if not report.fails(problem)]
    unread = name in report.unread
    path = _attribute(name if unread else report.path(name))
    yield (
        f'  <testsuite name={path} tests="{max(len(failed), 1)}" failures="{len(failed)}"'
        f' errors="{int(unread)}">'
    )
    if unread:
        yield f'    <testcase name="sagactl lint" classname={path}>'
        yield f'      <error type="unread" message={path}/>'
        yield "    </testcase>"
    elif not failed:
        yield f'    <testcase name="sagactl lint" classname={path}/>'
    for problem in failed:
        yield from _failure(problem, path)
    if warned:
        yield f"    <system-out>{_text(warned)}</system-out>"
    yield "  </testsuite>"


def _failure(problem: Problem, path: str) -> Iterator[str]:
    place = problem.place
    name = _attribute(f"{problem.code} at {place.line}:{place.column}")
    message = _attribute(problem.message)
    yield f"    <testcase name={name} classname={path}>"
    yield f'      <failure type="{problem.code}" message={message}>{_text([problem])}</failure>'
    yield "    </testcase>"


def _attribute(text: str) -> str:
    return quoteattr(visible(text))


def _text(problems: list[Problem]) -> str:
    lines = [line for problem in problems for line in problem_lines(problem, colour=False)]
    return escape("\n".join(lines))
