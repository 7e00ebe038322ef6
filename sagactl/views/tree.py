"""A saga as a tree of lines: steps in their order, below each what is in it and what undoes it."""

from collections.abc import Iterator

from sagactl.views.carets import visible
from sagactl.views.glyph import MARKS, painted
from sagactl.views.picture import Node, Picture


def tree_lines(picture: Picture, *, colour: bool) -> list[str]:
    """The picture as lines; in colour where each step's state is known."""
    return [visible(picture.title), *_nodes(picture.nodes, "", colour)]


def _nodes(nodes: tuple[Node, ...], pad: str, colour: bool) -> Iterator[str]:
    for number, node in enumerate(nodes, 1):
        branch, below = ("└─ ", "   ") if number == len(nodes) else ("├─ ", "│  ")
        yield f"{pad}{branch}{_node(node, colour)}"
        rest = f"{pad}{below}{'│' if node.members else ' '}  "
        yield f"{rest}{visible(node.does)}"
        if node.undo is not None:
            yield f"{rest}{_undo(node, colour)}"
        yield from _nodes(node.members, f"{pad}{below}", colour)


def _node(node: Node, colour: bool) -> str:
    notes = f"  ({'; '.join(map(visible, node.notes))})" if node.notes else ""
    if node.state is None:
        return f"{node.name}{notes}"
    told = f": {visible(node.told)}" if node.told else ""
    words = f"{MARKS[node.state]} {node.name}  {node.state}{told}"
    return f"{painted(words, node.state, colour=colour)}{notes}"


def _undo(node: Node, colour: bool) -> str:
    assert node.undo is not None
    state = node.undo.state
    words = f"undo: {visible(node.undo.request)}"
    if state is None:
        return words
    return painted(f"{MARKS[state]} {words}", state, colour=colour)
