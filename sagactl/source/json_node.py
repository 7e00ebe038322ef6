"""JSON text to nodes with places: what YAML's reader cannot do for every JSON.

Escapes such as `\\/` and pairs of surrogates, tabs and long keys are JSON and no YAML. Refused,
each with its place: names that stand twice, numbers that are none of JSON's, and what is too deep.
"""

import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from sagactl.source.node import Entry, List, Map, Node, Scalar
from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem, Related

MAX_DEPTH = 256
MAX_DIGITS = 400

_BLANKS = re.compile(r"[ \t\n\r]*")
_LITERAL = re.compile(r"(?:true|false|null)\b|-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None}
_scan: Any = scanstring


def read_json(source: Source) -> tuple[Node | None, list[Problem]]:
    """The tree of a JSON text, or None, with every problem found on the way."""
    reading = _Reading(source)
    try:
        root, at = reading.value(reading.blanks(0), 0)
        at = reading.blanks(at)
        if at < len(source.text):
            raise _Stop(at, "there is more behind the end of the JSON value")
    except _Stop as stop:
        place = reading.place(stop.at, stop.at + 1)
        return None, [*reading.problems, Problem("json-syntax", place, stop.message)]
    return root, reading.problems


class _Stop(Exception):
    """From here on it is not JSON."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message


class _Reading:
    """A text and the lines in it."""

    def __init__(self, source: Source) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._text = source.text
        self._lines = [0, *(found.end() for found in re.finditer("\n", source.text))]

    def blanks(self, at: int) -> int:
        found = _BLANKS.match(self._text, at)
        return found.end() if found else at

    def place(self, start: int, end: int) -> Place:
        line = bisect_right(self._lines, start)
        last = bisect_right(self._lines, end, line - 1)
        column, end_column = start - self._lines[line - 1] + 1, end - self._lines[last - 1] + 1
        return Place(self._source, line, column, last, end_column)

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        """The value that begins at an offset, and the offset behind it."""
        if depth > MAX_DEPTH:
            raise _Stop(at, f"nested deeper than {MAX_DEPTH}")
        char = self._text[at : at + 1]
        if char == '"':
            return self._string(at)
        if char == "{":
            return self._map(at, depth)
        if char == "[":
            return self._list(at, depth)
        found = _LITERAL.match(self._text, at)
        if found is None:
            raise _Stop(at, "a JSON value is wanted here" if char else "the JSON ends too soon")
        word = found.group()
        if len(word) > MAX_DIGITS:
            raise _Stop(at, f"a number of {len(word)} characters is too long")
        value: bool | int | float | None
        if word in _WORDS:
            value = _WORDS[word]
        else:
            value = int(word) if found.group(1) is found.group(2) is None else float(word)
            if value in (float("inf"), float("-inf")):
                raise _Stop(at, f'the number "{word[:20]}" is too large')
        return Scalar(self.place(at, found.end()), value, word), found.end()

    def _string(self, at: int) -> tuple[Scalar, int]:
        try:
            text, end = _scan(self._text, at + 1, True)
        except ValueError as error:
            raise _Stop(getattr(error, "pos", at), "this text is not closed, or not JSON") from None
        return Scalar(self.place(at, end), text, self._text[at:end]), end

    def _list(self, start: int, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        at = self.blanks(start + 1)
        while self._text[at : at + 1] != "]":
            if items:
                at = self._comma(at, "]")
            item, at = self.value(at, depth + 1)
            items.append(item)
            at = self.blanks(at)
        return List(self.place(start, at + 1), tuple(items)), at + 1

    def _map(self, start: int, depth: int) -> tuple[Node, int]:
        entries: list[Entry] = []
        names: dict[str, Place] = {}
        at = self.blanks(start + 1)
        while self._text[at : at + 1] != "}":
            if entries:
                at = self._comma(at, "}")
            if self._text[at : at + 1] != '"':
                raise _Stop(at, 'a name in double quotes is wanted here, or "}"')
            key, at = self._string(at)
            self._note(names, key)
            at = self.blanks(at)
            if self._text[at : at + 1] != ":":
                raise _Stop(at, 'a ":" is wanted here')
            value, at = self.value(self.blanks(at + 1), depth + 1)
            entries.append(Entry(key, value))
            at = self.blanks(at)
        return Map(self.place(start, at + 1), tuple(entries)), at + 1

    def _comma(self, at: int, closing: str) -> int:
        if self._text[at : at + 1] != ",":
            raise _Stop(at, f'a "," or "{closing}" is wanted here')
        return self.blanks(at + 1)

    def _note(self, names: dict[str, Place], key: Scalar) -> None:
        name = str(key.value)
        if name in names:
            related = (Related(names[name], f'"{name}" stands here first'),)
            message = f'the name "{name}" stands twice in one object'
            self.problems.append(Problem("duplicate-key", key.place, message, related=related))
        names.setdefault(name, key.place)
