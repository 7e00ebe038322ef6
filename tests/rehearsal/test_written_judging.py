"""What came, held against what was expected: each kind of it, right and wrong."""

import pytest
from rehearsal.writing import EACH, ORDER, outcome, said

REFUSED = "answers: {ship: 422}"
STUCK = "answers: {ship: 422, pay.compensation: 403}"

RIGHT = {
    "": [
        "state: completed",
        "steps: {pay: completed, ship: {status: completed, attempts: 1}}",
        "steps: {pay: {result: {id: pay-9cb4f88e}, error: null}}",
        "left: [ship, reserve, pay]",
        "output: {pay: pay-9cb4f88e}",
        "error: null",
    ],
    REFUSED: [
        "state: failed",
        "steps: {pay: compensated, ship: failed}",
        "steps: {ship: {error: '422'}}",
        "left: []",
        "output: null",
        "error: 'ship: 422'",
        "error: {step: ship, phase: action, status: 422, message: Unprocessable}",
    ],
    STUCK: ["state: stuck", "left: [reserve, pay]", "error: {step: pay, phase: compensation}"],
}
WRONG = {
    "": [
        ("state: failed", 'state: expected "failed", came "completed"'),
        ("steps: {pay: {attempts: 2}}", "step pay, attempts: expected 2, came 1"),
        ("steps: {pay: {result: {id: x}}}", 'step pay, result.id: expected "x", came "pay-9cb4f88e"'),
        ("steps: {pay: {error: '422'}}", 'step pay, error: expected "422", came nothing'),
        ("left: [pay, ship]", 'left: what "reserve" did is left in the world'),
        ("output: {pay: x}", 'output.pay: expected "x", came "pay-9cb4f88e"'),
        ("error: '422'", 'error: expected "422", came nothing'),
        ("error: {step: ship}", "error: expected one, came nothing"),
    ],
    REFUSED: [
        ("state: completed", 'state: expected "completed", came "failed": ship: 422 Unprocessable Content'),
        ("steps: {pay: completed}", 'step pay: expected "completed", came "compensated"'),
        ("steps: {ship: {error: null}}", 'step ship, error: expected none, came "422 Unprocessable Content"'),
        ("left: [pay]", 'left: what "pay" does was expected to be left in the world'),
        ("output: {pay: x}", 'output: expected {"pay": "x"}, came null'),
        ("error: null", 'error: expected none, came "ship: 422 Unprocessable Content"'),
        ("error: {step: pay}", 'error, step: expected "pay", came "ship"'),
        ("error: {status: 409}", "error, status: expected 409, came 422"),
        ("error: {message: no}", 'error, message: expected "no", came "422 Unprocessable Content"'),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("test", "expected"), [(t, e) for t, es in RIGHT.items() for e in es])
def test_what_came_as_expected_is_not_told(test: str, expected: str) -> None:
    assert said(f"{test}\nexpect: {{{expected}}}") == []


@pytest.mark.parametrize(
    ("test", "expected", "message"), [(t, *pair) for t, pairs in WRONG.items() for pair in pairs]
)
def test_what_came_otherwise_is_told(test: str, expected: str, message: str) -> None:
    expected = expected.replace("message: no}", 'message: "no"}')
    assert said(f"{test}\nexpect: {{{expected}}}") == [message]


def test_everything_that_came_otherwise_is_told_at_its_place() -> None:
    told = outcome(
        """
        answers: {ship: 422}
        expect:
          state: completed
          left: [pay]
          error: {status: 409}
        """
    )
    assert [mismatch.place.line for mismatch in told.mismatches] == [5, 6, 7]
    assert told.mismatches[0].expected == '"completed"'
    assert told.mismatches[0].came == '"failed"'


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("{pay.lookup: 404}", "answers of pay.lookup: there are answers to a call, and no call came"),
        ("{pay: [503, 503, ok, ok]}", "answers of pay: there are answers to 4 calls, and 3 calls came"),
        ("{pay: 503x9}", "answers of pay: there are answers to 9 calls, and 4 calls came"),
        ("{ship.compensation: ok}", "answers of ship.compensation: there are answers to a call, and no call came"),
    ],
)  # fmt: skip
def test_an_answer_that_nobody_asked_for_is_told(answers: str, message: str) -> None:
    assert said(f"answers: {answers}\nexpect: {{calls: [...]}}") == [message]


def test_a_crash_that_never_came_is_told() -> None:
    assert said("crash: [after pay, before ship.compensation]\nexpect: {state: completed}") == [
        'the crash before "ship.compensation" never came: there was no such call'
    ]


def test_an_expectation_of_a_step_is_one_of_all_its_instances() -> None:
    assert (
        said(
            "expect: {steps: {one: completed, 'many[2]': completed}, left: [one, many, last]}", EACH
        )
        == []
    )
    assert said("expect: {steps: {'one[7]': completed}}", EACH) == [
        "step one[7]: expected such a step, came nothing"
    ]


def test_the_story_tells_every_call_every_crash_and_the_end() -> None:
    told = outcome(
        "answers: {pay: [timeout], ship: 422}\ncrash: after reserve\nexpect: {state: failed}"
    )
    words = [" ".join(happened.text.split()) for happened in told.story]
    assert words == [
        "reserve PUT /holds/test nobody heard",
        "sagactl dies after reserve, and is resumed",
        "reserve PUT /holds/test applied: 200 OK",
        "pay POST /charges unknown: read timed out after 10s",
        "pay POST /charges applied: 200 OK",
        "ship PUT /shipments/test rejected: 422 Unprocessable Content",
        "pay.compensation POST /charges/pay-9cb4f88e/refund applied: 200 OK",
        "reserve.compensation DELETE /holds/test applied: 200 OK",
        "failed; left in the world: nothing",
    ]
    times = [happened.after_s for happened in told.story]
    assert times == sorted(times)
    assert times[-1] > 10


def test_a_definition_that_loses_an_undo_fails_the_test_that_looks_for_it() -> None:
    hole = ORDER.replace(
        "    compensation: POST /charges/${{ result.id }}/refund\n", "    compensation: none\n"
    )
    assert said(f"{REFUSED}\nexpect: {{left: []}}") == []
    assert said(f"{REFUSED}\nexpect: {{left: []}}", hole) == [
        'left: what "pay" did is left in the world'
    ]
