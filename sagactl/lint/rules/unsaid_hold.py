"""unsaid-hold: a step waits for a person although its author did not write so.

When nobody can find out whether an action took place, the step is sent again where that is safe,
or undone where undoing nothing does no harm: by a DELETE or PUT written without the step's own
result. Where neither holds, the saga stops until a person decides. Whoever wants that writes
`on_unknown: hold`; so does whoever wrote `on_unknown: finish` with nothing to ask again.
"""

from collections.abc import Iterator

from sagactl.definition.model import OnUnknown, Request, Saga, Step
from sagactl.definition.policy import on_unknown, reads_own_result
from sagactl.lint.pivot import past_pivot
from sagactl.lint.rule import Rule
from sagactl.lint.written import word_place
from sagactl.source.problem import Problem, Severity

KEYED = '"idempotency: key" if the service honours keys'
HELD = '"on_unknown: hold" if a person is to decide'


def check(saga: Saga) -> Iterator[Problem]:
    past = past_pivot(saga)
    for step in saga.steps:
        no_way_back = step.pivot or step.name in past
        if step.request is None:
            continue
        can_ask = step.request.may_repeat or step.lookup is not None
        if step.on_unknown is OnUnknown.FINISH and not can_ask:
            message = (
                f'step "{step.name}" says "on_unknown: finish", but there is nothing to ask: '
                f"{_not_again(step.request)}, and there is no lookup"
            )
            place = word_place(saga, step, "on_unknown")
            yield RULE.problem(place, message, f"add a lookup, or write {KEYED}, or {HELD}")
        elif step.on_unknown is None and (
            on_unknown(step, past_pivot=step.name in past) is OnUnknown.HOLD
        ):
            undo = "there is no way back" if no_way_back else _no_undo(step)
            message = (
                f'step "{step.name}" waits for a person whenever its outcome is unknown, and '
                f"nobody wrote so: {_not_again(step.request)}, and {undo}"
            )
            yield RULE.problem(step.place, message, _ways_out(step, no_way_back=no_way_back))


def _not_again(request: Request) -> str:
    said = request.idempotency
    why = "without a word on idempotency" if said is None else '("idempotency: none")'
    return f"its {request.method} may not be sent again {why}"


def _no_undo(step: Step) -> str:
    if step.compensation is None:
        return "it has no compensation"
    if reads_own_result(step):
        return "its compensation reads a result that is not known then"
    return f"its compensation, a {step.compensation.method}, may do harm where nothing was done"


def _ways_out(step: Step, *, no_way_back: bool) -> str:
    if no_way_back:
        return f"add a lookup, or write {KEYED}, or {HELD}"
    asks = '"on_unknown: finish" to go on asking its lookup'
    if step.lookup is None:
        asks = 'a lookup with "on_unknown: finish"'
    return f"write {KEYED}, or {asks}, or undo it by a DELETE or PUT without its result, or {HELD}"


RULE = Rule(
    "unsaid-hold",
    "SG202",
    "a step waits for a person although its author did not write so",
    Severity.ERROR,
    check,
)
