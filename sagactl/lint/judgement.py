"""What counts of what was found: the configuration first, then the comments in the text.

A mistake of shape always counts, whatever either of them says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sagactl.lint.catalogue import find_code
from sagactl.lint.suppression import suppressing, suppressions, unused
from sagactl.source.place import Source
from sagactl.source.problem import Problem, Severity


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project says about codes: another severity, or None for off; by slug."""

    severity: Mapping[str, Severity | None] = field(default_factory=dict)


def judged(
    source: Source, problems: list[Problem], settings: Settings, *, is_whole: bool = True
) -> list[Problem]:
    """The problems that count, with those of the suppressions themselves.

    `is_whole`: all rules looked at the text. Otherwise none of them was asked, and a suppression
    of what they would have found is not unused.
    """
    meant, remarks = suppressions(source)
    counted: list[Problem] = []
    used = set()
    for problem in problems:
        if not _is_optional(problem) or problem.place.source != source:
            counted.append(problem)
            continue
        means = list(suppressing(meant, problem))
        used.update(means)
        if not means:
            counted.extend(_configured(problem, settings))
    if is_whole:
        off = {code for code, severity in settings.severity.items() if severity is None}
        remarks += [unused(s) for s in meant if s not in used and s.code not in off]
    for remark in remarks:
        counted.extend(_configured(remark, settings))
    return counted


def _is_optional(problem: Problem) -> bool:
    code = find_code(problem.code)
    return code is not None and code.is_optional


def _configured(problem: Problem, settings: Settings) -> list[Problem]:
    if problem.code not in settings.severity:
        return [problem]
    severity = settings.severity[problem.code]
    return [] if severity is None else [replace(problem, severity=severity)]
