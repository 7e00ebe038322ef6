"""Problems as JSON values of our own: keys are only ever added."""

from sagactl.lint.catalogue import find_code
from sagactl.source.node import Json
from sagactl.source.place import Place
from sagactl.source.problem import Fix, Problem
from sagactl.views.lint_report import Report


def json_document(report: Report) -> list[dict[str, Json]]:
    return [problem_document(problem) for problem in report.problems]


def problem_document(problem: Problem) -> dict[str, Json]:
    """A mistake with its place, what is wrong, and what would be right."""
    code = find_code(problem.code)
    return {
        **place_document(problem.place),
        "severity": str(problem.severity),
        "code": problem.code,
        "number": code.number if code else None,
        "message": problem.message,
        "hint": problem.hint,
        "related": [{**place_document(r.place), "message": r.message} for r in problem.related],
        "fix": None if problem.fix is None else _fix(problem.fix),
    }


def place_document(place: Place) -> dict[str, Json]:
    """A place as names of a larger value."""
    return {
        "path": place.source.name,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    }


def _fix(fix: Fix) -> dict[str, Json]:
    edits = [{**place_document(edit.place), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "edits": edits}
