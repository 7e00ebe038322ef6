"""Calls made from values, without a definition, and the shortest way to send one."""

from collections.abc import Mapping
from typing import Any

from zoo import Zoo

from sagactl.definition.model import Idempotency, Lookup, Request, StatusSet, Success
from sagactl.definition.template import Template, parse_template
from sagactl.machine.command import Call, Outcome, Phase, Sending
from sagactl.participants.web import Web
from sagactl.source.node import Entry, Map, Node, Scalar
from sagactl.source.place import Place, Source

SOURCE = Source("order.yaml", "saga: order\n")
PLACE = Place(SOURCE, 1, 1, 1, 5)
KEYED = Idempotency(True)


def template(value: Any) -> Template:
    made, problems = parse_template(_node(value))
    assert problems == []
    return made


def _node(value: Any) -> Node:
    if isinstance(value, dict):
        entries = tuple(Entry(Scalar(PLACE, k, k), _node(v)) for k, v in value.items())
        return Map(PLACE, entries)
    return Scalar(PLACE, value, str(value))


def success(*ranges: tuple[int, int], when: str | None = None) -> Success:
    conditions = () if when is None else (template(when),)
    return Success(StatusSet(ranges or ((200, 201), (203, 299))), conditions)


def headers(**texts: str) -> tuple[tuple[str, Template], ...]:
    return tuple((name.replace("_", "-"), template(text)) for name, text in texts.items())


def call(
    url: str = "http://h/charges",
    method: str = "POST",
    phase: Phase = Phase.ACTION,
    *,
    body: str | None = '{"amount":5}',
    scope: Mapping[str, Any] | None = None,
    found: str | None = None,
    attempt: int = 1,
    doubted: bool = False,
    needs_body: bool = False,
    needed_paths: tuple[tuple[str | int, ...], ...] = (),
    **fields: Any,
) -> Call:
    """A call of step `charge`; `fields` are those of its request."""
    # Long enough for the slowest machine; what ought to time out says how soon.
    fields = {"timeout_s": 20.0, **fields}
    request = Request(PLACE, method, template(url), None, **fields)
    lookup = None
    if phase is Phase.LOOKUP:
        lookup = Lookup(request, None if found is None else template(found))
    content_type = "application/json" if body is not None else None
    return Call(
        run_id="order-1",
        step="charge",
        phase=phase,
        attempt=attempt,
        key=f"key-{phase}",
        action_key="key-action",
        sending=Sending(method, url, content_type, body),
        request=request,
        lookup=lookup,
        scope={"input": {"name": "Ada"}, **(scope or {})},
        doubted=doubted,
        needs_body=needs_body,
        needed_paths=needed_paths,
    )


async def meet(
    zoo: Zoo, animal: str, *, web: Web | None = None, host: str | None = None, **fields: Any
) -> Outcome:
    """The outcome of one call to an animal; `host` is another name for the zoo."""
    used = web or Web({})
    try:
        return await used.send(call(zoo.url(animal, host), **fields))
    finally:
        if web is None:
            await used.aclose()
