"""Where something was written that the model keeps without its place.

The text is read once more for it, which costs nothing as long as there is nothing to tell.
"""

from functools import lru_cache

from sagactl.definition.model import Saga, Step
from sagactl.source.node import Map, Node, descend
from sagactl.source.place import Place, Source
from sagactl.source.reader import read


def key_places(saga: Saga, *path: str | int) -> dict[str, Place]:
    """The places of the keys of the map at a path; none where there is no such map."""
    node = _tree(saga.source)
    found = descend(node, path) if node is not None else None
    return {entry.name: entry.key.place for entry in found} if isinstance(found, Map) else {}


@lru_cache(maxsize=4)
def _tree(source: Source) -> Node | None:
    return read(source)[0]


def word_place(saga: Saga, step: Step, word: str) -> Place:
    """Where a step says `word`; the step itself where it does not."""
    return key_places(saga, "steps", saga.steps.index(step)).get(word, step.place)
