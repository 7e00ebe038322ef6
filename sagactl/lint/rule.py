"""What a rule is: its code and number, one line about it, and a check that yields problems.

A rule's file is its manual entry; `RULES` in the linter is the list. Rules look at a saga that was
built without errors, so they never ask whether it is well formed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sagactl.definition.model import Saga
from sagactl.source.place import Place
from sagactl.source.problem import Fix, Problem, Related, Severity, nearest

# How alike a word must be to be written in place of another, and no second one so: more than for a
# question.
CLOSE = 0.75


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `summary` is its line in the list of rules.

    `code` is what people read, `number` what tools store; both are kept for ever. SG0 is the shape
    of a definition, SG1 names and data flow, SG2 the undo, SG3 calls and their outcomes, SG4
    secrets and addresses, SG5 a service's own document, SG9 what is only untidy. `is_fixable`: some
    of its problems come with a fix.
    """

    code: str
    number: str
    summary: str
    severity: Severity
    check: Callable[[Saga], Iterator[Problem]]
    is_fixable: bool = False

    def problem(
        self,
        place: Place,
        message: str,
        hint: str | None = None,
        related: tuple[Related, ...] = (),
        fix: Fix | None = None,
    ) -> Problem:
        """A problem under this rule's code and severity."""
        return Problem(self.code, place, message, hint, self.severity, related, fix)


def meant(word: str, allowed: tuple[str, ...]) -> str:
    """How a message about an unknown word ends: the nearest right one, or all there are."""
    close = nearest(word, allowed)
    if close is not None:
        return f'; did you mean "{close}"?'
    if not allowed:
        return ": there are none"
    shown = ", ".join(f'"{name}"' for name in allowed[:12])
    return f": there {'is' if len(allowed) == 1 else 'are'} {shown}" + (", …" * (len(allowed) > 12))


def sole_candidate(word: str, allowed: tuple[str, ...]) -> str | None:
    """The one allowed word that `word` can be a slip of the pen for; None where there are two."""
    from difflib import get_close_matches

    close = get_close_matches(word, allowed, n=2, cutoff=CLOSE)
    return close[0] if len(close) == 1 else None
