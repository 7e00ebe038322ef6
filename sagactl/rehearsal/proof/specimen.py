"""A value that a JSON Schema accepts, the plainest there is; the same for the same schema.

A default or an example says more than a type. Where the plainest value does not fit, as with
patterns and `anyOf`, one is grown as replies are. Neither is sure to fit: whoever has a value made
holds it against the schema.
"""

import json
from collections.abc import Iterator
from typing import Any

from sagactl.definition.openapi.page import Pages, Piece, read_page
from sagactl.rehearsal.growth import Growth
from sagactl.rehearsal.layer import Ungrowable
from sagactl.rehearsal.leaf import Leaf
from sagactl.source.node import Json
from sagactl.source.place import Source

MAX_DEPTH = 12
PLAIN = {"string": "text", "integer": 1, "number": 1, "boolean": True, "null": None}


def specimens(schema: Json) -> Iterator[Json]:
    """Values for a schema, the plainest first."""
    yield specimen(schema)
    page, _ = read_page(Source("input.json", json.dumps(schema)))
    if page is None:
        return
    pages = Pages(lambda name: "there are no files here", ())
    try:
        piece = Piece(pages, page, (), page.json)
        yield Growth(Leaf("input", "rehearsal"), is_3_0=False).value([piece])
    except Ungrowable:
        return


def specimen(schema: Json, name: str = "value") -> Json:
    """The value of a schema whose `$ref`s stay within it."""
    return _specimen(schema, schema, name, 0)


def _specimen(schema: Any, root: Any, name: str, depth: int) -> Json:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return {} if schema is True else None
    schema = _resolved(schema, root)
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    for word in ("examples", "enum"):
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind is None:
        kind = "object" if "properties" in schema or "required" in schema else None
        kind = kind or ("array" if "items" in schema else "string")
    match kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            least = max(int(schema.get("minItems", 0)), 1)
            return [_specimen(schema.get("items", {}), root, name, depth + 1)] * least
        case "integer" | "number":
            return _number(schema, kind)
        case "string":
            return _text(schema, name)
    return PLAIN.get(str(kind))


def _object(schema: Any, root: Any, depth: int) -> Json:
    properties = dict(schema.get("properties") or {})
    names = dict.fromkeys([*properties, *(schema.get("required") or [])])
    wanted = set(schema.get("required") or [])
    made: dict[str, Json] = {}
    for each in names:
        inner = properties.get(each, {})
        if each in wanted or (isinstance(inner, dict) and "default" in inner) or depth == 0:
            made[each] = _specimen(inner, root, each, depth + 1)
    return made


def _number(schema: Any, kind: str) -> Json:
    low = schema.get("minimum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + 1
    high = schema.get("maximum", low)
    value = low if low is not None else high if high is not None else 1
    step = schema.get("multipleOf")
    if step and value % step:
        value = (value // step + 1) * step
    return int(value) if kind == "integer" else value


FORMS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}


def _text(schema: Any, name: str) -> Json:
    text = FORMS.get(str(schema.get("format")), name)
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    text = text + "x" * max(0, int(least) - len(text))
    return text if most is None else text[: int(most)]


def _resolved(schema: Any, root: Any) -> Any:
    seen = 0
    while isinstance(schema.get("$ref"), str) and seen < MAX_DEPTH:
        here: Any = root
        for part in schema["$ref"].removeprefix("#").split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            here = here.get(part, {}) if isinstance(here, dict) else {}
        schema, seen = here if isinstance(here, dict) else {}, seen + 1
    for each in schema.get("allOf") or ():
        if isinstance(each, dict):
            schema = _merged(schema, _resolved(each, root))
    return schema


def _merged(one: Any, other: Any) -> Any:
    properties = {**(one.get("properties") or {}), **(other.get("properties") or {})}
    required = [*(one.get("required") or []), *(other.get("required") or [])]
    merged = {**other, **one}
    if properties:
        merged["properties"] = properties
    if required:
        merged["required"] = required
    return merged
