"""What answers and crashes do in the simulated world, and what time does meanwhile."""

import asyncio

import pytest
from rehearsal.writing import EACH, FORK, ORDER, SLEEPER, case_of, names, outcome, played

from sagactl.machine.state import SagaState, saga_state
from sagactl.rehearsal.written import world
from sagactl.rehearsal.written.clock import LeapingClock, NothingMoves, run_leaping
from sagactl.rehearsal.written.judging import judge
from sagactl.rehearsal.written.playing import Played
from sagactl.rehearsal.written.story import story


def state(run: Played) -> SagaState:
    return saga_state(run.plan, run.run)


def outcomes(run: Played, name: str) -> list[str]:
    return [
        "nobody heard" if sent.outcome is None else sent.outcome.kind.value
        for sent in run.world.attempts
        if sent.name == name
    ]


def left(run: Played) -> list[str]:
    return [effect.step for effect in run.world.ledger.left()]


def test_what_is_not_said_is_answered_well() -> None:
    run = played("")
    assert state(run) is SagaState.COMPLETED
    assert names(run) == ["reserve", "pay", "ship"]
    assert left(run) == ["reserve", "pay", "ship"]


@pytest.mark.parametrize(
    ("word", "outcome", "is_done"),
    [
        ("422", "rejected", False),
        ("503", "unknown", False),
        ("429", "not_sent", False),
        ("200", "applied", True),
        ("timeout", "unknown", True),
        ("timeout-before", "unknown", False),
        ("reset-after", "unknown", True),
        ("reset-before", "unknown", False),
        ("drop", "unknown", True),
        ("garbage", "result_lost", True),
        ("slow:1s", "applied", True),
        ("slow:11s", "unknown", True),
        ("refused", "not_sent", False),
        ("{status: 201, json: {id: x}}", "applied", True),
        ("{status: 500, done: true}", "unknown", True),
        ("{status: 500}", "unknown", False),
        ("{status: 200, json: {id: x}, done: false}", "applied", False),
        ("{status: 200, body: busy}", "result_lost", True),
        ("{status: 200, json: {id: x}, delay: 11s}", "unknown", True),
        ("ok", "applied", True),
    ],
)
def test_an_answer_is_seen_as_it_would_be_over_the_network(
    word: str, outcome: str, is_done: bool
) -> None:
    """And what it does in the world is there when all is over: nobody undid it, for nobody can."""
    definition = ORDER.split("  - name: ship")[0].replace(
        "    compensation: POST /charges/${{ result.id }}/refund\n", "    compensation: none\n"
    )
    run = played(f"answers: {{pay: [{word}, 422, 422, 422, 422, 422]}}", definition)
    assert outcomes(run, "pay")[0] == outcome
    assert ("pay" in left(run)) is is_done


def test_what_a_scripted_reply_says_is_what_the_saga_reads_and_the_lookup_tells() -> None:
    run = played("answers: {pay: {json: {id: pay_1}}, ship: 422}")
    assert names(run)[-2:] == ["pay.compensation", "reserve.compensation"]
    assert run.world.sent[-2].path == "/charges/pay_1/refund"
    run = played(
        "answers: {pay: [{json: {id: pay_1}, delay: 15s}, timeout-before, timeout-before, timeout-before]}"
    )
    assert run.run.step("pay").result == {"id": "pay_1"}
    assert names(run).count("pay.lookup") == 1


def test_a_list_is_one_answer_for_each_attempt_and_a_single_one_for_all() -> None:
    assert outcomes(played("answers: {ship: [503, timeout, ok]}"), "ship") == [
        "unknown",
        "unknown",
        "applied",
    ]
    assert outcomes(played("answers: {ship: 503x2}"), "ship") == ["unknown", "unknown", "applied"]
    assert outcomes(played("answers: {ship: [503x2, timeout]}"), "ship") == ["unknown"] * 3 + [
        "applied"
    ]
    for_ever = played("answers: {pay: refused}")
    assert outcomes(for_ever, "pay") == ["not_sent"] * 4
    assert names(for_ever) == ["reserve", "reserve.compensation"]


def test_an_answer_can_be_for_one_instance_or_for_all_of_them() -> None:
    run = played("answers: {'one[1]': [503]}", EACH)
    assert names(run)[:4] == ["one[0]", "one[1]", "one[1]", "one[2]"]
    run = played("answers: {one: [503], 'one[1]': ok}", EACH)
    assert names(run)[:5] == ["one[0]", "one[0]", "one[1]", "one[2]", "one[2]"]


def test_late_work_lands_although_nobody_listens_any_more() -> None:
    run = played("answers: {pay: slow:50s, pay.lookup: [503, 503, 503, 503]}")
    assert run.run.step("pay").state == "completed"
    run = played("answers: {reserve: [slow:1h, 422]}")
    assert "reserve" in names(run)
    assert left(run) == []  # it was undone before, and came too late to be done at all


def test_work_that_lands_when_all_is_over_is_left_in_the_world() -> None:
    run = played("answers: {pay: [slow:1h, 503, 503, 503]}")
    assert state(run) is SagaState.FAILED  # nobody found it, when they looked
    assert left(run) == ["pay"]


def test_a_resume_takes_up_what_is_stuck() -> None:
    answers = "{a2: 422, a1.compensation: [403, ok], b1.compensation: slow:100ms}"
    assert state(played(f"answers: {answers}", FORK)) is SagaState.STUCK
    run = played(f"answers: {answers}\ncrash: after b1.compensation", FORK)
    assert state(run) is SagaState.FAILED
    assert left(run) == []


def test_a_day_passes_at_once_and_no_time_while_anything_moves() -> None:
    run = played("", SLEEPER)
    assert state(run) is SagaState.COMPLETED
    first, last = run.world.sent
    assert last.at - first.at == 24 * 3600
    assert [sent.at for sent in played("").world.sent] == [played("").world.sent[0].at] * 3


def test_the_clock_begins_when_the_test_says() -> None:
    assert played('now: "1970-01-02T00:00:00Z"').run.started_at == 86400.0


def test_the_same_test_is_the_same_story_whenever_it_is_told() -> None:
    test = "answers: {pay: [timeout, 503], ship: 422}\nexpect: {state: failed}"
    assert outcome(test) == outcome(test)


@pytest.mark.parametrize("crash", ["before pay", "after pay"])
def test_a_crash_loses_nothing_and_does_nothing_twice(crash: str) -> None:
    run = played(f"crash: {crash}")
    assert state(run) is SagaState.COMPLETED
    assert left(run) == ["reserve", "pay", "ship"]
    assert outcomes(run, "pay") == (
        ["nobody heard", "applied"] if "after" in crash else ["applied"]
    )
    assert run.run.step("pay").action.count == 2  # the intent was on disk, either way


def test_a_crash_can_come_while_something_is_undone_and_more_than_once() -> None:
    run = played(
        "answers: {ship: 422}\ncrash: [after reserve, before pay.compensation, after pay.compensation]"
    )
    assert state(run) is SagaState.FAILED
    assert left(run) == []
    assert names(run).count("reserve") == 2
    assert len(run.crashes) == 3


def test_what_was_in_flight_beside_a_crash_is_asked_about_too() -> None:
    run = played("answers: {b1: slow:100ms}\ncrash: after a1", FORK)
    assert state(run) is SagaState.COMPLETED
    assert outcomes(run, "b1")[0] == "nobody heard"
    assert sorted(left(run)) == ["a1", "a2", "b1", "b2", "join"]


def test_what_never_ends_is_told_of_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "MOST_CALLS", 300)
    definition = (
        SLEEPER.replace("name: nap", "name: nap, needs: [first]").replace(
            "{name: last, service: s,", "{name: last, service: s, pivot: true,"
        )
        + "  - {name: behind, service: s, action: {request: PUT /behind, retry: {initial_interval: 0s}}, compensation: none}\n"
    )
    run = played("answers: {behind: 503}", definition)
    assert run.is_endless

    def judged(expected: str) -> list[str]:
        case = case_of(f"answers: {{behind: 503}}\nexpect: {{{expected}}}", definition)
        return [mismatch.message for mismatch in judge(case, run)]

    assert judged("state: pending, calls: [...]") == []
    assert judged("left: [first, last]") == ["the saga has not ended after 301 requests"]
    assert len(story(case_of("expect: {left: []}", definition), run)) < 100


def test_secrets_are_sent_and_never_told() -> None:
    run = played(
        "secrets: {BANK: s3cr3t-token}\nanswers: {pay: {status: 422, json: {title: you are s3cr3t-token}}}"
    )
    (pay,) = [sent for sent in run.world.sent if sent.name == "pay"]
    assert pay.headers["authorization"] == "Bearer s3cr3t-token"
    assert pay.outcome is not None
    assert "s3cr3t" not in pay.outcome.detail


def test_waiting_for_ever_is_found_out() -> None:
    async def stuck() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingMoves):
        run_leaping(LeapingClock(0.0), stuck())


def test_sleepers_wake_in_the_order_of_their_times_and_of_their_coming() -> None:
    clock, woken = LeapingClock(0.0), []

    async def sleeper(at: float, name: str) -> None:
        await clock.sleep_until(at)
        woken.append((name, clock.now()))

    async def all_of_them() -> None:
        cancelled = asyncio.ensure_future(sleeper(1.5, "never"))
        others = [sleeper(3.0, "c"), sleeper(1.0, "a"), sleeper(3.0, "d"), sleeper(-1.0, "past")]
        asyncio.get_running_loop().call_soon(cancelled.cancel)
        await asyncio.gather(*others)

    run_leaping(clock, all_of_them())
    assert woken == [("past", 0.0), ("a", 1.0), ("c", 3.0), ("d", 3.0)]
