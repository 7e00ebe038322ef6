"""Where something was written that the model keeps without its place.

The text is read once more for it, which costs nothing as long as there is nothing to tell.
"""

from functools import lru_cache

from sagactl.definition.kept import kept
from sagactl.definition.model import Saga, Step
from sagactl.lint.spot import Phase
from sagactl.source.node import List, Map, Node, descend
from sagactl.source.place import Place, Source
from sagactl.source.reader import read

Path = tuple[str | int, ...]


def node_at(saga: Saga, *path: str | int) -> Node | None:
    """What is written at a path, None where nothing is."""
    node = _tree(saga.source)
    for part in path:
        below: Node | None = None
        if isinstance(node, Map) and isinstance(part, str):
            below = node.get(part)
        elif isinstance(node, List) and isinstance(part, int) and part < len(node.items):
            below = node.items[part]
        node = below
    return node


def key_places(saga: Saga, *path: str | int) -> dict[str, Place]:
    """The places of the keys of the map at a path; none where there is no such map."""
    node = _tree(saga.source)
    found = descend(node, path) if node is not None else None
    return {entry.name: entry.key.place for entry in found} if isinstance(found, Map) else {}


def step_path(saga: Saga, step: Step) -> Path:
    """The path to a step."""
    return "steps", _numbers(saga)[step.name]


def word_place(saga: Saga, step: Step, word: str) -> Place:
    """Where a step says `word`; the step itself where it does not."""
    return key_places(saga, *step_path(saga, step)).get(word, step.place)


def said_at(saga: Saga, step: Step, phase: Phase, word: str) -> tuple[Path, Node] | None:
    """Where what holds for a request was said: by itself, its service, or the defaults."""
    request = {
        Phase.ACTION: step.request,
        Phase.LOOKUP: None if step.lookup is None else step.lookup.request,
        Phase.COMPENSATION: step.compensation,
    }[phase]
    speakers: list[Path] = [(*step_path(saga, step), str(phase))]
    if request is not None and request.service is not None:
        speakers.append(("services", request.service.name))
    if phase is Phase.COMPENSATION:
        speakers.append(("defaults", "compensation"))
    speakers.append(("defaults",))
    for path in speakers:
        node = node_at(saga, *path, word)
        if node is not None:
            return (*path, word), node
    return None


@kept
def _numbers(saga: Saga) -> dict[str, int]:
    return {step.name: number for number, step in enumerate(saga.steps)}


# Several problems of one file are told one after the other, and a file can be a mebibyte.
@lru_cache(maxsize=4)
def _tree(source: Source) -> Node | None:
    return read(source)[0]
