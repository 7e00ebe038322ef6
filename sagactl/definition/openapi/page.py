"""The files a document is made of, and what stands in them, references followed.

A `$ref` leads within its file or to a file in the folder of the definition or of the document;
nothing is ever fetched over a network. Circles are no harm: a reference is followed when it is
looked through, and never more than a bounded number of them in a row.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import unquote

from sagactl.source.json_node import read_json
from sagactl.source.node import Json, Map, Node, descend, plain
from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem, nearest
from sagactl.source.reader import FOREIGN, read

Path: TypeAlias = tuple[str | int, ...]
# Finds the text of a file by its name, which is a path; or says why there is none.
Fetch: TypeAlias = Callable[[str], Source | str]

MAX_REFS = 32
MAX_COMPARED = 300
REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")


@dataclass(frozen=True, slots=True)
class Page:
    """One file, read: its tree, and the same without places."""

    source: Source
    node: Node = field(repr=False)
    json: Json = field(repr=False)


@lru_cache(maxsize=16)
def read_page(source: Source) -> tuple[Page | None, tuple[Problem, ...]]:
    """The page of a text. Several definitions name one document: it is read once for all."""
    is_json = source.name.endswith(".json") or source.text.lstrip()[:1] == "{"
    node, problems = read_json(source) if is_json else read(source, FOREIGN)
    if node is None or problems:
        return None, tuple(problems)
    return Page(source, node, plain(node)), ()


class Pages:
    """The files of one document, found when they are asked for."""

    def __init__(self, fetch: Fetch, folders: tuple[str, ...]) -> None:
        self._fetch = fetch
        self._folders = folders
        self._found: dict[str, Page | str] = {}

    def find(self, name: str) -> Page | str:
        """The page called `name`, or why there is none."""
        if name not in self._found:
            self._found[name] = self._read(name)
        return self._found[name]

    def _read(self, name: str) -> Page | str:
        if not any(_is_inside(name, folder) for folder in self._folders):
            return "it lies outside the folder of the definition"
        source = self._fetch(name)
        if isinstance(source, str):
            return source
        page, problems = read_page(source)
        return f"{problems[0].place}: {problems[0].message}" if page is None else page


def _is_inside(name: str, folder: str) -> bool:
    if folder in ("", "."):
        return not name.startswith(("/", "../")) and name != ".."
    return name.startswith(folder.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a reference leads nowhere, and what may have been meant."""

    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A value in a document, and where it stands."""

    pages: Pages = field(repr=False, compare=False)
    page: Page = field(repr=False, compare=False)
    path: Path
    value: Json = field(repr=False, compare=False)

    @property
    def place(self) -> Place:
        """Where its key stands, or the value itself where it has none."""
        if self.path and isinstance(self.path[-1], str):
            above = descend(self.page.node, self.path[:-1])
            key = above.key(self.path[-1]) if isinstance(above, Map) else None
            if key is not None:
                return key.place
        return descend(self.page.node, self.path).place

    @property
    def spot(self) -> tuple[str, Path]:
        """What tells it from every other piece."""
        return self.page.source.name, self.path

    def get(self, name: str) -> "Piece | None":
        """What stands under a name, its reference followed; None where there is nothing."""
        if not isinstance(self.value, dict) or name not in self.value:
            return None
        return self._below(name, self.value[name]).followed()

    def raw(self, name: str) -> "Piece | None":
        """What stands under a name, be it a reference."""
        if not isinstance(self.value, dict) or name not in self.value:
            return None
        return self._below(name, self.value[name])

    def items(self) -> "Iterator[tuple[str | int, Piece]]":
        """Everything right below, references followed."""
        if isinstance(self.value, dict):
            for name, value in self.value.items():
                yield name, self._below(name, value).followed()
        elif isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield index, self._below(index, value).followed()

    def _below(self, step: str | int, value: Json) -> "Piece":
        return Piece(self.pages, self.page, (*self.path, step), value)

    def followed(self) -> "Piece":
        """Itself, or what its `$ref` leads to; where that leads nowhere, it says nothing at all."""
        piece = self
        for _ in range(MAX_REFS):
            reference = reference_of(piece.value)
            if reference is None:
                return piece
            found = piece.referred(reference)
            if isinstance(found, Broken):
                break
            piece = found
        return Piece(self.pages, self.page, self.path, {})

    def referred(self, reference: str) -> "Piece | Broken":
        """What a reference that stands here leads to."""
        if REMOTE.match(reference):
            return Broken(f'"{reference}" is remote: nothing is fetched', "keep a copy beside it")
        name, _, pointer = reference.partition("#")
        page: Page | str = self.page
        if name:
            here = posixpath.dirname(self.page.source.name)
            page = self.pages.find(posixpath.normpath(posixpath.join(here, unquote(name))))
        if isinstance(page, str):
            return Broken(f'"{name}" cannot be read: {page}')
        if pointer and not pointer.startswith("/"):
            return Broken(f'"{reference}" leads nowhere: what follows "#" is a path such as "/a/b"')
        return _at(Piece(self.pages, page, (), page.json), reference, pointer)


def _at(root: Piece, reference: str, pointer: str) -> "Piece | Broken":
    value, path = root.value, root.path
    for part in pointer.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        step: str | int = name
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            step = int(name)
        elif not isinstance(value, dict) or name not in value:
            close = nearest(name, list(value)[:MAX_COMPARED]) if isinstance(value, dict) else None
            hint = f'did you mean "{close}"?' if close else None
            return Broken(f'"{reference}" leads nowhere: there is no "{name}"', hint)
        value, path = value[step], (*path, step)
    return Piece(root.pages, root.page, path, value)


def reference_of(value: Json) -> str | None:
    """The `$ref` of an object, if it is one."""
    reference = value.get("$ref") if isinstance(value, dict) else None
    return reference if isinstance(reference, str) else None
