"""Events as plain dicts and back, without loss, and strictly.

`decode(encode(event)) == event` for every event. A record with an unknown type, an unknown or
missing field, or a value of the wrong type is damage, never guessed at; only a field that has a
default may be missing, which is how an event can grow. No file and no clock is touched here.
"""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from sagactl.journal.refusal import StateDamaged
from sagactl.machine import event as events
from sagactl.machine.event import Event
from sagactl.source.node import Json

# Counted up whenever a state written by this sagactl cannot be read by an older one.
FORMAT = 2

NOWHERE = Path("<memory>")

T = TypeVar("T")


def event_kinds() -> dict[str, type[Event]]:
    """Every concrete event under the name it is written with: those that nothing else extends."""
    kinds = [k for k in vars(events).values() if isinstance(k, type) and issubclass(k, Event)]
    extended = {parent for kind in kinds for parent in kind.__mro__[1:]}
    return {written_name(kind): kind for kind in kinds if kind not in extended}


def written_name(kind: type[Event]) -> str:
    """`RunStarted` is written `run_started`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


KINDS = event_kinds()
NAMES = {kind: name for name, kind in KINDS.items()}


def encode(event: Event) -> dict[str, Json]:
    """The event as a dict: its `type`, its `at`, and its other fields.

    A field that came to an event later may be left out where it is empty, so that nothing else is
    written than before.
    """
    kind: Any = type(event)
    values = {name: getattr(event, name) for name in _checks(kind)}
    for name in _left_out_empty(kind):
        if not values[name]:
            del values[name]
    return {"type": NAMES[kind], **values}


def decode(record: Json, path: Path = NOWHERE, where: str = "an event") -> Event:
    """The event that was written; raises StateDamaged, with `path` and `where`, for any other."""
    if not isinstance(record, dict):
        raise StateDamaged(path, where, f"an event is a map, not {_shown(record)}")
    name = record.get("type")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise StateDamaged(path, where, f"no event has the type {_shown(name)}")
    values = {key: value for key, value in record.items() if key != "type"}
    return build(kind, values, path, where)


def build(kind: type[T], values: dict[str, Json], path: Path, where: str) -> T:
    """A dataclass from its fields, each checked against its type hint."""
    known = _checks(cast(Any, kind))
    for name in values:
        if name not in known:
            raise StateDamaged(path, where, f'{kind.__name__} has no field "{name}"')
    for name, (check, needed) in known.items():
        if name not in values:
            if needed:
                raise StateDamaged(path, where, f'{kind.__name__} lacks its field "{name}"')
        elif not check(values[name]):
            reason = f'the field "{name}" of {kind.__name__} cannot be {_shown(values[name])}'
            raise StateDamaged(path, where, reason)
    return kind(**values)


def plain_record(event: Event) -> dict[str, Json]:
    """What `decode` will be given one day; raises ValueError where it would not take it.

    That its values are plain JSON is only known once its text is written.
    """
    record = encode(event)
    for name, (check, _) in _checks(cast(Any, type(event))).items():
        if name in record and not check(record[name]):
            kind = type(event).__name__
            raise ValueError(f'the field "{name}" of {kind} cannot be {_shown(record[name])}')
    return record


def canonical(value: Json) -> str:
    """The one JSON text of a value; raises ValueError where it is not plain JSON."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"only plain JSON values can be kept: {error}") from error


Check = Callable[[Json], bool]


@cache
def _left_out_empty(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.metadata.get("left_out") == "empty")


@cache
def _checks(kind: Any) -> dict[str, tuple[Check, bool]]:
    hints = get_type_hints(kind)
    return {
        field.name: (
            _check(hints[field.name]),
            field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(kind)
    }


def _check(hint: Any) -> Check:
    """Whether a JSON value is of a type, for the few types that events are made of."""
    if hint is Any:
        return lambda value: True
    if isinstance(hint, UnionType):
        checks = [_check(option) for option in get_args(hint)]
        return lambda value: any(check(value) for check in checks)
    if get_origin(hint) is list:
        item = _check(get_args(hint)[0])
        return lambda value: isinstance(value, list) and all(map(item, value))
    if get_origin(hint) is dict:
        item = _check(get_args(hint)[1])
        return lambda value: isinstance(value, dict) and all(map(item, value.values()))
    if hint is float:  # 12.0 may have been written as 12 by somebody else's JSON
        return lambda value: isinstance(value, float | int) and not isinstance(value, bool)
    if hint in (str, int, bool, type(None)):
        return lambda value: type(value) is hint
    raise TypeError(f"an event cannot hold a {hint}: the codec has no rule for it")


def _shown(value: Json) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 40 else f"{text[:37]}…"
