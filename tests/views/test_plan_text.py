"""A plan: what is sent, in which order, and what undoes it."""

from views.story import FORK, ORDER, Story, ordered, plan_of

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
        "if ship fails, this is undone, in this order:",
        "  1. charge: POST bank:/charges/${{ result.id }}/refund",
        "  2. reserve: DELETE stock:/holds/${{ saga.id }}",
    ]


def test_with_an_input_the_very_requests_are_told_as_far_as_they_are_known() -> None:
    story = ordered()
    lines = plan_lines(story.plan, story.run)
    assert '   does     PUT http://stock/holds/r-1 {"amount":42}  (4 attempts of 10s)' in lines
    assert '   does     POST http://bank/v1/charges {"card":"***"}  (4 attempts of 10s)' in lines
    assert "   undo     POST bank:/charges/${{ result.id }}/refund" in lines
    assert "  2. reserve: DELETE http://stock/holds/r-1" in lines


def test_what_starts_out_of_line_says_what_it_waits_for() -> None:
    lines = plan_lines(plan_of(FORK), None)
    assert "2. hotel  (starts at once)" in lines
    assert "3. pay  (needs flight, hotel)" in lines


def test_what_is_undone_at_the_same_time_has_the_same_number() -> None:
    assert plan_lines(plan_of(FORK), None)[-3:] == [
        "if pay fails, this is undone, in this order (same number: at the same time):",
        "  1. hotel: DELETE w:/h",
        "  1. flight: DELETE w:/f",
    ]


def test_the_last_step_is_not_among_what_its_own_failure_undoes() -> None:
    document = plan_document(plan_of(FORK), None)
    assert document["undo_order"] == ["hotel", "flight"]


def test_a_step_with_nothing_to_undo_takes_no_turn() -> None:
    text = FORK.replace("DELETE /h", "none") + (
        "  - {name: tell, service: w, action: PUT /t, compensation: DELETE /t}\n"
    )
    assert plan_lines(plan_of(text), None)[-3:] == [
        "if tell fails, this is undone, in this order:",
        "  1. pay: DELETE w:/p",
        "  2. flight: DELETE w:/f",
    ]


def test_a_pivot_is_the_last_step_that_can_turn_the_saga_back() -> None:
    text = ORDER.replace("name: charge", "name: charge\n    pivot: true")
    text = text.replace("compensation: none", "compensation: DELETE /parcels")
    lines = plan_lines(plan_of(text), None)
    assert "2. charge  (the point of no return)" in lines
    assert "   undo     never undone" in lines
    assert "   does     POST post:/parcels  (attempts of 10s until it succeeds)" in lines
    assert lines[-2:] == [
        "if charge fails, this is undone, in this order:",
        "  1. reserve: DELETE stock:/holds/${{ saga.id }}",
    ]


def test_a_saga_with_nothing_to_undo_says_so() -> None:
    text = FORK.replace("DELETE /h", "none").replace("DELETE /f", "none")
    assert plan_lines(plan_of(text), None)[-1] == "if pay fails, nothing is undone"


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
        "name": "charge",
        "needs": ["reserve"],
        "for_each": None,
        "pivot": False,
        "past_pivot": False,
        "action": 'POST http://bank/v1/charges {"card":"***"}',
        "lookup": document["steps"][1]["lookup"],
        "compensation": "POST bank:/charges/${{ result.id }}/refund",
        "on_unknown": "finish",
    }
    assert document["steps"][1]["lookup"].startswith("GET http://bank/v1/charges?key=sg1-")
    assert document["undo_order"] == ["charge", "reserve"]


def test_X5_a_plan_cannot_move_the_cursor() -> None:
    story = Story(ORDER, {"amount": "\x1b[2J\u202e", "card": "x"})
    assert all(line.isprintable() for line in plan_lines(story.plan, story.run))
