"""A plan: what is sent, in which order, and what undoes it."""

from views.story import FORK, ORDER, Story, ordered, plan_of

from sagactl.source.node import Json
from sagactl.views.plan_text import plan_document, plan_lines


def test_a_plan_is_told_step_by_step() -> None:
    assert plan_lines(plan_of(ORDER), None) == [
        "order version 1: 3 steps, at most 15m",
        "",
        "1. reserve",
        "   does     PUT stock:/holds/${{ saga.id }}  (4 attempts of 10s)",
        "   undo     DELETE stock:/holds/${{ saga.id }}",
        "   unknown  compensate: taken as done, and undone (undoing nothing does no harm here)",
        "2. charge",
        "   does     POST bank:/charges  (4 attempts of 10s)",
        "   asks     GET bank:/charges?key=${{ step.action_key }}",
        "   undo     POST bank:/charges/${{ result.id }}/refund",
        "   unknown  finish: asked again until it is known (sending it again does no harm)",
        "3. ship",
        "   does     POST post:/parcels  (4 attempts of 10s)",
        "   undo     nothing",
        "   unknown  hold: stuck: a person decides (as written)",
        "",
        "forwards: reserve → charge → ship",
        "",
        "what is undone where it fails (→ then, + at the same time):",
        "  reserve",
        "    rejected  nothing is undone",
        "    unknown   compensate: undoes reserve",
        "  charge",
        "    rejected  undoes reserve",
        "    unknown   finish: asked again until it is known; when its time is up, nothing is undone; a person decides",
        "  ship",
        "    rejected  undoes charge → reserve",
        "    unknown   hold: nothing is undone; a person decides",
    ]


def test_with_an_input_the_very_requests_are_told_as_far_as_they_are_known() -> None:
    story = ordered()
    lines = plan_lines(story.plan, story.run)
    assert '   does     PUT http://stock/holds/r-1 {"amount":42}  (4 attempts of 10s)' in lines
    assert '   does     POST http://bank/v1/charges {"card":"***"}  (4 attempts of 10s)' in lines
    assert "   undo     POST bank:/charges/${{ result.id }}/refund" in lines
    assert "   undo     DELETE http://stock/holds/r-1" in lines


def test_what_starts_out_of_line_says_what_it_waits_for() -> None:
    lines = plan_lines(plan_of(FORK), None)
    assert "2. hotel  (starts at once)" in lines
    assert "3. pay  (needs flight, hotel)" in lines


def test_what_is_undone_at_the_same_time_is_told() -> None:
    lines = plan_lines(plan_of(FORK), None)
    assert "forwards: flight + hotel → pay" in lines
    assert lines[-3:] == [
        "  pay",
        "    rejected  undoes flight + hotel",
        "    unknown   compensate: undoes pay → flight + hotel",
    ]


def test_what_stays_in_the_world_is_told() -> None:
    text = FORK.replace("DELETE /h", "none").replace("DELETE /p", "none")
    text = text.replace("{name: pay", "{on_unknown: compensate, name: pay")
    assert plan_lines(plan_of(text), None)[-2:] == [
        "    rejected  undoes flight; stays: hotel",
        "    unknown   compensate: undoes flight; stays: hotel, pay, perhaps",
    ]


def test_a_pivot_is_the_last_step_that_can_turn_the_saga_back() -> None:
    text = ORDER.replace("name: charge", "name: charge\n    pivot: true")
    text = text.replace("compensation: none", "compensation: DELETE /parcels")
    lines = plan_lines(plan_of(text), None)
    assert "2. charge  (the point of no return)" in lines
    assert "   undo     never undone" in lines
    assert "   does     POST post:/parcels  (attempts of 10s until it succeeds)" in lines
    assert lines[-6:] == [
        "  charge",
        "    rejected  undoes reserve",
        "    unknown   finish: asked again until it is known; when its time is up, nothing is undone; a person decides",
        "  ship",
        "    rejected  nothing is undone; a person decides",
        "    unknown   hold: nothing is undone; a person decides",
    ]


def test_a_saga_with_nothing_to_undo_says_so() -> None:
    text = FORK.replace("DELETE /h", "none").replace("DELETE /f", "none")
    line = "    rejected  nothing is undone; stays: flight, hotel"
    assert plan_lines(plan_of(text), None)[-2] == line


def test_an_unusual_success_and_a_condition_are_told() -> None:
    text = FORK.replace("action: PUT /p", "action: {request: PUT /p, success: [201, 3xx]}")
    assert any("applied on 201, 300-399)" in line for line in plan_lines(plan_of(text), None))
    when = FORK.replace("name: pay,", 'name: pay, when: "${{ true }}",')
    assert "3. pay  (needs flight, hotel; only if its condition is true)" in plan_lines(
        plan_of(when), None
    )


def test_as_a_document_the_plan_has_each_request_and_what_doubt_leads_to() -> None:
    story = Story(ORDER, {"amount": 42, "card": "4000-1234"})
    document = plan_document(story.plan, story.run)
    assert document["steps"][1] == {
        "action": 'POST http://bank/v1/charges {"card":"***"}',
        "compensation": "POST bank:/charges/${{ result.id }}/refund",
        "for_each": None,
        "lookup": document["steps"][1]["lookup"],
        "name": "charge",
        "needs": ["reserve"],
        "on_unknown": "finish",
        "past_pivot": False,
        "pivot": False,
        "when": None,
    }
    assert document["steps"][1]["lookup"].startswith("GET http://bank/v1/charges?key=sg1-")
    assert document["forwards"] == [["reserve"], ["charge"], ["ship"]]
    assert document["failures"][1] == {
        "at": "charge",
        "rejected": {"ends": "failed", "left": {}, "undone": [["reserve"]]},
        "unknown": {
            "because": "sending it again does no harm",
            "ends": "stuck",
            "left": {"charge": "maybe", "reserve": "stands"},
            "on_unknown": "finish",
            "undone": [],
        },
    }


def test_a_document_has_its_keys_in_order_and_nothing_of_the_day() -> None:
    def keys_are_sorted(value: Json) -> bool:
        if isinstance(value, dict):
            return list(value) == sorted(value) and all(map(keys_are_sorted, value.values()))
        return not isinstance(value, list) or all(map(keys_are_sorted, value))

    document = plan_document(plan_of(ORDER), None)
    assert keys_are_sorted(document)
    assert document == plan_document(plan_of(ORDER.replace("# ", "#  ")), None)


def test_X5_a_plan_cannot_move_the_cursor() -> None:
    story = Story(ORDER, {"amount": "\x1b[2J\u202e", "card": "x"})
    assert all(line.isprintable() for line in plan_lines(story.plan, story.run))
