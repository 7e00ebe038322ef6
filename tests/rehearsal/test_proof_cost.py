"""What a rehearsal costs, in states and paces and never in seconds; the benchmark has those."""

from bench.rehearsal import Cost, cost, linear, parallel

from sagactl.rehearsal.proof.explore import Bounds

PAIRS = Bounds(depth=2)


def test_states_grow_with_the_square_of_the_steps_and_paces_with_the_states() -> None:
    few, more = cost(linear(4), PAIRS), cost(linear(8), PAIRS)
    assert few.told.states < more.told.states < 4 * few.told.states
    assert more.paces < 3 * more.told.states


def test_the_work_grows_with_states_and_not_with_schedules() -> None:
    few, more = cost(parallel(2), PAIRS), cost(parallel(3), PAIRS)

    def times(grown: Cost, by: Cost) -> tuple[float, float]:
        return grown.told.schedules / by.told.schedules, grown.paces / by.paces

    schedules, paces = times(more, few)
    assert schedules > 3 * paces
    assert few.told.is_whole
    assert more.told.is_whole
