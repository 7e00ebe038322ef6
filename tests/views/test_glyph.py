"""Marks survive terminals that cannot draw them."""

import pytest

from sagactl.machine.moves import StepState
from sagactl.views.glyph import MARKS, PLAINER, speakable


def test_every_state_has_a_mark_of_its_own() -> None:
    assert set(MARKS) == set(StepState)
    assert len(set(MARKS.values())) == len(MARKS)


def test_plainer_marks_are_told_apart_as_well() -> None:
    plain = [PLAINER.get(mark, mark) for mark in MARKS.values()]
    assert "".join(plain).isascii()
    assert len(set(plain)) == len(plain)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", None])
def test_a_tick_never_becomes_the_mark_of_the_unknown(encoding: str | None) -> None:
    told = speakable("✓ reserve", encoding)
    assert told == "+ reserve"
    told.encode(encoding or "ascii")


def test_what_an_encoding_can_say_stays() -> None:
    assert speakable("✓ déjà", "utf-8") == "✓ déjà"
    assert speakable("✓ déjà", "latin-1") == "+ déjà"
    assert speakable("déjà 😀", "ascii") == "d\\xe9j\\xe0 \\U0001f600"
