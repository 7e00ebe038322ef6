"""Two plans compared: nothing that differs goes untold, and the rollback is told first."""

import copy
from typing import Any

import pytest
from views.story import FORK, ORDER, plan_of

from sagactl.views.plan_change import change_lines, plan_objection
from sagactl.views.plan_text import plan_document


def changes(before: str, after: str) -> list[str]:
    return change_lines(plan_document(plan_of(before), None), plan_document(plan_of(after), None))


def test_what_is_the_same_has_no_changes() -> None:
    assert changes(ORDER, ORDER.replace("timeout: 15m", "timeout: 16m")) == []


def test_an_undo_that_came_or_went_is_told_where_it_counts() -> None:
    without = FORK.replace("compensation: DELETE /h", "compensation: none")
    assert changes(FORK, without)[:2] == [
        "when flight is rejected: hotel was undone, is not any more, and stays in the world",
        "when flight stays unknown: hotel was undone, is not any more, and stays in the world",
    ]
    assert "when pay is rejected: hotel is undone now, was not" in changes(without, FORK)


def test_another_order_is_told() -> None:
    after = FORK.replace(
        "name: hotel, service: w, needs: []", "name: hotel, service: w, needs: [flight]"
    )
    assert (
        "when pay is rejected: the order of undoing was flight + hotel, is hotel → flight"
        in changes(FORK, after)
    )
    assert "forwards was flight + hotel → pay, is flight → hotel → pay" in changes(FORK, after)


def test_another_end_is_told() -> None:
    after = FORK.replace("name: pay,", "name: pay, on_unknown: hold,")
    assert (
        "when pay stays unknown: the end was all that can be is undone, is a person decides"
        in changes(FORK, after)
    )


def test_what_stays_behind_is_told_where_no_undo_came_or_went() -> None:
    before = FORK.replace("compensation: DELETE /p", "compensation: none")
    more = "  - {name: %s, service: w, needs: [], action: PUT /t, compensation: none}\n"
    assert "when pay is rejected: tell stays in the world now" in changes(
        before, before + more % "tell"
    )
    gone = changes(before + more % "tell", before)
    assert "when pay is rejected: tell does not stay in the world any more" in gone


def test_a_step_that_is_new_gone_or_in_another_place_is_told() -> None:
    new = FORK + "  - {name: tell, service: w, action: PUT /t, compensation: none}\n"
    told = changes(FORK, new)
    assert 'step "tell" is new: PUT w:/t; undone by nothing' in told
    assert any(line.startswith("when tell is rejected: (new) undone is pay → ") for line in told)
    told = changes(new, FORK)
    assert "tell is no longer a step that can fail" in told
    assert 'step "tell" is gone' in told


def test_steps_that_changed_places_are_told() -> None:
    lines = FORK.splitlines(keepends=True)
    other = "".join([*lines[:4], lines[5], lines[4], *lines[6:]])
    told = changes(FORK, other)
    assert "forwards was flight + hotel → pay, is hotel + flight → pay" in told


@pytest.mark.parametrize("text", [ORDER, FORK])
def test_no_difference_at_all_goes_untold(text: str) -> None:
    document = plan_document(plan_of(text), None)

    def leaves(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        found = []
        for key, item in items:
            inner = leaves(item, (*path, key)) if isinstance(item, dict | list) else []
            found.extend(inner or [(*path, key)])
        return found

    changed = 0
    for path in leaves(document, ()):
        other = copy.deepcopy(document)
        holder = other
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = "stuck" if path[-1] == "ends" and holder["ends"] != "stuck" else "failed"
        if other == document or path[-1] == "format":
            continue
        if plan_objection(other) is None:
            changed += 1
            assert change_lines(other, document), path
            assert change_lines(document, other), path
    assert changed > 40
