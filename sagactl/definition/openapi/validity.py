"""What is wrong with a document, as far as calls depend on it.

The official JSON Schema of its version (spec.openapis.org/oas, kept beside this file) judges the
root and what the calls of a saga touch: their paths, and whatever these refer to. A document may
have thousands of other paths that somebody else answers for; checking them would take seconds.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sagactl.definition.input_words import input_message
from sagactl.definition.openapi.document import Document
from sagactl.definition.openapi.page import MAX_REFS, Broken, Piece, reference_of
from sagactl.definition.shape import Mistake
from sagactl.source.node import Json, Map, descend
from sagactl.source.place import Place

MOST_TOLD = 20
# Below these stands somebody's data, in which nothing is a reference.
FREE = ("example", "examples", "default", "enum", "const", "value")
UNKNOWN = ("additionalProperties", "unevaluatedProperties")

# A place in a document, what is wrong there, and a way out.
Wrong = tuple[Place, str, str | None]


def mistakes(document: Document, templates: Iterable[str]) -> Iterator[Wrong]:
    """What is wrong with the document's root and with the paths of these templates."""
    touched = {name: document.paths[name] for name in templates if name in document.paths}
    reached: dict[tuple[str, ...], Json] = {}
    broken: list[Wrong] = []
    for piece in _referred(_path_items(document, touched), broken):
        match piece.path:
            case ("components", str(section), str(name), *_) if piece.page is document.page:
                reached[section, name] = document.page.json["components"][section][name]
    yield from broken[:MOST_TOLD]
    yield from _misshapen(document, _cut(document, touched, reached))


def _path_items(document: Document, names: Iterable[str]) -> Iterator[Piece]:
    paths = document.root.get("paths")
    for name in names:
        piece = paths.raw(name) if paths is not None else None
        if piece is not None:
            yield piece


def _referred(starts: Iterable[Piece], broken: list[Wrong]) -> Iterator[Piece]:
    """Every piece that a reference leads to, however deep, once."""
    seen: set[tuple[str, tuple[str | int, ...]]] = set()
    left = list(starts)
    while left:
        piece = left.pop()
        reference = reference_of(piece.value)
        if reference is not None:
            found = piece.referred(reference)
            if isinstance(found, Broken):
                place = descend(piece.page.node, (*piece.path, "$ref")).place
                broken.append((place, found.message, found.hint))
            elif found.spot not in seen:
                seen.add(found.spot)
                yield found
                left.append(found)
            elif _is_circle(piece):
                place = descend(piece.page.node, (*piece.path, "$ref")).place
                broken.append((place, f'"{reference}" leads back to itself for ever', None))
        left.extend(_inside(piece))


def _is_circle(piece: Piece) -> bool:
    """Whether references alone lead back to where they began."""
    start, here = piece.spot, piece
    for _ in range(MAX_REFS):
        reference = reference_of(here.value)
        found = None if reference is None else here.referred(reference)
        if found is None or isinstance(found, Broken):
            return False
        if found.spot == start:
            return True
        here = found
    return False


def _inside(piece: Piece) -> Iterator[Piece]:
    value = piece.value
    steps: Iterable[str | int] = ()
    if isinstance(value, dict):
        named = piece.path[-1:] in (("properties",), ("schemas",), ("responses",), ("headers",))
        steps = [name for name in value if named or not (name in FREE or name.startswith("x-"))]
    elif isinstance(value, list):
        steps = range(len(value))
    for step in steps:
        if isinstance(value[step], dict | list):
            yield Piece(piece.pages, piece.page, (*piece.path, step), value[step])


def _cut(
    document: Document, touched: Iterable[str], reached: dict[tuple[str, ...], Json]
) -> dict[str, Json]:
    """The document with nothing in it but its root and what is touched, at the same paths."""
    whole = document.page.json
    cut = {name: value for name, value in whole.items() if name != "webhooks"}
    if isinstance(whole.get("paths"), dict):
        touched = set(touched)
        # What is no path at all is wrong wherever it stands.
        cut["paths"] = {
            name: value
            for name, value in whole["paths"].items()
            if name in touched or not name.startswith("/")
        }
    if isinstance(whole.get("components"), dict):
        sections: dict[str, dict[str, Json]] = {}
        for (section, name), value in reached.items():
            sections.setdefault(section, {})[name] = value
        cut["components"] = sections
    return cut


def _misshapen(document: Document, cut: dict[str, Json]) -> Iterator[Wrong]:
    told: dict[Wrong, None] = {}
    for error in _validator(document.is_3_0).iter_errors(cut):
        inner = _deepest(error)
        told[_in_words(document, inner)] = None
        if len(told) == MOST_TOLD:
            break
    yield from told


def _in_words(document: Document, error: Any) -> Wrong:
    path = tuple(error.absolute_path)
    node = descend(document.page.node, path)
    thing = f'"{path[-1]}"' if path else "the document"
    if isinstance(error.instance, dict) and error.validator in UNKNOWN:
        names = [name for name in _unknown(error) if not name.startswith("x-")]
        if names:
            key = node.key(names[0]) if isinstance(node, Map) else None
            place = node.place if key is None else key.place
            return place, f'{thing} has no key "{names[0]}" in OpenAPI', None
    mistake = Mistake(
        path=path,
        schema_path=tuple(error.absolute_schema_path),
        keyword=str(error.validator),
        wanted=error.validator_value,
        schema=error.schema if isinstance(error.schema, dict) else {},
        value=error.instance,
    )
    piece = Piece(document.root.pages, document.page, path, error.instance)
    return piece.place, f"{thing} {input_message(mistake)}", None


def _unknown(error: Any) -> list[str]:
    """The names that a schema does not know. What `$ref`s beside it allow, its message names."""
    known = error.schema.get("properties", {})
    names = [name for name in error.instance if name not in known]
    return [name for name in names if f"'{name}'" in error.message] or names


def _deepest(error: Any) -> Any:
    """The mistake that says most: nearly every form of 3.0 has "or a reference" beside it."""
    from jsonschema.exceptions import best_match

    while error.context:
        forms: dict[Any, list[Any]] = {}
        for one in error.context:
            forms.setdefault(one.schema_path[0], []).append(one)
        meant = [form for form in forms.values() if not any(map(_misses_reference, form))]
        if len(meant) != 1:
            return best_match([error])
        error = max(meant[0], key=lambda one: len(one.absolute_path))
    return error


def _misses_reference(error: Any) -> bool:
    return error.validator == "required" and "$ref" in error.validator_value


@cache
def _validator(is_3_0: bool) -> Any:
    from jsonschema.validators import validator_for
    from referencing import Registry

    name = f"openapi-3.{0 if is_3_0 else 1}.json"
    schema = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    # Without a registry of its own the library fetches what it does not know.
    return validator_for(schema)(schema, registry=Registry())
