"""One mistake, with its place, its code and what would be right.

A wrong definition is a list of these and never an exception, so that every mistake is told at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sagactl.source.place import Place, Source


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that the message speaks of, and why."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class Edit:
    """What stands at `place` becomes `text`; a place of no width takes the text in."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits of one source that surely mend a mistake; `title` says what they do, in a few words."""

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake: `code` is a slug kept for ever, `message` lower case without a full stop.

    `fix` is there only where nothing but the edits can have been meant.
    """

    code: str
    place: Place
    message: str
    hint: str | None = None
    severity: Severity = Severity.ERROR
    related: tuple[Related, ...] = ()
    fix: Fix | None = None


def in_order(problems: Iterable[Problem], source: Source) -> list[Problem]:
    """The problems as they stand in a source; those of other sources come behind them."""

    def where(problem: Problem) -> tuple[bool, str, int, int]:
        place = problem.place
        name = place.source.name
        return name != source.name, name, place.line, place.column

    return sorted(problems, key=where)


# Nobody mends more at a time, and the likeness of words costs something for each.
MAX_PROBLEMS = 100


def too_many(place: Place) -> Problem:
    """What is told at the place from where on no more is told."""
    message = f"there are more than {MAX_PROBLEMS} mistakes: those from here on are not told"
    return Problem("too-many-mistakes", place, message)


# Likeness costs the square of a word's length, for each word that it is held against.
LONGEST_WORD = 64
MOST_WORDS = 300


def nearest(word: str, allowed: "list[str] | tuple[str, ...]") -> str | None:
    """The allowed word that `word` was probably meant to be, or None.

    Words that nobody typed are like no other: very long ones, and those of a very long list.
    """
    if len(word) > LONGEST_WORD or len(allowed) > MOST_WORDS:
        return None
    allowed = [other for other in allowed if len(other) <= LONGEST_WORD]
    # difflib costs 5 ms to import, and most definitions have no slip of the pen.
    from difflib import get_close_matches

    close = get_close_matches(word, allowed, n=1, cutoff=0.6)
    return close[0] if close else None


def surely_meant(word: str, allowed: "list[str] | tuple[str, ...]") -> str | None:
    """The one allowed word that is a single slip away, where no other one comes near; or None.

    A slip is a letter too many, too few, another one, or two that changed places. Short words are
    a slip away from too much.
    """
    slips = [other for other in allowed if len(other) > 3 and _is_slip(word, other)]
    return slips[0] if len(slips) == 1 else None


def _is_slip(one: str, other: str) -> bool:
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    at = min(len(one), len(other)) if same is None else same
    rest, wanted = one[at:], other[at:]
    swapped = rest[1:2] + rest[:1] + rest[2:] == wanted
    return swapped or rest[1:] == wanted or rest == wanted[1:] or rest[1:] == wanted[1:]
