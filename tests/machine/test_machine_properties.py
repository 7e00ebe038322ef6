"""Random graphs, failures, interleavings and crashes: what must hold in every one of them."""

import random
from collections import Counter

import pytest
from invariants import check
from machine.world import World, random_saga

from sagactl.machine import event as e
from sagactl.machine.moves import MOVES, RESOLUTIONS, Resolution
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import outstanding
from sagactl.machine.state import SagaState, saga_state

SEEDS = 3000


def live(seed: int) -> World:
    rng = random.Random(seed)
    world = World(random_saga(rng), seed, crash_rate=rng.choice([0.0, 0.05, 0.2]))
    world.live()
    return world


def operated(seed: int) -> World:
    """A world with an operator in it, who resumes what is stuck as well."""
    rng = random.Random(seed)
    crash_rate = rng.choice([0.0, 0.05])
    world = World(random_saga(rng), seed, crash_rate=crash_rate, operator_rate=0.15)
    world.live()
    for _ in range(3):
        if saga_state(world.plan, world.run) is SagaState.STUCK:
            world.resume(reopen=True)
            world.live()
    # Where nothing had to be undone, the operator may want it tried again.
    if saga_state(world.plan, world.run) is SagaState.FAILED and rng.random() < 0.5:
        world.turn_forwards()
        world.live()
    return world


def check_end(world: World) -> None:
    state = check(world.plan, world.journal, world.deeds)
    if state is SagaState.ABANDONED:
        assert outstanding(world.plan, world.run) == ()
        return
    assert state in (SagaState.COMPLETED, SagaState.FAILED, SagaState.STUCK)


@pytest.mark.parametrize("block", range(10))
def test_every_run_ends_and_leaves_nothing_behind(block: int) -> None:
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        try:
            check_end(live(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize("block", range(5))
def test_whatever_an_operator_says_or_does_nothing_is_left_behind(block: int) -> None:
    ends: Counter[SagaState] = Counter()
    turned = 0
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        try:
            world = operated(seed)
            check_end(world)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        ends[saga_state(world.plan, world.run)] += 1
        turned += world.turned_forwards
    assert turned > 5
    assert min(ends[state] for state in (SagaState.COMPLETED, SagaState.FAILED)) > 30
    assert ends[SagaState.ABANDONED] > 3


def test_every_word_of_an_operator_is_said() -> None:
    said: set[tuple[S, Resolution]] = set()
    for seed in range(4000):
        said |= operated(seed).words
        if said == set(RESOLUTIONS):
            break
    assert said == set(RESOLUTIONS)


def test_a_run_that_ended_calls_nobody_again() -> None:
    for seed in range(300):
        world = live(seed)
        calls = len(world.journal)
        if saga_state(world.plan, world.run) is not SagaState.STUCK:
            world.resume()
            assert outstanding(world.plan, world.run) == ()
            assert len(world.journal) == calls


def test_every_stuck_run_ends_once_its_services_behave() -> None:
    """A stuck saga is freed by resume alone, unless nobody can ever know."""
    freed = 0
    for seed in range(1500):
        world = live(seed)
        if saga_state(world.plan, world.run) is not SagaState.STUCK:
            continue
        world.mischief = 0
        world.resume(reopen=True)
        world.live()
        check_end(world)
        freed += saga_state(world.plan, world.run) is not SagaState.STUCK
    assert freed > 50


def test_every_arrow_is_walked() -> None:
    walked: set[tuple[S, type[e.Event]]] = set()
    for seed in range(3000):
        world = live(seed) if seed < 2700 else operated(seed)
        if saga_state(world.plan, world.run) is SagaState.STUCK:
            world.resume(reopen=True)
            world.live()
        walked |= world.arrows
    # These need an expression that fails, which constant templates never do; each has its own test.
    by_hand = {
        (S.PENDING, e.ActionFailed),
        (S.PENDING, e.ActionRefused),
        (S.UNKNOWN, e.CompensationFailed),
        (S.COMPLETED, e.CompensationFailed),
    }
    assert walked | by_hand == set(MOVES)
