"""What a rehearsal leaves out changes nothing: orders, stands that are alike, attempts.

Each is switched off, and the same is thought of every tiny definition: the same findings, with as
few troubles, and the same ends in the world.
"""

import textwrap
from collections.abc import Hashable

import pytest
from rehearsal.tiny import opinion, saga_of, tiny

from sagactl.definition.model import Request
from sagactl.machine.outstanding import deadline
from sagactl.machine.plan import Plan
from sagactl.machine.rehearsed import Judgement, Trouble
from sagactl.machine.run import Attempts, StepRun
from sagactl.rehearsal.proof import explore, variant
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.rehearse import rehearse
from sagactl.rehearsal.proof.stand import Stand
from sagactl.rehearsal.proof.walk import Walker

# A breach in the first branch, and a hole in the second that is only seen beyond it.
BREACH_IN_ONE_BRANCH = textwrap.dedent("""
    saga: tiny
    services: {s: {url: http://s}}
    steps:
      - name: each
        service: s
        needs: []
        for_each: [x, y]
        action: PUT /same
        compensation: {request: DELETE /same, success: [2xx, 404]}
      - name: asked
        service: s
        needs: []
        action: {request: PUT /things, retry: {max_attempts: 1}}
        lookup: {request: "GET /things", found: "${{ size(response.body) > 99 }}"}
        compensation: {request: DELETE /things, success: [2xx, 404]}
    """)
# Lint refuses it: what stands beside the pivot turns back before it, and not behind it.
BESIDE_THE_PIVOT = textwrap.dedent("""
    saga: tiny
    services: {s: {url: http://s, idempotency: key}}
    steps:
      - {name: one, service: s, needs: [], action: POST /ones, compensation: POST /ones/undo}
      - {name: two, service: s, needs: [], action: POST /twos, pivot: true}
      - {name: three, service: s, needs: [one], action: POST /threes, compensation: none}
    """)
# What is ready first decides whether another can be carried out at all.
FASTER_THAN_THE_OTHER = textwrap.dedent("""
    saga: tiny
    services: {s: {url: http://s, idempotency: key}}
    steps:
      - {name: one, service: s, needs: [], action: POST /ones, compensation: none}
      - {name: two, service: s, needs: [], action: POST /twos, compensation: none}
      - name: three
        service: s
        needs: [two]
        action: {request: POST /threes, json: {one: "${{ steps.one.result }}"}}
        compensation: none
    """)
# Where its lookup finds nothing the saga turns: what the other branch begins hangs on when that is.
TURNED_BY_A_LOOKUP = textwrap.dedent("""
    saga: tiny
    services: {s: {url: http://s}, t: {url: http://t, idempotency: key}}
    steps:
      - name: asked
        service: s
        needs: []
        action: POST /asked
        settle: 1s
        lookup: {request: "GET /asked?key=${{ step.action_key }}", found: "${{ size(response.body) > 0 }}"}
        compensation: {request: POST /asked/undo, idempotency: key}
      - {name: one, service: t, needs: [], action: POST /ones, compensation: POST /ones/undo}
      - {name: two, service: t, needs: [one], action: POST /twos, compensation: POST /twos/undo}
    """)
PLANTED = [TURNED_BY_A_LOOKUP, BREACH_IN_ONE_BRANCH, BESIDE_THE_PIVOT, FASTER_THAN_THE_OTHER]


def every_order(walker: Walker, stand: Stand) -> None:
    return None


def demand_the_same_in_every_order(text: str, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    reduced = opinion(text, depth, 4_000)
    monkeypatch.setattr(Walker, "_free_call", every_order)
    whole = opinion(text, depth, 4_000)
    if whole.is_whole:
        assert reduced == whole


@pytest.mark.parametrize("number", range(40))
def test_an_order_that_is_left_out_leads_nowhere_else(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tiny(number, steps=3, parallel=True)
    demand_the_same_in_every_order(text, 1, monkeypatch)


@pytest.mark.parametrize("number", range(100, 105))
def test_no_more_than_where_two_troubles_come_together(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tiny(number, steps=3, parallel=True)
    demand_the_same_in_every_order(text, 2, monkeypatch)


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_one_branch_breaks_does_not_hide_what_another_does(
    text: str, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand_the_same_in_every_order(text, depth, monkeypatch)


def test_orders_are_left_out_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    free_call = Walker._free_call

    def noted(walker: Walker, stand: Stand) -> object:
        call = free_call(walker, stand)
        chosen.extend([] if call is None else [call])
        return call

    monkeypatch.setattr(Walker, "_free_call", noted)
    for number in range(5):
        opinion(tiny(number, steps=3, parallel=True), 1)
    assert chosen


def whole_fingerprint(plan: Plan, stand: Stand) -> Hashable:
    """All that there is to say of a stand, times counted from now on."""
    now, run, world = stand.now, stand.run, stand.world

    def ahead(at: float | None) -> float | None:
        return None if at is None else round(at - now, 3)

    def attempts(of: Attempts) -> Hashable:
        times = map(ahead, (of.began_at, of.budget_at, of.ended_at, of.due_at))
        return of.count, of.spent, of.in_flight, of.doubted, of.absences, of.status, *times

    def step(of: StepRun) -> Hashable:
        phases = map(attempts, (of.action, of.lookup, of.compensation))
        flags = (of.has_result, of.happened, of.assumed, of.held, ahead(of.doubted_at))
        return of.state, *phases, *flags, str(of.result), str(of.error)

    return (
        frozenset((name, step(of)) for name, of in run.steps.items()),
        run.deadline_passed,
        ahead(deadline(plan, run)),
        frozenset((call.step, call.phase, call.attempt) for call in stand.in_hand),
        (world.standing, world.undone, world.acted, frozenset(world.sendings)),
        frozenset((late.step, ahead(late.at)) for late in world.late),
        frozenset(stand.plagues.items()),
        stand.troubles,
    )


@pytest.mark.parametrize("number", range(40))
def test_stands_that_are_taken_for_one_have_the_same_future(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tiny(number, steps=2)
    merged = opinion(text, 1)
    monkeypatch.setattr(explore, "fingerprint", whole_fingerprint)
    apart = opinion(text, 1, 2_500)
    if apart.is_whole:
        assert merged == apart


@pytest.mark.parametrize("number", range(25))
def test_few_attempts_show_what_more_of_them_do(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tiny(number, steps=2).replace("max_attempts: 3", "max_attempts: 9")
    shortened, found = variant._shortened, []
    for more in range(3):

        def longer(request: Request, most: int = variant.MAX_ATTEMPTS, more: int = more) -> Request:
            return shortened(request, most + more)

        monkeypatch.setattr(variant, "_shortened", longer)
        found.append(opinion(text, 2).findings)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_an_undo_that_has_attempts_left_is_not_given_up(depth: int) -> None:
    text = """
    saga: tiny
    services: {s: {url: http://s, idempotency: key}}
    steps:
      - {name: one, service: s, action: POST /ones, compensation: POST /ones/undo}
      - {name: two, service: s, action: POST /twos, compensation: none}
    """
    told = rehearse(saga_of(textwrap.dedent(text)), "tiny.yaml", Bounds(depth))
    judged = {cell.trouble: cell.judgement for cell in told.cells if cell.step == "one"}
    assert judged[Trouble.UNDO_FALTERS] is Judgement.SOUND
    assert judged[Trouble.UNDO_FAILS] is Judgement.STUCK
