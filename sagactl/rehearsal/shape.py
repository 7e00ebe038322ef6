"""The smallest value in which everything is that somebody wishes to be there.

Nobody promises that all wishes can be granted at once: whoever has a value made holds it against
the conditions themselves.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sagactl.definition.value import same
from sagactl.source.node import Json

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """Something is to be there, whatever it is."""


@dataclass(frozen=True, slots=True)
class Exactly:
    value: Json


@dataclass(frozen=True, slots=True)
class Unlike:
    """Whatever it is, it is not this."""

    value: Json


@dataclass(frozen=True, slots=True)
class Sized:
    """A list of `count` items, where nothing else says what it is."""

    count: int


@dataclass(frozen=True, slots=True)
class Never:
    """It must not be there at all."""


Wanted: TypeAlias = Read | Exactly | Unlike | Sized | Never


@dataclass(frozen=True, slots=True)
class Wish:
    path: Path
    wanted: Wanted


def wishes_below(wishes: Iterable[Wish], part: str) -> list[Wish]:
    """The wishes for what stands under a name, as seen from there."""
    return [Wish(wish.path[1:], wish.wanted) for wish in wishes if wish.path[:1] == (part,)]


def pinned(path: Path, value: Json) -> Iterator[Wish]:
    """The wishes that put `value` at `path`, part by part, so that others can stand beside it."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from pinned((*path, name), item)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from pinned((*path, index), item)
    else:
        yield Wish(path, Exactly(value))


def grow(wishes: Iterable[Wish], leaf: Callable[[Path], Json]) -> Json:
    """A value in which every path is there; the first wish for a value wins, then `leaf`."""
    return _grown((), list(wishes), leaf)


def _grown(path: Path, wishes: list[Wish], leaf: Callable[[Path], Json]) -> Json:
    here = [wish.wanted for wish in wishes if wish.path == path]
    below = [wish for wish in wishes if len(wish.path) > len(path)]
    keys = list(dict.fromkeys(wish.path[len(path)] for wish in below))
    size = next((wanted.count for wanted in here if isinstance(wanted, Sized)), None)
    exact = next((wanted for wanted in here if isinstance(wanted, Exactly)), None)
    if exact is not None and isinstance(exact.value, list | dict | None) and below == []:
        return exact.value
    names = [key for key in keys if isinstance(key, str)]
    if names:
        return _grown_map(path, names, below, leaf)
    if keys or size is not None:
        return _grown_list(path, [key for key in keys if isinstance(key, int)], size, below, leaf)
    if exact is not None:
        return exact.value
    return unlike(leaf(path), [wanted.value for wanted in here if isinstance(wanted, Unlike)])


def _grown_map(
    path: Path, names: list[str], below: list[Wish], leaf: Callable[[Path], Json]
) -> Json:
    made: dict[str, Json] = {}
    for name in names:
        deeper = (*path, name)
        inner = [wish for wish in below if wish.path[: len(deeper)] == deeper]
        if not any(wish.path == deeper and isinstance(wish.wanted, Never) for wish in inner):
            made[name] = _grown(deeper, inner, leaf)
    return made


def _grown_list(
    path: Path,
    indexes: list[int],
    size: int | None,
    below: list[Wish],
    leaf: Callable[[Path], Json],
) -> Json:
    count = max([index + 1 for index in indexes] + [size or 0])
    if size == 0:
        return []
    made = []
    for index in range(count):
        # An item that nobody reads looks like the first one that somebody does.
        shown = index if index in indexes else min(indexes, default=index)
        deeper = (*path, shown)
        inner = [wish for wish in below if wish.path[: len(deeper)] == deeper]
        made.append(_grown(deeper, inner, leaf))
    return made


def unlike(value: Json, others: list[Json]) -> Json:
    """The value, or another one where it is among these."""
    candidates = [value, "ok", "other", 1, 2, True, False]
    return next((c for c in candidates if not any(same(c, other) for other in others)), value)
