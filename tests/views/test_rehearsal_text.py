"""The matrix on a terminal: readable at its width, without colour, and whatever it tells of."""

import re
from dataclasses import replace

import pytest
from views.rehearsal_sample import (
    AMBER,
    CHARGED,
    STEPS,
    flawless,
    holed,
    hostile,
    rehearsed,
    sound,
    undo_gives_up,
    unproven,
    wide,
)

from sagactl.machine.rehearsed import Judgement, Rehearsed, Struck, Trouble
from sagactl.views.glyph import speakable
from sagactl.views.rehearsal_coverage import coverage_lines
from sagactl.views.rehearsal_text import FOLDED, TOLD, cell_lines, rehearsal_lines
from sagactl.views.rehearsal_words import (
    GROUPS,
    MARKS,
    MEANING,
    STYLES,
    fails,
    read_struck,
    said_depth,
    said_seconds,
)

ESCAPES = re.compile("\x1b\\[[0-9;]*m")


def matrix_of(lines: list[str]) -> list[str]:
    """The lines between the first empty one and the second."""
    start = lines.index("") + 1
    return lines[start : lines.index("", start)]


def test_the_columns_are_all_the_troubles_in_their_order() -> None:
    assert tuple(trouble for _, troubles in GROUPS for trouble in troubles) == tuple(Trouble)


def test_every_judgement_has_a_mark_a_style_and_a_meaning_of_its_own() -> None:
    for table in (MARKS, STYLES, MEANING):
        assert set(table) == {*Judgement, None}
        assert len(set(table.values())) == len(table)


def test_a_row_has_a_mark_below_the_leader_of_each_trouble() -> None:
    lines = matrix_of(rehearsal_lines([holed()], colour=False))
    stairs, rows = lines[: len(Trouble)], lines[len(Trouble) :]
    assert [row.split()[0] for row in rows] == list(STEPS)
    cells = {(cell.step, cell.trouble): cell.judgement for cell in holed().cells}
    for trouble, stair in zip(Trouble, stairs, strict=True):
        column = stair.index("┌")
        assert stair[column:] == f"┌ {trouble}"
        for step, row in zip(STEPS, rows, strict=True):
            assert row[column] == MARKS[cells[step, trouble]]


@pytest.mark.parametrize("width", [80, 100])
def test_twenty_steps_with_long_names_fit_the_terminal(width: int) -> None:
    lines = rehearsal_lines([wide()], colour=False, width=width)
    assert max(map(len, lines)) <= width
    rows = matrix_of(lines)[len(Trouble) :]
    assert len(rows) == 20
    assert len({row.split()[0] for row in rows}) == 20
    # Narrow or not, no mark goes missing.
    assert all(len(row.split()) == 1 + len(Trouble) for row in rows)


def test_colour_only_repeats_what_marks_say() -> None:
    plain = rehearsal_lines([holed()], colour=False)
    coloured = rehearsal_lines([holed()], colour=True)
    assert "\x1b" not in "".join(plain)
    assert [ESCAPES.sub("", line) for line in coloured] == plain
    assert f"\x1b[1;31m{MARKS[Judgement.HOLE]}\x1b[0m" in "".join(coloured)


def test_a_terminal_that_speaks_ascii_sees_the_same_columns() -> None:
    lines = rehearsal_lines([holed()], colour=False)
    told = [speakable(line, "ascii") for line in lines]
    assert all(map(str.isascii, told))
    assert "\\u" not in "".join(told)
    assert [len(line) for line in matrix_of(told)] == [len(line) for line in matrix_of(lines)]


def test_a_hole_is_told_with_its_troubles_its_story_and_a_way_out() -> None:
    text = "\n".join(rehearsal_lines([holed()], colour=False, width=200))
    assert f"✗ {CHARGED.message} [effect-left]\n" in text
    assert "  troubles: process_payment.result-lost, then create_shipment.rejected\n" in text
    for number, sentence in enumerate(CHARGED.story, 1):
        assert f"    {number}. {sentence}\n" in text
    assert f"  help: {CHARGED.advice}\n" in text


def test_what_is_stuck_by_design_has_a_line_that_says_how_to_see_it() -> None:
    lines = rehearsal_lines([sound()], colour=False, width=200)
    for found in AMBER:
        assert f"! {found.message} [{found.code}] (--explain {found.step}.undo-fails)" in lines
        assert not any(found.story[-1] in line for line in lines)


def test_what_was_walked_is_told_in_one_line() -> None:
    lines = rehearsal_lines([sound()], colour=False, width=200)
    assert (
        "4 steps · 1,234 states · 56,764 schedules · pairs of troubles, a crash among them · 0.4 s"
    ) in lines


def test_a_depth_and_a_time_have_words() -> None:
    assert said_depth(0) == "nothing goes wrong"
    assert said_depth(1) == "one trouble at a time, a crash among them"
    assert said_depth(3) == "3 troubles together, a crash among them"
    assert (said_seconds(0.0123), said_seconds(12.34)) == ("12 ms", "12.3 s")


@pytest.mark.parametrize(
    ("one", "last", "failed"),
    [
        (flawless(), "✓ definitions/audit.yaml: sound: whatever comes, all is kept, or all is ", 0),
        (sound(), "sound: all is kept, or all is undone, but for 2 endings that rightly need ", 0),
        (holed(), "✗ definitions/order-broken.yaml: 2 holes", 1),
        (replace(flawless(), depth=0), "audit.yaml: sound where nothing goes wrong", 0),
        (unproven(), "! definitions/trip.yaml: not proven: 100,000 states were walked, and ", 1),
        (replace(holed(), is_whole=False), ": 2 holes, and not all was walked: there may be", 1),
    ],
)
def test_the_last_line_is_the_verdict(one: Rehearsed, last: str, failed: int) -> None:
    assert last in rehearsal_lines([one], colour=False, width=200)[-1]
    assert fails(one) is bool(failed)


def test_several_definitions_end_with_a_count_of_their_verdicts() -> None:
    lines = rehearsal_lines([sound(), holed(), unproven()], colour=False, width=200)
    assert lines[-1] == "3 definitions: 1 sound, 1 with holes, 1 not proven"
    assert "✗ definitions/order-broken.yaml: 2 holes" in lines


def test_very_many_findings_do_not_drown_the_verdict() -> None:
    findings = [
        replace(CHARGED, step=f"s{number}", message=f"hole {number}") for number in range(50)
    ]
    findings += [replace(undo_gives_up("s1"), message=f"wait {number}") for number in range(50)]
    lines = rehearsal_lines([rehearsed("many", ["s1"], findings)], colour=False, width=200)
    assert sum("troubles: " in line for line in lines) == TOLD
    assert sum("(--explain " in line for line in lines) == FOLDED
    assert f"and {100 - TOLD - FOLDED} more: -o json tells all" in lines


def test_a_cell_is_explained_by_its_judgement_and_its_story() -> None:
    asked = Struck("process_payment", Trouble.LOST)
    lines = cell_lines([sound(), holed()], asked, colour=False, width=200)
    assert lines[0] == "process_payment.result-lost  definitions/order-fulfillment.yaml"
    assert lines[1] == "  what befalls it: it takes place, and its reply is cut"
    assert lines[2] == "  ✓ sound"
    assert "  one way in which it ends well:" in lines
    text = "\n".join(
        lines[lines.index("process_payment.result-lost  definitions/order-broken.yaml") :]
    )
    assert "  ✗ hole\n" in text
    assert f"    5. {CHARGED.story[-1]}" in text


def test_a_cell_that_cannot_befall_says_so() -> None:
    asked = Struck("send_confirmation", Trouble.UNDO_FAILS)
    [_, _, said] = cell_lines([sound()], asked, colour=False)
    assert said == "  · cannot befall this step"


def test_where_not_all_was_walked_nobody_says_that_something_cannot_befall() -> None:
    lines = rehearsal_lines([replace(sound(), is_whole=False)], colour=False)
    assert any(line.endswith("· not walked") for line in lines)
    assert not any("cannot befall" in line for line in lines)
    asked = Struck("send_confirmation", Trouble.UNDO_FAILS)
    [_, _, said] = cell_lines([replace(sound(), is_whole=False)], asked, colour=False)
    assert said == "  · not walked"


@pytest.mark.parametrize(
    ("spelled", "message"),
    [
        ("proces_payment.crash", 'no step is called "proces_payment"; did you mean "process_pay'),
        ("zzz.crash", 'no step is called "zzz"'),
        ("process_payment.unknwn-done", 'no trouble is called "unknwn-done"; did you mean "unkn'),
        ("process_payment.9", 'no trouble is called "9"; there are applied, rejected, not-sent, '),
        ("process_payment", "names no cell: write process_payment.TROUBLE, such as process_pay"),
        ("", "names no cell: write STEP.TROUBLE"),
        ("x" * 10_000 + ".crash", "no step is called"),
    ],
)
def test_a_slip_in_a_cells_name_is_told_with_what_was_meant(spelled: str, message: str) -> None:
    struck, said = read_struck([flawless(), sound()], spelled)
    assert struck is None
    assert message in said


def test_a_cell_is_read_by_its_step_and_its_trouble() -> None:
    assert read_struck([sound()], "process_payment.undo-fails") == (
        Struck("process_payment", Trouble.UNDO_FAILS),
        "",
    )
    assert read_struck([wide()], "ship[0].crash")[0] == Struck("ship[0]", Trouble.CRASH)


def test_coverage_tells_arrows_and_sides() -> None:
    lines = coverage_lines([holed()], colour=False)
    assert "  35 of 56 arrows of the machine walked" in lines
    walked = lines.index("  not walked, for nothing here leads there:")
    assert any("LookupFound" in line and " + " in line for line in lines[:walked])
    assert any("SleepBegan" in line and " - " in line for line in lines[walked:])
    assert "  3 of 4 sides of when walked" in lines
    assert "    + create_shipment  ${{ input.amount > 0 }}" in lines
    assert "    - send_confirmation  ${{ input.customer != '' }}  (never false)" in lines
    assert lines[-1] == "    the input of its first example"
    assert "  not walked:" in coverage_lines([replace(holed(), is_whole=False)], colour=False)


def test_nothing_that_is_told_moves_a_terminals_cursor() -> None:
    one = hostile()
    asked = Struck("a", Trouble.DONE)
    lines = rehearsal_lines([one], colour=True) + coverage_lines([one], colour=True)
    lines += cell_lines([one], asked, colour=True)
    assert any("\\x1b[2J\\x9b31m \\u202e \\ud800" in line for line in lines)
    for line in lines:
        assert ESCAPES.sub("", line).isprintable(), line
        line.encode()
