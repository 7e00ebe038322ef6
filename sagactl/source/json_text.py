"""JSON read strictly: what two readers could understand differently is refused.

RFC 8259 leaves duplicate names, NaN and lone surrogates to the reader; money must not depend on
which reader it meets. Numbers that would silently change (10^5000, 1e999) are refused too.
"""

import json
import math

from sagactl.source.node import Json

MAX_DEPTH = 64
MAX_DIGITS = 400


class JsonRejected(ValueError):
    """The text is not JSON, or not JSON that every reader understands alike."""


def parse_json(text: str) -> Json:
    """The value of a JSON text; raises JsonRejected saying what is wrong and where."""
    if text.startswith("\ufeff"):
        raise JsonRejected("it begins with a byte order mark")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_fraction,
            parse_int=_whole,
        )
    except RecursionError:
        raise JsonRejected(f"it is nested deeper than {MAX_DEPTH}") from None
    except json.JSONDecodeError as error:
        raise JsonRejected(f"{error.msg} (line {error.lineno} column {error.colno})") from None
    _check(value, 0)
    return value


def _object(pairs: list[tuple[str, Json]]) -> Json:
    found: dict[str, Json] = {}
    for name, value in pairs:
        if name in found:
            raise JsonRejected(f'the name "{name}" stands twice in one object')
        found[name] = value
    return found


def _constant(name: str) -> Json:
    raise JsonRejected(f"{name} is not a JSON number")


def _fraction(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise JsonRejected(f"the number {digits[:20]} is too large")
    return value


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise JsonRejected(f"a number of {len(digits)} digits is too large")
    return int(digits)


def _check(value: Json, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise JsonRejected(f"it is nested deeper than {MAX_DEPTH}")
    match value:
        case str():
            _check_text(value)
        case list():
            for item in value:
                _check(item, depth + 1)
        case dict():
            for name, item in value.items():
                _check_text(name)
                _check(item, depth + 1)


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise JsonRejected("a text holds half of a surrogate pair")
