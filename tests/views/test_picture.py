"""A saga as a graph: what leads to what, forwards and back, and in which state each step is."""

import re

from views.story import FORK, REJECTED, Story, applied, failed, ordered, plan_of

from sagactl.definition.loader import load
from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Outcome, Phase
from sagactl.machine.moves import StepState
from sagactl.machine.plan import Plan, make_plan
from sagactl.source.place import Source
from sagactl.views.diagram import dot_lines, mermaid_lines
from sagactl.views.picture import Picture, picture
from sagactl.views.tree import tree_lines

# A pivot, something before it that is not undone, and something behind it.
WAY = """\
saga: way
services: {w: {url: "http://w", idempotency: key}}
steps:
  - {name: a, service: w, action: PUT /a, compensation: DELETE /a}
  - {name: b, service: w, action: PUT /b, compensation: none}
  - {name: c, service: w, action: PUT /c, compensation: DELETE /c}
  - {name: end, service: w, pivot: true, action: PUT /d}
  - {name: f, service: w, action: PUT /f, compensation: DELETE /f}
"""
EACH = """\
saga: parcels
services: {w: {url: "http://w", idempotency: key}}
steps:
  - {name: a, service: w, action: PUT /a, compensation: DELETE /a}
  - name: ship
    service: w
    for_each: "${{ input.items }}"
    action: PUT /s/${{ index }}
    compensation: DELETE /s/${{ index }}
  - {name: z, service: w, action: PUT /z, compensation: DELETE /z}
"""
PARENT = """\
saga: parent
services: {w: {url: "http://w", idempotency: key}}
steps:
  - {name: a, service: w, action: PUT /a, compensation: DELETE /a}
  - {name: pay, action: {saga: child.yaml}}
  - {name: z, service: w, action: PUT /z, compensation: DELETE /z}
"""
CHILD = """\
saga: child
services: {w: {url: "http://w", idempotency: key}}
steps:
  - {name: x, service: w, needs: [], action: PUT /x, compensation: DELETE /x}
  - {name: y, service: w, needs: [], action: PUT /y, compensation: DELETE /y}
"""


def family() -> Plan:
    saga, problems = load(Source("parent.yaml", PARENT), lambda name: Source(name, CHILD))
    assert saga is not None, problems
    return make_plan(saga)


def named(drawn: Picture) -> dict[str, str]:
    """What each id stands for: a step, or `-step` for what undoes it."""
    names = {node.id: node.name for node in drawn.walk()}
    return names | {n.undo.id: f"-{n.name}" for n in drawn.walk() if n.undo is not None}


def ways(drawn: Picture) -> tuple[set[str], set[str]]:
    names = named(drawn)
    forwards = {f"{names[before]} {names[after]}" for before, after in drawn.forwards}
    return forwards, {f"{names[before]} {names[after]}" for before, after in drawn.backwards}


def states(drawn: Picture) -> dict[str, str]:
    found = {node.name: str(node.state) for node in drawn.walk()}
    return found | {f"-{n.name}": str(n.undo.state) for n in drawn.walk() if n.undo is not None}


def test_the_way_back_goes_against_the_way_there() -> None:
    assert ways(picture(plan_of(FORK))) == (
        {"flight pay", "hotel pay"},
        {"-pay -flight", "-pay -hotel"},
    )


def test_the_way_back_passes_over_what_has_no_undo_and_ends_before_the_pivot() -> None:
    drawn = picture(plan_of(WAY))
    forwards, backwards = ways(drawn)
    assert forwards == {"a b", "b c", "c end", "end f"}
    assert backwards == {"-c -a"}
    assert [node.name for node in drawn.walk() if node.is_pivot] == ["end"]
    assert {name for name in named(drawn).values() if name[0] == "-"} == {"-a", "-c"}


def test_edges_lead_into_and_out_of_a_sub_saga() -> None:
    drawn = picture(family())
    assert [node.name for node in drawn.nodes] == ["a", "pay", "z"]
    assert [node.name for node in drawn.nodes[1].members] == ["pay/x", "pay/y"]
    assert ways(drawn) == (
        {"a pay/x", "a pay/y", "pay/x z", "pay/y z"},
        {"-z -pay/x", "-z -pay/y", "-pay/x -a", "-pay/y -a"},
    )


def test_before_a_run_a_for_each_is_one_step() -> None:
    drawn = picture(plan_of(EACH))
    assert ways(drawn) == ({"a ship", "ship z"}, {"-z -ship", "-ship -a"})
    assert [node.name for node in drawn.walk() if node.is_each] == ["ship"]


def test_instances_of_a_run_follow_each_other_and_are_undone_the_last_first() -> None:
    story = Story(EACH, {"items": ["x", "y"]}).tries("a", applied()).notes()
    story.tries("ship[0]", applied()).begins("ship[1]")
    drawn = picture(story.plan, story.run)
    assert ways(drawn) == (
        {"a ship[0]", "ship[0] ship[1]", "ship[1] z"},
        {"-z -ship[1]", "-ship[1] -ship[0]", "-ship[0] -a"},
    )
    assert states(drawn)["ship[0]"] == "completed"
    assert states(drawn)["ship[1]"] == "executing"


def test_of_many_instances_the_quiet_ones_are_a_number() -> None:
    story = Story(EACH, {"items": list(range(5))}).tries("a", applied()).notes()
    for number in range(3):
        story.tries(f"ship[{number}]", applied())
    story.begins("ship[3]")
    drawn = picture(story.plan, story.run)
    assert [node.name for node in drawn.walk()] == ["a", "ship", "ship[3]", "z"]
    assert drawn.nodes[1].told == "3 of 5"
    story.ends("ship[3]", applied())
    drawn = picture(story.plan, story.run)
    assert ways(drawn) == ({"a ship", "ship z"}, {"-z -ship", "-ship -a"})


def test_a_run_shows_the_state_of_every_step_and_of_every_undo() -> None:
    story = failed()
    assert states(picture(story.plan, story.run)) == {
        "reserve": "compensated", "-reserve": "compensated",
        "charge": "compensated", "-charge": "compensated",
        "ship": "failed",
    }  # fmt: skip


def test_an_undo_that_gave_up_is_stuck_and_one_that_was_not_begun_is_pending() -> None:
    story = ordered().tries("reserve", applied()).tries("charge", applied({"id": "c-9"}))
    story.tries("ship", REJECTED).tries("charge", REJECTED, Phase.COMPENSATION)
    found = states(picture(story.plan, story.run))
    assert (found["charge"], found["-charge"]) == ("stuck", "stuck")
    assert (found["reserve"], found["-reserve"]) == ("completed", "pending")


def test_what_is_sensitive_is_in_no_picture() -> None:
    story = ordered().tries("reserve", applied())
    story.tries("charge", Outcome(OutcomeKind.REJECTED, "no such card 4000-1234-5678", 422))
    drawn = picture(story.plan, story.run)
    for lines in (tree_lines(drawn, colour=False), mermaid_lines(drawn), dot_lines(drawn)):
        assert "no such card" in "\n".join(lines)
        assert "4000" not in "\n".join(lines)


def test_every_state_has_its_colour_in_every_format() -> None:
    story = failed()
    drawn = picture(story.plan, story.run)
    mermaid, dot = "\n".join(mermaid_lines(drawn)), "\n".join(dot_lines(drawn))
    assert "class n0,u0,n1,u1 compensated" in mermaid
    assert "class n2 failed" in mermaid
    fills = dict(re.findall(r"classDef (\w+) fill:(#\w+)", mermaid))
    assert set(fills) == {"compensated", "failed"}
    assert dot.count(f'fillcolor="{fills["compensated"]}"') == 4
    assert dot.count(f'fillcolor="{fills["failed"]}"') == 1
    tree = tree_lines(drawn, colour=True)
    assert "\x1b[34m↺ reserve  compensated\x1b[0m" in tree[1]
    assert not any("\x1b" in line for line in tree_lines(drawn, colour=False))


def test_the_title_is_yaml_whatever_is_in_it() -> None:
    plan = plan_of(FORK.replace("version: 2", "version: '2\": - #x\u202e'"))
    lines = mermaid_lines(picture(plan))
    assert lines[:3] == ["---", 'title: "trip version 2\\": - #x\\\\u202e"', "---"]


def test_all_states_have_distinct_names_for_their_class() -> None:
    from sagactl.views.glyph import COLOURS, STYLES

    assert set(COLOURS) == set(STYLES) == set(StepState)
    assert len(set(COLOURS.values())) == len(StepState)


def test_the_tree_nests_members_and_says_what_is_not_simply_in_order() -> None:
    assert tree_lines(picture(family()), colour=False) == [
        "parent version 1",
        "├─ a",
        "│     PUT w:/a",
        "│     undo: DELETE w:/a",
        "├─ pay",
        "│  │  the sub-saga child (child.yaml)",
        "│  ├─ pay/x",
        "│  │     PUT w:/x",
        "│  │     undo: DELETE w:/x",
        "│  └─ pay/y  (starts at once)",
        "│        PUT w:/y",
        "│        undo: DELETE w:/y",
        "└─ z",
        "      PUT w:/z",
        "      undo: DELETE w:/z",
    ]
