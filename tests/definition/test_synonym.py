"""What people write who come from elsewhere: they are told the word that is meant here."""

import json

import pytest

from sagactl.definition.loader import load
from sagactl.definition.parser import FUNCTIONS
from sagactl.definition.schema import schema_text
from sagactl.definition.synonym import CALLS, KEYS, OPERATORS, VALUES
from sagactl.lint.linter import lint
from sagactl.source.place import Source
from sagactl.source.problem import Problem

SAGA = """\
saga: order
services:
  shop: {url: "https://shop.example"}
steps:
  - name: pay
    service: shop
    action: PUT /charges
    compensation: none
"""


def told(old: str, new: str) -> list[Problem]:
    assert old in SAGA
    saga, problems = load(Source("s.yaml", SAGA.replace(old, new)), lambda name: f"no {name}")
    return problems if saga is None else [*problems, *lint(saga)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    action:", "    depends_on: []\n    action:", 'here it is called "needs"'),
        ("    action:", "    if: ${{ true }}\n    action:", 'here it is called "when"'),
        ("action: PUT", "do: PUT", 'here it is called "action"'),
        ("compensation:", "undo:", 'here it is called "compensation"'),
        ("- name: pay", "- id: pay", 'here it is called "name"'),
        ("PUT /charges", "{method: PUT, request: PUT /x}", 'unknown key "method"'),
        ("{url:", "{base_url:", 'here it is called "url"'),
        ("    action:", "    when: ${{ len(env.A) > 0 }}\n    action:", 'did you mean "size"?'),
        ("    action:", "    when: ${{ 1 == 1 and 1 == 1 }}\n    action:", 'did you mean "&&"?'),
        ("    action:", "    when: ${{ env.A == None }}\n    action:", 'did you mean "null"?'),
    ],
)
def test_a_word_of_elsewhere_is_told_with_ours_and_nothing_besides(
    old: str, new: str, said: str
) -> None:
    (problem,) = told(old, new)
    assert said in problem.message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("PUT /charges", "PUT /charges/{{ input.a }}", 'written as in "${{ input.a }}"'),
        ("PUT /charges", "PUT /charges/${ input.a }", 'written as in "${{ input.a }}"'),
        ("compensation: none", "compensation: None", 'write "none"'),
        ("PUT /charges", "{request: PUT /x, method: PUT}", "stand together"),
        ("PUT /charges", "{request: PUT /x, body: {a: 1}}", 'write "json"'),
        ('{url: "https://shop.example"}', "https://shop.example", '{url: "https://shop.example"}'),
        ("    action:", "    pivot: yes\n    action:", "write true, or"),
        ("services:", "input: {order_id: string}\nservices:", 'stands below "properties"'),
    ],
)
def test_a_hint_says_how_it_is_written(old: str, new: str, said: str) -> None:
    (problem,) = told(old, new)
    assert problem.hint is not None
    assert said in problem.hint


def test_steps_as_a_map_are_told_to_be_a_list() -> None:
    text = "saga: order\nsteps:\n  pay: {action: PUT https://h.example/a}\n"
    (problem,) = load(Source("s.yaml", text), lambda name: f"no {name}")[1]
    assert problem.hint is not None
    assert "- name:" in problem.hint


def test_an_expression_that_does_not_end_is_told_once() -> None:
    (problem,) = told("PUT /charges", "PUT /charges/${{ input.a")
    assert problem.code == "expression-syntax"


def test_the_words_that_are_meant_are_words_of_the_language_and_the_others_are_not() -> None:
    schema = json.loads(schema_text())
    keys = {
        key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", ())
    }
    assert set(KEYS.values()) <= keys
    assert set(CALLS.values()) <= {*FUNCTIONS, "has", "cond"}
    assert not set(CALLS) & set(FUNCTIONS)
    assert set(OPERATORS.values()) == {"&&", "||", "!", "=="}
    assert set(VALUES.values()) == {"true", "false", "null"}
