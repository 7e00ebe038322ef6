"""child-past-pivot: a sub-saga past the pivot has a step that only an undo could clear up.

Past the pivot nothing is undone, the steps of a sub-saga neither. Where nobody can find out whether
one of them took place, it is sent again or looked up; what its own file says of undoing it is not
followed. A step that can only be undone then waits for a person, and nobody wrote so: its own file
is right, and this one puts it where it is not.

    wrong:  a sub-saga whose POST has `idempotency: none` and a DELETE that undoes it
    right:  run it before the pivot, or give that POST a `lookup`, or `on_unknown: hold`
"""

from collections.abc import Iterator

from sagactl.definition.model import OnUnknown, Saga, Step
from sagactl.definition.policy import on_unknown
from sagactl.lint.pivot import carried_past, pivots
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for step, inner, is_past in carried_past(saga):
        if inner.request is None or _is_told_or_meant(inner, is_past=is_past):
            continue
        if on_unknown(inner, past_pivot=True) is not OnUnknown.HOLD:
            continue
        pivot = pivots(saga)[0]
        message = (
            f'step "{step.name}" stands past the pivot "{pivot.name}", so "{inner.name}" of its '
            "sub-saga is not undone when its outcome is unknown: it waits for a person"
        )
        hint = (
            f'let "{pivot.name}" need "{step.name}", or give "{inner.name}" a lookup, '
            '"idempotency: key" or "on_unknown: hold"'
        )
        related = (
            Related(inner.place, f'"{inner.name}" may not be sent again, and has no lookup'),
            Related(pivot.place, f'"{pivot.name}" is the pivot'),
        )
        yield RULE.problem(step.action.place, message, hint, related)


def _is_told_or_meant(inner: Step, *, is_past: bool) -> bool:
    """Whether it is held as written, or wherever it runs: unsaid-hold says so in its own file."""
    if inner.on_unknown is OnUnknown.HOLD:
        return True
    return on_unknown(inner, past_pivot=is_past) is OnUnknown.HOLD


RULE = Rule(
    "child-past-pivot",
    "SG210",
    "a sub-saga past the pivot has a step that only an undo could clear up",
    Severity.ERROR,
    check,
)
