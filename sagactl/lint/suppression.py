"""Comments that say a problem is meant: `# sagactl: ignore[no-compensation] it is a read`.

One stands at the end of the line that the problem stands on, or on a line of its own above it. It
names codes or numbers; what stands behind the bracket is for people. Mistakes of shape cannot be
suppressed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sagactl.lint.catalogue import find_code, nearest_code
from sagactl.source.comment import Comment, comments
from sagactl.source.place import Place, Source, lines_of
from sagactl.source.problem import Edit, Fix, Problem, Severity
from sagactl.source.reader import read

MARK = "sagactl:"

_DIRECTIVE = re.compile(r"#+\s*sagactl:\s*ignore\b\s*(?:\[(?P<codes>[^\]]*)(?P<end>\]?))?")
_WORD = re.compile(r"[^\s,]+")


@dataclass(frozen=True, slots=True)
class Suppression:
    """`code` at `line` is meant; `place` is where that is written, in `comment`."""

    code: str
    line: int
    place: Place
    comment: Comment
    is_only_one: bool


def suppressions(source: Source) -> tuple[list[Suppression], list[Problem]]:
    """What the comments of a text suppress, and which of them cannot have an effect."""
    if MARK not in source.text:
        return [], []
    root, _ = read(source)
    if root is None:
        return [], []
    found: list[Suppression] = []
    wrong: list[Problem] = []
    all_comments = list(comments(source, root))
    meant = _lines_meant(all_comments)
    for comment in all_comments:
        said = _DIRECTIVE.match(comment.text)
        if said is None:
            continue
        line = meant[comment.place.line]
        words = list(_WORD.finditer(said["codes"] or ""))
        if not words or not said["end"]:
            message = '"ignore" names codes in brackets, as in "# sagactl: ignore[unused-input]"'
            wrong.append(_bad(_within(comment, said.start(), said.end()), message))
            continue
        for word in words:
            start = said.start("codes") + word.start()
            place = _within(comment, start, start + len(word.group()))
            problem = _objection(word.group(), place)
            if problem is not None:
                wrong.append(problem)
            elif code := find_code(word.group()):
                found.append(Suppression(code.code, line, place, comment, len(words) == 1))
    return found, wrong


def _lines_meant(all_comments: list[Comment]) -> dict[int, int]:
    """For the line of each comment the line that it speaks of: the first below that is not alone.

    From the bottom up, because comments stand above one another.
    """
    found: dict[int, int] = {}
    for comment in reversed(all_comments):
        line = comment.place.line
        found[line] = found.get(line + 1, line + 1) if comment.is_alone else line
    return found


def _within(comment: Comment, start: int, end: int) -> Place:
    line, column = comment.place.line, comment.place.column
    return Place(comment.place.source, line, column + start, line, column + end)


def _objection(name: str, place: Place) -> Problem | None:
    """What is wrong about naming this code in a suppression."""
    code = find_code(name)
    if code is None:
        near = nearest_code(name)
        meant = f'; did you mean "{near}"?' if near else ""
        return _bad(place, f'there is no code "{name}"{meant}')
    if not code.is_optional:
        return _bad(place, f'"{code.code}" is a mistake of shape, and cannot be suppressed')
    return None


def _bad(place: Place, message: str) -> Problem:
    return Problem("bad-suppression", place, message, severity=Severity.WARNING)


def unused(suppression: Suppression) -> Problem:
    """The warning about a suppression of a problem that is not there."""
    message = f'"{suppression.code}" is not found in line {suppression.line}'
    fix = _removal(suppression.comment) if suppression.is_only_one else None
    place = suppression.place
    return Problem("unused-suppression", place, message, None, Severity.WARNING, (), fix)


def _removal(comment: Comment) -> Fix | None:
    """The comment taken out; None where words behind it are for people."""
    said = _DIRECTIVE.match(comment.text)
    if said is None or comment.text[said.end() :].strip():
        return None
    place, text = comment.place, lines_of(comment.place.source.text)[comment.place.line - 1]
    before = text[: place.column - 1].rstrip(" \t")
    if comment.is_alone:  # the whole line goes
        whole = Place(place.source, place.line, 1, place.line + 1, 1)
        return Fix("take the comment out", (Edit(whole, ""),))
    rest = Place(place.source, place.line, len(before) + 1, place.line, place.end_column)
    return Fix("take the comment out", (Edit(rest, ""),))


def suppressing(found: list[Suppression], problem: Problem) -> Iterator[Suppression]:
    """The suppressions that mean this very problem."""
    for suppression in found:
        if (suppression.code, suppression.line) == (problem.code, problem.place.line):
            yield suppression
