"""Whether a value surely fits a JSON Schema: a quick yes, or no answer.

A schema becomes functions, each part of it when a value first gets there. They only accept: what
they do not accept may fit all the same, and what is wrong with it is for the library to say, whose
import alone takes longer than all that a sound definition needs. A keyword that is not known here
is no answer either, so the schema stays the one truth about shape.

Deliberately absent: whatever may hold although a part of it does not (`oneOf`, `not`, `contains`),
but for what the schema of definitions and that of schemas say. Where work is counted, acceptance
takes as many steps as the library would, because every part holds in both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sagactl.definition.input_schema import REMARKS, SENSITIVE, is_multiple
from sagactl.source.node import Json

Check: TypeAlias = Callable[[Json], bool]
# Makes a keyword's check, from the name of a schema, the part that says it, and what it says.
Word: TypeAlias = "Callable[[_Compiling, str, Json, Json], Check]"

# What a whole fraction such as 2.0 is, nobody here decides: it is in none of these.
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,),
    "number": (int, float), "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
SCALARS = frozenset((str, int, float, bool, type(None)))
# What checks nothing in the schemas that are read here, besides what is for editors.
SILENT = frozenset((*REMARKS, SENSITIVE, "$defs", "$vocabulary", "$dynamicAnchor", "then"))
FOR_EDITORS = frozenset((
    "errorMessage", "typeMessage", "markdownDescription", "markdownEnumDescriptions",
    "defaultSnippets",
))  # fmt: skip


class _Unsure(Exception):
    """The schema says something that is not known here."""


def _free() -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How `pattern` is matched, and what is counted wherever the library counts a step.

    `decides`: whether a part may be asked that need not hold (`if`, `anyOf`).
    """

    matching: Callable[[str], Callable[[str], object]]
    step: Callable[[], None] = _free
    decides: bool = True


def acceptance(schemas: Mapping[str, Json], manner: Manner, start: Json = None) -> Check:
    """What says of a value whether it surely fits; `schemas` by the names in references.

    It begins with `start`, or with the one called "". A manner's counting may raise what it likes.
    """
    compiling = _Compiling(schemas, manner)
    start = schemas[""] if start is None else start

    def accepts(value: Json) -> bool:
        try:
            return compiling.check("", start)(value)
        except (_Unsure, RecursionError):
            return False

    return accepts


def _always(value: Json) -> bool:
    return True


def _never(value: Json) -> bool:
    return False


class _Compiling:
    """The parts that were made into checks, by the identity of their schema."""

    def __init__(self, schemas: Mapping[str, Json], manner: Manner) -> None:
        self._schemas = schemas
        self._known: dict[int, Check] = {}
        self.manner = manner

    def check(self, name: str, schema: Json) -> Check:
        """The check of a part of the schema called `name`."""
        found = self._known.get(id(schema))
        if found is None:
            found = self._known[id(schema)] = self._made(name, schema)
        return found

    def referred(self, name: str, reference: str) -> tuple[str, Json]:
        """What a reference leads to that stands in the schema called `name`."""
        other, _, pointer = reference.partition("#")
        found = self._schemas.get(other or name)
        if found is None or "%" in pointer or (pointer and pointer[0] != "/"):
            raise _Unsure
        for part in pointer.split("/")[1:]:
            step = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or step not in found:
                raise _Unsure
            found = found[step]
        return other or name, found

    def _made(self, name: str, schema: Json) -> Check:
        if isinstance(schema, bool):
            return _always if schema else _never
        if not isinstance(schema, dict) or ("$id" in schema and schema is not self._schemas[name]):
            raise _Unsure
        words = [w for w in schema if w not in SILENT and w not in FOR_EDITORS]
        # These are one check, made at the first of them.
        held = [w for w in words if w in OF_FIELDS]
        words = [w for w in words if w not in held[1:]]
        if not all(word in WORDS for word in words):
            raise _Unsure
        checks = [WORDS[word](self, name, schema, schema[word]) for word in words]
        match checks:
            case []:
                return _always
            case [check]:
                return check
            case [one, other]:
                return lambda value: one(value) and other(value)
        return lambda value: all(check(value) for check in checks)


def _type(_: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    names = [wanted] if isinstance(wanted, str) else wanted
    kinds = frozenset(kind for name in names for kind in TYPES[name])
    return lambda value: type(value) in kinds


def _enum(_: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    # Equal numbers of two types are for the library to judge, and lists of them.
    words = frozenset((type(word), word) for word in wanted if type(word) in SCALARS)
    return lambda value: type(value) in SCALARS and (type(value), value) in words


def _const(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    return _enum(compiling, name, schema, [wanted])


def _pattern(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    matches = compiling.manner.matching(wanted)
    return lambda value: type(value) is not str or bool(matches(value))


def _fields(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    """`properties` and `additionalProperties`, and `propertyNames`."""
    declared = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    names = compiling.check(name, schema.get("propertyNames", True))
    known: dict[str, Check] = {}

    def fit(value: Json) -> bool:
        if type(value) is not dict:
            return True
        for key, below in value.items():
            check = known.get(key)
            if check is None:
                check = compiling.check(name, declared.get(key, others))
                if key in declared:
                    known[key] = check
            if not check(below) or (names is not _always and not names(key)):
                return False
        return True

    return fit


def _items(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    check = compiling.check(name, wanted)
    return lambda value: type(value) is not list or all(map(check, value))


def _unique(_: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    def are_different(value: Json) -> bool:
        # Texts are what is mostly listed; of the rest the library knows what is equal.
        if type(value) is not list or not wanted:
            return True
        return {type(item) for item in value} <= {str} and len(set(value)) == len(value)

    return are_different


def _required(_: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    return lambda value: type(value) is not dict or all(key in value for key in wanted)


def _dependent_required(_: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    def hold(value: Json) -> bool:
        if type(value) is not dict:
            return True
        return all(n in value for key, needs in wanted.items() if key in value for n in needs)

    return hold


def _reference(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    step = compiling.manner.step
    check: Check | None = None

    def fits(value: Json) -> bool:
        nonlocal check
        step()
        # Not before it is needed: a schema may refer to the one that it stands in.
        check = check or compiling.check(*compiling.referred(name, wanted))
        return check(value)

    return fits


def _dynamic_reference(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    # The schema of schemas means itself by it, whole, wherever it stands in its parts.
    if wanted != "#meta" or compiling.referred("", "#")[1].get("$dynamicAnchor") != "meta":
        raise _Unsure
    return _reference(compiling, "", schema, "#")


def _all_of(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    step, checks = compiling.manner.step, [compiling.check(name, part) for part in wanted]

    def fits(value: Json) -> bool:
        step()
        return all(check(value) for check in checks)

    return fits


def _any_of(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    if not compiling.manner.decides:
        raise _Unsure
    checks = [compiling.check(name, part) for part in wanted]
    return lambda value: any(check(value) for check in checks)


def _if(compiling: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
    if not compiling.manner.decides:
        raise _Unsure
    asked, then = (compiling.check(name, part) for part in (wanted, schema.get("then", True)))
    return lambda value: not asked(value) or then(value)


def _bound(kinds: tuple[type, ...], holds: Callable[[Json, Json], bool]) -> Word:
    """A keyword that bounds values of some types and lets all others be."""

    def make(_: _Compiling, name: str, schema: Json, wanted: Json) -> Check:
        return lambda value: type(value) not in kinds or holds(value, wanted)

    return make


OF_FIELDS = ("properties", "additionalProperties", "propertyNames")
WORDS: Mapping[str, Word] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    **dict.fromkeys(OF_FIELDS, _fields),
    "items": _items,
    "uniqueItems": _unique,
    "required": _required,
    "dependentRequired": _dependent_required,
    "$ref": _reference,
    "$dynamicRef": _dynamic_reference,
    "allOf": _all_of,
    "anyOf": _any_of,
    "if": _if,
    "minimum": _bound(TYPES["number"], lambda value, least: value >= least),
    "maximum": _bound(TYPES["number"], lambda value, most: value <= most),
    "exclusiveMinimum": _bound(TYPES["number"], lambda value, bound: value > bound),
    "exclusiveMaximum": _bound(TYPES["number"], lambda value, bound: value < bound),
    "multipleOf": _bound(TYPES["number"], is_multiple),
    "minLength": _bound((str,), lambda value, least: len(value) >= least),
    "maxLength": _bound((str,), lambda value, most: len(value) <= most),
    "minItems": _bound((list,), lambda value, least: len(value) >= least),
    "maxItems": _bound((list,), lambda value, most: len(value) <= most),
    "minProperties": _bound((dict,), lambda value, least: len(value) >= least),
    "maxProperties": _bound((dict,), lambda value, most: len(value) <= most),
}
