"""The corpus says the truth about itself, as far as that can be told without a rehearsal."""

from pathlib import Path

import pytest
from rehearsal.corpus import HOLES, SOUND, WHY, ambers, definition, planted

from sagactl.machine.rehearsed import Trouble
from sagactl.rehearsal.operation import steps_within

CODES = {
    "action-lacks-value",
    "effect-left",
    "late-landing",
    "lookup-blind",
    "lookup-finds-another",
    "one-key-two-bodies",
    "pivot-too-early",
    "retries-cut-short",
    "stuck-unsaid",
    "success-hides-failure",
    "undo-lacks-value",
    "undo-not-repeatable",
    "undo-not-retried",
    "undo-refused",
    "undo-takes-another",
    "undo-takes-nothing-back",
    "wrong-order",
}

each_hole = pytest.mark.parametrize("path", HOLES, ids=lambda path: path.stem)
each_sound = pytest.mark.parametrize("path", SOUND, ids=lambda path: path.stem)


def paths_in(path: Path) -> set[str]:
    saga, _ = definition(path)
    return {name for _, name, _ in steps_within(saga)}


def test_there_are_holes_of_every_kind_and_sound_definitions_to_tell_them_from() -> None:
    assert {planted(path).code for path in HOLES} == CODES
    assert len(HOLES) >= 50
    assert len(SOUND) >= 12


@each_hole
def test_a_planted_hole_names_steps_and_troubles_that_there_are(path: Path) -> None:
    hole, paths = planted(path), paths_in(path)
    assert set(hole.steps) <= paths
    for need in hole.needs:
        step, _, trouble = need.rpartition(".")
        assert step in paths
        assert Trouble(trouble) is not Trouble.APPLIED
    assert hole.sentence.endswith(".")


@each_hole
def test_lint_tells_of_a_planted_hole_what_its_file_says_and_no_more(path: Path) -> None:
    _, problems = definition(path)
    assert sorted({problem.code for problem in problems}) == list(planted(path).lint)


@each_sound
def test_lint_has_nothing_to_say_of_a_sound_definition(path: Path) -> None:
    assert definition(path)[1] == []


@each_sound
def test_a_sound_definition_says_where_a_person_is_needed(path: Path) -> None:
    paths = paths_in(path)
    assert ambers(path)
    for why, step in ambers(path):
        assert why in WHY
        assert step in paths
