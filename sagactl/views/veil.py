"""What is not shown: whatever the input schema calls `x-sensitive`, wherever it turns up.

In the input it is hidden by its place. Anywhere else (a URL, a body, an echo in a reply) it is
hidden by what it says, as it stands, percent-encoded or escaped; there, a value of one or two
characters is let through, for it would be found everywhere. Nothing is hidden from the machine:
only views look through a veil.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from sagactl.machine import event as e
from sagactl.machine.command import Sending
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.run import Attempts, Run, StepRun
from sagactl.source.node import Json
from sagactl.views.carets import visible

MASK = "***"
SHORTEST = 3
# From this length on a text is no chance find, even in the middle of a word.
UNMISTAKABLE = 8
# The fields of events that hold what came from the input or from a service.
TOLD = ("url", "body", "detail", "result", "reason", "input", "items")

EventT = TypeVar("EventT", bound=e.Event)


@dataclass(frozen=True, slots=True)
class Veil:
    """Hides the sensitive values of one run."""

    masked_input: Json = None
    pattern: "re.Pattern[str] | None" = None
    hides: bool = field(default=False)

    def text(self, text: str) -> str:
        """The text without the sensitive values in it."""
        return text if self.pattern is None else self.pattern.sub(MASK, text)

    def over(self, value: Json) -> Json:
        """A JSON value without the sensitive values in it."""
        if self.pattern is None or value is None or isinstance(value, bool):
            return value
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(name): self.over(item) for name, item in value.items()}
            case list():
                return [self.over(item) for item in value]
        return MASK if self.pattern.fullmatch(json.dumps(value)) else value

    def event(self, event: EventT) -> EventT:
        """The event as it may be shown."""
        if not self.hides:
            return event
        told: dict[str, Any] = {
            name.name: self.over(getattr(event, name.name))
            for name in fields(event)
            if name.name in TOLD
        }
        if isinstance(event, e.RunStarted):
            told["input"] = self.masked_input
        return replace(event, **told)

    def run(self, run: Run) -> Run:
        """The run as it may be shown; not one to go on with."""
        if not self.hides:
            return run
        steps = {name: self._step(step) for name, step in run.steps.items()}
        return replace(
            run,
            input=self.masked_input,
            steps=steps,
            cancel_reason=self.text(run.cancel_reason),
            abandon_reason=self.text(run.abandon_reason),
        )

    def _step(self, step: StepRun) -> StepRun:
        error = step.error
        return replace(
            step,
            action=self._attempts(step.action),
            lookup=self._attempts(step.lookup),
            compensation=self._attempts(step.compensation),
            result=self.over(step.result),
            error=None if error is None else replace(error, message=self.text(error.message)),
        )

    def _attempts(self, attempts: Attempts) -> Attempts:
        sending = attempts.sending
        if sending is not None:
            sending = self.sending(sending)
        return replace(attempts, detail=self.text(attempts.detail), sending=sending)

    def sending(self, sending: Sending) -> Sending:
        """A request as it may be shown."""
        return replace(sending, url=self.text(sending.url), body=self.over(sending.body))


CLEAR = Veil()


def veil_of(plan: Plan, run: Run) -> Veil:
    """What hides the sensitive values of this run, those of its sub-sagas' inputs among them."""
    inner = []
    for path, members in run.members.items():
        child = expanded(plan, run).steps[path].child
        if child is not None and members.items is None:
            inner.append((child.saga.input_schema, members.input))
    return veil_over(plan.saga.input_schema, run.input, *inner)


def veil_over(schema: Json, value: Json, *others: tuple[Json, Json]) -> Veil:
    """What hides the values that this schema calls sensitive in this input, and `others` alike."""
    walk = _Walk(schema)
    masked = walk.masked([schema], value)
    for other, inner in others:
        within = _Walk(other)
        within.masked([other], inner)
        walk.hidden += within.hidden
        walk.has_hidden |= within.has_hidden
    texts = {text for text in walk.hidden if len(text) >= SHORTEST}
    # The longest first, or a value that begins with another would show its end.
    forms = sorted({form for text in texts for form in _forms(text)}, key=len, reverse=True)
    pattern = re.compile("|".join(map(_pattern, forms))) if forms else None
    return Veil(masked, pattern, hides=True) if walk.has_hidden else CLEAR


def masked(schema: Json, value: Json) -> Json:
    """The value with everything that its schema calls `x-sensitive` hidden."""
    return _Walk(schema).masked([schema], value)


def _forms(text: str) -> Iterator[str]:
    """The value as it stands, and as it looks in a URL, in JSON and on a terminal."""
    yield text
    yield quote(text, safe="", errors="replace")
    yield quote(text, errors="replace")
    yield quote_plus(text, errors="replace")
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield visible(text)


def _pattern(text: str) -> str:
    found = re.escape(text)
    return found if len(text) >= UNMISTAKABLE else f"(?<![A-Za-z0-9]){found}(?![A-Za-z0-9])"


class _Walk:
    """Goes through a value beside its schema and gathers what it hides."""

    def __init__(self, root: Json) -> None:
        self.hidden: list[str] = []
        self.has_hidden = False
        self._root = root

    def masked(self, schemas: list[Json], value: Json) -> Json:
        layers = [layer for schema in schemas for layer in self._layers(schema, ())]
        if any(layer.get("x-sensitive") is True for layer in layers):
            self.has_hidden = True
            self.hidden.extend(_leaves(value))
            return MASK
        if isinstance(value, dict):
            return {
                name: self.masked([s for layer in layers for s in _of_property(layer, name)], item)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [
                self.masked([s for layer in layers for s in _of_item(layer, number)], item)
                for number, item in enumerate(value)
            ]
        return value

    def _layers(self, schema: Json, refs: tuple[str, ...]) -> "Iterator[Mapping[str, Json]]":
        """The schema and every other that judges the same value, whether or not it applies."""
        if not isinstance(schema, Mapping):
            return
        yield schema
        for name in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(name) or ():
                yield from self._layers(part, refs)
        for name in ("if", "then", "else"):
            yield from self._layers(schema.get(name), refs)
        for part in (schema.get("dependentSchemas") or {}).values():
            yield from self._layers(part, refs)
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref not in refs:
            yield from self._layers(self._at(ref), (*refs, ref))

    def _at(self, ref: str) -> Json:
        place = self._root
        for part in ref.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            place = place.get(name) if isinstance(place, Mapping) else None
        return place


def _of_property(schema: Mapping[str, Json], name: str) -> Iterator[Json]:
    named = schema.get("properties") or {}
    if name in named:
        yield named[name]
        return
    # Which pattern matches is not asked: to hide too much is the lesser mistake.
    yield from (schema.get("patternProperties") or {}).values()
    yield schema.get("additionalProperties")
    yield schema.get("unevaluatedProperties")


def _of_item(schema: Mapping[str, Json], number: int) -> Iterator[Json]:
    first = schema.get("prefixItems") or []
    if number < len(first):
        yield first[number]
        return
    yield schema.get("items")
    yield schema.get("contains")
    yield schema.get("unevaluatedItems")


def _leaves(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _leaves(item)
        case list():
            for item in value:
                yield from _leaves(item)
        case int() | float() if not isinstance(value, bool):
            yield json.dumps(value)
