"""Where something stands in a text: the source, its line and its columns.

Lines and columns count from 1, columns in code points, and the end is exclusive. Nothing here
reads files. Whoever asks for many places in one text finds its lines only once.

A place is a named tuple, as the nodes' smallest parts are: there is one for each of them, and a
frozen dataclass takes more than twice as long to make.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the name it is shown under (a path, or `<stdin>`)."""

    name: str
    text: str = field(repr=False)


class Place(NamedTuple):
    """A stretch of a source, from (line, column) up to but not including (end_line, end_column)."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


# What YAML 1.1 takes for the end of a line, and libyaml with it.
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@lru_cache(maxsize=8)
def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a text without what ends them: line n of a place is number n - 1."""
    return tuple(_BREAK.split(text))


def position_in(text: str, offset: int) -> tuple[int, int]:
    """Line and column of the character at an offset, from 1."""
    starts = _starts(text)
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


@lru_cache(maxsize=8)
def _starts(text: str) -> tuple[int, ...]:
    return (0, *(found.end() for found in _BREAK.finditer(text)))
