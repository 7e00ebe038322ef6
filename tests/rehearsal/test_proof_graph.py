"""The graph of schedules: how many ways there are, the shortest of them, and what has no end."""

from random import Random

import pytest
from rehearsal.tiny import course_of, saga_of, tiny

from sagactl.machine.rehearsed import Judgement, Struck, Trouble
from sagactl.rehearsal.proof import explore
from sagactl.rehearsal.proof.deed import Woken
from sagactl.rehearsal.proof.explore import Bounds, Edge, Graph, Node, schedules
from sagactl.rehearsal.proof.rehearse import rehearse
from sagactl.rehearsal.proof.route import from_beginning, incoming_edges, to_goal, way_from, way_to


def drawn(*ways: str, openings: int = 1) -> Graph:
    """A graph of ways such as `0 1`, `0 1 !` for one that costs a trouble, `0 -` for a breach.

    Where nothing leads on there is an end.
    """
    edges = []
    for way in ways:
        source, target, *cost = way.split()
        edges.append((int(source), None if target == "-" else int(target), len(cost)))
    last = max(max(source, target or 0) for source, target, _ in edges)
    _, begin = course_of(tiny(0), 0)
    nodes = [Node(begin.stand) for _ in range(last + 1)]
    for source, target, cost in edges:
        struck = (Struck("a", Trouble.REJECTED),) * cost
        nodes[source].edges.append(Edge(source, target, Woken(0.0), struck, (), cost))
    for node in nodes:
        node.is_end = not node.edges
    first = [Edge(-1, index, Woken(0.0), (), (), 0) for index in range(openings)]
    return Graph(first, nodes)


def by_hand(graph: Graph, depth: int) -> int:
    """The ways counted one by one; none that comes back to where it was."""

    def ways(index: int, left: int, path: frozenset[tuple[int, int]]) -> int:
        node, here = graph.nodes[index], path | {(index, left)}
        found = int(node.is_end)
        for edge in node.edges:
            if edge.cost > left:
                continue
            if edge.target is None:
                found += 1
            elif (edge.target, left - edge.cost) not in here:
                found += ways(edge.target, left - edge.cost, here)
        return found

    return sum(ways(e.target, depth, frozenset()) for e in graph.openings if e.target is not None)


@pytest.mark.parametrize(
    ("ways", "depth", "number"),
    [
        (["0 1"], 0, 1),
        (["0 1", "0 2"], 0, 2),
        (["0 1", "0 2", "1 3", "2 3"], 0, 2),
        (["0 1", "0 2", "1 3", "2 3", "3 4", "3 5"], 0, 4),
        (["0 1 !", "0 2"], 0, 1),
        (["0 1 !", "0 2"], 1, 2),
        (["0 1 !", "1 2 !", "0 2"], 1, 1),
        (["0 1 !", "1 2 !", "0 2"], 2, 2),
        (["0 -", "0 1"], 0, 2),
        (["0 - !", "0 1"], 0, 1),
        (["0 1", "1 0", "1 2"], 0, 1),
        (["0 0", "0 1"], 0, 1),
    ],
)
def test_schedules_are_all_ways_to_an_end(ways: list[str], depth: int, number: int) -> None:
    graph = drawn(*ways)
    assert schedules(graph, depth) == by_hand(graph, depth) == number


def test_each_beginning_has_schedules_of_its_own() -> None:
    assert schedules(drawn("0 2", "1 2", openings=2), 0) == 2


@pytest.mark.parametrize("number", range(200))
def test_schedules_are_counted_as_if_by_hand(number: int) -> None:
    chance = Random(number)
    size = chance.randint(2, 7)
    ways = [
        f"{a} {b}{' !' * chance.choice([0, 0, 1])}"
        for a in range(size)
        for b in range(a + 1, size)
        if chance.random() < 0.6
    ]
    graph = drawn(f"0 {size}", *ways)
    for depth in (0, 1, 2):
        assert schedules(graph, depth) == by_hand(graph, depth)


@pytest.mark.parametrize("number", range(12))
def test_schedules_of_a_definition_are_counted_as_if_by_hand(number: int) -> None:
    text = tiny(number, steps=2, parallel=False)
    course, begin = course_of(text, 1)
    graph = course.explore([begin], Bounds(1))
    if goes_round(graph):
        assert 0 < schedules(graph, 1) <= by_hand(graph, 1)
    else:
        assert schedules(graph, 1) == by_hand(graph, 1)


def goes_round(graph: Graph) -> bool:
    done: set[int] = set()
    open_: set[int] = set()

    def meets_itself(index: int) -> bool:
        if index in open_:
            return True
        if index in done:
            return False
        open_.add(index)
        targets = [e.target for e in graph.nodes[index].edges if e.target is not None]
        found = any(meets_itself(target) for target in targets)
        open_.discard(index)
        done.add(index)
        return found

    return any(meets_itself(e.target) for e in graph.openings if e.target is not None)


@pytest.mark.parametrize("number", range(100))
def test_the_shortest_way_there_and_the_shortest_on_are_as_long_as_any(number: int) -> None:
    chance = Random(number)
    size = chance.randint(3, 8)
    ways = [
        f"{chance.randrange(size)} {chance.randrange(size)}{' !' * chance.choice([0, 0, 1])}"
        for _ in range(2 * size)
    ]
    graph = drawn(f"0 {size}", *ways)
    there = from_beginning(graph)
    on = to_goal(graph, incoming_edges(graph), [size], [])
    distances = relaxed(graph)
    assert there.distances == distances
    assert on.distances[0] == (0, 1)
    for index, (cost, length) in distances.items():
        way = way_to(there, index)
        assert (sum(edge.cost for edge in way), len(way)) == (cost, length)
        assert way[-1].target == index
        if index in on.distances:
            rest = way_from(on, index)
            assert (sum(edge.cost for edge in rest), len(rest)) == on.distances[index]
            assert not rest or rest[-1].target == size


def relaxed(graph: Graph) -> dict[int, tuple[int, int]]:
    """How far each node is, by going over every edge until nothing is nearer (Bellman, Ford)."""
    found = {edge.target: (0, 1) for edge in graph.openings if edge.target is not None}
    for _ in graph.nodes:
        for edge in (edge for node in graph.nodes for edge in node.edges):
            if edge.source in found and edge.target is not None:
                cost, length = found[edge.source]
                after = (cost + edge.cost, length + 1)
                found[edge.target] = min(found.get(edge.target, after), after)
    return found


def test_an_edge_that_is_not_allowed_is_gone_round() -> None:
    graph = drawn("0 1 !", "0 2", "2 3", "3 1")
    assert from_beginning(graph).distances[1] == (0, 4)
    assert from_beginning(graph, lambda edge: edge.target != 3).distances[1] == (1, 2)
    assert 1 not in from_beginning(graph, lambda edge: edge.target not in (1, 3)).distances


def test_a_breach_is_a_goal_too() -> None:
    graph = drawn("0 1", "1 - !", "0 2", "2 -")
    exits = [edge for node in graph.nodes for edge in node.edges if edge.target is None]
    on = to_goal(graph, incoming_edges(graph), [], exits)
    assert on.distances == {0: (0, 2), 1: (1, 1), 2: (0, 1)}
    assert [edge.source for edge in way_from(on, 0)] == [0, 2]


SERVICES = "services: {s: {url: http://s, idempotency: key}}"
ASKED_FOR_EVER = f"""
saga: tiny
{SERVICES}
steps:
  - {{name: a, service: s, pivot: true, action: POST /as, compensation: none}}
  - {{name: b, service: s, action: POST /bs, compensation: none}}
"""


@pytest.mark.parametrize("depth", [1, 2])
def test_what_has_no_end_past_the_pivot_is_for_a_person(depth: int) -> None:
    told = rehearse(saga_of(ASKED_FOR_EVER), "t", Bounds(depth))
    assert [len(f.struck) for f in told.findings] == [1, 1, 1]
    assert {(f.judgement, f.code, f.step) for f in told.findings} == {
        (Judgement.STUCK, "held-past-pivot", "a"),
        (Judgement.STUCK, "refused-past-pivot", "b"),
        (Judgement.STUCK, "asked-for-ever", "b"),
    }
    assert all(found.story[-1] == found.message for found in told.findings)


def chain(length: int) -> str:
    steps = "\n".join(
        f'  - {{name: s{n}, service: s, action: "PUT /s{n}/${{{{ saga.id }}}}", '
        f'compensation: {{request: "DELETE /s{n}/${{{{ saga.id }}}}", success: [2xx, 404]}}}}'
        for n in range(length)
    )
    return f"saga: tiny\n{SERVICES}\nsteps:\n{steps}\n"


def test_states_grow_with_the_steps_and_schedules_with_their_combinations() -> None:
    told = [rehearse(saga_of(chain(n)), "t", Bounds(1)) for n in (2, 4, 8)]
    assert all(one.is_whole and one.judgement is Judgement.SOUND for one in told)
    # From each failure all that was done is undone: they grow with the square of the steps.
    states = [one.states for one in told]
    assert states[2] < 4 * states[1] < 16 * states[0]
    pairs = rehearse(saga_of(chain(4)), "t", Bounds(2))
    assert pairs.schedules > 2 * pairs.states


def test_many_steps_are_no_more_work_than_they_have_to_be() -> None:
    told = rehearse(saga_of(chain(16)), "t", Bounds(1))
    assert told.is_whole
    assert told.states < 3 * 16 * 16
    assert len(told.steps) == 16


@pytest.mark.long
def test_a_hundred_steps_are_walked_to_their_end() -> None:
    told = rehearse(saga_of(chain(100)), "t", Bounds(1))
    assert told.is_whole
    assert told.judgement is Judgement.SOUND


def test_no_more_states_are_walked_than_are_asked_for() -> None:
    for most in (10, 100):
        told = rehearse(saga_of(chain(4)), "t", Bounds(2, most))
        assert told.states <= most
        assert not told.is_whole
    assert rehearse(saga_of(chain(4)), "t", Bounds(2)).is_whole


def test_a_bound_holds_for_all_variants_together() -> None:
    text = chain(2).replace("name: s0,", "name: s0, when: \"${{ saga.id == 'a' }}\",")
    whole = rehearse(saga_of(text), "t", Bounds(1))
    assert len(whole.variants) == 2
    part = rehearse(saga_of(text), "t", Bounds(1, whole.states - 1))
    assert not part.is_whole
    assert part.states <= whole.states - 1


def test_the_first_hole_is_enough_where_that_is_asked_for() -> None:
    text = chain(4).replace("DELETE /s1", "DELETE /other")
    text += "  - {name: last, service: s, action: POST /last}\n  - {name: end, service: s, action: POST /end, compensation: none}\n"
    whole = rehearse(saga_of(text), "t", Bounds(2))
    first = rehearse(saga_of(text), "t", Bounds(2, at_first=True))
    assert first.judgement is whole.judgement is Judgement.HOLE
    assert first.states < whole.states
    assert not first.is_whole


def test_a_saga_that_only_sleeps_has_nothing_that_can_befall_it() -> None:
    told = rehearse(saga_of("saga: t\nsteps: [{name: a, action: {sleep: 1h}}]"), "t")
    assert (told.judgement, told.steps, told.cells, told.findings) == (Judgement.SOUND, (), (), ())
    assert told.is_whole
    assert told.schedules >= 1


def test_nothing_can_go_wrong_at_depth_nought() -> None:
    told = rehearse(saga_of(chain(3)), "t", Bounds(0))
    troubles = {cell.trouble for cell in told.cells if cell.judgement is not None}
    assert troubles == {Trouble.APPLIED}
    assert told.schedules == 1


def test_no_more_paces_are_made_than_the_states_that_were_asked_for_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(explore, "PACES_PER_STATE", 1)
    told = rehearse(saga_of(chain(4)), "t", Bounds(2, 300))
    assert not told.is_whole
    assert told.states < 300
