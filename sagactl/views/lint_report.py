"""What one call of lint found, as the formats for other programs need it.

Paths are relative to one folder, the root of a repository, because that is how a review shows them.
A fingerprint tells a problem from others and stays the same while lines move around it.
"""

import os
from collections import Counter
from dataclasses import dataclass

from sagactl.source.place import Place, lines_of
from sagactl.source.problem import Problem, Severity


@dataclass(frozen=True, slots=True)
class Report:
    """The files that were looked at, in order, what was found, and what could not be read.

    `root` is an absolute folder; `is_strict`: warnings fail too.
    """

    files: tuple[str, ...]
    problems: tuple[Problem, ...]
    unread: tuple[str, ...]
    root: str
    is_strict: bool = False

    def path(self, name: str) -> str:
        """A file's path from the root, with slashes; one that lies outside is absolute."""
        absolute = os.path.abspath(os.path.join(os.getcwd(), name))
        below = os.path.relpath(absolute, self.root)
        outside = below == os.pardir or below.startswith(os.pardir + os.sep)
        return (absolute if outside else below).replace(os.sep, "/")

    def fails(self, problem: Problem) -> bool:
        return self.is_strict or problem.severity is Severity.ERROR


def fingerprints(report: Report) -> list[str]:
    """One for each problem: of its file, code and line's text, and a count of equal ones."""
    # Only two of the forms have them.
    import hashlib

    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for problem in report.problems:
        same = (report.path(problem.place.source.name), problem.code, _line(problem.place))
        seen[same] += 1
        text = "\0".join((*same, str(seen[same])))
        found.append(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return found


def full_message(problem: Problem) -> str:
    """The message with what would be right, on a line of its own."""
    return problem.message + (f"\nhelp: {problem.hint}" if problem.hint else "")


def _line(place: Place) -> str:
    lines = lines_of(place.source.text)
    return " ".join(lines[place.line - 1].split()) if place.line <= len(lines) else ""
