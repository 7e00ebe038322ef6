"""Where a part of a scalar's value stands in the source.

A value and its source differ: quotes, escapes, folded lines, indentation. Both are walked side by
side. This is for messages only, so it never fails; at worst it answers with the whole scalar.
"""

from sagactl.source.node import Scalar
from sagactl.source.place import Place


def place_within(scalar: Scalar, start: int, end: int) -> Place:
    """The place of the characters `value[start:end]` of a text scalar."""
    if not isinstance(scalar.value, str):
        return scalar.place
    offsets = _offsets(scalar.value, scalar.raw)
    if offsets is None or start >= len(offsets):
        return scalar.place
    last = offsets[min(end, len(offsets)) - 1] if end > start else offsets[start]
    line, column = _position(scalar, offsets[start])
    end_line, end_column = _position(scalar, last + 1)
    return Place(scalar.place.source, line, column, end_line, end_column)


def _offsets(value: str, raw: str) -> list[int] | None:
    """For each character of the value, its offset in the raw slice."""
    style = raw[:1]
    at = 1 if style in "'\"" and style else 0
    if style in "|>" and style:
        at = raw.find("\n") + 1
    found: list[int] = []
    for char in value:
        at = _skip(raw, at, char, style)
        if at >= len(raw):
            return None
        found.append(at)
        at += _width(raw, at, style)
    return found


def _skip(raw: str, at: int, char: str, style: str) -> int:
    """The offset at which `char` is written: past indentation, folds and escaped line breaks."""
    if at < len(raw) and raw[at] == char:
        return at
    if char == " " and at < len(raw) and raw[at] in "\r\n":
        return at  # a folded line break reads as a space
    if style == '"' and at < len(raw) and raw[at] == "\\":
        if raw[at + 1 : at + 2] in ("\n", "\r"):
            rest = raw[at + 2 :]
            return _skip(raw, len(raw) - len(rest.lstrip()), char, style)
        return at
    while at < len(raw) and raw[at].isspace() and raw[at] != char:
        at += 1
    return at


def _width(raw: str, at: int, style: str) -> int:
    if style == "'" and raw[at : at + 2] == "''":
        return 2
    if style == '"' and raw[at] == "\\":
        return 2 + {"x": 2, "u": 4, "U": 8}.get(raw[at + 1 : at + 2], 0)
    if raw[at] in "\r\n":
        rest = raw[at:]
        return len(rest) - len(rest.lstrip())
    return 1


def _position(scalar: Scalar, offset: int) -> tuple[int, int]:
    before = scalar.raw[:offset]
    newlines = before.count("\n")
    if not newlines:
        return scalar.place.line, scalar.place.column + offset
    return scalar.place.line + newlines, offset - before.rfind("\n")
