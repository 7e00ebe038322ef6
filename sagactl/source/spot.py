"""Where a part of a scalar's value stands in the source.

A value and its source differ: quotes, escapes, folded lines, indentation. Both are walked side by
side. This is for messages only, so it never fails; at worst it answers with the whole scalar.
"""

import re
from functools import lru_cache

from sagactl.source.node import Scalar
from sagactl.source.place import Place, position_in

_BLANKS = re.compile(r"\s*")
_BREAKS = "\r\n\x85\u2028\u2029"


def place_within(scalar: Scalar, start: int, end: int) -> Place:
    """The place of the characters `value[start:end]` of a text scalar."""
    value, place = scalar.value, scalar.place
    if not isinstance(value, str):
        return place
    margin = _margin(value, scalar.raw) if place.line == place.end_line else None
    if margin is not None:
        if start >= len(value):
            return place
        first = place.column + margin + start
        last = place.column + margin + min(end, len(value)) if end > start else first + 1
        return Place(place.source, place.line, first, place.line, last)
    offsets = _offsets(value, scalar.raw)
    if offsets is None or start >= len(offsets):
        return place
    last = offsets[min(end, len(offsets)) - 1] if end > start else offsets[start]
    line, column = _position(scalar, offsets[start])
    end_line, end_column = _position(scalar, last)
    return Place(place.source, line, column, end_line, end_column + 1)


def _margin(value: str, raw: str) -> int | None:
    """How far into the raw slice a value begins that is written there as it is; else None."""
    if raw[:1] in ("'", '"'):
        return 1 if raw[1:-1] == value else None
    return 0 if raw == value and raw[:1] not in ("|", ">") else None


@lru_cache(maxsize=8)
def _offsets(value: str, raw: str) -> tuple[int, ...] | None:
    """For each character of the value, its offset in the raw slice.

    Kept for a while: a text with a thousand expressions is asked about for each of them.
    """
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
    return tuple(found)


def _skip(raw: str, at: int, char: str, style: str) -> int:
    """The offset at which `char` is written: past indentation, folds and escaped line breaks."""
    while at < len(raw) and raw[at] != char:
        if char == " " and raw[at] in _BREAKS:
            return at  # a folded line break reads as a space
        if style == '"' and raw[at] == "\\":
            if raw[at + 1 : at + 2] not in ("\n", "\r"):
                return at
            at = _past_blanks(raw, at + 2)
        elif raw[at].isspace():
            at += 1
        else:
            return at
    return at


def _width(raw: str, at: int, style: str) -> int:
    if style == "'" and raw[at : at + 2] == "''":
        return 2
    if style == '"' and raw[at] == "\\":
        return 2 + {"x": 2, "u": 4, "U": 8}.get(raw[at + 1 : at + 2], 0)
    return _past_blanks(raw, at) - at if raw[at] in _BREAKS else 1


def _past_blanks(raw: str, at: int) -> int:
    found = _BLANKS.match(raw, at)
    return at if found is None else found.end()


def _position(scalar: Scalar, offset: int) -> tuple[int, int]:
    line, column = position_in(scalar.raw, offset)
    if line == 1:
        return scalar.place.line, scalar.place.column + column - 1
    return scalar.place.line + line - 1, column
