"""Problems as GitLab's code quality report: the part of Code Climate's format that GitLab reads.

An error is `major`, a warning `minor`.
"""

from sagactl.source.node import Json
from sagactl.source.problem import Severity
from sagactl.views.lint_report import Report, fingerprints, full_message

SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor"}


def gitlab_document(report: Report) -> list[dict[str, Json]]:
    return [
        {
            "description": full_message(problem),
            "check_name": problem.code,
            "fingerprint": fingerprint,
            "severity": SEVERITIES[problem.severity],
            "location": {
                "path": report.path(problem.place.source.name),
                "lines": {"begin": problem.place.line, "end": problem.place.end_line},
            },
        }
        for problem, fingerprint in zip(report.problems, fingerprints(report), strict=True)
    ]
