"""Problems as JUnit XML: each file a suite, each problem that fails a test that failed.

A file without any is one test that passed. Warnings that do not fail stand in the suite's output.
"""

from sagactl.source.problem import Problem
from sagactl.views.carets import problem_lines
from sagactl.views.junit import Case, Fault, Suite, junit_document
from sagactl.views.lint_report import Report

WHOLE = "sagactl lint"


def junit_text(report: Report) -> str:
    suites: dict[str, list[Problem]] = {name: [] for name in (*report.files, *report.unread)}
    for problem in report.problems:
        suites.setdefault(problem.place.source.name, []).append(problem)
    return junit_document(
        WHOLE, [_suite(report, name, problems) for name, problems in suites.items()]
    )


def _suite(report: Report, name: str, problems: list[Problem]) -> Suite:
    if name in report.unread:
        return Suite(name, (Case(WHOLE, Fault("error", "unread", name)),))
    failed = [_failed(problem) for problem in problems if report.fails(problem)]
    warned = [problem for problem in problems if not report.fails(problem)]
    output = tuple(line for problem in warned for line in _lines(problem))
    return Suite(report.path(name), tuple(failed) or (Case(WHOLE),), output)


def _failed(problem: Problem) -> Case:
    place = problem.place
    fault = Fault("failure", problem.code, problem.message, tuple(_lines(problem)))
    return Case(f"{problem.code} at {place.line}:{place.column}", fault)


def _lines(problem: Problem) -> list[str]:
    return problem_lines(problem, colour=False)
