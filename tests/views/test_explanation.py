"""Why a run stands where it does, in words that somebody understands at three in the morning."""

from typing import Any

from views.story import (
    FORK,
    NOT_SENT,
    REJECTED,
    UNKNOWN,
    Story,
    applied,
    completed,
    failed,
    ordered,
)

from sagactl.machine import event as e
from sagactl.machine.command import Phase
from sagactl.views.command_line import skeleton
from sagactl.views.explanation import explain, explanation_document, explanation_lines

PIVOT = """\
saga: order
services: {w: {url: "http://w", idempotency: key}}
steps:
  - {name: pay, service: w, pivot: true, action: PUT /p, compensation: none}
  - {name: mail, service: w, action: PUT /m, compensation: none}
"""


def text(story: Story, holder: str | None = None, option: str = "") -> str:
    found = explain(story.plan, story.run, story.at, holder, option)
    return "\n".join(explanation_lines(found))


def document(story: Story) -> Any:
    return explanation_document(explain(story.plan, story.run, story.at))


def verbs(story: Story) -> dict[str, Any]:
    return {verb["verb"]: verb for verb in document(story)["verbs"]}


def test_a_wait_is_told_with_its_time_and_what_is_left() -> None:
    story = ordered().tries("reserve", NOT_SENT)
    said = text(story)
    assert '"reserve" has not reached its service yet: connection refused.' in said
    assert 'sends "reserve" again (PUT http://stock/holds/r-1), at 2023-11-14T22:13:20.' in said
    assert "3 attempts left" in said
    assert "its time is up at 2023-11-14T22:28:20.000Z" in said
    (move,) = document(story)["next"]
    assert (move["attempt"], move["attempts_left"]) == (2, 3)


def test_past_the_deadline_a_resume_is_said_to_undo() -> None:
    story = ordered().tries("reserve", applied()).later(3600)
    assert "its time was up at" in text(story)
    assert verbs(story)["resume"]["does"].startswith('undoes "reserve"')


def test_a_step_past_the_pivot_is_tried_until_it_succeeds_and_nothing_is_undone() -> None:
    story = Story(PIVOT).tries("pay", applied()).tries("mail", NOT_SENT)
    said = text(story)
    assert "tried until it succeeds" in said
    assert "compensate is refused: saga r-1 is past its pivot" in said
    story = Story(PIVOT).tries("pay", applied()).tries("mail", REJECTED)
    said = text(story)
    assert '"mail" was refused past the point of no return: 422' in said
    assert "sagactl resolve r-1 mail --as completed --reason TEXT" in said
    assert "--as failed" not in said


def test_a_request_that_nobody_speaks_for_any_more_may_have_arrived() -> None:
    story = ordered().begins("reserve")
    said = text(story)
    assert 'sagactl ended while a request of "reserve" was under way' in said
    assert "reserve  may have taken place: nobody knows" in said
    held = text(story, 'run "r-1" is held by process 7')
    assert 'Run "r-1" is held by process 7, and goes on with it.' in held
    assert 'action of "reserve" is under way' in held
    assert "wait: it goes on by itself" in held


def test_a_failed_step_can_be_tried_again_until_something_is_undone() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", REJECTED)
    assert verbs(story)["resume --from"]["command"] == "sagactl resume r-1 --from charge"
    story.begins("reserve", Phase.COMPENSATION)
    assert "resume --from" not in verbs(story)


def test_what_has_ended_says_so_and_offers_only_what_can_be_done() -> None:
    assert "Every step is through." in text(completed())
    assert list(verbs(completed())) == ["compensate"]
    assert verbs(failed()) == {}
    story = ordered().tries("reserve", UNKNOWN)
    story.record(e.RunAbandoned(at=story.at, operator="t", reason="ticket 7"))
    assert "An operator closed it: ticket 7." in text(story)
    assert verbs(story) == {}


def test_an_abandonment_tells_what_stays_and_what_may() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", UNKNOWN)
    assert verbs(story)["abandon"]["does"].endswith('"reserve", perhaps "charge"')
    assert verbs(ordered())["abandon"]["does"].endswith("nothing of it is left in the world")


def test_commands_find_their_state_when_they_are_pasted() -> None:
    said = text(ordered(), option=" --state x.json")
    assert "sagactl resume r-1 --state x.json" in said
    assert "sagactl abandon r-1 --reason TEXT --state x.json" in said


def test_every_branch_that_is_undone_at_once_is_named() -> None:
    story = Story(FORK).tries("flight", applied()).tries("hotel", applied())
    story.tries("pay", REJECTED)
    does = verbs(story)["resume"]["does"]
    assert 'undoes "flight"' in does
    assert 'undoes "hotel"' in does


def test_a_skeleton_has_something_at_every_path() -> None:
    assert skeleton([("a", "b"), ("a", "c"), ("d", 1)]) == {
        "a": {"b": "VALUE", "c": "VALUE"},
        "d": [None, "VALUE"],
    }
    assert skeleton([()]) == "VALUE"


def test_X5_an_explanation_hides_and_breaks_nothing() -> None:
    story = ordered().tries("reserve", applied())
    story.record(
        e.ActionFailed(
            at=story.at, step="charge", attempt=0, status=None, detail="4000-1234-5678\x1b[2J"
        )
    )
    said = text(story)
    assert "4000-1234-5678" not in said
    assert "\x1b" not in said
