"""Problems as workflow commands, which GitHub Actions shows beside the line in a review.

What a definition says never becomes a command of its own: breaks are escaped, as are the signs
that end a property.
"""

from collections import Counter

from sagactl.source.problem import Problem
from sagactl.views.carets import visible
from sagactl.views.lint_report import Report, full_message

# So many of a kind are shown of one step of a job; the others stand in its log alone.
MOST_SHOWN = 10


def github_lines(report: Report) -> list[str]:
    """A command for each problem, and one that says how many there are where not all are shown."""
    lines = [_command(report, problem) for problem in report.problems]
    counts = Counter(str(problem.severity) for problem in report.problems)
    if max(counts.values(), default=0) > MOST_SHOWN:
        said = " and ".join(f"{counts[kind]} {kind}s" for kind in ("error", "warning"))
        what = f"{said} were found; a review shows {MOST_SHOWN} of a kind, the log all of them"
        lines.append(f"::notice title=sagactl::{what}")
    return lines


def _command(report: Report, problem: Problem) -> str:
    place = problem.place
    properties = {
        "file": report.path(place.source.name),
        "line": str(place.line),
        "endLine": str(place.end_line),
    }
    # Columns of several lines are refused.
    if place.line == place.end_line:
        properties["col"] = str(place.column)
        properties["endColumn"] = str(max(place.end_column - 1, place.column))
    properties["title"] = f"sagactl {problem.code}"
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = "%0A".join(_message(visible(line)) for line in full_message(problem).split("\n"))
    return f"::{problem.severity} {said}::{message}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return visible(_message(text).replace(":", "%3A").replace(",", "%2C"))
