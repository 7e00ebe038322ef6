"""What is wrong with a definition's shape, in our words and at its place.

The schema says what is allowed (`errorMessage` is the half sentence that an editor shows too, for
every mistake there: where a map may have unknown keys besides, `typeMessage` is ours alone); a
validator's mistake comes in, problems go out. Nothing here knows which library found the mistake.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagactl.definition.synonym import KEYS
from sagactl.definition.value import kind
from sagactl.source.node import Entry, Json, List, Map, Node, Scalar, descend
from sagactl.source.place import Place
from sagactl.source.problem import Edit, Fix, Problem, nearest, surely_meant

Path = tuple[str | int, ...]

TYPES = {
    "object": "a map",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
}
CODES = {"type": "wrong-type", "enum": "unknown-word", "pattern": "wrong-form"}
# Words of the language that this version does not carry out: said, never silently ignored.
NOT_YET = ("await", "wait_for")
SHOWN = 40


@dataclass(frozen=True, slots=True)
class Mistake:
    """A value at `path` that the keyword of `schema` does not allow."""

    path: Path
    schema_path: tuple[str | int, ...]
    keyword: str
    wanted: Json
    schema: Mapping[str, Any]
    value: Json


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem and the path to what is wrong; `is_apart`: the rest makes sense without it."""

    path: Path
    problem: Problem
    is_apart: bool


def faults(root: Node, mistake: Mistake, whole: Mapping[str, Any]) -> Iterator[Fault]:
    """The problems that a mistake comes to; `whole` is the schema it was found with."""
    if "propertyNames" in mistake.schema_path:
        yield _bad_name(root, mistake)
    elif mistake.keyword == "additionalProperties":
        yield from _unknown_keys(root, mistake, whole)
    elif mistake.keyword == "required":
        yield from _missing_keys(root, mistake, whole)
    else:
        yield _wrong_value(root, mistake)


def without(node: Node, paths: Iterable[Path]) -> Node:
    """The tree without what stands at these paths."""
    return _pruned(node, (), {path for path in paths if path})


def _pruned(node: Node, path: Path, wrong: set[Path]) -> Node:
    match node:
        case Map():
            entries = [
                Entry(entry.key, _pruned(entry.value, (*path, entry.name), wrong))
                for entry in node
                if (*path, entry.name) not in wrong
            ]
            return Map(node.place, tuple(entries))
        case List():
            items = [
                _pruned(item, (*path, index), wrong)
                for index, item in enumerate(node.items)
                if (*path, index) not in wrong
            ]
            return List(node.place, tuple(items))
    return node


def _unknown_keys(root: Node, mistake: Mistake, whole: Mapping[str, Any]) -> Iterator[Fault]:
    known = list(mistake.schema["properties"])
    node = descend(root, mistake.path)
    for name in mistake.value:
        if name in known:
            continue
        code, hint, fix = "unknown-key", None, None
        message = f"unknown key {shown(name)} in {_thing(root, mistake)}"
        close = nearest(name, known)
        if name in NOT_YET:
            code, message = "not-yet", f'"{name}" is not carried out by this version of sagactl'
        elif KEYS.get(name) in known:
            message += f'; here it is called "{KEYS[name]}"'
            if KEYS[name] == "request":
                hint = 'method and address stand together, as in "request: PUT /orders/7"'
        elif owners := _owners(name, whole):
            hint = f'"{name}" stands in {owners}'
        elif close:
            message += f'; did you mean "{close}"?'
            fix = _key_fix(node, name, [key for key in known if key not in mistake.value])
        else:
            hint = f"there are {', '.join(known)}"
        problem = Problem(code, _key_place(node, name), message, hint, fix=fix)
        yield Fault((*mistake.path, name), problem, is_apart=True)


def _key_fix(node: Node, name: str, free: list[str]) -> Fix | None:
    """The right key in place of a slip of the pen, where no other key comes near it."""
    right = surely_meant(name, free)
    if right is None or not isinstance(node, Map):
        return None
    slips = [entry.name for entry in node if surely_meant(entry.name, [right])]
    if len(slips) > 1:  # both would become the same key
        return None
    return Fix(f'write "{right}"', (Edit(_key_place(node, name), right),))


def _owners(name: str, whole: Mapping[str, Any]) -> str:
    """The things that have such a key, so that a misplaced one can be put where it belongs."""
    titles = [
        _with_article(part["title"])
        for part in (whole, *whole["$defs"].values())
        if name in part.get("properties", {})
    ]
    return _joined(titles, "or")


def _missing_keys(root: Node, mistake: Mistake, whole: Mapping[str, Any]) -> Iterator[Fault]:
    # What only follows from another key (`then`) does not list the keys there are.
    known = mistake.schema.get("properties")
    unknown = [
        name
        for name in mistake.value
        if (name not in known if known is not None else not _owners(name, whole))
    ]
    node = descend(root, mistake.path)
    for name in mistake.wanted:
        # One slip of the pen is one problem: "acton" is told as an unknown key already.
        meant = any(
            other in NOT_YET or KEYS.get(other) == name or nearest(other, [name])
            for other in unknown
        )
        if name in mistake.value or meant:
            continue
        message = f'{_thing(root, mistake)} has no "{name}"'
        place = _place_of_map(root, mistake.path, node)
        yield Fault(mistake.path, Problem("missing-key", place, message), is_apart=False)


def _bad_name(root: Node, mistake: Mistake) -> Fault:
    name = str(mistake.value)
    place = _key_place(descend(root, mistake.path), name)
    says = mistake.schema.get("errorMessage", "is not allowed here")
    return Fault(
        (*mistake.path, name), Problem("bad-name", place, f"{shown(name)} {says}"), is_apart=False
    )


def _wrong_value(root: Node, mistake: Mistake) -> Fault:
    path, value = mistake.path, mistake.value
    node = descend(root, path)
    place, thing = node.place, _named(path, mistake)
    said = mistake.schema
    says = said.get("errorMessage") or said.get("typeMessage") or _says(mistake)
    code = CODES.get(mistake.keyword, "wrong-value")
    hint = None
    if value is None or value in ("", [], {}):
        if path and path[-1] == "compensation":
            code = "empty-compensation"
            hint = 'write "compensation: none" where there is nothing to undo'
        message = f"{thing} is empty; it {says}"
        place = _place_of_map(root, path, node) if path else place
    elif mistake.keyword == "uniqueItems":
        twice, place = _second(node)
        code, message = "named-twice", f"{thing} names {twice} twice"
    elif mistake.keyword in BOUNDS and "errorMessage" not in mistake.schema:
        message = f"{thing} must be {BOUNDS[mistake.keyword]} {mistake.wanted}, not {value}"
    else:
        message = f"{thing} {says}, not {_found(mistake)}"
        hint = _hint(mistake)
    if mistake.keyword == "enum":
        close = nearest(str(value), [str(word) for word in mistake.wanted])
        message += f'; did you mean "{close}"?' if close else ""
    # Without a service or a name, whatever else speaks of it would seem wrong too.
    is_apart = bool(path) and path[-1] not in ("service", "name", "request")
    is_apart = is_apart and not (path[0] == "services" and len(path) == 2)
    return Fault(path, Problem(code, place, message, hint, fix=_value_fix(path, node)), is_apart)


def _value_fix(path: Path, node: Node) -> Fix | None:
    """What can only have been meant by a value of the wrong type."""
    if not isinstance(node, Scalar) or "\n" in node.raw:
        return None
    if path[-1:] == ("needs",) and isinstance(node.value, str) and node.value:
        return Fix("write a list", (Edit(node.place, f"[{node.raw}]"),))
    if path == ("version",) and isinstance(node.value, float):
        return Fix("write it in quotes", (Edit(node.place, f'"{node.raw}"'),))
    return None


def _says(mistake: Mistake) -> str:
    if mistake.keyword == "enum":
        return f"must be {_joined([str(word) for word in mistake.wanted], 'or')}"
    types = mistake.schema.get("type", [])
    words = [TYPES[name] for name in ([types] if isinstance(types, str) else types)]
    return f"must be {_joined(words, 'or')}" if words else "is not allowed here"


def _hint(mistake: Mistake) -> str | None:
    key, value, title = mistake.path[-1:], mistake.value, str(mistake.schema.get("title"))
    if title in ("Duration", "Pause") and isinstance(value, int | float):
        return f"write {value}s for seconds"
    if key == ("needs",) and isinstance(value, str):
        return f"write needs: [{value}]"
    if key == ("version",) and isinstance(value, float):
        return "write it in quotes"
    if mistake.path == ("steps",) and isinstance(value, dict):
        return 'begin each of them with "- name: …"'
    if key == ("body",) and isinstance(value, dict | list):
        return 'write "json" for what is sent as JSON'
    if title == "Service" and isinstance(value, str) and "://" in value:
        return f'write {{url: "{value}"}}'
    return None


def _found(mistake: Mistake) -> str:
    """What stands there: a number itself, where another one would have been right."""
    value = mistake.value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and mistake.keyword not in ("type", "enum") and len(str(value)) <= SHOWN:
        return str(value)
    return shown(value)


def shown(value: Json) -> str:
    """A value in a message: texts in quotes and not too long, the rest as what it is."""
    if not isinstance(value, str):
        return kind(value)
    return f'"{value}"' if len(value) <= SHOWN else f'"{value[:SHOWN]}…"'


def _second(node: Node) -> tuple[str, Place]:
    seen = set()
    for item in getattr(node, "items", ()):
        value = item.value if isinstance(item, Scalar) else None
        if value in seen:
            return f'"{value}"', item.place
        seen.add(value)
    return "something", node.place


def _thing(root: Node, mistake: Mistake) -> str:
    """What a map is, as its author would call it."""
    path, title = mistake.path, str(mistake.schema.get("title", "map"))
    if not path:
        return f"the {title.lower()}"
    if title in ("Step", "Test"):
        node = descend(root, path)
        name = node.get("name") if isinstance(node, Map) else None
        if isinstance(name, Scalar) and isinstance(name.value, str):
            return f"{title.lower()} {shown(name.value)}"
        return f"a {title.lower()}"
    if title == "Service":
        return f"service {shown(path[-1])}"
    if isinstance(path[-1], int):
        return _named(path, mistake)
    owner = descend(root, path[:2]) if len(path) > 2 and path[0] == "steps" else None
    name = owner.get("name") if isinstance(owner, Map) else None
    of = f" of step {shown(name.value)}" if isinstance(name, Scalar) else ""
    return f'"{path[-1]}"{of}'


def _named(path: Path, mistake: Mistake) -> str:
    if not path:
        title = str(mistake.schema.get("title", "Saga"))
        return "a definition" if title == "Saga" else f"a {title.lower()}"
    last = path[-1]
    if isinstance(last, str):
        return shown(last)
    owner = next((part for part in reversed(path) if isinstance(part, str)), "list")
    return f'item {last + 1} of "{owner}"'


def _with_article(title: str) -> str:
    word = title[0].lower() + title[1:]
    if word.endswith("s"):
        return f"the {word}"
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _joined(words: list[str], by: str) -> str:
    return f" {by} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _key_place(node: Node, name: str) -> Place:
    key = node.key(name) if isinstance(node, Map) else None
    return node.place if key is None else key.place


def _place_of_map(root: Node, path: Path, node: Node) -> Place:
    """Where a map begins: the key it stands under, else its first key."""
    if path and isinstance(path[-1], str):
        return _key_place(descend(root, path[:-1]), path[-1])
    if isinstance(node, Map) and node.entries:
        return node.entries[0].key.place
    return node.place
