"""Fixes as edits of the text: an entry taken out of a map or put into it, at the right indentation.

Whatever is written in a way that is not surely understood (values over several lines, keys on the
line of something else) gets no fix: None is always a right answer here.
"""

import re

from sagactl.definition.model import Saga
from sagactl.lint.written import node_at
from sagactl.source.node import Entry, List, Map, Node, Scalar
from sagactl.source.place import Place, Source, lines_of
from sagactl.source.problem import Edit, Fix

# What may stand in front of a key in block style.
_BLOCK = re.compile(r"[ ]*(?:- +)*\Z")
_REST = re.compile(r"\s*(?:#.*)?\Z")


def replacement(title: str, place: Place, text: str) -> Fix:
    """What stands at a place becomes another text."""
    return Fix(title, (Edit(place, text),))


def without_entry(saga: Saga, *path: str | int) -> Fix | None:
    """The entry at a path is taken out, with its line where it has one to itself."""
    above, entry = node_at(saga, *path[:-1]), _entry(saga, path)
    if not isinstance(above, Map) or entry is None or len(above.entries) == 1:
        return None
    edit = _cut(above, entry)
    return None if edit is None else Fix(f'leave out "{entry.name}"', (edit,))


def without_item(saga: Saga, *path: str | int) -> Fix | None:
    """The item at a path is taken out of a list in brackets."""
    above, index = node_at(saga, *path[:-1]), path[-1]
    if not isinstance(above, List) or not isinstance(index, int) or index == 0:
        return None
    before, item = above.items[index - 1].place, above.items[index].place
    if not _is_flow(above) or not _on_one_line(above):
        return None
    place = Place(item.source, item.line, before.end_column, item.line, item.end_column)
    return Fix("leave it out", (Edit(place, ""),))


def with_entry(saga: Saga, path: tuple[str | int, ...], key: str, value: str) -> Fix | None:
    """The request at a path says `key: value` too, behind its request line."""
    entry = _entry(saga, path)
    if entry is None:
        return None
    title, value_place = f'add "{key}: {value}"', entry.value.place
    if isinstance(entry.value, Scalar):
        return _opened(title, entry, f"{key}: {value}")
    if not isinstance(entry.value, Map) or entry.value.get(key) is not None:
        return None
    anchor = next((e for e in entry.value if e.name == "request"), None)
    if anchor is None or not _on_one_line(anchor.value):
        return None
    place = anchor.value.place
    if _is_flow(entry.value):
        return Fix(title, (Edit(_point(place, place.end_column), f", {key}: {value}"),))
    indent = " " * (anchor.key.place.column - 1)
    text = f"\n{indent}{key}: {value}"
    return Fix(title, (Edit(_line_end(value_place.source, place.line), text),))


def _opened(title: str, entry: Entry, more: str) -> Fix | None:
    """`compensation: DELETE /x`, the short form, becomes a map with `more` in it."""
    key, value = entry.key.place, entry.value.place
    if (
        not _on_one_line(entry.value)
        or value.line != key.line
        or not isinstance(entry.value, Scalar)
    ):
        return None
    line = _line(key.source, key.line)
    if not _BLOCK.match(line[: key.column - 1]):
        return Fix(title, (Edit(value, f"{{request: {entry.value.raw}, {more}}}"),))
    indent = " " * (key.column + 1)
    text = f"\n{indent}request: {entry.value.raw}\n{indent}{more}"
    gap = Place(key.source, key.line, key.end_column + 1, key.line, value.end_column)
    if not line[value.end_column - 1 :].strip():
        return Fix(title, (Edit(gap, text),))
    # A remark stays where it is, beside the key.
    return Fix(title, (Edit(gap, ""), Edit(_line_end(key.source, key.line), text)))


def _cut(above: Map, entry: Entry) -> Edit | None:
    key, value = entry.key.place, entry.value.place
    if not _on_one_line(entry.value) or value.line != key.line:
        return None
    line = _line(key.source, key.line)
    if not _is_flow(above):
        # The key beside the dash holds the rest of the item in place.
        if (
            line[: key.column - 1].strip()
            or key.line == 1
            or not _REST.match(line[value.end_column - 1 :])
        ):
            return None
        end = len(_line(key.source, key.line - 1)) + 1
        return Edit(Place(key.source, key.line - 1, end, key.line, len(line) + 1), "")
    index = above.entries.index(entry)
    if index:
        before = above.entries[index - 1].value.place
        if before.end_line != key.line:
            return None
        return Edit(Place(key.source, key.line, before.end_column, key.line, value.end_column), "")
    after = above.entries[1].key.place
    if after.line != key.line:
        return None
    return Edit(Place(key.source, key.line, key.column, key.line, after.column), "")


def _entry(saga: Saga, path: tuple[str | int, ...]) -> Entry | None:
    above = node_at(saga, *path[:-1])
    if not isinstance(above, Map):
        return None
    return next((entry for entry in above if entry.name == path[-1]), None)


def _is_flow(node: Node) -> bool:
    return _line(node.place.source, node.place.line)[node.place.column - 1 :][:1] in ("{", "[")


def _on_one_line(node: Node) -> bool:
    return node.place.line == node.place.end_line


def _line(source: Source, number: int) -> str:
    return lines_of(source.text)[number - 1]


def _point(place: Place, column: int) -> Place:
    return Place(place.source, place.line, column, place.line, column)


def _line_end(source: Source, number: int) -> Place:
    column = len(_line(source, number)) + 1
    return Place(source, number, column, number, column)
