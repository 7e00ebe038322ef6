"""Ways through a graph of schedules: the shortest to a place, and the shortest on from there.

Few troubles are shorter than many, however long the way; among as many troubles the shorter way is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TypeAlias

from sagactl.rehearsal.proof.deed import Crashed, Ended, Overtaken
from sagactl.rehearsal.proof.explore import Edge, Graph
from sagactl.rehearsal.proof.stand import Plague

# Troubles, then paces.
Distance: TypeAlias = tuple[int, int]
Wanted: TypeAlias = Callable[[Edge], bool]


@dataclass(frozen=True, slots=True)
class Map:
    """How far each node is, and the edge by which it is reached or left; far nodes are missing."""

    distances: dict[int, Distance]
    edges: dict[int, Edge]


def from_beginning(graph: Graph, allowed: Wanted = lambda edge: True) -> Map:
    """How far each node is from the nearest beginning, and the edge that leads there."""
    distances: dict[int, Distance] = {}
    edges: dict[int, Edge] = {}
    heap: list[tuple[int, int, int]] = []

    def meet(edge: Edge, distance: Distance) -> None:
        if edge.target is not None and distance < distances.get(edge.target, FAR):
            distances[edge.target] = distance
            edges[edge.target] = edge
            heappush(heap, (*distance, edge.target))

    for edge in graph.openings:
        meet(edge, (0, 1))
    while heap:
        cost, length, index = heappop(heap)
        if distances[index] < (cost, length):
            continue
        for edge in graph.nodes[index].edges:
            if allowed(edge):
                meet(edge, (cost + edge.cost, length + _length(edge)))
    return Map(distances, edges)


def to_goal(
    graph: Graph,
    incoming: list[list[Edge]],
    nodes: Iterable[int],
    exits: Iterable[Edge],
    allowed: Wanted = lambda edge: True,
) -> Map:
    """How far each node is from the nearest of these nodes or edges, and the edge that leads on."""
    distances: dict[int, Distance] = {}
    edges: dict[int, Edge] = {}
    heap: list[tuple[int, int, int]] = []
    for index in nodes:
        distances[index] = (0, 0)
        heappush(heap, (0, 0, index))
    for edge in exits:
        near = (edge.cost, 1) < distances.get(edge.source, FAR)
        if edge.source >= 0 and near and allowed(edge):
            distances[edge.source] = (edge.cost, 1)
            edges[edge.source] = edge
            heappush(heap, (edge.cost, 1, edge.source))
    while heap:
        cost, length, index = heappop(heap)
        if distances[index] < (cost, length):
            continue
        for edge in incoming[index]:
            distance = (cost + edge.cost, length + _length(edge))
            if edge.source >= 0 and allowed(edge) and distance < distances.get(edge.source, FAR):
                distances[edge.source] = distance
                edges[edge.source] = edge
                heappush(heap, (*distance, edge.source))
    return Map(distances, edges)


def _length(edge: Edge) -> int:
    """How long an edge is told as: of two stories that say the same the plainer is better."""
    match edge.deed:
        case Overtaken():
            return 4
        case Crashed():
            return 3
        case Ended(late=True):
            return 3
        case Ended(plague=Plague()):
            return 2
    return 1


FAR: Distance = (1 << 30, 0)


def incoming_edges(graph: Graph) -> list[list[Edge]]:
    """The edges that lead to each node."""
    incoming: list[list[Edge]] = [[] for _ in graph.nodes]
    for edge in (edge for node in graph.nodes for edge in node.edges):
        if edge.target is not None:
            incoming[edge.target].append(edge)
    return incoming


def way_to(there: Map, index: int) -> list[Edge]:
    """The edges from the beginning to a node."""
    way: list[Edge] = []
    while index >= 0:
        edge = there.edges[index]
        way.append(edge)
        index = edge.source
    return way[::-1]


def way_from(on: Map, index: int) -> list[Edge]:
    """The edges from a node to the goal."""
    way: list[Edge] = []
    at: int | None = index
    while at is not None and at in on.edges:
        way.append(on.edges[at])
        at = on.edges[at].target
    return way
