"""A value that a schema allows, grown from nothing but the schema, the same for the same seed.

Every part is there that the schema names and that a reply may have; where it leads back into
itself, only what is required. What JSON Schema says of one value is obeyed: types, `enum`, `const`,
bounds, lengths, patterns, `required`, closed objects, `allOf`, and the first branch of `oneOf` and
`anyOf` that a value can be grown of. The work is bounded. Deliberately absent: `not`, `if`,
`dependentSchemas`, `unevaluated…`; and branches are never multiplied out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sagactl.definition.openapi.form import look_up
from sagactl.definition.openapi.page import Piece
from sagactl.definition.pattern import PatternTooCostly, matches
from sagactl.definition.pattern_text import PatternRejected
from sagactl.rehearsal.grown_number import grown_number, is_allowed_number
from sagactl.rehearsal.grown_text import grown_text, is_allowed_text
from sagactl.rehearsal.layer import Crossing, Layers, Ungrowable, is_number, layers
from sagactl.rehearsal.leaf import Leaf
from sagactl.rehearsal.shape import Path
from sagactl.source.node import Json

MAX_DEPTH = 24
# So many values are looked at for one reply, those that lead nowhere among them.
MAX_VALUES = 4000
MAX_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class Growth:
    """Grows values. `is_sparse`: only what is required, and lists as short as they may be."""

    leaf: Leaf
    is_3_0: bool
    is_sparse: bool = False

    def value(self, schemas: list[Piece], path: Path = ()) -> Json:
        """A value of all these schemas, as it stands at a path; raises Ungrowable."""
        try:
            return _Growing(self).value(schemas, path, frozenset())
        except Ungrowable:
            if self.is_sparse:
                raise
            return _Growing(replace(self, is_sparse=True)).value(schemas, path, frozenset())

    def part(self, schema: Piece | None, path: Path) -> Json:
        """What stands at a path in a value of the schema, or a leaf where it does not say."""
        found = None if schema is None else look_up(schema, path, is_3_0=self.is_3_0)
        if isinstance(found, tuple) and found:
            try:
                return self.value(list(found[0]), path)
            except Ungrowable:
                pass
        return self.leaf(path)


class _Growing:
    """One value under way; `above` are the schemas that it is inside of."""

    def __init__(self, growth: Growth) -> None:
        self._leaf = growth.leaf
        self._is_3_0 = growth.is_3_0
        self._is_sparse = growth.is_sparse
        self._left = MAX_VALUES
        self._barren: set[object] = set()  # schemas of which no text can be grown, wherever

    def value(self, schemas: list[Piece], path: Path, above: frozenset[object]) -> Json:
        if self._left < 0 or len(path) > MAX_DEPTH:
            raise Ungrowable
        first = layers(schemas, {}, is_3_0=self._is_3_0)
        self._left -= len(first.pieces)
        for picks in _picks(first):
            try:
                found = layers(schemas, picks, is_3_0=self._is_3_0) if picks else first
                return self._of(found, path, above)
            except Ungrowable:
                continue
        if first.allows_null:
            return None
        raise Ungrowable

    def _of(self, found: Layers, path: Path, above: frozenset[object]) -> Json:
        types = found.types
        words = found.words
        if words is not None:
            return _word(found, words, types, path)
        match types[0] if types else None:
            case "object":
                return self._object(found, path, self._inside(found, above))
            case "array":
                return self._array(found, path, self._inside(found, above))
            case "string":
                return self._text(found, path)
            case "integer" | "number" as word:
                leaf = self._leaf(path)
                return grown_number(found, leaf, _shift(path), is_whole=word == "integer")
            case "boolean":
                return self._leaf(path) is not False and _shift(path) % 2 == 0
            case "null":
                return None
        said = [value for _, value in found.said("example")]
        return said[0] if said else self._leaf(path)

    def _text(self, found: Layers, path: Path) -> Json:
        # To try many texts in vain takes long enough once.
        spots = frozenset(piece.spot for piece in found.pieces)
        if spots in self._barren:
            raise Ungrowable
        try:
            return grown_text(found, self._leaf, path)
        except Ungrowable:
            self._barren.add(spots)
            raise

    def _inside(self, found: Layers, above: frozenset[object]) -> frozenset[object]:
        spots = {piece.spot for piece in found.pieces}
        if spots & above:
            raise Ungrowable  # it leads back into itself: whoever can do without it does
        return above | spots

    def _object(self, found: Layers, path: Path, above: frozenset[object]) -> Json:
        required = found.names("required")
        most = min(found.numbers("maxProperties"), default=MAX_VALUES)
        room = most - len(required)  # for what need not be there
        if room < 0:
            raise Ungrowable
        made: dict[str, Json] = {}
        for name in dict.fromkeys((*_property_names(found), *required)):
            schemas = _property(found, name)
            is_needed = name in required
            if schemas is None or any(_is_write_only(schema) for schema in schemas):
                if is_needed and schemas is None:
                    raise Ungrowable
                continue
            if not is_needed and (self._is_sparse or room <= 0):
                continue
            try:
                made[name] = self.value(schemas, (*path, name), above)
            except Ungrowable:
                if is_needed:
                    raise
                continue
            room -= not is_needed
            if name in found.tags and not _has_words(schemas):
                made[name] = found.tags[name]
        return self._filled(found, made, path, above)

    def _filled(
        self, found: Layers, made: dict[str, Json], path: Path, above: frozenset[object]
    ) -> Json:
        """The object with as many properties as it must have."""
        least = int(max(found.numbers("minProperties"), default=0))
        names = [
            *_property_names(found),
            *(f"name{n}" for n in range(1, min(least, MAX_ITEMS) + 1)),
        ]
        for name in names:
            schemas = _property(found, name)
            if len(made) < least and name not in made and schemas is not None:
                made[name] = self.value(schemas, (*path, name), above)
        if len(made) < least:
            raise Ungrowable
        return made

    def _array(self, found: Layers, path: Path, above: frozenset[object]) -> Json:
        least = int(max(found.numbers("minItems"), default=0))
        most = min(found.numbers("maxItems"), default=MAX_ITEMS)
        wanted = found.below("contains")
        if wanted:
            least = max(least, int(max(found.numbers("minContains"), default=1)))
        first = max(
            (len(v) for _, v in found.said("prefixItems") if isinstance(v, list)), default=1
        )
        count = least if self._is_sparse else max(least, min(first, most))
        if not least <= count <= min(most, MAX_ITEMS):
            raise Ungrowable
        made: list[Json] = []
        for index in range(int(count)):
            schemas = [*_item(found, index), *(wanted if index < least else ())]
            try:
                made.append(self.value(schemas, (*path, index), above))
            except Ungrowable:
                if index < least:
                    raise
                break
        return made


def _picks(first: Layers) -> Iterator[Mapping[Crossing, int]]:
    """The branches to take: the first ones, then one after the other another."""
    yield {}
    for crossing, count in first.crossings:
        for index in range(1, count):
            yield {crossing: index}


def _word(found: Layers, words: list[Json], types: tuple[str, ...], path: Path) -> Json:
    fitting = [word for word in words if not types or _type_of(word) & set(types)]
    fitting = [w for w in fitting if not isinstance(w, str) or is_allowed_text(found, w)]
    fitting = [w for w in fitting if not is_number(w) or is_allowed_number(found, w)]
    fitting.sort(key=lambda word: word is None)
    if not fitting:
        raise Ungrowable
    return fitting[_shift(path) % len(fitting)]


def _type_of(value: Json) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"integer", "number"} if value.is_integer() else {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
    return {"object"}


def _shift(path: Path) -> int:
    """How far the items of a list are apart, so that no two are the same."""
    return sum(part for part in path if isinstance(part, int))


def _property_names(found: Layers) -> list[str]:
    listed = [value for _, value in found.said("properties") if isinstance(value, dict)]
    return [str(name) for names in listed for name in names]


def _property(found: Layers, name: str) -> list[Piece] | None:
    """The schemas of a property; None where it may not be there."""
    schemas: list[Piece] = []
    for piece in found.pieces:
        named = [_under(piece, "properties", name), *_by_pattern(piece, name)]
        own = [schema for schema in named if schema is not None]
        more = piece.raw("additionalProperties")
        if not own and more is not None:
            own = [more]
        if any(schema.value is False for schema in own):
            return None
        schemas += own
    return schemas


def _under(piece: Piece, keyword: str, name: str) -> Piece | None:
    listed = piece.raw(keyword)
    return None if listed is None else listed.raw(name)


def _by_pattern(piece: Piece, name: str) -> Iterator[Piece | None]:
    listed = piece.value.get("patternProperties")
    for pattern in listed if isinstance(listed, dict) else ():
        try:
            if matches(pattern, name):
                yield _under(piece, "patternProperties", pattern)
        except (PatternRejected, PatternTooCostly):
            continue


def _item(found: Layers, index: int) -> list[Piece]:
    schemas: list[Piece] = []
    for piece in found.pieces:
        listed = piece.raw("prefixItems")
        if listed is not None and isinstance(listed.value, list) and index < len(listed.value):
            path = (*listed.path, index)
            schemas.append(Piece(piece.pages, piece.page, path, listed.value[index]))
        elif (items := piece.raw("items")) is not None:
            schemas.append(items)
    return schemas


def _is_write_only(schema: Piece) -> bool:
    said = schema.followed().value
    return isinstance(said, dict) and said.get("writeOnly") is True


def _has_words(schemas: list[Piece]) -> bool:
    return any(
        isinstance(schema.value, dict) and ("enum" in schema.value or "const" in schema.value)
        for schema in (one.followed() for one in schemas)
    )
