"""The words and marks that every view of a rehearsal shares, and how a cell is called by name.

A judgement is told by its mark as well as by its colour. Deliberately absent: any layout.
"""

from collections.abc import Sequence
from types import MappingProxyType

from sagactl.machine.rehearsed import Finding, Judgement, Rehearsed, Struck, Trouble
from sagactl.source.problem import nearest

# The columns of the matrix, as they belong together.
GROUPS: tuple[tuple[str, tuple[Trouble, ...]], ...] = (
    (
        "action",
        (
            Trouble.APPLIED,
            Trouble.REJECTED,
            Trouble.NOT_SENT,
            Trouble.DONE,
            Trouble.NOT_DONE,
            Trouble.LOST,
            Trouble.OVERTIME,
        ),
    ),
    ("lookup", (Trouble.LOOKUP_SILENT,)),
    ("undo", (Trouble.UNDO_FALTERS, Trouble.UNDO_FAILS)),
    ("crash", (Trouble.CRASH,)),
)
MARKS: MappingProxyType[Judgement | None, str] = MappingProxyType(
    {Judgement.SOUND: "✓", Judgement.STUCK: "!", Judgement.HOLE: "✗", None: "·"}
)
STYLES: MappingProxyType[Judgement | None, str] = MappingProxyType(
    {
        Judgement.SOUND: "green",
        Judgement.STUCK: "yellow",
        Judgement.HOLE: "bold red",
        None: "dim",
    }
)
MEANING: MappingProxyType[Judgement | None, str] = MappingProxyType(
    {
        Judgement.SOUND: "sound",
        Judgement.STUCK: "a person is needed, and rightly so",
        Judgement.HOLE: "hole",
        None: "cannot befall",
    }
)
TOGETHER = ("nothing goes wrong", "one trouble at a time", "pairs of troubles")


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def meaning_of(judgement: Judgement | None, one: Rehearsed) -> str:
    """The words for a mark: of what was not walked nobody knows that it cannot befall."""
    return MEANING[judgement] if judgement or one.is_whole else "not walked"


def said_depth(depth: int) -> str:
    """How many troubles come together."""
    if depth == 0:
        return TOGETHER[0]
    together = TOGETHER[depth] if depth < len(TOGETHER) else f"{depth} troubles together"
    return f"{together}, a crash among them"


def said_seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"


def totals(one: Rehearsed) -> tuple[str, ...]:
    """What was walked, part by part."""
    return (
        counted(len(one.steps), "step"),
        counted(one.states, "state"),
        counted(one.schedules, "schedule"),
        said_depth(one.depth),
        said_seconds(one.seconds),
    )


def holes(one: Rehearsed) -> tuple[Finding, ...]:
    return tuple(found for found in one.findings if found.judgement is Judgement.HOLE)


def stuck(one: Rehearsed) -> tuple[Finding, ...]:
    return tuple(found for found in one.findings if found.judgement is Judgement.STUCK)


def fails(one: Rehearsed) -> bool:
    """Whether it is not what was asked for: a hole was found, or nothing was proven."""
    return bool(holes(one)) or not one.is_whole


def verdict(one: Rehearsed) -> str:
    """What it came to, in one line."""
    found = len(holes(one))
    if found:
        rest = "" if one.is_whole else ", and not all was walked: there may be more"
        return f"{counted(found, 'hole')}{rest}"
    if not one.is_whole:
        return f"not proven: {counted(one.states, 'state')} were walked, and there are more"
    if not one.depth:
        return "sound where nothing goes wrong"
    waits = len(stuck(one))
    if not waits:
        return "sound: whatever comes, all is kept, or all is undone"
    need = f"{counted(waits, 'ending')} that rightly {'needs' if waits == 1 else 'need'} a person"
    return f"sound: all is kept, or all is undone, but for {need}"


def verdict_mark(one: Rehearsed) -> Judgement:
    """The judgement that a verdict is marked with: what is not proven is not green."""
    if holes(one):
        return Judgement.HOLE
    return Judgement.SOUND if one.is_whole else Judgement.STUCK


def overall(rehearsed: Sequence[Rehearsed]) -> str:
    """What several definitions came to together."""
    holed = sum(bool(holes(one)) for one in rehearsed)
    unproven = sum(not holes(one) and not one.is_whole for one in rehearsed)
    said = [f"{len(rehearsed) - holed - unproven:,} sound"]
    said += [f"{holed:,} with holes"] if holed else []
    said += [f"{unproven:,} not proven"] if unproven else []
    return f"{counted(len(rehearsed), 'definition')}: {', '.join(said)}"


def said_struck(struck: tuple[Struck, ...]) -> str:
    """The troubles of a story in their order."""
    return ", then ".join(map(str, struck)) or "none"


def place_of(found: Finding) -> Struck:
    """The cell to ask for a finding's story: that of the trouble that came last."""
    return found.struck[-1] if found.struck else Struck(found.step, Trouble.APPLIED)


def read_struck(rehearsed: Sequence[Rehearsed], spelled: str) -> tuple[Struck | None, str]:
    """The cell that is called `STEP.TROUBLE`, or None and what is wrong with that name."""
    name, dot, word = spelled.rpartition(".")
    steps = list(dict.fromkeys(step for one in rehearsed for step in one.steps))
    if not dot:
        step = spelled if spelled in steps else "STEP"
        return None, f'"{spelled}" names no cell: write {step}.TROUBLE, such as {step}.rejected'
    if name not in steps:
        return None, f'no step is called "{name}"{_meant(name, steps)}'
    troubles = [str(trouble) for trouble in Trouble]
    if word not in troubles:
        known = _meant(word, troubles) or f"; there are {', '.join(troubles)}"
        return None, f'no trouble is called "{word}"{known}'
    return Struck(name, Trouble(word)), ""


def _meant(word: str, known: list[str]) -> str:
    close = nearest(word, known)
    return f'; did you mean "{close}"?' if close else ""
