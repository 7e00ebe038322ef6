"""Runs, events and summaries as plain JSON values: the words that other programs rely on."""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import fields
from typing import Protocol

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.template import evaluate
from sagactl.machine import event as e
from sagactl.machine.outstanding import deadline, in_flight, outstanding
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.reason import reason
from sagactl.machine.request import rfc3339, scope_of
from sagactl.machine.run import Run, StepError
from sagactl.machine.state import ENDED, SagaState, saga_state
from sagactl.source.node import Json
from sagactl.views.veil import masked, veil_of


class Summary(Protocol):
    """What `list` knows of a run."""

    @property
    def run_id(self) -> str: ...
    @property
    def saga(self) -> str: ...
    @property
    def version(self) -> int | str: ...
    @property
    def state(self) -> str: ...
    @property
    def started_at(self) -> float: ...
    @property
    def updated_at(self) -> float: ...
    @property
    def sandbox(self) -> bool: ...
    @property
    def tags(self) -> dict[str, str]: ...


def run_document(plan: Plan, run: Run) -> dict[str, Json]:
    """One run, whole."""
    state = saga_state(plan, run)
    due_at = next_due_at(plan, run)
    deadline_at = deadline(plan, run)
    veil = veil_of(plan, run)
    shown = veil.run(run)
    output, output_error = _output(plan, run, state)
    plan = expanded(plan, run)
    document: dict[str, Json] = {
        "id": run.id,
        "saga": run.saga,
        "version": run.version,
        "state": str(state),
        "input": shown.input,
        "output": veil.over(output),
        "error": run_error(plan, shown),
        "steps": [_step_document(shown, name) for name in plan.steps],
        "sandbox": run.sandbox,
        "started_at": rfc3339(run.started_at),
        "updated_at": rfc3339(run.updated_at),
        "finished_at": rfc3339(run.updated_at) if state in ENDED else None,
        "deadline_at": None if deadline_at is None else rfc3339(deadline_at),
        "next_due_at": None if due_at is None else rfc3339(due_at),
    }
    if output_error is not None:
        document["output_error"] = veil.text(output_error)
    return document


def result_document(plan: Plan, run: Run) -> dict[str, Json]:
    """What came of one run of many: its document without its input and its steps."""
    document = run_document(plan, run)
    return {key: value for key, value in document.items() if key not in ("input", "steps")}


def next_due_at(plan: Plan, run: Run) -> float | None:
    """When there is next something to do; what is due at once has been since the last event."""
    commands = outstanding(plan, run)
    waits = [command.due_at for command in commands if command.due_at is not None]
    if in_flight(run) or len(waits) < len(commands):
        return run.updated_at
    return min(waits, default=None)


def run_error(plan: Plan, run: Run) -> dict[str, Json] | None:
    """Why the run is not completed: the step that is stuck, else the one that turned it back."""
    found = reason(plan, run)
    if found is None:
        return None
    return {
        "step": found.step,
        "phase": None if found.phase is None else str(found.phase),
        "status": found.status,
        "message": found.message,
    }


def event_document(event: e.Event, input_schema: Json = None) -> dict[str, Json]:
    """One event; the definition's texts are left out, its digest says which they were.

    With the schema the input is masked; what comes after it only a veil hides.
    """
    document: dict[str, Json] = {"at": rfc3339(event.at), "type": event_type(event)}
    for field in fields(event):
        if field.name not in ("at", "definition", "children"):
            value = getattr(event, field.name)
            is_time = field.name.endswith("_at") and value is not None
            document[field.name] = rfc3339(value) if is_time else value
    if isinstance(event, e.RunStarted):
        document["input"] = masked(input_schema, event.input)
    return document


def event_type(event: e.Event) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def summary_document(summary: Summary) -> dict[str, Json]:
    """One line of a list."""
    return {
        "id": summary.run_id,
        "saga": summary.saga,
        "version": summary.version,
        "state": summary.state,
        "sandbox": summary.sandbox,
        "started_at": rfc3339(summary.started_at),
        "updated_at": rfc3339(summary.updated_at),
        "tags": dict(summary.tags),
    }


def to_json(value: Json, *, ascii_only: bool = False) -> str:
    """A JSON value as JSON; nothing in it can move a terminal's cursor."""
    text = json.dumps(value, indent=2, ensure_ascii=ascii_only)
    return _inert(text, lambda char: json.dumps(char)[1:-1])


def to_yaml(value: Json, indent: int = 0, *, ascii_only: bool = False) -> str:
    """A JSON value as YAML in block style, ending with a line break."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(
            f"{pad}{_scalar(name, ascii_only)}:{_below(item, indent, ascii_only)}"
            for name, item in value.items()
        )
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            text = to_yaml(item, indent + 1, ascii_only=ascii_only)
            lines.append(f"{pad}- {text[len(pad) + 2 :]}")
        return "".join(lines)
    return f"{pad}{_scalar(value, ascii_only)}\n"


def _below(value: Json, indent: int, ascii_only: bool) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + to_yaml(value, indent + 1, ascii_only=ascii_only)
    return f" {_scalar(value, ascii_only)}\n"


def _scalar(value: Json, ascii_only: bool) -> str:
    # A JSON scalar is a YAML scalar; only words that nothing could mistake go without quotes.
    words = ("yes", "no", "on", "off", "true", "false", "null")
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z_-]*[a-z_-]", value):
        return value if value.lower() not in words else f'"{value}"'
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1 reads 1e+22 as a text
    # A pair of surrogates is two characters to YAML: it has an escape of its own.
    return _inert(text, _yaml_escape, ascii_only=ascii_only)


def _inert(text: str, escape: Callable[[str], str], *, ascii_only: bool = False) -> str:
    """The text with every control and direction character escaped, its line breaks apart."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(
        escape(char)
        if (ascii_only and char > "~")
        or (char not in " \n" and unicodedata.category(char)[0] in "CZ")
        else char
        for char in text
    )


def _yaml_escape(char: str) -> str:
    code = ord(char)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def _step_document(run: Run, name: str) -> dict[str, Json]:
    step = run.step(name)
    return {
        "name": name,
        "status": str(step.state),
        "result": step.result,
        "error": None if step.error is None else _error(name, step.error),
        "attempts": step.action.count,
        "lookup_attempts": step.lookup.count,
        "compensation_attempts": step.compensation.count,
    }


def _error(step: str, error: StepError) -> dict[str, Json]:
    return {
        "step": step,
        "phase": str(error.phase),
        "status": error.status,
        "message": error.message,
    }


def _output(plan: Plan, run: Run, state: SagaState) -> tuple[Json, str | None]:
    if state is not SagaState.COMPLETED or plan.saga.output is None:
        return None, None
    try:
        return evaluate(plan.saga.output, scope_of(run)), None
    except ExpressionFailed as failure:
        return None, str(failure)
