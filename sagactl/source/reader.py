"""YAML text to nodes with places, strictly: nothing downstream meets a surprise.

Refused, each with its place: duplicate and non-text keys, anchors and aliases, tags, several
documents, the traps of YAML 1.1, control characters, and whatever is too large or too deep. The
tree is built from parser events with a stack of our own, because libyaml's composer recurses and a
file of 50,000 brackets would kill the process where no `except` helps.

A document that others wrote (`FOREIGN`) is read by YAML 1.2 without a word about its traps: nobody
here can change it, and nothing is sent that stands in it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from sagactl.source.node import Entry, List, Map, Node, Scalar
from sagactl.source.place import Place, Source, lines_of, position_in
from sagactl.source.problem import MAX_PROBLEMS, Problem, Related, too_many
from sagactl.source.quoting import quoted_line
from sagactl.source.scalar import ScalarRejected, core_value, plain_value
from sagactl.source.syntax import Told, syntax_problem

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 100_000

# The pure parser tells of a mistake where the quick one does, or soon behind it.
FURTHER = 2000


@dataclass(frozen=True, slots=True)
class Manner:
    """How a text is read; `thing` is what messages call it."""

    thing: str
    begins: str
    max_bytes: int = MAX_BYTES
    max_nodes: int = MAX_NODES
    is_foreign: bool = False


OWN = Manner("a definition", "saga: NAME")
FOREIGN = Manner("a document", "openapi: 3.1.0", 16 * MAX_BYTES, 10 * MAX_NODES, is_foreign=True)

_QUOTING = ("'", '"', "|", ">")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What YAML 1.2 does not let into a text at all (5.1), and what makes a text read as another.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_INVISIBLE = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def decode(content: bytes, name: str, manner: Manner = OWN) -> tuple[Source | None, list[Problem]]:
    """The text of a file: UTF-8 without a byte order mark, of a size that is worth reading."""
    empty = Source(name, "")
    start = Place(empty, 1, 1, 1, 2)
    if len(content) > manner.max_bytes:
        message = f"{manner.thing} has at most {manner.max_bytes} bytes"
        return None, [Problem("file-too-large", start, message)]
    if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        message = "the file begins with a byte order mark; save it as UTF-8 without one"
        return None, [Problem("not-utf-8", start, message)]
    try:
        return Source(name, content.decode("utf-8")), []
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = position_in(before, len(before))
        place = Place(empty, line, column, line, column + 1)
        return None, [Problem("not-utf-8", place, f"byte {error.start} is not UTF-8")]


def read(source: Source, manner: Manner = OWN) -> tuple[Node | None, list[Problem]]:
    """The tree of a YAML text, or None, with every problem found on the way."""
    if len(source.text) > manner.max_bytes:
        message = f"{manner.thing} has at most {manner.max_bytes} bytes"
        return None, [Problem("file-too-large", Place(source, 1, 1, 1, 2), message)]
    if forbidden := _FORBIDDEN.search(source.text):
        line, column = position_in(source.text, forbidden.start())
        place = Place(source, line, column, line, column + 1)
        message = f"the character U+{ord(forbidden.group()):04X} may not stand in YAML"
        return None, [Problem("control-character", place, message)]
    building = _Building(source, manner)
    try:
        parser = _Loader(source.text)
        while (event := parser.get_event()) is not None:
            building.take(event)
    except _TooMuch:
        return None, building.problems
    except yaml.YAMLError as error:
        if "nesting depth" in str(getattr(error, "problem", None)):
            return None, _too_deep(source, manner, error)
        problem = syntax_problem(source, _said_better(source, error))
        # The half of an expression that was read before the error is the same mistake.
        before = [p for p in building.problems if p.place.line != problem.place.line]
        return None, [*before, problem]
    if building.root is None and not building.problems:
        message = f"the file is empty; {manner.thing} begins with {manner.begins}"
        building.problems.append(Problem("empty-file", Place(source, 1, 1, 1, 2), message))
    return building.root, building.problems


class _TooMuch(Exception):
    """The file is not read any further; the problem is told already."""


class _Open:
    """A list or map that has not ended yet."""

    __slots__ = ("entries", "is_map", "items", "key", "keys", "start")

    def __init__(self, event: Any, *, is_map: bool) -> None:
        self.start = event.start_mark
        self.is_map = is_map
        self.items: list[Node] = []
        self.entries: list[Entry] = []
        self.key: Scalar | None = None
        self.keys: dict[str, Place] = {}


class _Building:
    """The tree so far, from parser events."""

    def __init__(self, source: Source, manner: Manner) -> None:
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self._source = source
        self._text = source.text
        self._manner = manner
        self._stack: list[_Open] = []
        self._documents = 0
        self._nodes = 0
        self._takers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._take_scalar,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._begin,
        }

    def take(self, event: Any) -> None:
        take = self._takers.get(type(event))
        if take is not None:
            take(event)

    def _begin(self, event: Any) -> None:
        self._documents += 1
        if self._documents == 2:
            message = f"a file holds {self._manner.thing}, and a second one begins here"
            self._tell("several-documents", self._place(event), message)
            raise _TooMuch

    def _take_scalar(self, event: Any) -> None:
        self._count(event)
        self._add(self._scalar(event))

    def _open(self, event: Any) -> None:
        self._count(event)
        if len(self._stack) >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH}"
            self._tell("nested-too-deep", self._place(event), message)
            raise _TooMuch
        self._stack.append(_Open(event, is_map=type(event) is yaml.MappingStartEvent))

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > self._manner.max_nodes:
            self._tell("file-too-large", self._place(event), "there is too much in this file")
            raise _TooMuch
        if len(self.problems) >= MAX_PROBLEMS:
            self.problems.append(too_many(self._place(event)))
            raise _TooMuch
        if event.anchor is not None:
            message = (
                f'an anchor ("&{event.anchor}") is not read here: write the value where it is used'
            )
            self._tell("yaml-alias", self._place(event), message)
        if event.tag is not None:
            self._tag(event)

    def _tag(self, event: Any) -> None:
        place = self._place(event)
        line = lines_of(self._source.text)[event.start_mark.line]
        if event.tag == "!" and isinstance(event, yaml.ScalarEvent):
            message = 'quote the expression: YAML takes a leading "!" for a tag and drops it'
            self._tell("quote-expression", place, message, quoted_line(line))
        else:
            self._tell("yaml-tag", place, f'a tag ("{event.tag}") is not read here')

    def _alias(self, event: Any) -> None:
        place = self._place(event)
        message = f'an alias ("*{event.anchor}") is not read here: write the value itself'
        self._tell("yaml-alias", place, message)
        self._add(Scalar(place, None, ""))

    def _scalar(self, event: Any) -> Scalar:
        start, end = event.start_mark, event.end_mark
        line = start.line
        place = Place(self._source, line + 1, start.column + 1, end.line + 1, end.column + 1)
        raw, text = self._text[start.index : end.index], event.value
        if event.style in _QUOTING or event.tag is not None:
            return Scalar(place, text, raw)
        if self._manner.is_foreign:
            return Scalar(place, core_value(text), raw)
        if "${{" in text and text.rfind("${{") > text.rfind("}}"):
            whole = lines_of(self._text)[line]
            if " #" in whole:
                message = 'quote the expression: " #" begins a comment and cuts it off'
                self._tell("quote-expression", place, message, quoted_line(whole))
                return Scalar(place, text, raw)
        try:
            return Scalar(place, plain_value(text), raw)
        except ScalarRejected as error:
            hint = f'write "{text}" in quotes if it is text'
            if error.meaning in ("true", "false"):
                hint = f'write {error.meaning}, or "{text}" in quotes if it is text'
            self._tell("yaml-trap", place, str(error), hint)
            return Scalar(place, text, raw)

    def _close(self, event: Any) -> None:
        opened = self._stack.pop()
        start, end = opened.start, event.end_mark
        place = Place(self._source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        is_map = opened.is_map
        self._add(Map(place, tuple(opened.entries)) if is_map else List(place, tuple(opened.items)))

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        above = self._stack[-1]
        if not above.is_map:
            above.items.append(node)
        elif above.key is None:
            above.key = self._key(above, node)
        else:
            key = above.key
            # Of a key that stands twice the first one counts, for every reader of the tree.
            if above.keys.get(str(key.value), key.place) is key.place:
                above.entries.append(Entry(key, node))
            above.key = None

    def _key(self, above: _Open, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            self._tell("key-not-text", node.place, "a key is a text, not a list or a map")
            return Scalar(node.place, f"?{len(above.keys)}", "")
        if not isinstance(node.value, str):
            # `200:` is how half of the world writes a status.
            if not self._manner.is_foreign:
                message = f'a key is a text: write "{node.raw}" in quotes'
                self._tell("key-not-text", node.place, message)
            node = Scalar(node.place, node.raw, node.raw)
        name = str(node.value)
        if name in above.keys:
            first = above.keys[name]
            related = (Related(first, f'"{name}" stands here first'),)
            message = f'the key "{name}" stands twice, first in line {first.line}'
            self.problems.append(Problem("duplicate-key", node.place, message, related=related))
        above.keys.setdefault(name, node.place)
        if not name.isascii() and _INVISIBLE.search(name):
            message = f"the key {name!a} holds a character that cannot be seen"
            self._tell("invisible-character", node.place, message)
        return node

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        return Place(self._source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _tell(self, code: str, place: Place, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(code, place, message, hint))


def _too_deep(source: Source, manner: Manner, error: Any) -> list[Problem]:
    """What is told where the parser itself gives up (libyaml does from 0.2.6 on).

    It reads ahead, so what it had not told by then is told of the text up to that place.
    """
    building = _Building(source, manner)
    try:
        for event in yaml.parse(source.text[: error.problem_mark.index], Loader=_Loader):
            building.take(event)
    except (_TooMuch, yaml.YAMLError):
        pass
    if not any(problem.code == "nested-too-deep" for problem in building.problems):
        line, column = error.problem_mark.line + 1, error.problem_mark.column + 1
        place = Place(source, line, column, line, column + 1)
        message = f"nested deeper than {MAX_DEPTH}"
        building.problems.append(Problem("nested-too-deep", place, message))
    return building.problems


def _said_better(source: Source, error: Any) -> Told:
    """What the pure parser says, whose words are clearer; it is slow, so only for small files."""
    if _Loader is not yaml.SafeLoader and len(source.text) <= 100_000:
        mark = getattr(error, "problem_mark", None)
        until = len(source.text) if mark is None else mark.index + FURTHER
        try:
            for event in yaml.parse(source.text, Loader=yaml.SafeLoader):
                if event.start_mark is not None and event.start_mark.index > until:
                    break
        except yaml.YAMLError as better:
            error = better
    at, began = (_counted(getattr(error, f"{name}_mark", None)) for name in ("problem", "context"))
    said = getattr(error, "problem", None) or "this is not YAML"
    return Told(str(said), at or began, str(getattr(error, "context", None) or ""), began)


def _counted(mark: Any) -> tuple[int, int] | None:
    return None if mark is None else (mark.line + 1, mark.column + 1)
