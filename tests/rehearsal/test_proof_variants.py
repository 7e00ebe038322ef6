"""The variants in which a definition is rehearsed: inputs, sides of conditions, lengths, attempts."""

import textwrap
from collections.abc import Iterable

import pytest
from rehearsal.tiny import saga_of

from sagactl.definition.model import Request, Saga
from sagactl.definition.template import evaluate
from sagactl.rehearsal.operation import steps_within
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.rehearse import rehearse
from sagactl.rehearsal.proof.variant import (
    Variant,
    attempts_as_written,
    condition_text,
    example_inputs,
    few_attempts,
    variants,
)


def parsed(text: str) -> Saga:
    return saga_of(textwrap.dedent(text))


def of(text: str) -> list[Variant]:
    return list(variants(parsed(text), 2))


def words(text: str) -> list[str]:
    return [variant.words for variant in of(text)]


def whens(conditions: Iterable[str]) -> str:
    steps = [
        f'- {{name: s{n}, service: s, when: "${{{{ {text} }}}}", action: PUT /s{n}, compensation: none}}'
        for n, text in enumerate(conditions)
    ]
    return "saga: tiny\nservices: {s: {url: http://s}}\nsteps:\n" + "\n".join(steps)


def test_a_definition_without_choices_is_rehearsed_as_it_is_written() -> None:
    text = "saga: t\nsteps: [{name: a, action: PUT http://s/a, compensation: none}]"
    (only,) = of(text)
    assert (only.words, only.input, only.sides, only.length) == ("as written", {}, {}, 2)


def test_each_condition_goes_both_ways() -> None:
    assert words(whens(["saga.id == 'a'", "saga.id == 'b'"])) == [
        f"saga.id == 'a' is {a}, saga.id == 'b' is {b}"
        for a in ("true", "false")
        for b in ("true", "false")
    ]


def test_the_same_text_goes_the_same_way() -> None:
    both = of(whens(["saga.id  ==  'a'", "saga.id == 'a'"]))
    assert [variant.sides for variant in both] == [
        {"saga.id == 'a'": True},
        {"saga.id == 'a'": False},
    ]
    for variant in both:
        sides = {step.when.node.value for step in variant.saga.steps if step.when is not None}
        assert len(sides) == 1


def test_of_many_conditions_each_goes_both_ways_and_not_every_combination() -> None:
    texts = [f"saga.id == '{letter}'" for letter in "abcde"]
    sides = [tuple(variant.sides.values()) for variant in of(whens(texts))]
    assert len(sides) == len(set(sides)) == 7
    assert sides[0] == (True,) * 5
    assert sides[-1] == (False,) * 5
    for number in range(5):
        assert [one[number] for one in sides].count(False) == 2


def test_three_conditions_are_combined_in_every_way() -> None:
    assert len(words(whens(["saga.id == 'a'", "saga.id == 'b'", "saga.id == 'c'"]))) == 8


def test_a_condition_that_says_itself_how_it_goes_is_no_choice() -> None:
    text = whens(["saga.id == 'a'"]).replace("\"${{ saga.id == 'a' }}\"", "true")
    assert words(text) == ["as written"]
    assert rehearse(parsed(text), "t").coverage.branches == ()


def test_conditions_are_told_apart_by_their_text_alone() -> None:
    (step,) = parsed(whens(["  saga.id   ==\t'a' "])).steps
    assert step.when is not None
    assert condition_text(step.when) == "saga.id == 'a'"


EACH = """
saga: tiny
input:
  type: object
  properties: {items: {type: array, items: {type: object}}}
  examples: [{items: [{sku: tea, count: 2, new: true}]}]
services: {s: {url: http://s}}
steps:
  - {name: a, service: s, for_each: "${{ input.items }}", action: "PUT /${{ item.sku }}", compensation: none}
"""


def test_a_for_each_goes_over_two_one_and_no_element() -> None:
    each = of(EACH)
    assert [v.words for v in each] == [f"for_each over {n}" for n in (2, 1, 0)]
    assert [v.length for v in each] == [2, 1, 0]
    assert [len(elements(v)) for v in each] == [2, 1, 0]
    assert rehearse(parsed(EACH), "t").steps == ("a[0]", "a[1]")


def elements(variant: Variant) -> list[object]:
    each = variant.saga.steps[-1].for_each
    assert each is not None
    found = evaluate(each.items, {})
    assert isinstance(found, list)
    return list(found)


def test_elements_are_those_of_the_input_and_others_like_them() -> None:
    assert elements(of(EACH)[0]) == [
        {"sku": "tea", "count": 2, "new": True},
        {"sku": "tea-2", "count": 3, "new": True},
    ]


def test_elements_of_a_result_are_made_of_what_is_read_of_them() -> None:
    text = """
    saga: tiny
    services: {s: {url: http://s}}
    steps:
      - {name: first, service: s, action: {request: GET /items}}
      - name: a
        service: s
        for_each: ${{ steps.first.result.items }}
        action: PUT /${{ item.sku }}/${{ item.of.id }}
        compensation: none
    """
    one, other = elements(of(text)[0])
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    assert set(one) == set(other) == {"sku", "of"}
    assert one["sku"] != other["sku"]
    assert not [f for f in rehearse(parsed(text), "t").findings if f.code == "one-key-two-bodies"]


INPUTS = """
saga: tiny
input:
  type: object
  properties: {kind: {type: string, default: plain}, n: {type: integer}}
  EXAMPLES
services: {s: {url: http://s}}
steps:
  - {name: a, service: s, action: {request: PUT /a, json: "${{ input }}"}, compensation: none}
"""


def test_inputs_are_the_examples_with_defaults_and_three_at_the_most() -> None:
    text = INPUTS.replace("EXAMPLES", "examples: [{n: 1}, {n: 2, kind: odd}, {}, {n: 4}]")
    assert example_inputs(parsed(text)) == [
        {"n": 1, "kind": "plain"},
        {"n": 2, "kind": "odd"},
        {"kind": "plain"},
    ]
    assert words(text) == ["input 1", "input 2", "input 3"]


def test_without_examples_there_is_one_input_made_of_the_schema() -> None:
    text = INPUTS.replace("EXAMPLES", "required: [n]")
    assert example_inputs(parsed(text)) == [{"kind": "plain", "n": 1}]
    assert words(text) == ["as written"]


RETRIED = """
saga: tiny
services: {s: {url: http://s, idempotency: key}}
defaults: {retry: {max_attempts: 9}}
steps:
  - name: a
    service: s
    action: POST /a
    lookup: {request: "GET /a"}
    compensation: {request: POST /a/undo, retry: {max_attempts: 7}}
  - {name: b, service: s, action: {request: POST /b, retry: {max_attempts: 1}}, compensation: none}
"""


def attempts(saga: Saga) -> list[int]:
    return [
        request.retry.max_attempts
        for _, _, step in steps_within(saga)
        for request in (step.request, step.lookup and step.lookup.request, step.compensation)
        if isinstance(request, Request)
    ]


@pytest.mark.parametrize("depth", [0, 2, 5])
def test_attempts_are_as_many_as_it_takes_and_never_more_than_are_written(depth: int) -> None:
    assert attempts(few_attempts(parsed(RETRIED), depth)) == [2, 2, depth + 1, 1]


def test_for_its_time_every_attempt_counts() -> None:
    variant = of(RETRIED)[0]
    assert attempts(attempts_as_written(variant)) == [9, 9, 7, 1]
    assert attempts(variant.written) == [9, 9, 7, 1]


def test_the_branches_that_were_walked_are_told() -> None:
    told = rehearse(parsed(whens(["saga.id == 'a'", "saga.id == 'b'"])), "t", Bounds(0))
    assert [(b.step, b.text, b.sides) for b in told.coverage.branches] == [
        ("s0", "saga.id == 'a'", (True, False)),
        ("s1", "saga.id == 'b'", (True, False)),
    ]
    assert len(told.variants) == 4
