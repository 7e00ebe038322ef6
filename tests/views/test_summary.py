"""Where runs stand, as text for people."""

from typing import Any

import pytest
from views.story import (
    FORK,
    NOT_SENT,
    REJECTED,
    START,
    UNKNOWN,
    Story,
    applied,
    completed,
    failed,
    ordered,
)
from views.test_run_document import Listed

from sagactl.machine import event as e
from sagactl.machine.command import Phase
from sagactl.views.summary import (
    history_table,
    list_table,
    next_hints,
    outcome_lines,
    run_summary,
    said_elapsed,
    verdict_line,
)


def summary(story: Story) -> list[str]:
    return run_summary(story.plan, story.run)


def stuck() -> Story:
    story = ordered().tries("reserve", applied()).tries("charge", applied({"id": "c-9"}))
    return story.tries("ship", REJECTED).tries("charge", REJECTED, Phase.COMPENSATION)


def test_a_completed_run_is_summed_up_so() -> None:
    assert summary(completed()) == [
        "order r-1: completed in 0.6s",
        "  ✓ reserve  completed",
        "  ✓ charge   completed",
        "  ✓ ship     completed",
        "output:",
        '  charge: "c-9"',
    ]


def test_a_failed_run_is_summed_up_so() -> None:
    assert summary(failed()) == [
        "order r-1: failed, and everything that was done is undone: ship: 422 Unprocessable Content",
        "  ↺ reserve  compensated",
        "  ↺ charge   compensated",
        "  ✗ ship     failed: 422 Unprocessable Content",
    ]


def test_a_stuck_run_says_what_to_type_next() -> None:
    assert summary(stuck()) == [
        "order r-1: stuck, a person is needed: charge: 422 Unprocessable Content",
        "  ✓ reserve  completed",
        "  ! charge   stuck: 422 Unprocessable Content",
        "  ✗ ship     failed: 422 Unprocessable Content",
        "  look:   sagactl explain r-1",
        "  go on:  sagactl resume r-1",
        "  tell:   sagactl resolve r-1 charge --as compensated --reason TEXT",
        "  close:  sagactl abandon r-1 --reason TEXT",
    ]


def test_an_interrupted_run_can_go_on_or_be_undone_and_is_not_said_to_wait() -> None:
    story = ordered().tries("reserve", applied())
    assert next_hints(story.plan, story.run) == [
        "go on:  sagactl resume r-1",
        "undo:   sagactl compensate r-1",
    ]


def test_a_run_that_waits_says_until_when() -> None:
    story = ordered().tries("reserve", NOT_SENT)
    assert next_hints(story.plan, story.run)[0].startswith("next:   due at 2023-11-14T22:13:20.")


def test_a_run_that_is_being_undone_offers_no_second_undo() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", REJECTED)
    assert verdict_line(story.plan, story.run) == "compensating: charge: 422 Unprocessable Content"
    assert next_hints(story.plan, story.run) == ["go on:  sagactl resume r-1"]


@pytest.mark.parametrize("story", [completed(), failed()], ids=["completed", "failed"])
def test_a_run_that_has_ended_needs_nothing_more(story: Story) -> None:
    assert next_hints(story.plan, story.run) == []


def test_what_was_done_and_cannot_be_undone_is_not_called_undone() -> None:
    text = FORK.replace("compensation: DELETE /f", "compensation: none")
    story = Story(text).tries("flight", applied()).tries("hotel", applied())
    story.tries("pay", REJECTED).tries("hotel", applied(), Phase.COMPENSATION)
    said = verdict_line(story.plan, story.run)
    assert said.startswith("failed, and everything that had to be undone is undone: pay: ")


def test_attempts_are_told_when_there_were_several() -> None:
    story = ordered().tries("reserve", UNKNOWN)
    assert summary(story)[1] == "  ? reserve  unknown: read timed out"
    story.tries("reserve", applied())
    assert summary(story)[1] == "  ✓ reserve  completed after 2 attempts"


def test_a_sandboxed_run_says_so() -> None:
    assert summary(ordered(sandbox=True))[0] == "order r-1  (sandbox): started"


def test_an_output_that_cannot_be_evaluated_is_told() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", applied({"number": 1}))
    lines = outcome_lines(story.plan, story.tries("ship", applied()).run)
    assert len(lines) == 1
    assert lines[0].startswith("no output: ")


def test_X5_an_id_in_an_output_cannot_break_its_line() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", applied({"id": "a\x85\x1b[2Jb"}))
    lines = outcome_lines(story.plan, story.tries("ship", applied()).run)
    assert lines == ["output:", '  charge: "a\\u0085\\u001b[2Jb"']


def test_X5_an_error_cannot_break_its_line() -> None:
    story = ordered().record(
        e.ActionFailed(at=START + 1, step="reserve", attempt=0, status=None, detail="a\n\x1b[2Jb")
    )
    assert summary(story)[1] == "  ✗ reserve  failed: a\\x0a\\x1b[2Jb"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0.0s"), (0.04, "0.0s"), (59.94, "59.9s"), (59.96, "1m00s"), (3599.4, "59m59s"),
     (3600, "1h00m"), (172_740, "47h59m"), (172_800, "2d00h")],
)  # fmt: skip
def test_time_is_told_as_exactly_as_anyone_wants_it(seconds: float, said: str) -> None:
    assert said_elapsed(seconds) == said


def test_a_list_is_a_table() -> None:
    rows = [Listed(), Listed(run_id="another-run", state="completed")]
    assert list_table(rows, width=200, colour=False) == [
        "ID           SAGA   STATE      STARTED                   UPDATED",
        "r-1          order  stuck      2023-11-14T22:13:20.000Z  2023-11-14T22:13:21.000Z",
        "another-run  order  completed  2023-11-14T22:13:20.000Z  2023-11-14T22:13:21.000Z",
    ]


def test_tags_have_a_column_where_there_are_any() -> None:
    tagged = Listed(tags={"channel": "web", "team": "a b"})
    head, with_tags, without = list_table([tagged, Listed()], width=200, colour=False)
    assert head.endswith("  UPDATED                   TAGS")
    assert with_tags.endswith("  channel=web,team=a b")
    assert without.endswith("Z")


def test_a_narrow_list_is_cut_and_not_wrapped() -> None:
    assert list_table([Listed()], width=20, colour=False) == [
        "ID   SAGA   STATE  S",
        "r-1  order  stuck  2",
    ]


@pytest.mark.parametrize(("state", "paint"), [("stuck", "33"), ("failed", "31")])
def test_colour_marks_what_needs_a_look(state: str, paint: str) -> None:
    head, bad, good = list_table(
        [Listed(state=state), Listed(state="completed")], width=24, colour=True
    )
    assert bad.startswith(f"\x1b[{paint}mr-1")
    assert bad.endswith("\x1b[0m")
    assert "\x1b" not in head + good


def test_X5_a_list_keeps_its_columns_whatever_stands_in_it() -> None:
    listed: Any = [Listed(saga="a\x1bb"), Listed()]
    lines = list_table(listed, width=200, colour=False)
    assert [line.index("stuck") for line in lines[1:]] == [lines[0].index("STATE")] * 2


def test_a_history_has_its_words_in_one_column() -> None:
    assert history_table(completed().events[:3]) == [
        "2023-11-14T22:13:20.000Z     saga  order r-1 started",
        "2023-11-14T22:13:20.100Z  reserve  attempt 1: PUT http://stock/holds/r-1",
        "2023-11-14T22:13:20.200Z  reserve  applied: 200 OK",
    ]
    assert history_table([]) == []
