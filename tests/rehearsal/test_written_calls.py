"""Calls held against a list: in part, in order where the saga orders them, in any where it does not."""

from itertools import permutations

import pytest
from rehearsal.writing import EACH, FORK, ORDER, PARENT, names, played, said

from sagactl.machine.plan import expanded
from sagactl.rehearsal.written.comparing import path_fits, text_fits
from sagactl.rehearsal.written.order import predecessors
from sagactl.rehearsal.written.playing import Played

FORM = ORDER.replace("json: {amount: \"${{ input.amount }}\"}}\n    compensation: {request: \"DELETE /holds", "form: {amount: \"${{ input.amount }}\", tag: [a, b]}}\n    compensation: {request: \"DELETE /holds")  # fmt: skip


def calls(*lines: str, answers: str = "{}", definition: str = ORDER) -> list[str]:
    listed = "".join(f"\n    - {line}" for line in lines)
    return said(f"answers: {answers}\nexpect:\n  calls:{listed or ' []'}", definition)


def test_calls_are_told_by_step_or_by_request() -> None:
    assert calls("reserve", "pay", "ship") == []
    assert calls("PUT /holds/test", "POST /charges", "PUT /shipments/*") == []
    assert calls("{step: reserve, request: PUT /holds/t*t}", "...", "ship") == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("pay", "reserve", "ship"), 'call 1: expected "pay", came "reserve"'),
        (("reserve", "pay"), 'one call more came than is expected: "ship", PUT /shipments/test'),
        (("reserve", "pay", "ship", "ship"), 'call 4: "ship" never came'),
        (("reserve", "POST /charge", "ship"), 'call 2: expected "POST /charge", came "pay"'),
        (("...", "pay.lookup", "..."), 'call 2: "pay.lookup" never came'),
        ((), 'one call more came than is expected: "reserve", PUT /holds/test'),
        (("{step: reserve, times: 2}", "..."), 'call 2: expected "reserve", came "pay"'),
    ],
)
def test_what_is_missing_or_too_much_is_told(lines: tuple[str, ...], message: str) -> None:
    assert calls(*lines) == [message]


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ("json: {amount: 4200}", None),
        ("json: {amount: 4201}", "pay, json.amount: expected 4201, came 4200"),
        ("json: {amount: 4200}, exact: true", "pay, json: expected nothing besides, came tags"),
        ("json: {amount: 4200, tags: [a, b]}, exact: true", None),
        ("json: {tags: [a]}", 'pay, json.tags: expected ["a"], came ["a", "b"]'),
        ("json: {tags: [a, c]}", 'pay, json.tags[1]: expected "c", came "b"'),
        ("json: {currency: EUR}", 'pay, json.currency: expected "EUR", came nothing'),
        ("json: [1]", 'pay, json: expected [1], came {"amount": 4200, "tags": ["a", "b"]}'),
        ("headers: {authorization: Bearer *, Saga-Attempt: 1}", None),
        ("headers: {X-Nothing: a}", 'pay, header X-Nothing: expected "a", came nothing'),
        ("headers: {Saga-Step: ship}", 'pay, header Saga-Step: expected "ship", came "pay"'),
        ("outcome: applied", None),
        ("outcome: unknown", 'pay, outcome: expected "unknown", came "applied"'),
        ("body: hello", 'pay, body: expected "hello", came "{\\"amount\\":4200,\\"tags\\":[\\"a\\",\\"b\\"]}"'),
    ],
)  # fmt: skip
def test_a_call_is_held_against_what_is_said_of_it_and_no_more(
    details: str, message: str | None
) -> None:
    assert calls("reserve", f"{{step: pay, {details}}}", "ship") == ([message] if message else [])


def test_form_and_query_are_fields_of_text() -> None:
    assert calls("{step: reserve, form: {amount: 4200, tag: [a, b]}}", "...", definition=FORM) == []
    (told,) = calls("{step: reserve, form: {amount: '1'}}", "...", definition=FORM)
    assert told == 'reserve, form.amount: expected "1", came "4200"'
    found = "{pay: timeout}"
    assert calls("...", "{step: pay.lookup, query: {key: 1}}", "ship", answers=found) != []
    assert calls("...", "GET /charges?key=sg1-*", "ship", answers=found) == []
    assert calls("...", "GET /charges?nokey=*", "ship", answers=found) != []


def test_every_wrong_detail_is_told_where_all_calls_came() -> None:
    told = calls("{step: reserve, json: {amount: 1}}", "{step: pay, json: {amount: 2}}", "ship")
    assert [text.partition(":")[0] for text in told] == ["reserve, json.amount", "pay, json.amount"]


def test_attempts_are_counted_one_by_one_or_by_their_number() -> None:
    answers = "{ship: 503x3}"
    assert calls("reserve", "pay", "ship", "ship", "ship", "ship", answers=answers) == []
    assert calls("reserve", "pay", "{step: ship, times: 4}", answers=answers) == []
    assert calls("reserve", "pay", "ship", "...", answers=answers) == []


def orders(wanted: list[str], definition: str, answers: str = "{}") -> int:
    """In how many orders these calls may be written down."""
    listed = [
        order
        for order in permutations(wanted)
        if not calls(*order, answers=answers, definition=definition)
    ]
    assert tuple(wanted) in listed
    return len(listed)


def test_branches_may_come_in_any_order_and_each_in_its_own() -> None:
    # Two chains of two, interleaved; then what needs both.
    assert orders(["a1", "a2", "b1", "b2", "join"], FORK) == 6


def test_undos_of_branches_may_come_in_any_order_behind_all_that_was_done() -> None:
    lines = ["a1", "b1", "b2", "b1.compensation"]
    answers = "{a2: 422, b2: 422}"
    before = calls(
        "a1",
        "b1",
        "a2",
        "b2",
        "a1.compensation",
        "b1.compensation",
        answers=answers,
        definition=FORK,
    )
    after = calls(
        "b1",
        "a1",
        "b2",
        "a2",
        "b1.compensation",
        "a1.compensation",
        answers=answers,
        definition=FORK,
    )
    assert before == after == []
    assert calls(
        "a1",
        "b1",
        "a2",
        "a1.compensation",
        "b2",
        "b1.compensation",
        answers=answers,
        definition=FORK,
    )
    assert calls(*lines, answers=answers, definition=FORK)


def test_instances_that_take_turns_are_in_order_and_others_are_not() -> None:
    many = ["many[0]", "many[1]", "many[2]"]
    one = ["'one[0]'", "'one[1]'", "'one[2]'"]
    for order in permutations(many):
        quoted = [f"'{name}'" for name in order]
        assert calls(*one, *quoted, "last", definition=EACH) == []
    assert calls("'one[1]'", "'one[0]'", "...", definition=EACH)
    too_early = ["'many[0]'", "'many[1]'", "last", "'many[2]'"]
    assert calls(*one, *too_early, definition=EACH) == ['call 6: expected "last", came "many[2]"']
    assert calls("{step: one, times: 3}", "{step: many, times: 3}", "last", definition=EACH) == []


def test_what_is_in_a_sub_saga_waits_for_what_it_needs_and_is_waited_for() -> None:
    assert orders(["first", "inner/one", "inner/two", "beside", "last"], PARENT) == 3
    undone = ["first", "beside", "inner/one", "inner/two"]
    back = ["inner/one.compensation", "first.compensation"]
    answers = "{inner/two: 422}"
    assert calls(*undone, *back, answers=answers, definition=PARENT) == []
    assert calls(*undone, *back[::-1], answers=answers, definition=PARENT) == [
        'call 5: expected "first.compensation", came "inner/one.compensation"'
    ]


def order_of(run: Played) -> list[frozenset[int]]:
    return predecessors(expanded(run.plan, run.run), run.world.sent)


@pytest.mark.parametrize("definition", [ORDER, FORK, EACH])
@pytest.mark.parametrize("answers", ["{}", "{ship: 422}", "{join: 422}", "{last: 422}"])
def test_the_order_in_which_calls_came_is_one_of_those_that_are_allowed(
    definition: str, answers: str
) -> None:
    target = answers.strip("{}").partition(":")[0]
    if target and f"name: {target}" not in definition:
        return
    run = played(f"answers: {answers}", definition)
    for number, before in enumerate(order_of(run)):
        assert all(other < number for other in before)
    # And a saga that takes one step after the other leaves nothing to chance.
    if definition is ORDER:
        assert [len(before) for before in order_of(run)] == list(range(len(names(run))))


@pytest.mark.parametrize(
    ("wanted", "came", "is_fit"),
    [
        ("/a/*/c", "/a/b/c", True),
        ("/a/*/c", "/a/b/d/c", False),
        ("/a/x-*", "/a/x-1", True),
        ("/a/x-*", "/a/y-1", False),
        ("/a", "/a?q=1", True),
        ("/a?q=1", "/a?q=1&r=2", True),
        ("/a?q=1", "/a?q=2", False),
        ("/a?q=*", "/a", False),
        ("/a b", "/a%20b", True),
        ("/a/b", "/a%2Fb", False),
        ("/hook", "https://h.example/hook", True),
        ("https://h.example/hook", "https://h.example/hook", True),
        ("https://other/hook", "https://h.example/hook", False),
    ],
)
def test_a_path_is_held_segment_by_segment(wanted: str, came: str, is_fit: bool) -> None:
    assert path_fits(wanted, came) is is_fit


def test_a_star_is_anything_and_the_rest_is_itself() -> None:
    assert text_fits("a*c", "a\nb.c")
    assert not text_fits("a.c", "abc")
