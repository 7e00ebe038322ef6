"""The variants in which a definition is rehearsed: each input, each side of a `when`, each length.

What decides a `when` may be data that no example has, so each is taken both ways, the same text the
same way in one variant. A `for_each` has two elements, one, and none. Services are those of the
sandbox, which need no address and no secret.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Action, ForEach, Request, Saga, Step, SubSaga
from sagactl.definition.policy import names_under, step_templates
from sagactl.definition.schema import check_input, with_defaults
from sagactl.definition.template import Template, constant, evaluate
from sagactl.machine.command import Phase
from sagactl.machine.request import rfc3339
from sagactl.rehearsal.leaf import Leaf
from sagactl.rehearsal.operation import steps_within
from sagactl.rehearsal.proof.specimen import specimen, specimens
from sagactl.rehearsal.reading import Reading
from sagactl.rehearsal.shape import Path, grow
from sagactl.rehearsal.stage import staged, with_requests
from sagactl.source.node import Json

MAX_EXAMPLES = 3
# Beyond so many different conditions not every combination is walked, but each one both ways.
MAX_COMBINED = 3
# The attempts between the first and the last are alike.
MAX_ATTEMPTS = 2
RUN_ID = "rehearsal"


class NoInput(Exception):
    """No input could be found that the definition's schema accepts; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A saga with what decides its way fixed, and as it is `written`.

    `sides` are those of each `when`, by its text; `length` is that of every `for_each`.
    """

    words: str
    saga: Saga
    written: Saga
    input: Json
    env: Mapping[str, str]
    sides: Mapping[str, bool]
    length: int


def variants(saga: Saga, depth: int) -> Iterator[Variant]:
    """The variants of a saga for so many troubles, the plainest first; raises NoInput."""
    inputs = example_inputs(saga)
    env = {name: f"http://sandbox/-/{name.lower()}" for name in names_under(saga, "env")}
    texts = list(dict.fromkeys(_texts(saga)))
    has_each = any(step.for_each is not None for _, _, step in steps_within(saga))
    choices: list[tuple[int, dict[str, bool], int]] = [
        (0, sides, 2) for sides in _combinations(texts)
    ]
    plain = choices[0][1]
    if has_each:
        choices += [(0, plain, 1), (0, plain, 0)]
    choices += [(index, plain, 2) for index in range(1, len(inputs))]
    for index, sides, length in choices:
        shown = [f"input {index + 1}"] if len(inputs) > 1 else []
        shown += [f"{text} is {str(side).lower()}" for text, side in sides.items()]
        shown += [f"for_each over {length}"] if has_each else []
        value, words = inputs[index], ", ".join(shown) or "as written"
        fixed = few_attempts(_Fixing(env, sides, length).saga(staged(saga), value), depth)
        yield Variant(words, fixed, saga, value, env, sides, length)


def attempts_as_written(variant: Variant) -> Saga:
    """The saga of a variant with every attempt that its definition gives it."""
    fixing = _Fixing(variant.env, variant.sides, variant.length)
    return fixing.saga(staged(variant.written), variant.input)


def few_attempts(saga: Saga, depth: int) -> Saga:
    """The saga with no more attempts than it takes to see them all, and all else as it is.

    An undo may falter at each of the `depth` troubles, and gets through.
    """

    def shortened(phase: Phase, request: Request) -> Request:
        return _shortened(request, depth + 1 if phase is Phase.COMPENSATION else MAX_ATTEMPTS)

    return with_requests(saga, shortened)


def _shortened(request: Request, most: int = MAX_ATTEMPTS) -> Request:
    attempts = min(request.retry.max_attempts, most)
    return replace(request, retry=replace(request.retry, max_attempts=attempts))


def example_inputs(saga: Saga) -> list[Json]:
    """What to begin with: the schema's examples, else what it asks for; raises NoInput."""
    schema = saga.input_schema
    if schema is None:
        return [{}]
    examples = schema.get("examples") if isinstance(schema, dict) else None
    if isinstance(examples, list) and examples:
        return [with_defaults(schema, example) for example in examples[:MAX_EXAMPLES]]
    for value in (with_defaults(schema, each) for each in specimens(schema)):
        if not check_input(schema, value):
            return [value]
    raise NoInput(
        'no input was found that its schema accepts: give "input" an example, as in examples: [{…}]'
    )


def _texts(saga: Saga) -> Iterator[str]:
    for _, _, step in steps_within(saga):
        if step.when is not None and not step.when.is_constant:
            yield condition_text(step.when)


def condition_text(when: Template) -> str:
    """A `when` as it is written, without what is around it."""
    written = str(getattr(when.node, "value", "")).strip()
    return re.sub(r"\s+", " ", written.removeprefix("${{").removesuffix("}}").strip())


def _combinations(texts: Sequence[str]) -> Iterator[dict[str, bool]]:
    if len(texts) <= MAX_COMBINED:
        for sides in product((True, False), repeat=len(texts)):
            yield dict(zip(texts, sides, strict=True))
        return
    yield dict.fromkeys(texts, True)
    for text in texts:
        yield {**dict.fromkeys(texts, True), text: False}
    yield dict.fromkeys(texts, False)


class _Fixing:
    """Fixes one variant's sides and lengths in a saga and its sub-sagas."""

    def __init__(
        self,
        env: Mapping[str, str],
        sides: Mapping[str, bool],
        length: int,
    ) -> None:
        self._env = env
        self._sides = sides
        self._length = length

    def saga(self, saga: Saga, value: Json) -> Saga:
        """`value` is its input; None where nobody knows it yet."""
        steps = tuple(self._step(saga, step, value) for step in saga.steps)
        return replace(saga, steps=steps)

    def _step(self, saga: Saga, step: Step, value: Json) -> Step:
        when, each = step.when, step.for_each
        if when is not None and not when.is_constant:
            when = constant(self._sides[condition_text(when)], when.node.place)
        if each is not None:
            items = self._items(saga, step, each, value)
            each = ForEach(constant(items, each.items.node.place), each.max_parallel)
        return replace(
            step,
            when=when,
            for_each=each,
            action=self._action(step.action),
        )

    def _action(self, action: Action) -> Action:
        if isinstance(action, SubSaga):
            return replace(action, saga=self.saga(action.saga, None))
        return action

    def _items(self, saga: Saga, step: Step, each: ForEach, value: Json) -> list[Json]:
        """As many elements as wanted: those of the input, then others like them."""
        found = self._given(saga, each, value)
        if not found:
            found = [_grown_item(saga, step, 0)]
        while len(found) < self._length:
            found.append(_varied(found[-1], len(found) + 1))
        return found[: self._length]

    def _given(self, saga: Saga, each: ForEach, value: Json) -> list[Json]:
        schema: Any = saga.input_schema
        given = value if value is not None else with_defaults(schema, specimen(schema or {}))
        scope = {
            "input": given,
            "env": dict(self._env),
            "saga": {"id": RUN_ID, "name": saga.name, "started_at": rfc3339(0.0)},
            "steps": {},
        }
        try:
            items = evaluate(each.items, scope)
        except ExpressionFailed:
            return []
        return list(items) if isinstance(items, list) else []


def _grown_item(saga: Saga, step: Step, index: int) -> Json:
    """An element with all that the step's expressions read of it."""

    def root(path: Path) -> Path | None:
        return path[1:] if path[0] == "item" else None

    reading = Reading(root, {})
    wishes = [wish for template in step_templates(step) for wish in reading.value(template)]
    return grow(wishes, Leaf(step.name, f"item-{index}"))


def _varied(value: Json, number: int) -> Json:
    """A value of the same shape, with other texts."""
    match value:
        case dict():
            return {name: _varied(item, number) for name, item in value.items()}
        case list():
            return [_varied(item, number) for item in value]
        case bool() | None:
            return value
        case int():
            return value + 1
        case str():
            return f"{value}-{number}"
    return value
