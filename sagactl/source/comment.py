"""The comments of a YAML text, which no reader of values keeps.

A `#` is a comment where it stands outside every scalar, so they are found from the tree. Promised
only for a text that was read without problems.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sagactl.source.node import List, Map, Node, Scalar
from sagactl.source.place import Place, Source, lines_of


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with its `#`; `is_alone`: nothing else stands on its line."""

    place: Place
    text: str
    is_alone: bool


def comments(source: Source, root: Node) -> Iterator[Comment]:
    """Every comment of a text, in its order; `root` is the tree of that text."""
    lines = lines_of(source.text)
    taken: dict[int, list[tuple[int, int]]] = {}
    inside: set[int] = set()
    for scalar in _scalars(root):
        if scalar.raw[:1] in ("|", ">"):
            # A comment may stand behind the indicator of a block; the block is the lines below it.
            end = scalar.place.end_line + (scalar.place.end_column > 1)
            inside.update(range(scalar.place.line + 1, end))
        else:
            _take(scalar.place, lines, taken)
    for number, line in enumerate(lines, start=1):
        at = -1 if number in inside else _comment_at(line, taken.get(number, []))
        if at >= 0:
            place = Place(source, number, at + 1, number, len(line) + 1)
            yield Comment(place, line[at:], not line[:at].strip())


def _scalars(root: Node) -> Iterator[Scalar]:
    nodes = [root]
    while nodes:
        node = nodes.pop()
        match node:
            case Scalar():
                yield node
            case List():
                nodes.extend(node.items)
            case Map():
                nodes.extend(part for entry in node for part in (entry.key, entry.value))


def _take(place: Place, lines: Sequence[str], taken: dict[int, list[tuple[int, int]]]) -> None:
    """Note the columns that a scalar covers on each of its lines."""
    for number in range(place.line, min(place.end_line, len(lines)) + 1):
        start = place.column - 1 if number == place.line else 0
        end = place.end_column - 1 if number == place.end_line else len(lines[number - 1])
        taken.setdefault(number, []).append((start, end))


def _comment_at(line: str, taken: list[tuple[int, int]]) -> int:
    """Where the comment of a line begins, or -1; `taken` are the columns of its scalars."""
    waiting = sorted(taken, reverse=True)  # scalars do not overlap: the next one is the last
    at = line.find("#")
    while at >= 0:
        while waiting and waiting[-1][1] <= at:
            waiting.pop()
        covered = bool(waiting) and waiting[-1][0] <= at
        if not covered and (at == 0 or line[at - 1] in " \t"):
            return at
        at = line.find("#", at + 1)
    return -1
