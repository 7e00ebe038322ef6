"""A plan as text: what is sent, in which order, what undoes it, and what doubt leads to."""

from sagactl.definition.address import is_whole
from sagactl.definition.duration import said_duration
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.graph import topological
from sagactl.definition.model import OnUnknown, Request
from sagactl.machine.command import Phase
from sagactl.machine.plan import Plan, PlannedStep
from sagactl.machine.request import render, scope_of
from sagactl.machine.run import Run
from sagactl.source.node import Json, Scalar
from sagactl.views.carets import visible

WHY = {
    OnUnknown.FINISH: "asked again under the same key until it is known",
    OnUnknown.COMPENSATE: "taken as done, and undone",
    OnUnknown.HOLD: "stuck: a person decides",
}


def plan_lines(plan: Plan, run: Run | None) -> list[str]:
    """The plan step by step; with a run (never begun) its input fills the requests in."""
    saga = plan.saga
    limit = f", at most {said_duration(saga.timeout_s)}" if saga.timeout_s else ""
    lines = [f"{saga.name} version {saga.version}: {len(plan.steps)} steps{limit}", ""]
    previous: str | None = None
    for number, planned in enumerate(plan, 1):
        lines.extend(_step_lines(number, planned, run, previous))
        previous = planned.name
    undo = [
        f"{p.name}: {_said(p.step.compensation, p, run, Phase.COMPENSATION)}" for p in _undo(plan)
    ]
    lines += ["", "if the last step that can fail does, this is undone, in this order:"]
    lines += [f"  {line}" for line in undo] or ["  nothing"]
    return [visible(line) for line in lines]


def plan_document(plan: Plan, run: Run | None) -> dict[str, Json]:
    """The same as a JSON value."""
    return {
        "saga": plan.saga.name,
        "version": plan.saga.version,
        "steps": [_step_document(planned, run) for planned in plan],
        "undo_order": [planned.name for planned in _undo(plan)],
    }


def _step_document(planned: PlannedStep, run: Run | None) -> dict[str, Json]:
    step = planned.step
    lookup = step.lookup.request if step.lookup else None
    return {
        "name": planned.name,
        "needs": list(step.needs),
        "pivot": step.pivot,
        "past_pivot": planned.past_pivot,
        "action": _said(step.action, planned, run, Phase.ACTION),
        "lookup": _said(lookup, planned, run, Phase.LOOKUP),
        "compensation": _said(step.compensation, planned, run, Phase.COMPENSATION),
        "on_unknown": str(planned.on_unknown),
    }


def _step_lines(
    number: int, planned: PlannedStep, run: Run | None, previous: str | None
) -> list[str]:
    step = planned.step
    chain = (previous,) if previous else ()
    notes = []
    if step.needs != chain:
        notes.append(f"needs {', '.join(step.needs)}" if step.needs else "starts at once")
    if step.when is not None:
        notes.append("only if its condition is true")
    if step.pivot:
        notes.append("the point of no return")
    head = f"{number}. {planned.name}" + (f"  ({'; '.join(notes)})" if notes else "")
    action = step.action
    tries = f"{action.retry.max_attempts} attempts of {said_duration(action.timeout_s)}"
    if planned.past_pivot:
        tries = f"attempts of {said_duration(action.timeout_s)} until it succeeds"
    lines = [head, f"   does     {_said(action, planned, run, Phase.ACTION)}  ({tries})"]
    if step.lookup is not None:
        lines.append(f"   asks     {_said(step.lookup.request, planned, run, Phase.LOOKUP)}")
    if planned.past_pivot or step.pivot:
        undo = "never undone"
    elif step.compensation is None:
        undo = "nothing" if step.compensation_none else "nothing is written"
    else:
        undo = str(_said(step.compensation, planned, run, Phase.COMPENSATION))
    lines.append(f"   undo     {undo}")
    lines.append(f"   unknown  {planned.on_unknown}: {WHY[planned.on_unknown]}")
    return lines


def _undo(plan: Plan) -> list[PlannedStep]:
    """The steps with an undo before the pivot, in the order in which they are undone."""
    order = topological({planned.name: planned.step.needs for planned in plan})
    found = [plan.steps[name] for name in reversed(order)]
    return [p for p in found if p.step.compensation is not None and not p.past_pivot]


def _said(
    request: Request | None, planned: PlannedStep, run: Run | None, phase: Phase
) -> str | None:
    if request is None:
        return None
    if run is not None:
        try:
            sending = render(request, scope_of(run, planned.name, phase))
            return f"{sending.method} {sending.url}" + (f" {sending.body}" if sending.body else "")
        except ExpressionFailed:
            pass  # it reads what only the run will know
    node = request.url.node
    address = str(node.value) if isinstance(node, Scalar) else ""
    below = "" if request.service is None or is_whole(request.url) else f"{request.service.name}:"
    return f"{request.method} {below}{address}"
