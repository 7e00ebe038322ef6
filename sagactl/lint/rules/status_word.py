"""status-word: a step's status is compared with what it never is.

A step that another one needs is `completed` by the time that one begins, or `skipped`; if it had
failed, the other would never begin. Only in a compensation, and of steps that run beside, there is
more to ask. A word that is no status at all is told everywhere.

    wrong:  when: ${{ steps.pay.status == 'success' }}
    right:  when: ${{ steps.pay.status == 'completed' }}
"""

from collections.abc import Iterator

from sagactl.definition.expression import Binary, Literal, Member, Name, Sequence, Tree, children
from sagactl.definition.graph import ancestors
from sagactl.definition.model import Saga
from sagactl.definition.template import holes, tree_place
from sagactl.lint.edit import replacement
from sagactl.lint.rule import Rule, meant, sole_candidate
from sagactl.lint.spot import Part, Phase, Spot, spots
from sagactl.source.place import Place
from sagactl.source.problem import Problem, Severity

STATUSES = (
    "pending", "executing", "completed", "failed", "unknown", "compensating", "compensated",
    "stuck", "skipped",
)  # fmt: skip
BY_THEN = ("completed", "skipped")


def check(saga: Saga) -> Iterator[Problem]:
    for spot in spots(saga):
        for hole in holes(spot.template):
            for name, word in _compared(hole.tree):
                place = tree_place(hole, word)
                value = word.value
                if value not in STATUSES:
                    yield _no_status(str(value), place)
                elif value not in BY_THEN and _is_through(saga, spot, name):
                    message = f'the status of "{name}" is never "{value}" by then'
                    hint = 'it is "completed", or "skipped" where it has a "when"'
                    yield RULE.problem(place, message, hint)


def _compared(tree: Tree) -> Iterator[tuple[str, Literal]]:
    """The words that `steps.NAME.status` is compared with, with that name."""
    match tree:
        case Binary(operator="==" | "!=" | "in", left=left, right=right):
            for one, other in ((left, right), (right, left)):
                match one:
                    case Member(name="status", target=Member(target=Name(name="steps"), name=name)):
                        words = other.items if isinstance(other, Sequence) else (other,)
                        yield from ((name, w) for w in words if isinstance(w, Literal))
    for below in children(tree):
        yield from _compared(below)


def _is_through(saga: Saga, spot: Spot, name: str) -> bool:
    if spot.step is None:
        return spot.part is Part.OUTPUT
    before = ancestors(saga.steps)
    return spot.phase is not Phase.COMPENSATION and name in before[spot.step.name]


def _no_status(word: str, place: Place) -> Problem:
    close = sole_candidate(word, STATUSES)
    fix = None if close is None else replacement(f'write "{close}"', place, f"'{close}'")
    return RULE.problem(place, f'"{word}" is no status{meant(word, STATUSES)}', fix=fix)


RULE = Rule(
    "status-word",
    "SG105",
    "a step's status is compared with what it never is",
    Severity.WARNING,
    check,
    is_fixable=True,
)
