"""Every schedule of one plan, as a graph: stands, and the paces that lead from one to another.

Cheapest first: a stand is met by the fewest troubles that lead there, and among those by the
shortest way. Ways that lead to a stand already seen, with as many troubles still to come, end
there; so the work grows with the stands and not with the schedules, which are counted instead.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from sagactl.machine.event import Event
from sagactl.machine.plan import Plan
from sagactl.machine.rehearsed import Judgement, Struck
from sagactl.rehearsal.proof.deed import Deed, Ended, Pace, Woken
from sagactl.rehearsal.proof.judge import Judge, Verdict
from sagactl.rehearsal.proof.stand import Stand, fingerprint
from sagactl.rehearsal.proof.walk import Walker


@dataclass(frozen=True, slots=True)
class Edge:
    """A pace in the graph. `verdict` is set where it leads to something that may never be."""

    source: int
    target: int | None
    deed: Deed
    struck: tuple[Struck, ...]
    events: tuple[Event, ...]
    cost: int
    verdict: Verdict | None = None


@dataclass(slots=True)
class Node:
    """A stand that was met, with what was thought of it where it is an end."""

    stand: Stand
    edges: list[Edge] = field(default_factory=list)
    verdicts: tuple[Verdict, ...] = ()
    is_end: bool = False


@dataclass(slots=True)
class Graph:
    """The first nodes are where schedules begin; `openings` lead there."""

    openings: list[Edge]
    nodes: list[Node]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many troubles come together, and when it is enough.

    `max_states` bounds the stands, and the paces with them. `at_first`: the first hole is enough.
    """

    depth: int = 2
    max_states: int = 100_000
    at_first: bool = False


# A stand from which more than this leads on is rare, and they are what takes the time.
PACES_PER_STATE = 12


class Explorer:
    """Walks one plan until nothing new is met, or its bounds are."""

    def __init__(self, plan: Plan, walker: Walker, judge: Judge, bounds: Bounds) -> None:
        self._plan = plan
        self._walker = walker
        self._judge = judge
        self._bounds = bounds
        self._paces = 0
        self._has_hole = False
        self._graph = Graph([], [])
        self._seen: dict[Hashable, int] = {}
        self._heap: list[tuple[int, int, int]] = []

    def explore(self, beginnings: Iterable[Pace]) -> Graph:
        """The graph of everything that may happen from these beginnings on."""
        for pace in beginnings:
            self._graph.openings.append(self._edge(-1, 0, pace))
        graph = self._graph
        while self._heap:
            _, length, index = heappop(self._heap)
            node = graph.nodes[index]
            if node.stand.is_end:
                node.is_end = True
                node.verdicts = self._judge.of_end(node.stand)
                self._has_hole |= any(v.judgement is Judgement.HOLE for v in node.verdicts)
            for pace in self._walker.paces(node.stand):
                node.edges.append(self._edge(index, length, pace))
                self._paces += 1
                if self._is_enough():
                    graph.is_whole = False
                    return graph
        self._tell_endless()
        return graph

    def _is_enough(self) -> bool:
        most = self._bounds.max_states
        if len(self._graph.nodes) >= most or self._paces >= most * PACES_PER_STATE:
            return True
        return self._has_hole and self._bounds.at_first

    def _edge(self, source: int, length: int, pace: Pace) -> Edge:
        cost = 0 if isinstance(pace.deed, Woken) else 1
        if isinstance(pace.deed, Ended):
            cost = len(pace.struck)
        target, verdict = None, None
        if pace.breach is None:
            target = self._met(pace.stand, length)
        else:
            breach = pace.breach
            self._has_hole = True
            verdict = Verdict(
                Judgement.HOLE, breach.code, breach.step, breach.message, breach.advice
            )
        return Edge(source, target, pace.deed, pace.struck, pace.events, cost, verdict)

    def _met(self, stand: Stand, length: int) -> int:
        """The node of a stand. Where it was met before, at least as much could still come."""
        mark = fingerprint(self._plan, stand)
        index = self._seen.get(mark)
        if index is None:
            nodes = self._graph.nodes
            index = self._seen[mark] = len(nodes)
            nodes.append(Node(stand))
            heappush(self._heap, (stand.troubles, length + 1, index))
        return index

    def _tell_endless(self) -> None:
        """Judge the stands from which no end is reached though nothing more goes wrong."""
        nodes = self._graph.nodes
        sources: list[list[int]] = [[] for _ in nodes]
        reached = []
        for index, node in enumerate(nodes):
            leads_out = node.is_end
            for edge in node.edges:
                if edge.cost:
                    continue
                if edge.target is None:
                    leads_out = True
                else:
                    sources[edge.target].append(index)
            if leads_out:
                reached.append(index)
        ends = set(reached)
        while reached:
            for source in sources[reached.pop()]:
                if source not in ends:
                    ends.add(source)
                    reached.append(source)
        for index, node in enumerate(nodes):
            if index not in ends:
                node.is_end = True
                node.verdicts = (self._judge.of_endless(node.stand, _asked(node.stand)),)


def _asked(stand: Stand) -> str:
    """The step that a stand goes on about."""
    for call in stand.in_hand:
        return call.step
    waiting = [
        (due, name)
        for name, step in stand.run.steps.items()
        for due in (step.action.due_at, step.lookup.due_at, step.compensation.due_at)
        if due is not None
    ]
    plagued = [name for name, _ in stand.plagues]
    return plagued[0] if plagued else min(waiting, default=(0.0, ""))[1]


def schedules(graph: Graph, depth: int) -> int:
    """How many ways there are from a beginning to an end, with so many troubles at the most."""
    counted: dict[tuple[int, int], int] = {}
    open_: set[tuple[int, int]] = set()  # a way that comes back to where it was is no new one
    stack = [(edge.target, depth) for edge in graph.openings if edge.target is not None]
    beginnings = list(stack)
    while stack:
        place = stack[-1]
        if place in counted:
            stack.pop()
            continue
        open_.add(place)
        node = graph.nodes[place[0]]
        following = [
            (edge.target, place[1] - edge.cost) for edge in node.edges if edge.cost <= place[1]
        ]
        inner = [(target, left) for target, left in following if target is not None]
        fresh = [after for after in inner if after not in counted and after not in open_]
        if fresh:
            stack.extend(fresh)
            continue
        ended = int(node.is_end) + len(following) - len(inner)
        counted[place] = ended + sum(counted.get(after, 0) for after in inner)
        open_.discard(place)
        stack.pop()
    return sum(counted[place] for place in beginnings)
