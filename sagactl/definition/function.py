"""The functions of the expression language: one value in, one value out, nothing else touched."""

import json
import re
from collections.abc import Callable
from urllib.parse import quote

from sagactl.definition.expression import Tree
from sagactl.definition.value import Failure, as_text, is_number, kind
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json

# Python would also take "1_000", " 1 " and digits of other scripts; other readers would not.
_WHOLE = re.compile(r"-?[0-9]{1,400}")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def _size(tree: Tree, value: Json) -> Json:
    if not isinstance(value, str | list | dict):
        raise Failure(f'"size" takes a text, a list or a map, not {kind(value)}', tree)
    return len(value)


def _string(tree: Tree, value: Json) -> Json:
    if value is None or isinstance(value, list | dict):
        raise Failure(f'"string" takes a number, a text or a bool, not {kind(value)}', tree)
    return as_text(value)


def _int(tree: Tree, value: Json) -> Json:
    if is_number(value) or (isinstance(value, str) and _WHOLE.fullmatch(value)):
        return int(value)
    raise Failure(f"{kind(value)} that is no whole number", tree)


def _double(tree: Tree, value: Json) -> Json:
    try:
        if is_number(value) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
            return float(value)
    except OverflowError:
        pass
    raise Failure(f"{kind(value)} that is no number", tree)


def _json(tree: Tree, value: Json) -> Json:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _from_json(tree: Tree, value: Json) -> Json:
    try:
        return parse_json(_text(tree, value))
    except JsonRejected as error:
        raise Failure(f"not JSON: {error}", tree) from None


def _base64(tree: Tree, value: Json) -> Json:
    # Lint and most sagas do without, and it takes as long to import as a small definition to read.
    from base64 import b64encode

    return b64encode(_encoded(tree, value)).decode()


def _urlencode(tree: Tree, value: Json) -> Json:
    return quote(_encoded(tree, value), safe="")


def _hash(tree: Tree, value: Json) -> Json:
    import hashlib

    return hashlib.sha256(_encoded(tree, value)).hexdigest()


def _text(tree: Tree, value: Json) -> str:
    if not isinstance(value, str):
        raise Failure(f"a text is wanted here, not {kind(value)}", tree)
    return value


def _encoded(tree: Tree, value: Json) -> bytes:
    try:
        return _text(tree, value).encode()
    except UnicodeEncodeError:
        raise Failure("half of a surrogate pair cannot be encoded", tree) from None


FUNCTIONS: dict[str, Callable[[Tree, Json], Json]] = {
    "size": _size,
    "string": _string,
    "int": _int,
    "double": _double,
    "json": _json,
    "fromJson": _from_json,
    "base64": _base64,
    "urlencode": _urlencode,
    "hash": _hash,
}
