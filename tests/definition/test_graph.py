"""The graph of needs, in both directions, for graphs of any shape."""

from collections.abc import Mapping

from definition.definitions import saga_of
from hypothesis import given
from hypothesis import strategies as st

from sagactl.definition.graph import ancestors, dependents, find_cycle, topological
from sagactl.definition.model import Step

NAMES = [f"s{number}" for number in range(7)]
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True, max_size=4), max_size=7
).map(lambda g: {name: [need for need in needs if need in g] for name, needs in g.items()})
ORDERED = st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=7).map(
    lambda rows: {
        f"s{at}": [f"s{need}" for need in sorted(row) if need < at] for at, row in enumerate(rows)
    }
)


def steps_of(needs: Mapping[str, list[str]]) -> tuple[Step, ...]:
    text = "saga: g\nsteps:\n" + "".join(
        f"  - {{name: {name}, action: PUT http://h/x, needs: [{', '.join(those)}]}}\n"
        for name, those in needs.items()
    )
    return saga_of(text).steps


DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_dependents_come_in_the_order_of_the_definition() -> None:
    assert dependents(steps_of(DIAMOND)) == {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ()}


def test_ancestors_reach_all_the_way_back() -> None:
    assert ancestors(steps_of(DIAMOND))["d"] == {"a", "b", "c"}
    assert ancestors(steps_of(DIAMOND))["a"] == frozenset()


def test_what_could_start_together_keeps_its_order() -> None:
    assert topological({"z": [], "a": [], "m": ["z"], "b": ["a"]}) == ("z", "a", "m", "b")


def test_a_long_chain_written_backwards_is_put_right() -> None:
    chain = {f"s{n}": [f"s{n + 1}"] for n in range(20_000)} | {"s20000": []}
    assert topological(chain)[0] == "s20000"
    assert len(topological(chain)) == 20_001


@given(ORDERED)
def test_every_step_stands_behind_all_it_needs(needs: dict[str, list[str]]) -> None:
    order = topological(needs)
    assert sorted(order) == sorted(needs)
    for name, those in needs.items():
        assert all(order.index(need) < order.index(name) for need in those)
    assert find_cycle(needs) is None


@given(ORDERED)
def test_ancestors_and_dependents_are_two_sides_of_one_graph(needs: dict[str, list[str]]) -> None:
    steps = steps_of(needs)
    behind = dependents(steps)
    for name, those in ancestors(steps).items():
        assert those == set(needs[name]).union(*(ancestors(steps)[n] for n in needs[name]))
        assert all(name in behind[need] for need in needs[name])


@given(GRAPHS)
def test_a_circle_is_found_where_there_is_one_and_is_one(needs: dict[str, list[str]]) -> None:
    circle = find_cycle(needs)
    if circle is None:
        assert len(topological(needs)) == len(needs)
        return
    assert len(set(circle)) == len(circle)
    for name, following in zip(circle, [*circle[1:], circle[0]], strict=True):
        assert following in needs[name]


def test_a_circle_leaves_out_the_way_into_it() -> None:
    assert find_cycle({"in": ["a"], "a": ["b"], "b": ["a"], "out": []}) == ("a", "b")
    assert find_cycle({"a": ["a"]}) == ("a",)
