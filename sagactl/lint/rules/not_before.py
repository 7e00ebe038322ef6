"""not-before: an expression reads the result of a step that need not have run by then.

A step may read the results of the steps it needs, and of those that they need in their turn. What
runs beside it may be faster today and slower tomorrow, even where `has()` is asked first.

A compensation may read its own step's result too. Any other it may only ask about, with
`has(steps.x.result)` or `steps.x.?result`: whether that step ran is another matter in every run.
The result of a step that was undone before is still known, but not of one that never began.
"""

from collections.abc import Iterator, Mapping

from sagactl.definition.graph import ancestors
from sagactl.definition.model import Saga, Step
from sagactl.lint.edit import replacement
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Phase, has_reads, result_reads
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    before: Mapping[str, frozenset[str]] | None = None
    for spot, reference, name in result_reads(saga):
        step, undoing = spot.step, spot.phase is Phase.COMPENSATION
        if step is None:
            continue
        before = before or ancestors(saga.steps)
        if name in before[step.name] or name not in before:
            continue
        if undoing and (name == step.name or not reference.certain):
            continue
        later = step.name in before[name]
        message = _message(step, name, undoing=undoing, later=later)
        related = (Related(saga.step(name).place, f'"{name}" stands here'),)
        hint = _hint(step, name, undoing=undoing, later=later)
        yield RULE.problem(reference.place, message, hint, related if name != step.name else ())
    for spot, name, place, before_result in has_reads(saga):
        step = spot.step
        if step is None or spot.phase is not Phase.COMPENSATION or name == step.name:
            continue
        before = before or ancestors(saga.steps)
        if name in before and name not in before[step.name]:
            message = f'"has" fails where "{name}" never ran: there is no result then to have this'
            hint = f"ask for the result first: has(steps.{name}.?result.…)"
            fix = replacement('write ".?result"', before_result, "?")
            yield RULE.problem(place, message, hint, fix=fix)


def _message(step: Step, name: str, *, undoing: bool, later: bool) -> str:
    if name == step.name:
        return f'step "{name}" reads its own result before it has one'
    if undoing:
        undone = "is undone before it, or never ran" if later else "may never have run"
        return f'the undo of "{step.name}" reads the result of "{name}", which {undone}'
    return f'step "{step.name}" reads the result of "{name}", which is not surely before it'


def _hint(step: Step, name: str, *, undoing: bool, later: bool) -> str | None:
    if undoing:
        return f"ask first: has(steps.{name}.result) ? … : …"
    if name == step.name:
        return "a reply is read in the action's own result, as response.body"
    if later:
        return f'"{name}" needs "{step.name}": the two must change places'
    return f'add "{name}" to the needs of "{step.name}"'


RULE = Rule(
    "not-before",
    "SG102",
    "an expression reads the result of a step that need not have run by then",
    Severity.ERROR,
    check,
    is_fixable=True,
)
