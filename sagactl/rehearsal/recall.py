"""What a request tells about the run that sent it.

A service never sees the saga's input, but it sees what was made of it: wherever a request has a
value in the place of a lone expression, that expression's name has that value. So an echo of the
request can be played, and a condition such as `response.body.amount == input.amount` met.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sagactl.definition.model import Request
from sagactl.definition.template import Compiled, Fields, Hole, Items
from sagactl.machine.command import Phase
from sagactl.machine.request import child_id, idempotency_key, split_path
from sagactl.rehearsal.operation import Match
from sagactl.rehearsal.reading import static_path
from sagactl.rehearsal.wire import Received
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json


def recalled(match: Match, received: Received, saga: str | None) -> dict[str, Json]:
    """The names that the sender's expressions had, as far as they can be told."""
    names: dict[str, Any] = {}
    for path, value in _bound(match, received):
        _put(names, path, value)
    if saga is not None:
        frame, _, _ = split_path(match.instance)
        _put(names, ("saga", "id"), child_id(saga, frame[:-1]) if frame else saga)
        action_key = idempotency_key(saga, match.instance, Phase.ACTION)
        _put(names, ("step", "action_key"), action_key)
    _put(names, ("step", "name"), match.instance)
    key = received.headers.get("idempotency-key")
    if key is not None:
        _put(names, ("step", "idempotency_key"), key)
    return names


def json_body(received: Received) -> Json:
    """The request's body, None where it is no JSON."""
    try:
        return parse_json(received.body.decode("utf-8")) if received.body else None
    except (UnicodeDecodeError, JsonRejected):
        return None


def _bound(match: Match, received: Received) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    # The body first: there a number is a number, in a URL it has become text.
    request: Request = match.operation.request
    if request.json is not None:
        yield from _within(request.json.compiled, json_body(received))
    for hole, text in match.captures:
        yield from _within(hole, text)


def _within(compiled: Compiled, value: Json) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    match compiled:
        case Hole():
            path = static_path(compiled.tree)
            if path is not None:
                yield path, value
        case Fields() if isinstance(value, dict):
            for name, item in compiled.fields:
                if name in value:
                    yield from _within(item, value[name])
        case Items() if isinstance(value, list):
            for item, part in zip(compiled.items, value, strict=False):
                yield from _within(item, part)


def _put(names: dict[str, Any], path: tuple[str | int, ...], value: Json) -> None:
    """Set a name where nothing is known of it yet; one item says too little of its list."""
    if not all(isinstance(part, str) for part in path):
        return
    here = names
    for part in path[:-1]:
        here = here.setdefault(str(part), {})
        if not isinstance(here, dict):
            return
    here.setdefault(str(path[-1]), value)


def text_leaves(value: Json) -> Iterator[str]:
    """Every text and whole number in a JSON value, as text: what a thing can be named by."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from text_leaves(item)
    elif isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        yield str(value)
