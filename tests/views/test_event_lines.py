"""A run as plain lines."""

import io

import pytest
from views.story import (
    BEGAN,
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

from sagactl.definition.model import OutcomeKind
from sagactl.journal.codec import event_kinds
from sagactl.machine import event as e
from sagactl.machine.command import Outcome, Phase
from sagactl.views.lines import LineWatcher, event_line, event_words


def watched(story: Story, encoding: str = "utf-8") -> list[str]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    with LineWatcher(story.plan, stream) as watcher:
        for event in story.events:
            watcher.watch(event, story.run)
    return raw.getvalue().decode(encoding).splitlines()


def test_a_run_that_completes_reads_so() -> None:
    assert watched(completed()) == [
        "00:00.000     saga  order r-1 started",
        "00:00.100  reserve  attempt 1: PUT http://stock/holds/r-1",
        "00:00.200  reserve  applied: 200 OK",
        "00:00.300   charge  attempt 1: POST http://bank/v1/charges",
        "00:00.400   charge  applied: 200 OK",
        "00:00.500     ship  attempt 1: POST http://post/parcels",
        "00:00.600     ship  applied: 200 OK",
    ]


def test_a_run_that_turns_back_reads_so() -> None:
    assert watched(failed())[6:] == [
        "00:00.600     ship  failed without effect: 422 Unprocessable Content",
        "00:00.700   charge  undo, attempt 1: POST http://bank/v1/charges/c-9/refund",
        "00:00.800   charge  undone: 200 OK",
        "00:00.900  reserve  undo, attempt 1: DELETE http://stock/holds/r-1",
        "00:01.000  reserve  undone: 200 OK",
    ]


def test_what_is_tried_again_says_when() -> None:
    story = ordered().begins("reserve")
    ended = e.ActionNotSent(
        at=START + 1, step="reserve", attempt=1, status=None, detail="refused", due_at=START + 1.44
    )
    assert event_words(ended) == "not sent: refused; again in 0.4s"
    unknown = story.ends("reserve", UNKNOWN).events[-1]
    assert event_words(unknown).startswith("unknown: read timed out; asked again in 0.")


def test_what_is_not_tried_again_does_not_say_when() -> None:
    given_up = e.ActionNotSent(
        at=START, step="a", attempt=4, status=None, detail="refused", due_at=None
    )
    assert event_words(given_up) == "not sent: refused"


def test_a_result_that_was_lost_is_not_called_unknown() -> None:
    lost = Outcome(OutcomeKind.RESULT_LOST, "the reply was cut off", 200)
    words = event_words(ordered().tries("reserve", lost).events[-1])
    assert words.startswith("it happened, but its result is lost: the reply was cut off")


def test_a_lookup_says_what_it_asked_and_what_it_found() -> None:
    story = ordered().tries("reserve", applied())
    for _ in range(4):
        story.tries("charge", UNKNOWN)
    story.tries("charge", Outcome(OutcomeKind.APPLIED, "200 OK", 200, found=True), Phase.LOOKUP)
    assert [event_words(event) for event in story.events[-2:]] == [
        f"lookup 1: GET http://bank/v1/charges?key={story.events[3].key}",  # type: ignore[attr-defined]
        "found: it took place (200 OK)",
    ]


def test_every_event_has_words_of_its_own() -> None:
    silent = [
        kind.__name__ for kind in event_kinds().values() if kind.__name__ in event_words(_any(kind))
    ]
    assert silent == []


def _any(kind: type[e.Event]) -> e.Event:
    """An event of that kind, with something in every field."""
    from dataclasses import fields

    values = {
        "at": START,
        "due_at": START + 1,
        "duration_s": 2.0,
        "happened": True,
        "sandbox": True,
    }
    return kind(**{field.name: values.get(field.name, "x") for field in fields(kind)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("elapsed", "clock"),
    [(0, "00:00.000"), (59.9996, "01:00.000"), (61.5, "01:01.500"), (7322, "122:02.000"),
     (-5, "00:00.000")],
)  # fmt: skip
def test_the_time_is_told_in_minutes_and_milliseconds(elapsed: float, clock: str) -> None:
    skipped = e.StepSkipped(at=START + elapsed, step="a")
    assert event_line(skipped, START) == f"{clock}  a  skipped: its condition is false"


def test_X5_a_reply_cannot_move_the_cursor_nor_forge_a_line() -> None:
    evil = "\x1b[2J\x9b31m\r\n00:00.000  ship  applied\u202e[red]"
    story = ordered().tries("reserve", Outcome(OutcomeKind.REJECTED, evil, 400))
    lines = watched(story)
    assert len(lines) == 3
    assert lines[-1].isprintable()
    assert "\\x1b[2J\\x9b31m\\x0d\\x0a" in lines[-1]
    assert lines[-1].endswith("\\u202e[red]")


def test_a_terminal_without_unicode_is_told_all_the_same() -> None:
    story = ordered().tries("reserve", Outcome(OutcomeKind.REJECTED, "409: “déjà vu” …", 409))
    assert watched(story, "ascii")[-1].endswith("409: \\u201cd\\xe9j\\xe0 vu\\u201d ...")


def test_a_reader_who_went_away_stops_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    story = completed()
    with LineWatcher(story.plan, Gone()) as watcher:
        watcher.watch(story.events[0], story.run)


def test_lines_hide_what_is_sensitive() -> None:
    story = ordered("4000-1234").tries(
        "reserve", Outcome(OutcomeKind.REJECTED, "no 4000-1234", 400)
    )
    assert watched(story)[-1].endswith("failed without effect: no ***")


def test_the_words_of_a_phase_are_told_apart() -> None:
    words = {
        phase: event_words(
            kind(
                at=START,
                step="a",
                attempt=2,
                key="k",
                method="GET",
                url="http://x/",
                content_type=None,
                body=None,
            )
        )
        for phase, kind in BEGAN.items()
    }
    assert words == {
        Phase.ACTION: "attempt 2: GET http://x/",
        Phase.LOOKUP: "lookup 2: GET http://x/",
        Phase.COMPENSATION: "undo, attempt 2: GET http://x/",
    }


def test_refusals_and_waits_of_an_undo_are_told() -> None:
    story = failed()
    assert event_words(story.events[-1]) == "undone: 200 OK"
    again = ordered().tries("reserve", applied()).tries("charge", REJECTED)
    again.tries("reserve", NOT_SENT, Phase.COMPENSATION)
    assert event_words(again.events[-1]).startswith("not undone yet: connection refused; again in ")


def test_X5_a_remark_is_one_line_that_moves_no_cursor() -> None:
    stream = io.StringIO()
    LineWatcher(completed().plan, stream).say("stop\x1b[2J\nping")
    assert stream.getvalue() == "stop\\x1b[2J\\x0aping\n"
