"""What the rehearsal of a definition came to, as values for whoever shows or counts it.

Here and not in the room that rehearses, because views may not reach into that one. Deliberately
absent: how a schedule is walked, and every word about where to print it.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Judgement(StrEnum):
    """What is thought of a cell, worst last."""

    SOUND = "sound"  # green: whatever comes, all is kept, or all is undone
    STUCK = "stuck"  # amber: a person is needed, and rightly so
    HOLE = "hole"  # red: an effect is lost sight of, or a saga does not end as it should


class Trouble(StrEnum):
    """What can befall a step, in the order of the matrix's columns."""

    APPLIED = "applied"  # nothing: it goes well
    REJECTED = "rejected"
    NOT_SENT = "not-sent"  # until retries end
    DONE = "unknown-done"  # it took place, and nobody hears of it
    NOT_DONE = "unknown-not-done"  # nobody hears of it, and it never took place
    LOST = "result-lost"
    OVERTIME = "overtime"  # the saga's time is up while it is under way
    LOOKUP_SILENT = "lookup-silent"  # the lookup never gets an answer
    UNDO_FALTERS = "undo-falters"  # the compensation fails for a while
    UNDO_FAILS = "undo-fails"  # the compensation fails for good
    CRASH = "crash"  # sagactl dies while it is under way, or before its end is written


TROUBLES = MappingProxyType(
    {
        Trouble.APPLIED: "it goes well",
        Trouble.REJECTED: "its service says no",
        Trouble.NOT_SENT: "its service cannot be reached until retries end",
        Trouble.DONE: "it takes place, and no reply comes",
        Trouble.NOT_DONE: "it does not take place, and no reply comes",
        Trouble.LOST: "it takes place, and its reply is cut",
        Trouble.OVERTIME: "the saga's time is up while it is under way",
        Trouble.LOOKUP_SILENT: "its lookup gets no answer",
        Trouble.UNDO_FALTERS: "its compensation fails for a while",
        Trouble.UNDO_FAILS: "its compensation fails for good",
        Trouble.CRASH: "sagactl dies while it is under way",
    }
)


@dataclass(frozen=True, slots=True)
class Struck:
    """A trouble and the step it befell; `step` is its path."""

    step: str
    trouble: Trouble

    def __str__(self) -> str:
        return f"{self.step}.{self.trouble}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a schedule ends in, with the shortest story that leads there.

    `judgement` is HOLE or STUCK; `code` a slug that stays, such as `effect-left`; `message` says in
    a sentence what is wrong with which step; `advice` what would be right, "" where nothing is to
    be done. `struck` are the troubles of the story in their order, none where nothing has to go
    wrong. `story` has a sentence for each thing that happens, the last one says where it ends.
    """

    judgement: Judgement
    code: str
    step: str
    message: str
    advice: str
    struck: tuple[Struck, ...]
    story: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A step and a trouble. `judgement` None: this cannot befall that step.

    `findings` are those that this trouble has its part in, worst first. `story` is that of the
    first of them; of a sound cell it is one example of how this trouble ends well.
    """

    step: str
    trouble: Trouble
    judgement: Judgement | None
    findings: tuple[Finding, ...] = ()
    story: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """A `when`, as it is written, and which sides of it were walked."""

    step: str
    text: str
    sides: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the machine and of the definition the rehearsal walked.

    An arrow is a step's state, an event's name, the state after it; `unwalked` are those of the
    machine's table that no schedule took.
    """

    walked: tuple[tuple[str, str, str], ...]
    unwalked: tuple[tuple[str, str, str], ...]
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A definition's rehearsal.

    `cells` go step by step, in the definition's order, and within a step through all of Trouble.
    `findings` are sorted, holes first. `schedules` counts every way from the beginning to an end,
    `states` the distinct ones it takes. `is_whole` False: there were more states than were asked
    for, so what was not found is not proven. `depth` is how many troubles come together; a crash
    is one of them. `variants` tells in words with which inputs and branches it was walked.
    """

    name: str  # of the definition's file
    saga: str
    depth: int
    steps: tuple[str, ...]
    cells: tuple[Cell, ...]
    findings: tuple[Finding, ...]
    states: int
    schedules: int
    is_whole: bool
    seconds: float
    coverage: Coverage
    variants: tuple[str, ...] = ()

    @property
    def judgement(self) -> Judgement:
        """The worst of its findings."""
        judgements = {finding.judgement for finding in self.findings}
        return next(
            (j for j in (Judgement.HOLE, Judgement.STUCK) if j in judgements), Judgement.SOUND
        )
