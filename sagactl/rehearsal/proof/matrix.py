"""The matrix of steps and troubles, made out from the graph of all schedules.

A hole belongs to the troubles without which it would not be: to one alone where one suffices, to
two where only two together lead there. So what a refused shipment leaves is in that cell, and not
in all those that can come before it. Where a person is rightly needed, it belongs to the trouble
that came last: that an undo can fail is no fault of the refusal before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sagactl.machine.rehearsed import Finding, Judgement, Struck, Trouble
from sagactl.rehearsal.proof.explore import Edge, Graph
from sagactl.rehearsal.proof.judge import Verdict
from sagactl.rehearsal.proof.route import (
    FAR,
    Map,
    from_beginning,
    incoming_edges,
    to_goal,
    way_from,
    way_to,
)
from sagactl.rehearsal.proof.story import Story

# What makes two verdicts the same finding.
Key: TypeAlias = tuple[Judgement, str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """What one cell has to say: its finding, None where all is well, and its own story."""

    struck: Struck
    finding: Finding | None
    story: tuple[str, ...]
    length: int


@dataclass(slots=True)
class _Goal:
    """Where a finding is met: ends that were judged so, and paces that lead nowhere else."""

    verdict: Verdict
    nodes: list[int]
    exits: list[Edge]


class Matrix:
    """Makes out findings and cells of one graph, with at most `depth` troubles."""

    def __init__(self, graph: Graph, story: Story, depth: int) -> None:
        self._graph = graph
        self._story = story
        self._depth = depth
        self._incoming = incoming_edges(graph)
        self._there = from_beginning(graph)

    def findings(self) -> Iterator[tuple[Finding, list[Part]]]:
        """Every finding with its shortest story, and the parts that cells have in it."""
        for goal in self._goals():
            on = to_goal(self._graph, self._incoming, goal.nodes, goal.exits)
            way = self._way(goal, on)
            found = _found(self._exact(goal, way), way, self._story)
            if sum(edge.cost for edge in way):
                yield found, list(self._parts(goal, found))
            else:
                applied = Struck(found.step, Trouble.APPLIED)
                yield found, [Part(applied, found, found.story, len(found.story))]

    def sound(self) -> Iterator[Part]:
        """For each trouble that befell a step, the shortest story of how that goes."""
        ends = [index for index, node in enumerate(self._graph.nodes) if node.is_end]
        on = to_goal(self._graph, self._incoming, ends, (), lambda edge: not edge.cost)
        best: dict[Struck, tuple[tuple[int, int], Edge]] = {}
        for edge in self._edges():
            if edge.target is None or edge.target not in on.distances:
                continue
            cost, length = self._there.distances.get(edge.source, (0, 0))
            length += on.distances[edge.target][1]
            for struck in edge.struck or _unharmed(edge):
                distance = (cost + edge.cost, length)
                if struck not in best or distance < best[struck][0]:
                    best[struck] = (distance, edge)
        for struck, ((_, length), edge) in best.items():
            assert edge.target is not None  # others were left out
            way = [*way_to(self._there, edge.source), edge, *way_from(on, edge.target)]
            yield Part(struck, None, self._story.of(way, self._ended(way)), length)

    def _goals(self) -> list[_Goal]:
        goals: dict[Key, _Goal] = {}
        for index, node in enumerate(self._graph.nodes):
            for verdict in node.verdicts:
                goals.setdefault(_key(verdict), _Goal(verdict, [], [])).nodes.append(index)
        for edge in (*self._edges(), *self._graph.openings):
            if edge.verdict is not None:
                key = _key(edge.verdict)
                goals.setdefault(key, _Goal(edge.verdict, [], [])).exits.append(edge)
        return list(goals.values())

    def _way(self, goal: _Goal, on: Map) -> list[Edge]:
        """The shortest way from a beginning to the goal."""
        opening = next((edge for edge in goal.exits if edge.source < 0), None)
        if opening is not None:
            return [opening]
        at = min(
            (_sum(self._there, on, index), index)
            for index in on.distances
            if index in self._there.distances
        )[1]
        return [*way_to(self._there, at), *way_from(on, at)]

    def _exact(self, goal: _Goal, way: Sequence[Edge]) -> Verdict:
        """The very verdict at the end of a way; another way may end in another message."""
        last = way[-1]
        if last.verdict is not None:
            return last.verdict
        assert last.target is not None  # it leads somewhere, or is judged itself
        verdicts = self._graph.nodes[last.target].verdicts
        return next(v for v in verdicts if _key(v) == _key(goal.verdict))

    def _parts(self, goal: _Goal, finding: Finding) -> Iterator[Part]:
        """The cells that the finding belongs to, fewest troubles first."""
        taken: set[Struck] = set()

        def allowed(edge: Edge) -> bool:
            return taken.isdisjoint(edge.struck)

        for count in range(1, self._depth + 1):
            there = from_beginning(self._graph, allowed) if taken else self._there
            on = to_goal(self._graph, self._incoming, goal.nodes, goal.exits, allowed)
            best: dict[Struck, tuple[int, Edge]] = {}
            for edge in self._edges():
                if not edge.cost or not allowed(edge) or edge.source not in there.distances:
                    continue
                rest = (0, 0) if edge in goal.exits else on.distances.get(edge.target or 0, FAR)
                if edge.target is None and edge not in goal.exits:
                    continue
                if rest[0] and goal.verdict.judgement is Judgement.STUCK:
                    continue
                so_far = there.distances[edge.source]
                if so_far[0] + edge.cost + rest[0] != count:
                    continue
                for struck in edge.struck or (Struck(finding.step, Trouble.CRASH),):
                    length = so_far[1] + rest[1]
                    if struck not in best or length < best[struck][0]:
                        best[struck] = (length, edge)
            for struck, (length, edge) in best.items():
                rest_way = [] if edge.target is None else way_from(on, edge.target)
                way = [*way_to(there, edge.source), edge, *rest_way]
                story = self._story.of(way, finding.message)
                yield Part(
                    struck, replace(finding, struck=_struck(way), story=story), story, length
                )
            taken |= best.keys()

    def _ended(self, way: Sequence[Edge]) -> str:
        last = way[-1].target
        assert last is not None  # it leads to an end
        node = self._graph.nodes[last]
        if node.verdicts:
            return node.verdicts[0].message
        return self._story.end_of(node.stand)

    def _edges(self) -> Iterator[Edge]:
        return (edge for node in self._graph.nodes for edge in node.edges)


def _key(verdict: Verdict) -> Key:
    return verdict.judgement, verdict.code, verdict.step


def _found(verdict: Verdict, way: Sequence[Edge], story: Story) -> Finding:
    told = story.of(way, verdict.message)
    return Finding(
        judgement=verdict.judgement,
        code=str(verdict.code),
        step=verdict.step,
        message=verdict.message,
        advice=verdict.advice,
        struck=_struck(way),
        story=told,
    )


def _struck(way: Sequence[Edge]) -> tuple[Struck, ...]:
    return tuple(struck for edge in way for struck in edge.struck)


def _sum(there: Map, on: Map, index: int) -> tuple[int, int]:
    one, other = there.distances[index], on.distances[index]
    return one[0] + other[0], one[1] + other[1]


def _unharmed(edge: Edge) -> tuple[Struck, ...]:
    call = getattr(edge.deed, "call", None)
    return () if call is None or edge.cost else (Struck(call.step, Trouble.APPLIED),)
