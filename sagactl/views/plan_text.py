"""A plan as text: what is sent, in which order, what undoes it, and what doubt leads to."""

import json
from contextlib import suppress

from sagactl.definition.address import is_whole
from sagactl.definition.duration import said_duration
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.graph import topological
from sagactl.definition.model import OnUnknown, Request, Sleep, SubSaga, Success
from sagactl.definition.template import Template
from sagactl.machine.command import Phase
from sagactl.machine.plan import Plan, PlannedStep, unfolded
from sagactl.machine.request import render, scope_of
from sagactl.machine.run import Run
from sagactl.source.node import Json, Scalar, plain
from sagactl.views.carets import visible
from sagactl.views.veil import CLEAR, veil_of

THEN = {
    OnUnknown.FINISH: "asked again until it is known",
    OnUnknown.COMPENSATE: "taken as done, and undone",
    OnUnknown.HOLD: "stuck: a person decides",
}
WHY = {
    OnUnknown.FINISH: "sending it again does no harm",
    OnUnknown.COMPENSATE: "undoing nothing does no harm here",
    OnUnknown.HOLD: "it may not be sent again",
}


def plan_lines(plan: Plan, run: Run | None) -> list[str]:
    """The plan step by step; with a run (never begun) its input fills the requests in."""
    saga, plan = plan.saga, unfolded(plan)
    preview = _Preview(plan, run)
    limit = f", at most {said_duration(saga.timeout_s)}" if saga.timeout_s else ""
    lines = [f"{saga.name} version {saga.version}: {len(plan.steps)} steps{limit}", ""]
    above: dict[str | None, str] = {}  # the step above, by the sub-saga they are in
    for number, planned in enumerate(plan, 1):
        lines.extend(_step_lines(number, planned, preview, above.get(planned.parent)))
        above[planned.parent] = planned.name
    lines += ["", *_undo_lines(plan, preview)]
    return [visible(line) for line in lines]


def plan_document(plan: Plan, run: Run | None) -> dict[str, Json]:
    """The same as a JSON value."""
    plan = unfolded(plan)
    preview = _Preview(plan, run)
    return {
        "saga": plan.saga.name,
        "version": plan.saga.version,
        "steps": [_step_document(planned, preview) for planned in plan],
        "undo_order": [planned.name for _, planned in _undo(plan)],
    }


def _step_document(planned: PlannedStep, preview: "_Preview") -> dict[str, Json]:
    step = planned.step
    lookup = step.lookup.request if step.lookup else None
    return {
        "name": planned.name,
        "needs": list(planned.needs),
        "for_each": None if step.for_each is None else _written(step.for_each.items),
        "pivot": step.pivot,
        "past_pivot": planned.past_pivot,
        "action": _does(planned, preview),
        "lookup": preview.said(lookup, planned, Phase.LOOKUP),
        "compensation": preview.said(step.compensation, planned, Phase.COMPENSATION),
        "on_unknown": str(planned.on_unknown),
    }


def _step_lines(
    number: int, planned: PlannedStep, preview: "_Preview", previous: str | None
) -> list[str]:
    step = planned.step
    notes = step_notes(planned, previous)
    head = f"{number}. {planned.name}" + (f"  ({'; '.join(notes)})" if notes else "")
    does = _does(planned, preview)
    if step.request is None:
        return [head, f"   does     {does}"]
    lines = [head, f"   does     {does}  ({_tries(planned, step.request)})"]
    if step.lookup is not None:
        lines.append(f"   asks     {preview.said(step.lookup.request, planned, Phase.LOOKUP)}")
    if planned.past_pivot or step.pivot:
        undo = "never undone"
    elif step.compensation is None:
        undo = "nothing" if step.compensation_none else "nothing is written"
    else:
        undo = str(preview.said(step.compensation, planned, Phase.COMPENSATION))
    lines.append(f"   undo     {undo}")
    lines.append(f"   unknown  {planned.on_unknown}: {THEN[planned.on_unknown]} ({_why(planned)})")
    return lines


def step_notes(planned: PlannedStep, previous: str | None) -> list[str]:
    """When and how often a step is carried out, where that is not simply after the one above."""
    step, notes = planned.step, []
    if planned.needs != ((previous,) if previous else ()):
        notes.append(f"needs {', '.join(planned.needs)}" if planned.needs else "starts at once")
    if step.when is not None:
        notes.append("only if its condition is true")
    if step.for_each is not None:
        at_once = step.for_each.max_parallel
        how = "one after the other" if at_once == 1 else f"{at_once} at once"
        notes.append(f"for each of {_written(step.for_each.items)}, {how}")
    if step.pivot:
        notes.append("the point of no return")
    return notes


def action_as_written(planned: PlannedStep) -> str:
    """What a step does, in the definition's words."""
    match planned.step.action:
        case Sleep(duration=duration):
            return f"sleeps for {_written(duration)}"
        case SubSaga(saga=saga):
            return f"the sub-saga {saga.name} ({saga.source.name})"
        case Request() as request:
            return request_as_written(request)


def request_as_written(request: Request) -> str:
    """Method, service and address of a request, in the definition's words."""
    node = request.url.node
    address = str(node.value) if isinstance(node, Scalar) else ""
    whole = request.service is None or is_whole(request.url)
    service = "" if whole or request.service is None else f"{request.service.name}:"
    return f"{request.method} {service}{address}"


def _does(planned: PlannedStep, preview: "_Preview") -> str | None:
    if planned.step.request is None:
        return action_as_written(planned)
    return preview.said(planned.step.request, planned, Phase.ACTION)


def _written(template: Template) -> str:
    node = template.node
    return str(node.value) if isinstance(node, Scalar) else json.dumps(plain(node))


def _tries(planned: PlannedStep, action: Request) -> str:
    timeout = said_duration(action.timeout_s)
    count = action.retry.max_attempts
    tries = f"{count} attempts of {timeout}" if count > 1 else f"1 attempt of {timeout}"
    if planned.past_pivot:
        tries = f"attempts of {timeout} until it succeeds"
    if action.success != Success():
        ranges = action.success.statuses.ranges
        statuses = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges)
        condition = " and its condition is true" if action.success.conditions else ""
        tries += f"; applied on {statuses}{condition}"
    return tries


def _why(planned: PlannedStep) -> str:
    step = planned.step
    if step.on_unknown is planned.on_unknown:
        return "as written"
    if step.pivot or planned.past_pivot:
        return "there is no way back"
    return WHY[planned.on_unknown]


def _undo_lines(plan: Plan, preview: "_Preview") -> list[str]:
    last = _last_to_fail(plan)
    ranked = _undo(plan)
    if not ranked:
        return [f"if {last} fails, nothing is undone"]
    ranks = [rank for rank, _ in ranked]
    beside = " (same number: at the same time)" if len(set(ranks)) < len(ranks) else ""
    lines = [f"if {last} fails, this is undone, in this order{beside}:"]
    for rank, planned in ranked:
        undo = preview.said(planned.step.compensation, planned, Phase.COMPENSATION)
        lines.append(f"  {rank}. {planned.name}: {undo}")
    return lines


def _order(plan: Plan) -> list[str]:
    """The steps that the saga can turn back at, in an order in which they may happen."""
    before: dict[str, list[str]] = {name: [] for name in plan.steps}
    for planned in plan:
        for name in planned.needed_by:
            before[name].append(planned.name)
    return [name for name in topological(before) if not plan.steps[name].past_pivot]


def _last_to_fail(plan: Plan) -> str:
    return plan.pivots[-1] if plan.pivots else _order(plan)[-1]


def _undo(plan: Plan) -> list[tuple[int, PlannedStep]]:
    """What is undone when the last step that can fail does, each with its turn, from 1.

    A step's turn comes after those of all that needed it; what has nothing to undo takes none.
    """
    last = _last_to_fail(plan)
    turns: dict[str, int] = {}
    found = []
    for name in reversed(_order(plan)):
        planned = plan.steps[name]
        after = max((turns[other] for other in planned.needed_by if other in turns), default=0)
        undone = planned.step.compensation is not None and name != last
        turns[name] = after + undone
        if undone:
            found.append((turns[name], planned))
    return sorted(found, key=lambda pair: pair[0])


class _Preview:
    """Says requests: as they will be, where a run with its input is given, else as written."""

    def __init__(self, plan: Plan, run: Run | None) -> None:
        self._run = run
        self._veil = CLEAR if run is None else veil_of(plan, run)

    def said(self, request: Request | None, planned: PlannedStep, phase: Phase) -> str | None:
        if request is None:
            return None
        # What a sub-saga is given, only the run will know.
        if self._run is not None and planned.parent is None:
            # It may read what only the run will know.
            with suppress(ExpressionFailed):
                sending = render(request, scope_of(self._run, planned.name, phase))
                sending = self._veil.sending(sending)
                return " ".join(filter(None, (sending.method, sending.url, sending.body)))
        return request_as_written(request)
