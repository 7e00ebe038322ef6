"""Where something stands in a text: the source, its line and its columns.

Lines and columns count from 1, columns in code points, and the end is exclusive. Nothing here
reads files.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the name it is shown under (a path, or `<stdin>`)."""

    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a source, from (line, column) up to but not including (end_line, end_column)."""

    source: Source = field(repr=False)
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"
