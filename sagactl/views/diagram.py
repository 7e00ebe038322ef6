"""Pictures as text: the table of moves for the README, and what is left in the sandbox's world."""

from collections.abc import Sequence
from typing import Protocol

from sagactl.machine.event import StepResolved
from sagactl.machine.moves import MOVES, RESOLUTIONS, StepState
from sagactl.views.carets import visible


class Effect(Protocol):
    """Something that was done and not undone."""

    @property
    def step(self) -> str: ...


def moves_mermaid() -> str:
    """The tables of moves as a Mermaid state diagram, drawn from the tables themselves."""
    labels: dict[tuple[StepState, StepState], list[str]] = {}
    for (before, event), after in MOVES.items():
        labels.setdefault((before, after), []).append(event.__name__)
    for (before, _), after in RESOLUTIONS.items():
        labels.setdefault((before, after), []).append(StepResolved.__name__)
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    for (before, after), names in labels.items():
        if before is not after:
            lines.append(f"    {before} --> {after}: {', '.join(names)}")
    for state in StepState:
        if all(before is not state for before, after in labels if before is not after):
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines)


def ledger_lines(left: Sequence[Effect], calls: Sequence[object]) -> list[str]:
    """What the sandbox's services were asked, and what of it is left in the world."""
    asked = "1 request was played" if len(calls) == 1 else f"{len(calls)} requests were played"
    if not left:
        return [f"sandbox: {asked}; left in the world: nothing"]
    steps = ", ".join(dict.fromkeys(effect.step for effect in left))
    return [visible(f"sandbox: {asked}; left in the world: what {steps} did")]
