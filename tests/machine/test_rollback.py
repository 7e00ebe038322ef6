"""What is foreseen of every failure, held against the edges of `needs` alone."""

import random

import pytest
from machine.world import random_saga
from views.story import FORK, ORDER, plan_of

from sagactl.definition.graph import ancestors
from sagactl.definition.model import OnUnknown, Saga
from sagactl.machine.effect import Effect
from sagactl.machine.plan import make_plan
from sagactl.machine.rollback import Ending, Failure, Foresight, Groups, foresee
from sagactl.machine.state import SagaState


def flat_saga(seed: int) -> Saga | None:
    """A random saga of plain steps, or None where chance made another one."""
    saga = random_saga(random.Random(seed))
    plain = all(step.request is not None and step.for_each is None for step in saga.steps)
    return saga if plain else None


def failures(foresight: Foresight) -> dict[str, Failure]:
    return {failure.planned.name: failure for failure in foresight.failures}


def expected(saga: Saga, undone: set[str]) -> Groups:
    """The steps to be undone, each in the first group behind all that came after it."""
    before = ancestors(saga.steps)
    level: dict[str, int] = {}
    for step in sorted(saga.steps, key=lambda step: -len(before[step.name])):
        after = [level[other] for other in undone if step.name in before[other]]
        if step.name in undone:
            level[step.name] = max(after, default=-1) + 1
    groups = [[s.name for s in saga.steps if level.get(s.name) == n] for n in range(len(undone))]
    return tuple(tuple(group) for group in groups if group)


@pytest.mark.parametrize("block", range(4))
def test_every_failure_undoes_what_its_edges_say(block: int) -> None:
    seen = 0
    for seed in range(block * 250, block * 250 + 250):
        saga = flat_saga(seed)
        if saga is None:
            continue
        before = ancestors(saga.steps)
        pivots = {step.name for step in saga.steps if step.pivot}
        for name, failure in failures(foresee(make_plan(saga))).items():
            undoable = {
                step.name
                for step in saga.steps
                if step.compensation is not None and name not in before[step.name]
            }
            past = bool(pivots & before[name])
            rejected = set() if past else undoable - {name}
            assert failure.rejected.undone == expected(saga, rejected), (seed, name)
            assert (failure.rejected.state is SagaState.STUCK) == past, (seed, name)
            doubtful = failure.planned.on_unknown is OnUnknown.COMPENSATE
            assumed = undoable if doubtful else set()
            assert failure.unknown.undone == expected(saga, assumed), (seed, name)
            assert (failure.unknown.state is SagaState.FAILED) == doubtful, (seed, name)
            seen += 1
    assert seen > 100


def test_the_policy_is_that_of_the_plan_itself() -> None:
    """Requests are played without their values, and what a policy reads of them is not lost."""
    for seed in range(300):
        saga = flat_saga(seed)
        if saga is not None:
            plan = make_plan(saga)
            for name, failure in failures(foresee(plan)).items():
                assert failure.planned.on_unknown is plan.steps[name].on_unknown, seed
    found = failures(foresee(plan_of(ORDER)))
    # It is undone with a result that an unknown outcome does not have.
    assert found["charge"].planned.on_unknown is OnUnknown.FINISH


def test_whatever_can_stand_beside_a_failure_is_taken_to_have_happened() -> None:
    foresight = foresee(plan_of(FORK))
    assert foresight.forwards == (("flight", "hotel"), ("pay",))
    assert failures(foresight)["flight"].rejected == Ending((("hotel",),), {}, SagaState.FAILED)
    assert failures(foresight)["pay"].unknown.undone == (("pay",), ("flight", "hotel"))


def test_a_longer_branch_is_through_before_the_shorter_one_fails() -> None:
    more = (
        "  - {name: seat, service: w, needs: [flight], action: PUT /s, compensation: DELETE /s}\n"
    )
    found = failures(foresee(plan_of(FORK + more)))
    assert found["hotel"].rejected.undone == (("seat",), ("flight",))


EACH = """\
saga: parcels
services: {w: {url: "http://w", idempotency: key}}
input: {type: object, properties: {items: {type: array}}}
steps:
  - {name: hold, service: w, action: PUT /a, compensation: DELETE /a}
  - {name: nap, action: {sleep: "${{ input.pause }}"}}
  - name: send
    for_each: ${{ input.items }}
    max_parallel: %d
    service: w
    when: ${{ input.sends }}
    action: PUT /p/${{ item.id }}
    compensation: DELETE /p/${{ item.id }}
"""


def test_instances_are_undone_one_by_one_the_last_first_even_where_they_went_at_once() -> None:
    for at_once, forwards in ((1, (("send[0]",), ("send[1]",))), (2, (("send[0]", "send[1]"),))):
        foresight = foresee(plan_of(EACH % at_once))
        assert foresight.forwards == (("hold",), ("nap",), *forwards)
        assert list(failures(foresight)) == ["hold", "send[1]"]
        failure = failures(foresight)["send[1]"]
        assert failure.rejected.undone == (("send[0]",), ("hold",))
        assert failure.unknown.undone == (("send[1]",), ("send[0]",), ("hold",))


def test_what_is_not_undone_is_told() -> None:
    text = FORK.replace("compensation: DELETE /f", "compensation: none")
    found = failures(foresee(plan_of(text)))
    assert found["pay"].rejected.left == {"flight": Effect.STANDS}
    text = text.replace("name: hotel,", "name: hotel, on_unknown: compensate,")
    assert failures(foresee(plan_of(text)))["hotel"].unknown.left == {"flight": Effect.STANDS}


def test_past_the_pivot_nothing_is_undone_and_asking_has_no_end() -> None:
    text = FORK.replace("compensation: DELETE /p", "pivot: true") + (
        "  - {name: tell, service: w, action: PUT /t, compensation: none}\n"
    )
    tell = failures(foresee(plan_of(text)))["tell"]
    assert (tell.rejected.undone, tell.rejected.state) == ((), SagaState.STUCK)
    assert (tell.unknown.undone, tell.unknown.state) == ((), SagaState.PENDING)
    assert tell.rejected.left == dict.fromkeys(("flight", "hotel", "pay"), Effect.STANDS)


def test_a_long_chain_is_foreseen() -> None:
    steps = "".join(
        f"  - {{name: s{n}, service: w, action: PUT /{n}, compensation: DELETE /{n}}}\n"
        for n in range(40)
    )
    head = FORK[: FORK.index("  - {name: flight")]
    foresight = foresee(plan_of(head + steps))
    assert len(foresight.failures) == 40
    assert foresight.failures[-1].rejected.undone == tuple((f"s{n}",) for n in range(38, -1, -1))
