"""maybe-skipped: an expression reads the result of a step that may be skipped.

A step whose `when` was false has no result, and what needs it goes on. Reading the result then
fails. Ask with `has(steps.x.result)` or `steps.x.?result`, or give the reader a `when` that is the
same text or asks about that step: then it is skipped too. `has(steps.x.result.y)` is not enough: it
asks about `y`, and fails where there is no result to have it.

    wrong:  gift: ${{ steps.wrap.result.id }}
    right:  gift: "${{ has(steps.wrap.result) ? steps.wrap.result.id : '' }}"
"""

from collections.abc import Iterator, Mapping

from sagactl.definition.graph import ancestors
from sagactl.definition.model import Saga, Step
from sagactl.lint.edit import replacement
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, Spot, has_reads, result_reads
from sagactl.source.node import plain
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    skippable = {step.name: step for step in saga.steps if step.when is not None}
    before: Mapping[str, frozenset[str]] = ancestors(saga.steps) if skippable else {}
    for spot, reference, name in result_reads(saga):
        read = skippable.get(name)
        if read is None or not reference.certain or _is_guarded(spot, read):
            continue
        # Where the other need not have run at all, not-before says so.
        if spot.step is not None and name not in before[spot.step.name]:
            continue
        yield RULE.problem(
            reference.place,
            f'the result of "{name}" is read, but "{name}" may be skipped',
            f"ask first: has(steps.{name}.result) ? … : …",
            (Related(read.place, f'"{name}" has a "when"'),),
        )
    for spot, name, place, before_result in has_reads(saga) if skippable else ():
        read = skippable.get(name)
        if read is None or _is_guarded(spot, read):
            continue
        if spot.step is not None and name not in before[spot.step.name]:
            continue
        yield RULE.problem(
            place,
            f'"has" fails where "{name}" was skipped: there is no result then to have this',
            f"ask for the result first: has(steps.{name}.?result.…)",
            (Related(read.place, f'"{name}" has a "when"'),),
            replacement('write ".?result"', before_result, "?"),
        )


def _is_guarded(spot: Spot, read: Step) -> bool:
    """Whether the reader is itself skipped, or asks, where `read` was skipped."""
    if spot.step is None or spot.step.when is None or spot.part is Part.WHEN:
        return False
    own, other = spot.step.when, read.when
    if other is not None and plain(own.node) == plain(other.node):
        return True
    return any(reference.path[:2] == ("steps", read.name) for reference in own.references)


RULE = Rule(
    "maybe-skipped",
    "SG103",
    "an expression reads the result of a step that may be skipped",
    Severity.ERROR,
    check,
    is_fixable=True,
)
