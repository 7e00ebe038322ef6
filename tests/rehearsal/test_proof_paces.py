"""What may happen next where a saga stands: every way of ending, every fate in a crash, no other."""

from dataclasses import replace

import pytest
from rehearsal.tiny import course_of

from sagactl.machine.command import Phase
from sagactl.machine.rehearsed import Trouble
from sagactl.rehearsal.proof.answer import How
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.deed import Crashed, Ended, Overtaken, Pace, Woken
from sagactl.rehearsal.proof.stand import Plague, Stand
from sagactl.rehearsal.proof.story import _crashed, _ended

SERVICES = "services: {s: {url: http://s, idempotency: key}}"


def begun(*steps: str, more: str = "", depth: int = 2) -> tuple[Course, Stand]:
    listed = "\n".join(f"  - {{service: s, {step}}}" for step in steps)
    course, begin = course_of(f"saga: tiny\n{SERVICES}\n{more}\nsteps:\n{listed}\n", depth)
    return course, begin.stand


def side_by_side(count: int, request: str = "POST /{}") -> tuple[Course, Stand]:
    names = "abcd"[:count]
    steps = [
        f"name: {n}, needs: [], action: {request.format(n)}, compensation: none" for n in names
    ]
    return begun(*steps)


def crashes(course: Course, stand: Stand) -> list[tuple[str, str]]:
    """The calls that arrived and those still on their way, for each crash there can be."""
    deeds = [pace.deed for pace in course.walker.paces(stand)]
    return sorted(
        ("".join(c.step for c in deed.arrived), "".join(c.step for c in deed.late))
        for deed in deeds
        if isinstance(deed, Crashed)
    )


def ways(course: Course, stand: Stand) -> list[tuple[Trouble | None, How, Plague | None, bool]]:
    found = []
    for pace in course.walker.paces(stand):
        if isinstance(pace.deed, Ended):
            struck = pace.struck[0].trouble if pace.struck else None
            found.append((struck, pace.deed.how, pace.deed.plague, pace.deed.late))
    return found


def test_one_call_in_flight_was_lost_or_arrived_or_is_late_in_a_crash() -> None:
    assert crashes(*side_by_side(1)) == [("", ""), ("", "a"), ("a", "")]


def test_a_question_is_never_late() -> None:
    assert crashes(*side_by_side(1, "GET /{}")) == [("", ""), ("a", "")]


def test_of_two_calls_every_combination_may_have_arrived() -> None:
    assert crashes(*side_by_side(2)) == [("", ""), ("a", ""), ("ab", ""), ("b", "")]


def test_of_many_calls_all_arrived_or_none_or_one() -> None:
    assert crashes(*side_by_side(4)) == [(x, "") for x in ["", "a", "abcd", "b", "c", "d"]]


def test_what_befalls_a_conversation_befalls_it_in_a_crash_too() -> None:
    course, stand = side_by_side(1)
    (call,) = stand.in_hand
    for plague, fates in ((Plague.NOT_DONE, [("", "")]), (Plague.UNREACHED, [("", "")]),
                          (Plague.DONE, [("a", "")]), (Plague.CUT, [("a", "")])):  # fmt: skip
        assert crashes(course, replace(stand, plagues={("a", call.phase): plague})) == fates


def test_an_action_ends_in_every_way_there_is() -> None:
    assert ways(*side_by_side(1)) == [
        (None, How.HEARD, None, False),
        (Trouble.REJECTED, How.REFUSED, None, False),
        (Trouble.NOT_SENT, How.UNREACHED, Plague.UNREACHED, False),
        (Trouble.DONE, How.UNHEARD, None, False),
        (Trouble.DONE, How.UNHEARD, Plague.DONE, False),
        (Trouble.NOT_DONE, How.UNHEARD, None, False),
        (Trouble.NOT_DONE, How.UNHEARD, Plague.NOT_DONE, False),
        (Trouble.DONE, How.UNHEARD, Plague.NOT_DONE, True),
        (Trouble.LOST, How.CUT, None, False),
        (Trouble.LOST, How.CUT, Plague.CUT, False),
    ]


def test_a_question_is_not_late_either() -> None:
    assert not any(late for *_, late in ways(*side_by_side(1, "GET /{}")))


def test_what_befalls_a_conversation_goes_on_and_costs_nothing_more() -> None:
    course, stand = side_by_side(1)
    (call,) = stand.in_hand
    plagued = replace(stand, plagues={("a", call.phase): Plague.CUT})
    assert ways(course, plagued) == [(None, How.CUT, Plague.CUT, False)]


def test_where_troubles_are_used_up_all_goes_well() -> None:
    course, stand = side_by_side(1)
    (pace,) = course.walker.paces(replace(stand, troubles=2))
    assert isinstance(pace.deed, Ended)
    assert pace.deed.how is How.HEARD


def test_a_no_that_its_definition_takes_for_done_is_one_of_the_ways() -> None:
    course, stand = begun(
        "name: a, action: {request: POST /a, success: [2xx, 402]}, compensation: none"
    )
    hidden = [p for p in course.walker.paces(stand) if getattr(p.deed, "how", None) is How.HIDDEN]
    assert [p.breach and p.breach.code for p in hidden] == ["success-hides-failure"]


def test_a_gateway_that_gives_up_is_one_where_its_status_counts_as_a_no() -> None:
    course, stand = begun(
        "name: a, action: {request: POST /a, outcomes: {rejected: [504]}}, compensation: none"
    )
    assert (Trouble.DONE, How.GATEWAY, None, False) in ways(course, stand)


def of_kind(course: Course, stand: Stand, kind: type) -> list[Pace]:
    return [pace for pace in course.walker.paces(stand) if isinstance(pace.deed, kind)]


def test_time_is_up_only_while_something_is_in_flight_that_lasts_as_long() -> None:
    course, stand = begun("name: a, action: POST /a, compensation: none", more="timeout: 5m")
    (up,) = of_kind(course, stand, Overtaken)
    assert [s.trouble for s in up.struck] == [Trouble.OVERTIME]
    assert up.stand.now == stand.now + 300
    assert not of_kind(course, replace(stand, troubles=2), Overtaken)
    assert not of_kind(*begun("name: a, action: POST /a, compensation: none"), Overtaken)


@pytest.mark.parametrize(("wait", "wakes"), [("5s", True), ("60s", False)])
def test_a_time_comes_while_a_call_is_in_flight_if_that_may_take_as_long(
    wait: str, wakes: bool
) -> None:
    text = f"saga: t\n{SERVICES}\ndefaults: {{timeout: 20s}}\nsteps:\n"
    text += f"  - {{name: w, needs: [], action: {{sleep: {wait}}}}}\n"
    text += "  - {name: a, service: s, needs: [], action: POST /a, compensation: none}\n"
    course, begin = course_of(text, 1)
    assert bool(of_kind(course, begin.stand, Woken)) is wakes


def test_a_place_at_a_service_is_taken_by_one_call_alone() -> None:
    text = "saga: t\nservices: {s: {url: http://s, max_concurrency: 2}}\nsteps:\n"
    for name in "abc":
        text += f"  - {{name: {name}, service: s, needs: [], action: PUT /{name}, compensation: none}}\n"
    course, begin = course_of(text, 1)
    assert [call.step for call in begin.stand.in_hand] == ["a", "b"]
    after = course.walker.ended(
        begin.stand, begin.stand.in_hand[0], (None, How.HEARD, True, None, False)
    )
    assert [call.step for call in after.stand.in_hand] == ["b", "c"]


def test_the_fate_of_each_call_is_told_of_a_crash() -> None:
    (one, other) = side_by_side(2)[1].in_hand
    told = [
        _crashed(Crashed((one, other), (one,))),
        _crashed(Crashed((one,), (), (one,))),
        _crashed(Crashed((), ())),
        _crashed(Crashed((replace(one, phase=Phase.COMPENSATION),), ())),
    ]
    assert told == [
        'sagactl dies and is resumed; the request of "a" arrived, the request of "b" did not arrive',
        'sagactl dies and is resumed; the request of "a" is still on its way',
        "sagactl dies, and is resumed",
        'sagactl dies and is resumed; the undo of "a" did not arrive',
    ]


@pytest.mark.parametrize(
    ("phase", "how", "arrives", "plague", "sentence"),
    [
        (Phase.ACTION, How.HEARD, True, None, '"a" is done'),
        (Phase.ACTION, How.CUT, True, None, '"a" takes place, but its reply is cut'),
        (Phase.ACTION, How.CUT, True, Plague.CUT, '"a" takes place, but its reply is cut, and so is any later one'),
        (Phase.ACTION, How.UNHEARD, True, None, '"a" takes place, but no reply comes'),
        (Phase.ACTION, How.UNHEARD, False, Plague.NOT_DONE, '"a" gets lost, and no reply comes, nor to any later attempt'),
        (Phase.LOOKUP, How.HEARD, True, None, 'the lookup of "a" says that it did not take place'),
        (Phase.COMPENSATION, How.HEARD, True, None, 'the undo of "a" finds nothing to undo'),
        (Phase.COMPENSATION, How.UNREACHED, False, None, 'the undo of "a" cannot be sent for now'),
        (Phase.COMPENSATION, How.UNHEARD, True, None, '"a" is undone, but no reply comes'),
        (Phase.COMPENSATION, How.UNHEARD, False, None, 'the undo of "a" gets lost'),
        (Phase.COMPENSATION, How.UNHEARD, False, Plague.NOT_DONE, 'the undo of "a" gets lost, again and again'),
        (Phase.COMPENSATION, How.HIDDEN, False, None, 'the undo of "a" is refused, by a status that counts as done'),
    ],
)  # fmt: skip
def test_the_end_of_a_call_is_told_in_a_sentence(
    phase: Phase, how: How, arrives: bool, plague: Plague | None, sentence: str
) -> None:
    stand = side_by_side(1)[1]
    call = replace(stand.in_hand[0], phase=phase)
    assert _ended(Ended(call, how, arrives, plague), stand) == sentence
