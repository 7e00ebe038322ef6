"""Random graphs, failures, interleavings and crashes: what must hold in every one of them."""

import random

import pytest
from invariants import check
from machine.world import World, random_saga

from sagactl.machine import event as e
from sagactl.machine.moves import MOVES
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import outstanding
from sagactl.machine.state import SagaState, saga_state

SEEDS = 3000


def live(seed: int) -> World:
    rng = random.Random(seed)
    world = World(random_saga(rng), seed, crash_rate=rng.choice([0.0, 0.05, 0.2]))
    world.live()
    return world


def check_end(world: World) -> None:
    state = check(world.plan, world.journal, world.deeds)
    assert state in (SagaState.COMPLETED, SagaState.FAILED, SagaState.STUCK)


@pytest.mark.parametrize("block", range(10))
def test_every_run_ends_and_leaves_nothing_behind(block: int) -> None:
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        try:
            check_end(live(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


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
        world = live(seed)
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
