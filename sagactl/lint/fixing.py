"""Fixes put into the text they are meant for, and not a character changed besides.

Where two of them touch the same place the first one wins; the other may come again when the text
is looked at anew.
"""

from collections.abc import Iterable
from itertools import accumulate

from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem

Stretch = tuple[int, int]


def fixed(source: Source, problems: Iterable[Problem]) -> tuple[str, list[Problem]]:
    """The text with the fixes that problems bring, and the problems whose fix is in it."""
    starts = [0, *accumulate(len(line) for line in source.text.splitlines(keepends=True))]
    done: list[Problem] = []
    taken: list[tuple[Stretch, str]] = []
    for problem in problems:
        edits = [] if problem.fix is None else problem.fix.edits
        if any(edit.place.source.name != source.name for edit in edits):
            continue
        new = [(_stretch(edit.place, starts), edit.text) for edit in edits]
        changes = any(source.text[start:end] != text for (start, end), text in new)
        if changes and not any(_touch(mine, other) for mine, _ in new for other, _ in taken):
            taken += new
            done.append(problem)
    text = source.text
    for (start, end), replacement in sorted(taken, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text, done


def _stretch(place: Place, starts: list[int]) -> Stretch:
    """The offsets of a place; the end of the text for what lies behind it."""
    return (
        _offset(place.line, place.column, starts),
        _offset(place.end_line, place.end_column, starts),
    )


def _offset(line: int, column: int, starts: list[int]) -> int:
    if line > len(starts):
        return starts[-1]
    return min(starts[line - 1] + column - 1, starts[-1])


def _touch(one: Stretch, other: Stretch) -> bool:
    """Whether two changes overlap or meet: each was written for the neighbours it saw."""
    return one[0] <= other[1] and other[0] <= one[1]
