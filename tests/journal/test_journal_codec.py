"""Events survive being written down; what is no event is damage."""

import json
import math
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal.samples import began, started

from sagactl.journal.codec import (
    FORMAT,
    KINDS,
    canonical,
    decode,
    encode,
    plain_record,
    written_name,
)
from sagactl.journal.store import StateDamaged
from sagactl.machine.event import Event
from sagactl.machine.moves import MOVES

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
# Half a surrogate pair is what `os.environ` and some services give; it must not break a journal.
TEXT = st.text() | st.text(alphabet=st.characters(categories=["Cs", "L"]))
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    Any: JSON,
    str: TEXT,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    if hint in PLAIN:
        return PLAIN[hint]
    if isinstance(hint, UnionType):
        return st.one_of(*map(values_of, get_args(hint)))
    if get_origin(hint) is list:
        return st.lists(values_of(get_args(hint)[0]), max_size=3)
    if get_origin(hint) is dict:
        return st.dictionaries(TEXT, values_of(get_args(hint)[1]), max_size=3)
    raise AssertionError(f"no values for {hint}")


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in fields(kind)})


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@given(data=st.data())
def test_an_event_comes_back_as_it_was_written(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(events_of(kind))
    assert decode(json.loads(canonical(encode(event)))) == event


def test_every_event_that_moves_a_step_can_be_written() -> None:
    assert {kind for _, kind in MOVES} <= set(KINDS.values())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_the_written_name_gives_back_the_class(kind: type[Event]) -> None:
    words = written_name(kind).split("_")
    assert "".join(word.capitalize() for word in words) == kind.__name__


def test_a_record_says_its_type_and_time_first_of_all() -> None:
    record = encode(began(at=7.5))
    assert list(record)[:2] == ["type", "at"]
    assert (record["type"], record["at"]) == ("action_began", 7.5)


def test_a_whole_number_is_a_time_too() -> None:
    assert decode({"type": "deadline_passed", "at": 12}).at == 12.0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"type": "action_begun"}, 'no event has the type "action_begun"'),
        ({"type": "step_event"}, "no event has the type"),
        ({"type": None}, "no event has the type null"),
        ({"colour": "red"}, 'ActionBegan has no field "colour"'),
        ({"attempt": "1"}, 'the field "attempt" of ActionBegan cannot be "1"'),
        ({"attempt": True}, 'the field "attempt" of ActionBegan cannot be true'),
        ({"at": True}, 'the field "at" of ActionBegan cannot be true'),
        ({"at": None}, 'the field "at" of ActionBegan cannot be null'),
        ({"body": {}}, 'the field "body" of ActionBegan cannot be {}'),
    ],
)
def test_a_strange_record_is_damage(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(StateDamaged) as refusal:
        decode({**encode(began()), **change})
    assert complaint in refusal.value.reason


@pytest.mark.parametrize("field", ["at", "step", "attempt", "body"])
def test_a_missing_field_is_damage(field: str) -> None:
    record = encode(began())
    del record[field]
    with pytest.raises(StateDamaged, match=f'lacks its field "{field}"'):
        decode(record)


@pytest.mark.parametrize("record", [None, [], "run_started", 3])
def test_what_is_no_map_is_damage(record: Any) -> None:
    with pytest.raises(StateDamaged, match="an event is a map"):
        decode(record)


@pytest.mark.parametrize("env", [{"A": 1}, ["A"], None])
def test_fields_are_checked_to_the_bottom(env: Any) -> None:
    with pytest.raises(StateDamaged, match='the field "env"'):
        decode({**encode(started()), "env": env})


def deep(levels: int) -> Any:
    value: Any = None
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, {"price": -math.inf}, {1, 2}, b"bytes", deep(100_000), 10**5000],
    ids=["nan", "inf", "inside", "set", "bytes", "deep", "huge"],
)
def test_a_value_beyond_json_is_refused_before_it_is_written(value: Any) -> None:
    with pytest.raises(ValueError, match="only plain JSON values can be kept"):
        canonical(value)


def test_an_event_that_could_not_be_read_back_is_not_written() -> None:
    broken: Any = "soon"
    with pytest.raises(ValueError, match='the field "at" of ActionBegan cannot be "soon"'):
        plain_record(began(at=broken))


def test_the_format_is_the_second() -> None:
    assert FORMAT == 2
