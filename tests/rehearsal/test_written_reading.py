"""Every mistake of a file of tests, at once, with its place and what would be right."""

import re

import pytest
from rehearsal.writing import EACH, ORDER, case_of, messages, one, outcome, problems, reading

from sagactl.rehearsal.written.model import AnyCalls, ExpectedCall
from sagactl.rehearsal.written.reading import read_cases
from sagactl.source.place import Source

SOUND = "expect: {state: completed}"
FAMILY = EACH + "output: ${{ env.REGION }}\n"

WRONG = {
    "a key": ("anwsers: {}", 'unknown key "anwsers" in test "it"; did you mean "answers"?'),
    "a key of an answer": ("answers: {pay: {stauts: 200}}", 'unknown key "stauts" in "pay"; did you mean "status"?'),
    "a key of an answer in a list": ("answers: {pay: [ok, {jsn: 1}]}", 'unknown key "jsn" in item 2 of "pay"; did you mean "json"?'),
    "a step": ("answers: {pya: 422}", '"pya" is no step of "order"; did you mean "pay"?'),
    "a phase": ("answers: {pay.undo: 422}", '"pay.undo" must be a step, or STEP.lookup or STEP.compensation'),
    "a lookup that is none": ("answers: {ship.lookup: 404}", 'step "ship" has no lookup'),
    "an instance that is none": ("answers: {'ship[1]': 404}", 'step "ship" has no "for_each", so there is no "ship[1]"'),
    "a word": ("answers: {pay: timout}", '"timout" is no answer; did you mean "timeout"?'),
    "a word in a list": ("answers: {pay: [ok, 'drpo']}", '"drpo" is no answer; did you mean "drop"?'),
    "a word that is too slow": ("answers: {pay: slow:2h}", '"slow:2h" is no answer'),
    "a status": ("answers: {pay: 99}", '"pay" must be a status such as 422, a word such as timeout, *, not 99'),
    "a status of a reply": ("answers: {pay: {status: 999}}", '"status" must be a status such as 200 or 422, not 999'),
    "two bodies of a reply": ("answers: {pay: {json: 1, body: a}}", 'a reply has "json" or "body", not both'),
    "a header of a reply": ('answers: {pay: {headers: {"X Y": a}}}', '"X Y" cannot name a header'),
    "a header's value": ('answers: {pay: {headers: {X: "a\\nb"}}}', "a header's value is printable ASCII on one line"),
    "the same answers twice": ("answers: {pay: 422, pay.action: 422}", '"pay" has answers already'),
    "an expression": ('answers: {pay: {json: "${{ input.x }}"}}', "no expression is evaluated in a test: write the value"),
    "a delay": ("answers: {pay: {delay: 3}}", '"delay" must be a duration *'),
    "a crash": ("crash: while pay", '"crash" must be "before STEP" or "after STEP", or a list of these, not "while pay"'),
    "a crash's step": ("crash: [after reserve, after mail]", '"mail" is no step of "order"'),
    "an input": ("input: {amount: x}", '"input.amount" must be a whole number, not a text'),
    "an input that is missing": ("input: {}", '"input" has no "amount"'),
    "a time": ('now: "2026-02-30T00:00:00Z"', '"2026-02-30T00:00:00Z" is no time that there is'),
    "an ID": ("id: a b", '"id" must be 1 to 128 *'),
    "a secret": ("secrets: {BNAK: x}", 'no expression reads "secrets.BNAK"; did you mean "BANK"?'),
    "a variable": ("env: {REGION: x}", 'no expression reads "env.REGION"'),
}  # fmt: skip

WRONG_EXPECTATIONS = {
    "a state": ("state: failled", '"state" must be *, not "failled"; did you mean "failed"?'),
    "a step": ("steps: {pya: completed}", '"pya" is no step of "order"; did you mean "pay"?'),
    "a step's state": ("steps: {pay: done}", '"pay" must be *, not "done"'),
    "a step's key": ("steps: {pay: {atempts: 1}}", 'unknown key "atempts" in "pay"; did you mean "attempts"?'),
    "a call": ("calls: [put /x]", 'item 1 of "calls" must be a step, *, not "put /x"'),
    "a call's step": ("calls: [{step: pya}]", '"pya" is no step of "order"; did you mean "pay"?'),
    "a call's phase": ("calls: [ship.lookup]", 'step "ship" has no lookup'),
    "a call's key": ("calls: [{setp: pay}]", 'unknown key "setp" in item 1 of "calls"; did you mean "step"?'),
    "a call's bodies": ("calls: [{step: pay, json: 1, form: {a: b}}]", 'a call has one body: "json" or "form", not both'),
    "what is left": ("left: [pya]", '"pya" is no step of "order"; did you mean "pay"?'),
    "what is left, twice": ("left: [pay, pay]", '"left" names "pay" twice'),
    "an error's step": ("error: {step: pya}", '"pya" is no step of "order"; did you mean "pay"?'),
}  # fmt: skip


def fits(wanted: str, message: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), message) is not None


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_told_at_its_place(what: str) -> None:
    text, wanted = WRONG[what]
    (found,) = problems(one(f"{text}\n{SOUND}"))
    assert fits(wanted, found.message), found.message
    assert found.place.line == 3


@pytest.mark.parametrize("what", WRONG_EXPECTATIONS)
def test_a_mistake_in_an_expectation_is_told_at_its_place(what: str) -> None:
    text, wanted = WRONG_EXPECTATIONS[what]
    (found,) = problems(one(f"expect:\n  {text}"))
    assert fits(wanted, found.message), found.message
    assert found.place.line == 4


def test_all_of_them_are_told_at_once_in_the_order_of_the_text() -> None:
    texts = [text for text, _ in WRONG.values()]
    tests = "".join(f"  - name: t{n}\n    {text}\n    {SOUND}\n" for n, text in enumerate(texts))
    told = [p.place.line for p in problems(f"tests:\n{tests}")]
    assert sorted(set(told)) == [3 + 3 * number for number in range(len(texts))]
    assert told == sorted(told)


def test_two_tests_have_two_names() -> None:
    text = f"tests:\n  - {{name: a, {SOUND}}}\n  - {{name: a, {SOUND}}}\n"
    assert messages(text) == ['a test is called "a" already, in line 2']


def test_a_test_without_an_expectation_is_told() -> None:
    assert messages("tests:\n  - {name: a}\n") == ['test "a" has no "expect"']
    assert messages("tests: []\n")[0].startswith('"tests" is empty')
    assert messages("- a\n")[0].startswith("a test file must be a map with tests: in it")


def test_what_the_environment_says_is_asked_of_the_test_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REGION", "eu")
    (message,) = messages(one(SOUND), FAMILY)
    assert message == 'the definition reads "env.REGION", and the test does not say what it is'
    assert outcome("env: {REGION: us}\nexpect: {output: us}", FAMILY).passed
    for_all = "env: {REGION: us}\n" + one(SOUND)
    assert reading(for_all, FAMILY).cases is not None


def test_an_input_without_examples_must_be_given() -> None:
    bare = ORDER.replace("  examples: [{amount: 4200}]\n", "")
    (found,) = problems(one(SOUND), bare)
    assert found.message == '"input" has no "amount"'
    assert found.hint == "give the test an input, or the definition's input examples"
    assert outcome(f"input: {{amount: 1}}\n{SOUND}", bare).passed


def test_the_id_is_what_the_definition_makes_of_the_input() -> None:
    named = ORDER.replace("input:", "id: order-${{ input.amount }}\ninput:", 1)

    def run_id(test: str, definition: str) -> str:
        return case_of(test, definition).run_id

    assert run_id(SOUND, named) == "order-4200"
    assert run_id(f"id: other\n{SOUND}", named) == "other"
    assert run_id(SOUND, ORDER) == "test"
    text = ORDER.replace("input:", 'id: "a b"\ninput:', 1)
    (message,) = messages(one(SOUND), text)
    assert message.startswith('the ID that its input makes, "a b", must be')


def test_calls_are_written_in_three_ways() -> None:
    case = case_of("expect: {calls: [pay, PUT /x/*, ..., {step: pay.lookup, times: 2}]}")
    assert case.expected.calls is not None
    step, request, any_calls, whole = case.expected.calls
    assert isinstance(step, ExpectedCall)
    assert str(step.target) == "pay"
    assert isinstance(request, ExpectedCall)
    assert (request.method, request.path) == ("PUT", "/x/*")
    assert isinstance(any_calls, AnyCalls)
    assert isinstance(whole, ExpectedCall)
    assert (str(whole.target), whole.times) == ("pay.lookup", 2)


@pytest.mark.parametrize(
    ("name", "text", "asked"),
    [
        ("a/order.test.yaml", "tests: []", ["a/order.yaml", "a/order.yml"]),
        ("order.test.yml", "tests: []", ["order.yaml", "order.yml"]),
        ("a/order.test.yaml", "definition: ../b.yaml\ntests: []", ["b.yaml"]),
        ("a/tests.yaml", "tests: []", ["its definition"]),
    ],
)
def test_the_definition_is_the_one_named_or_the_one_beside(
    name: str, text: str, asked: list[str]
) -> None:
    found: list[str] = []

    def load(wanted: str) -> str:
        found.append(wanted)
        return "No such file"

    told = read_cases(Source(name, text), load)
    assert list(dict.fromkeys(found)) == asked
    message = f'the definition "{asked[0]}" cannot be read: No such file'
    assert message in [problem.message for problem in told.problems]
