"""A plan as text: what is sent, in which order, what undoes it, and what doubt leads to.

As a document it is for comparing: its keys are sorted, and without an input nothing in it changes
but by an edit of the definition or of a sub-saga.
"""

import json
import posixpath
from contextlib import suppress

from sagactl.definition.address import is_whole
from sagactl.definition.duration import said_duration
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import OnUnknown, Request, Sleep, SubSaga, Success
from sagactl.definition.policy import names_under
from sagactl.definition.template import Template
from sagactl.machine.command import Phase
from sagactl.machine.plan import Plan, PlannedStep, unfolded
from sagactl.machine.request import render, scope_of
from sagactl.machine.rollback import foresee
from sagactl.machine.run import Run
from sagactl.source.node import Json, Scalar, plain
from sagactl.views.carets import visible
from sagactl.views.rollback_text import rollback_document, rollback_lines, why_so
from sagactl.views.veil import CLEAR, veil_of

THEN = {
    OnUnknown.FINISH: "asked again until it is known",
    OnUnknown.COMPENSATE: "taken as done, and undone",
    OnUnknown.HOLD: "stuck: a person decides",
}
# Of the document. Another number when what it says no longer compares with what was kept.
FORMAT = 1


def plan_lines(plan: Plan, run: Run | None) -> list[str]:
    """The plan step by step; with a run (never begun) its input fills the requests in."""
    saga, foresight, plan = plan.saga, foresee(plan), unfolded(plan)
    preview = _Preview(plan, run)
    limit = f", at most {said_duration(saga.timeout_s)}" if saga.timeout_s else ""
    lines = [f"{saga.name} version {saga.version}: {len(plan.steps)} steps{limit}"]
    for root in ("env", "secrets"):
        names = names_under(saga, root)
        lines += [f"reads {root} {', '.join(sorted(names))}"] if names else []
    lines.append("")
    above: dict[str | None, str] = {}  # the step above, by the sub-saga they are in
    for number, planned in enumerate(plan, 1):
        lines.extend(_step_lines(number, planned, preview, above.get(planned.parent)))
        above[planned.parent] = planned.name
    lines += ["", *rollback_lines(foresight)]
    return [visible(line) for line in lines]


def plan_document(plan: Plan, run: Run | None) -> Json:
    """The same as a JSON value."""
    foresight, plan = foresee(plan), unfolded(plan)
    preview = _Preview(plan, run)
    return _sorted(
        {
            "env": sorted(names_under(plan.saga, "env")),
            "format": FORMAT,
            "secrets": sorted(names_under(plan.saga, "secrets")),
            "saga": plan.saga.name,
            "version": plan.saga.version,
            "steps": [_step_document(planned, preview) for planned in plan],
            **rollback_document(foresight),
        }
    )


def _sorted(value: Json) -> Json:
    """The value with its keys in order, so that texts of it can be compared."""
    match value:
        case dict():
            return {key: _sorted(value[key]) for key in sorted(value)}
        case list():
            return [_sorted(item) for item in value]
    return value


def _step_document(planned: PlannedStep, preview: "_Preview") -> dict[str, Json]:
    step = planned.step
    lookup = step.lookup.request if step.lookup else None
    return {
        "action": _does(planned, preview),
        "compensation": preview.said(step.compensation, planned, Phase.COMPENSATION),
        "for_each": None if step.for_each is None else _written(step.for_each.items),
        "lookup": preview.said(lookup, planned, Phase.LOOKUP),
        "name": planned.name,
        "needs": sorted(planned.needs),
        "on_unknown": str(planned.on_unknown),
        "past_pivot": planned.past_pivot,
        "pivot": step.pivot,
        "when": None if step.when is None else _written(step.when),
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
    lines.append(
        f"   unknown  {planned.on_unknown}: {THEN[planned.on_unknown]} ({why_so(planned)})"
    )
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
            folder = posixpath.dirname(planned.saga.source.name) or "."
            # As it is written, wherever one stands.
            path = posixpath.relpath(saga.source.name, folder)
            return f"the sub-saga {saga.name} ({path})"
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
