"""Pictures as text."""

import re
from dataclasses import dataclass

from sagactl.machine.moves import MOVES, RESOLUTIONS, StepState
from sagactl.views.diagram import ledger_lines, moves_mermaid

ARROW = re.compile(r"    (\w+) --> (\w+): (.+)")


def test_the_picture_has_every_arrow_that_leads_somewhere_else_and_no_other() -> None:
    drawn = {
        (before, name.strip(), after)
        for before, after, names in ARROW.findall(moves_mermaid())
        for name in names.split(",")
    }
    assert drawn == {
        (str(before), event.__name__, str(after))
        for (before, event), after in MOVES.items()
        if before is not after
    } | {(str(before), "StepResolved", str(after)) for (before, _), after in RESOLUTIONS.items()}


def test_arrows_between_the_same_two_states_share_one_label() -> None:
    pairs = [(before, after) for before, after, _ in ARROW.findall(moves_mermaid())]
    assert len(pairs) == len(set(pairs))


def test_the_picture_ends_where_no_arrow_leads_out() -> None:
    lines = moves_mermaid().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> pending"]
    ends = {line.split()[0] for line in lines if line.endswith("--> [*]")}
    moving = {before for (before, _), after in MOVES.items() if before is not after}
    assert ends == {str(state) for state in set(StepState) - moving}


@dataclass(frozen=True)
class Left:
    step: str


def test_an_empty_world_is_told_as_such() -> None:
    assert ledger_lines([], [1, 2]) == [
        "sandbox: 2 requests were played; left in the world: nothing"
    ]


def test_what_is_left_in_the_world_is_told_once_for_each_step() -> None:
    assert ledger_lines([Left("a"), Left("b"), Left("a")], [1]) == [
        "sandbox: 1 request was played; left in the world: what a, b did"
    ]
