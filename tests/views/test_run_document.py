"""What other programs rely on: runs, events and lists as JSON and YAML."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from views.story import (
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

from sagactl.machine import event as e
from sagactl.machine.command import Phase
from sagactl.machine.request import rfc3339
from sagactl.views.document import (
    event_document,
    next_due_at,
    run_document,
    summary_document,
    to_json,
    to_yaml,
)


def document(story: Story) -> dict[str, Any]:
    return run_document(story.plan, story.run)


def test_a_completed_run_is_this_document() -> None:
    assert document(completed()) == {
        "id": "r-1",
        "saga": "order",
        "version": 1,
        "state": "completed",
        "input": {"amount": 42, "card": "***"},
        "output": {"charge": "c-9"},
        "error": None,
        "steps": [
            {
                "name": name,
                "status": "completed",
                "result": result,
                "error": None,
                "attempts": 1,
                "lookup_attempts": 0,
                "compensation_attempts": 0,
            }
            for name, result in (("reserve", None), ("charge", {"id": "c-9"}), ("ship", None))
        ],
        "sandbox": False,
        "started_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:13:20.600Z",
        "finished_at": "2023-11-14T22:13:20.600Z",
        "deadline_at": None,
        "next_due_at": None,
    }


def test_a_failed_run_names_the_step_that_turned_it_back() -> None:
    told = document(failed())
    assert told["state"] == "failed"
    assert told["error"] == {
        "step": "ship",
        "phase": "action",
        "status": 422,
        "message": "422 Unprocessable Content",
    }
    assert [step["status"] for step in told["steps"]] == ["compensated", "compensated", "failed"]
    assert [step["compensation_attempts"] for step in told["steps"]] == [1, 1, 0]
    assert told["output"] is None
    assert told["finished_at"] == told["updated_at"]


def test_the_undo_that_is_stuck_comes_before_the_step_that_turned_the_run_back() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", applied({"id": "c-9"}))
    story.tries("ship", REJECTED).tries("charge", REJECTED, Phase.COMPENSATION)
    told = document(story)
    assert told["state"] == "stuck"
    assert (told["error"]["step"], told["error"]["phase"]) == ("charge", "compensation")
    assert told["finished_at"] is None


def test_a_run_whose_time_was_up_has_an_error_without_a_step() -> None:
    story = ordered().tries("reserve", applied())
    story.record(e.DeadlinePassed(at=START + 900))
    assert document(story)["error"] == {
        "step": None,
        "phase": None,
        "status": None,
        "message": "the saga's time was up",
    }


def test_a_run_that_an_operator_turned_back_says_why() -> None:
    story = ordered().tries("reserve", applied())
    story.record(e.CompensationRequested(at=START + 9, operator="ada", reason="wrong order"))
    assert document(story)["error"]["message"] == "compensation was requested: wrong order"


def test_an_outcome_taken_as_done_on_suspicion_is_the_error() -> None:
    story = ordered()
    for _ in range(4):
        story.tries("reserve", UNKNOWN)
    story.notes()
    error = document(story)["error"]
    assert error["step"] == "reserve"
    assert error["message"] == "nobody could find out whether it took place: read timed out"


def test_an_output_that_cannot_be_evaluated_is_null_and_says_so() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", applied({"number": 1}))
    told = document(story.tries("ship", applied()))
    assert told["state"] == "completed"
    assert told["output"] is None
    assert "id" in told["output_error"]


def test_a_run_that_waits_says_when_it_is_due_and_when_its_time_is_up() -> None:
    story = ordered().tries("reserve", NOT_SENT)
    due_at = story.run.step("reserve").action.due_at
    assert due_at is not None
    told = document(story)
    assert told["next_due_at"] == rfc3339(due_at)
    assert told["deadline_at"] == rfc3339(START + 900)


def test_what_could_be_sent_at_once_is_due_since_the_last_event_and_not_at_the_deadline() -> None:
    story = ordered().tries("reserve", applied())
    assert next_due_at(story.plan, story.run) == story.run.updated_at


def test_an_attempt_that_was_cut_off_in_flight_is_due_at_once() -> None:
    story = ordered().begins("reserve")
    assert next_due_at(story.plan, story.run) == story.run.updated_at


def test_a_run_that_waits_for_a_person_is_never_due() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", applied({"id": "c-9"}))
    story.tries("ship", UNKNOWN).notes()
    assert document(story)["state"] == "stuck"
    assert document(story)["next_due_at"] is None


def test_an_event_has_its_time_and_type_first_and_no_definition() -> None:
    told = event_document(ordered().events[0])
    assert list(told)[:2] == ["at", "type"]
    assert (told["at"], told["type"]) == ("2023-11-14T22:13:20.000Z", "run_started")
    assert told["digest"] == "d1"
    assert "definition" not in told


def test_every_time_in_an_event_is_written_like_every_other() -> None:
    told = event_document(
        e.ActionUnknown(
            at=START, step="a", attempt=1, status=None, detail="", happened=False, due_at=START + 1
        )
    )
    assert told["type"] == "action_unknown"
    assert told["due_at"] == "2023-11-14T22:13:21.000Z"


@dataclass
class Listed:
    run_id: str = "r-1"
    saga: str = "order"
    version: int | str = 1
    state: str = "stuck"
    started_at: float = START
    updated_at: float = START + 1
    sandbox: bool = False
    tags: dict[str, str] = field(default_factory=dict)


def test_a_line_of_a_list_is_this_document() -> None:
    assert summary_document(Listed()) == {
        "id": "r-1",
        "saga": "order",
        "version": 1,
        "state": "stuck",
        "sandbox": False,
        "started_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:13:21.000Z",
        "tags": {},
    }


def test_yaml_is_plain_where_it_can_be_and_quoted_where_it_must() -> None:
    value = {"name": "reserve", "no": ["on", "", "1:30", None, {"a": []}], "nested": [[1, 2.5]]}
    assert to_yaml(value) == (
        "name: reserve\n"
        '"no":\n'
        '  - "on"\n'
        '  - ""\n'
        '  - "1:30"\n'
        "  - null\n"
        '  - "a": []\n'
        '"nested":\n'
        "  - - 1\n"
        "    - 2.5\n"
    ).replace('"a"', '"a"').replace('"nested"', "nested")


AWKWARD = [
    "no", "NULL", "~", "- a", "a: b", "# c", "x\u0085y\u2028z", "\x1b[31m\x9b2J\x7f", "😀", "\U000e0041",
    "012", "1e3", "", " ", "'\"\\", "Yes", "a-", "ﬁ", "@", "2023-11-14", "=", "!!str", "a\tb\r\nc",
]  # fmt: skip


@pytest.mark.parametrize("ascii_only", [False, True])
def test_yaml_reads_back_as_what_was_written(ascii_only: bool) -> None:
    value: dict[str, Any] = {
        "texts": AWKWARD,
        "keys": {text: number for number, text in enumerate(AWKWARD)},
        "numbers": [0, -1, 2.5, 1e22, 1e-9, 10**20],
        "rest": [True, False, None, [], {}, [[], [{}]], [{"a": {"b": [1]}}, 2]],
    }
    written = to_yaml(value, ascii_only=ascii_only)
    assert yaml.safe_load(written) == value
    assert written.isascii() is ascii_only


@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_reads_back_as_what_was_written(ascii_only: bool) -> None:
    written = to_json({"texts": AWKWARD}, ascii_only=ascii_only)
    assert json.loads(written) == {"texts": AWKWARD}
    assert written.isascii() is ascii_only


@pytest.mark.parametrize("written", [to_json(AWKWARD), to_yaml(AWKWARD)], ids=["json", "yaml"])
def test_X5_nothing_in_a_document_moves_a_cursor(written: str) -> None:
    assert all(char == "\n" or char.isprintable() for char in written)
