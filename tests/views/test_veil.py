"""Sensitive input is hidden wherever a run is looked at."""

import json
from typing import Any

import pytest
from views.story import Story, applied, ordered

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Outcome
from sagactl.machine.request import scope_of
from sagactl.views.document import event_document, run_document, to_json
from sagactl.views.lines import event_line
from sagactl.views.plan_text import plan_document, plan_lines
from sagactl.views.summary import history_table, run_summary
from sagactl.views.veil import CLEAR, veil_of, veil_over

CARD = "4000-1234 5678/é"


def echoed() -> Story:
    """A saga whose bank repeats the card in its result, and whose post repeats it in a refusal."""
    story = ordered(CARD).tries("reserve", applied())
    story.tries("charge", applied({"id": "c-9", "of": [f"card {CARD}"], CARD: 1}))
    return story.tries("ship", Outcome(OutcomeKind.REJECTED, f'422: "no {CARD}"', 422))


def test_no_view_of_a_run_shows_a_sensitive_value() -> None:
    story = echoed()
    veil = veil_of(story.plan, story.run)
    events = [veil.event(event) for event in story.events]
    shown = [
        to_json(run_document(story.plan, story.run)),
        to_json([event_document(event) for event in events]),
        *run_summary(story.plan, story.run),
        *history_table(events),
        *(event_line(event, story.run.started_at) for event in events),
        *plan_lines(story.plan, story.run),
        to_json(plan_document(story.plan, story.run)),
    ]
    assert not [text for text in shown if "4000" in text]
    assert sum("***" in text for text in shown) >= 5


def test_the_run_itself_goes_on_with_the_true_values() -> None:
    story = echoed()
    run_document(story.plan, story.run)
    assert scope_of(story.run)["input"]["card"] == CARD


def test_a_saga_without_sensitive_input_is_shown_as_it_is() -> None:
    assert veil_over({"type": "object"}, {"a": "b"}) is CLEAR
    story = ordered()
    assert CLEAR.event(story.events[0]) is story.events[0]
    assert CLEAR.run(story.run) is story.run


def sensitive(**more: Any) -> dict[str, Any]:
    return {"x-sensitive": True, **more}


@pytest.mark.parametrize(
    ("schema", "value", "masked"),
    [
        ({"properties": {"a": sensitive()}}, {"a": "xyz", "b": "xy"}, {"a": "***", "b": "xy"}),
        ({"properties": {"a": sensitive()}}, {"a": {"deep": [1]}}, {"a": "***"}),
        ({"items": {"properties": {"a": sensitive()}}}, [{"a": 1}, 2], [{"a": "***"}, 2]),
        ({"prefixItems": [sensitive()], "items": {}}, [1, 2], ["***", 2]),
        ({"additionalProperties": sensitive(), "properties": {"a": {}}}, {"a": 1, "b": 2},
         {"a": 1, "b": "***"}),
        ({"patternProperties": {"^s": sensitive()}}, {"s1": 1}, {"s1": "***"}),
        ({"allOf": [{"properties": {"a": sensitive()}}]}, {"a": 1}, {"a": "***"}),
        ({"if": True, "then": {"properties": {"a": sensitive()}}}, {"a": 1}, {"a": "***"}),
        ({"$defs": {"pin": sensitive()}, "properties": {"a": {"$ref": "#/$defs/pin"}}}, {"a": 1},
         {"a": "***"}),
        ({"$ref": "#", "properties": {"a": sensitive()}}, {"a": 1}, {"a": "***"}),
        (sensitive(), "all of it", "***"),
    ],
)  # fmt: skip
def test_the_input_is_masked_wherever_its_schema_says_so(
    schema: Any, value: Any, masked: Any
) -> None:
    assert veil_over(schema, value).masked_input == masked


@pytest.mark.parametrize(
    "echo",
    [CARD, f"x{CARD}x", "4000-1234%205678%2F%C3%A9", "4000-1234+5678%2F%C3%A9",
     json.dumps(f"card {CARD}"), "4000-1234 5678/\\u00e9"],
)  # fmt: skip
def test_an_echo_is_found_however_it_was_escaped(echo: str) -> None:
    veil = veil_over({"properties": {"card": sensitive()}}, {"card": CARD})
    assert "5678" not in veil.text(echo)
    assert "***" in veil.text(echo)


def test_a_short_value_is_hidden_as_a_word_and_not_inside_others() -> None:
    veil = veil_over({"properties": {"pin": sensitive()}}, {"pin": "417"})
    assert veil.text("/pins/417?x=84175") == "/pins/***?x=84175"


def test_a_sensitive_number_is_hidden_where_it_comes_back() -> None:
    veil = veil_over({"properties": {"salary": sensitive()}}, {"salary": 91250})
    assert veil.over({"paid": 91250, "id": 912501}) == {"paid": "***", "id": 912501}


def test_a_value_of_two_characters_is_hidden_in_the_input_only() -> None:
    veil = veil_over({"properties": {"sex": sensitive()}}, {"sex": "f", "of": "f"})
    assert veil.masked_input == {"sex": "***", "of": "f"}
    assert veil.text("a leaf, f") == "a leaf, f"


def test_of_two_values_the_longer_is_hidden_whole() -> None:
    both = {"items": sensitive()}
    assert veil_over(both, ["ada", "ada@example.com"]).text("to ada@example.com") == "to ***"


def test_a_sensitive_value_that_was_not_given_hides_nothing() -> None:
    assert veil_over({"properties": {"a": sensitive()}}, {"b": 1}) is CLEAR
