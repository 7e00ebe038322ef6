"""A problem as people read it: where, what, the line with the spot underlined, the way out."""

import unicodedata
from collections.abc import Iterator

from sagactl.source.place import Place, lines_of
from sagactl.source.problem import Problem, Severity

WIDEST = 120
TAB = "    "

BOLD, RED, YELLOW, GREEN, CYAN, OFF = (
    "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[36m", "\x1b[0m",
)  # fmt: skip


def problem_lines(problem: Problem, *, colour: bool) -> list[str]:
    """The lines of one problem; nothing in them can move a terminal's cursor."""
    severe = problem.severity is Severity.ERROR
    paint = (RED if severe else YELLOW) if colour else ""
    bold, off, cyan = (BOLD, OFF, CYAN) if colour else ("", "", "")
    severity = f"{paint}{problem.severity}{off}"
    message = visible(problem.message)
    lines = [f"{bold}{visible(str(problem.place))}{off}: {severity}: {message} [{problem.code}]"]
    lines.extend(_snippet(problem.place, GREEN if colour else "", off))
    if problem.hint is not None:
        lines.append(f"  {cyan}help{off}: {visible(problem.hint)}")
    lines.extend(
        f"{visible(str(other.place))}: {cyan}note{off}: {visible(other.message)}"
        for other in problem.related
    )
    return lines


def visible(text: str) -> str:
    """The text with every control and direction character spelt out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char == " " or unicodedata.category(char)[0] not in "CZ":
        return char
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def _snippet(place: Place, paint: str, off: str) -> Iterator[str]:
    lines = lines_of(place.source.text)
    if not 1 <= place.line <= len(lines):
        return
    line = lines[place.line - 1]
    start = min(place.column - 1, len(line))
    end = place.end_column - 1 if place.end_line == place.line else len(line.rstrip())
    end = max(min(end, len(line)), start + 1)
    # A long line is cut around its caret; what is left out shows as an ellipsis.
    cut = max(0, start - WIDEST // 2) if _width(line) > WIDEST else 0
    before, spot = line[cut:start], line[start:end]
    head = "…" if cut else ""
    tail = line[end : cut + WIDEST]
    yield "  " + head + _flat(before) + _flat(spot) + _flat(tail)
    pad = " " * (len(head) + _width(_flat(before)))
    marks = "^" + "~" * (min(max(_width(_flat(spot)), 1), WIDEST) - 1)
    yield f"  {pad}{paint}{marks}{off}"


def _flat(text: str) -> str:
    return visible(text.replace("\t", TAB))


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    marks = sum(unicodedata.combining(char) != 0 for char in text)
    return len(text) + wide - marks
