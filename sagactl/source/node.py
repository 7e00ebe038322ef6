"""The tree of a YAML text: scalars, lists and maps, each with its place.

Scalars are already what YAML 1.2 says they are (text, whole number, fraction, true, false, null).
Nothing here knows what a saga is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from sagactl.source.place import Place

# None, bool, int, float, str, list of Json, dict from str to Json. Written as Any because every
# reader of a JSON value asks for its type anyway, and a recursive alias only adds casts.
Json: TypeAlias = Any


class Scalar(NamedTuple):
    """A single value; `raw` is the slice of the source it was read from, quotes included."""

    place: Place
    value: bool | int | float | str | None
    raw: str


@dataclass(frozen=True, slots=True)
class List:
    place: Place
    items: "tuple[Node, ...]"


class Entry(NamedTuple):
    key: Scalar
    value: "Node"

    @property
    def name(self) -> str:
        return str(self.key.value)


@dataclass(frozen=True, slots=True)
class Map:
    place: Place
    entries: tuple[Entry, ...]
    # Made when it is first needed: who reads a map asks it for many names.
    _index: dict[str, Entry] | None = field(default=None, init=False, repr=False, compare=False)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def get(self, name: str) -> "Node | None":
        """The value under `name`, or None where there is no such key."""
        entry = self._entry(name)
        return None if entry is None else entry.value

    def key(self, name: str) -> Scalar | None:
        """The key itself (for its place), or None."""
        entry = self._entry(name)
        return None if entry is None else entry.key

    def _entry(self, name: str) -> Entry | None:
        index = self._index
        if index is None:
            # Of a name that stands twice the first one counts.
            index = {entry.name: entry for entry in reversed(self.entries)}
            object.__setattr__(self, "_index", index)
        return index.get(name)


Node: TypeAlias = Scalar | List | Map


def plain(node: Node) -> Json:
    """The bare JSON value of a node, without places."""
    match node:
        case Scalar():
            return node.value
        case List():
            return [plain(item) for item in node.items]
        case Map():
            return {entry.name: plain(entry.value) for entry in node.entries}


def descend(node: Node, path: "list[str | int] | tuple[str | int, ...]") -> Node:
    """The node at a JSON path below `node`, or the deepest one that exists on the way."""
    for step in path:
        below: Node | None = None
        if isinstance(node, Map) and isinstance(step, str):
            below = node.get(step)
        elif isinstance(node, List) and isinstance(step, int) and step < len(node.items):
            below = node.items[step]
        if below is None:
            return node
        node = below
    return node
