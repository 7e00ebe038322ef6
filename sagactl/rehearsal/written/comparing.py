"""What came, held against what is written: values in part, paths with `*`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl, unquote

from sagactl.definition.value import as_text, same
from sagactl.source.node import Json, List, Map, Node, Scalar, plain
from sagactl.source.place import Place

NOTHING = "nothing"
LONGEST = 80


@dataclass(frozen=True, slots=True)
class Difference:
    """Something within a value that is not as it was expected; `path` leads to it."""

    place: Place
    path: str
    expected: str
    came: str


def differences(
    wanted: Node, came: Json, path: str = "", *, is_exact: bool = False, are_texts: bool = False
) -> Iterator[Difference]:
    """In what a value is not as it is written; maps may have more, unless it `is_exact`.

    `are_texts`: what came had no other type to come in, so 5 is as good as "5".
    """
    below = partial(differences, is_exact=is_exact, are_texts=are_texts)
    match wanted:
        case Map() if isinstance(came, dict):
            for entry in wanted:
                inner = f"{path}.{entry.name}" if path else entry.name
                if entry.name in came:
                    yield from below(entry.value, came[entry.name], inner)
                else:
                    expected = brief(plain(entry.value))
                    yield Difference(entry.key.place, inner, expected, NOTHING)
            others = [name for name in came if wanted.get(name) is None]
            if is_exact and others:
                yield Difference(wanted.place, path, "nothing besides", ", ".join(others))
        case List() if isinstance(came, list) and len(came) == len(wanted.items):
            for index, item in enumerate(wanted.items):
                yield from below(item, came[index], f"{path}[{index}]")
        case Scalar() if same(wanted.value, came):
            return
        case Scalar() if are_texts and as_text(wanted.value) == came:
            return
        case _:
            yield Difference(wanted.place, path, brief(plain(wanted)), brief(came))


def brief(value: Json) -> str:
    """A value as JSON, cut where nobody would read on."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def text_fits(wanted: str, came: str) -> bool:
    """Whether a text is as written; `*` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in wanted.split("*"))
    return re.fullmatch(pattern, came, re.DOTALL) is not None


def path_fits(wanted: str, came: str) -> bool:
    """Whether a path is as written: `*` is anything within a segment, a query is held in part."""
    path, mark, query = wanted.partition("?")
    its_path, _, its_query = came.partition("?")
    if path.startswith("/") and "://" in its_path:
        its_path = "/" + its_path.partition("://")[2].partition("/")[2]
    segments, its_segments = path.split("/"), its_path.split("/")
    if len(segments) != len(its_segments):
        return False
    if not all(map(text_fits, map(unquote, segments), map(unquote, its_segments))):
        return False
    given = parse_qsl(its_query, keep_blank_values=True)
    asked = parse_qsl(query, keep_blank_values=True) if mark else []
    return all(any(n == name and text_fits(v, value) for name, value in given) for n, v in asked)
