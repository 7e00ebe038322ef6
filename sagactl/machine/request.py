"""A request as it will be sent: its scope, its key, its very bytes.

Secrets never come here: they go into headers only, and those are made by the participant for each
attempt. Whatever cannot be rendered raises ExpressionFailed, before anything was sent.
"""

import json
import re
from base64 import b32encode
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlencode

from sagactl.definition.address import evaluate_url
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Request
from sagactl.definition.template import evaluate, evaluate_text
from sagactl.machine.command import Phase, Sending
from sagactl.machine.moves import StepState
from sagactl.machine.run import Run
from sagactl.source.node import Json

PATH = re.compile(r"(|.*/)([^/[]+)(?:\[(\d+)\])?")


@lru_cache(maxsize=4096)
def idempotency_key(run_id: str, step: str, phase: Phase) -> str:
    """The key of a step's phase: opaque, and the same for every attempt, also after a crash.

    No definition hash goes in: a step whose outcome is unknown must keep its key whatever becomes
    of the definition.
    """
    digest = sha256("\n".join((run_id, step, phase)).encode()).digest()
    return "sg1-" + b32encode(digest).decode().lower()[:32]


def scope_of(run: Run, step: str | None = None, phase: Phase = Phase.ACTION) -> dict[str, Json]:
    """The names an expression of the saga, or of the step at a path, can use.

    `secrets` and `response` are apart. A sub-saga has its own input, id and steps; an instance has
    its `item` and `index`, and calls itself by the step's plain name.
    """
    if step is None:
        return scope_within(run, "")
    frame, name, index = split_path(step)
    scope = scope_within(run, frame)
    if index is not None:
        items = run.members[f"{frame}{name}"].items
        assert items is not None  # only a for_each has instances
        scope.update(item=items[index], index=index)
        scope["steps"] = {**scope["steps"], name: _step_scope(run, step)}
    own = run.step(step)
    scope["step"] = {
        "name": step,
        "attempt": own.attempts(phase).count + 1,
        "idempotency_key": idempotency_key(run.id, step, phase),
        "action_key": idempotency_key(run.id, step, Phase.ACTION),
    }
    if own.has_result:
        scope["result"] = own.result
    return scope


def scope_within(run: Run, frame: str) -> dict[str, Json]:
    """The names known everywhere in the saga (`frame` is empty) or in a sub-saga (`payment/`)."""
    saga: dict[str, Json] = {"id": run.id, "name": run.saga, "started_at": rfc3339(run.started_at)}
    value = run.input
    if frame:
        child = run.members[frame[:-1]]
        value = child.input
        saga = {
            "id": child_id(run.id, frame[:-1]),
            "name": child.saga,
            "started_at": rfc3339(child.began_at),
        }
    steps = {}
    for path in run.steps:
        if path.startswith(frame):
            local = path[len(frame) :]
            if "/" not in local and "[" not in local:
                steps[local] = _step_scope(run, path)
    return {"input": value, "env": dict(run.env), "saga": saga, "steps": steps}


def child_id(run_id: str, path: str) -> str:
    """What a sub-saga's expressions read as `saga.id`: no other saga has it, nor another one of a
    `for_each`. It fits where an ID does: `order-1.payment`, `order-1.pay.2`.
    """
    return f"{run_id}.{re.sub(r'[/[]', '.', path).replace(']', '')}"


def split_path(path: str) -> tuple[str, str, int | None]:
    """The parts of a step's path: the sub-saga it is in (`a/`), its plain name, which one it is."""
    found = PATH.fullmatch(path)
    assert found is not None  # every path was made by the plan
    return found[1], found[2], None if found[3] is None else int(found[3])


def path_as_written(path: str) -> str:
    """The path without which instance it is: `pay[2]/charge` is `pay/charge` in the definition."""
    return re.sub(r"\[\d+\]", "", path)


def _step_scope(run: Run, name: str) -> dict[str, Json]:
    step = run.step(name)
    error = step.error
    names: dict[str, Json] = {
        "status": str(step.state),
        "error": None
        if error is None
        else {"phase": str(error.phase), "status": error.status, "message": error.message},
    }
    # Absent rather than null: reading the result of a step that has none is a mistake to be told.
    if step.has_result and step.state is not StepState.SKIPPED:
        names["result"] = step.result
    return names


def render(request: Request, scope: dict[str, Json]) -> Sending:
    """The request's bytes; raises ExpressionFailed where a value is missing or cannot be sent."""
    base = request.service.url if request.service is not None else None
    url = evaluate_url(base, request.url, request.query, scope)
    content_type, body = _body(request, scope)
    if body is not None:
        try:
            body.encode()
        except UnicodeEncodeError as error:
            raise ExpressionFailed(f"the body cannot be sent as UTF-8: {error}", None) from None
    return Sending(request.method, url, content_type, body)


def _body(request: Request, scope: dict[str, Json]) -> tuple[str | None, str | None]:
    if request.json is not None:
        value = evaluate(request.json, scope)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return "application/json", text
    if request.form is not None:
        return "application/x-www-form-urlencoded", _form(evaluate(request.form, scope))
    if request.body is not None:
        return "text/plain; charset=utf-8", evaluate_text(request.body, scope)
    return None, None


def _form(fields: Json) -> str:
    pairs = []
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None or isinstance(item, dict | list):
                raise ExpressionFailed(
                    f'form field "{name}" must be text, a number or a bool', None
                )
            pairs.append((name, item if isinstance(item, str) else json.dumps(item)))
    return urlencode(pairs)


def rfc3339(at: float) -> str:
    """A time as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
