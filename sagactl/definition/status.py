"""Statuses as people write them: 404, 4xx, and conditions among them."""

from collections.abc import Iterable

from sagactl.definition.model import SUCCESS_STATUSES, StatusSet
from sagactl.source.node import Json, List, Node, plain

ACCEPTED = 202


def is_status(value: Json) -> bool:
    """Whether it is a status or a class of them, and not a condition."""
    return isinstance(value, int) or "${{" not in str(value)


def listed(node: Node) -> tuple[Node, ...]:
    """The items of a list, or the one thing that stands in place of a list."""
    return node.items if isinstance(node, List) else (node,)


def parse_statuses(nodes: Iterable[Node]) -> StatusSet:
    """The set of them. 2xx leaves out 202 (RFC 9110, 15.3.3: not done yet) unless it is named."""
    ranges: list[tuple[int, int]] = []
    for node in nodes:
        text = str(plain(node))
        if text.lower() == "2xx":
            ranges.extend(SUCCESS_STATUSES.ranges)
        elif text.lower().endswith("xx"):
            ranges.append((int(text[0]) * 100, int(text[0]) * 100 + 99))
        else:
            ranges.append((int(text), int(text)))
    return StatusSet(tuple(ranges))


def shared_status(one: StatusSet, other: StatusSet) -> int | None:
    """A status that is in both."""
    return next((status for status in range(200, 600) if status in one and status in other), None)
