"""A definition from its text: read, checked for shape, built; with every problem on the way.

A mistake in one corner does not hide those in another: what is wrong in itself is set aside, and
where the rest has the right shape it is built too, so that its mistakes are told as well.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from sagactl.definition.builder import build
from sagactl.definition.model import Request, Saga
from sagactl.definition.shape import Fault, without
from sagactl.source.node import Map, Scalar
from sagactl.source.place import Source
from sagactl.source.problem import (
    MAX_PROBLEMS,
    Problem,
    Related,
    Severity,
    in_order,
    too_many,
)
from sagactl.source.reader import read

if TYPE_CHECKING:
    from sagactl.definition.openapi.document import Document

# Sub-sagas of sub-sagas: deeper than anyone follows.
MAX_LINE = 16
# With all of its sub-sagas: what may come before what is kept for every step and every other.
MAX_STEPS = 1000
TOO_MANY_STEPS = f"a saga has at most {MAX_STEPS} steps, those of its sub-sagas among them"

# Finds the text of a sub-saga or a document by its name, a path; or says why there is none.
Fetch: TypeAlias = Callable[[str], Source | str]
# What is kept of a document goes under its name and this: no file is called so.
OUTLINE = "#operations"


class DefinitionRejected(Exception):
    """A definition that was fit to begin a run with is not fit to go on with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(*problems)
        self.problems = problems


def _no_files(name: str) -> str:
    return "there are no files here"


def load(source: Source, fetch: Fetch = _no_files) -> tuple[Saga | None, list[Problem]]:
    """The saga of a text, None where it has errors, and every problem in the order of the text.

    `fetch` finds its sub-sagas, and its services' documents.
    """
    family = _Family(fetch, (source.name,), checks=True)
    saga, problems = _load(source, family)
    if saga is not None and family.weight(saga) > MAX_STEPS:
        return None, _sorted(
            [*problems, Problem("file-too-large", saga.place, TOO_MANY_STEPS)], source
        )
    return saga, problems


def rebuild(source: Source, children: Mapping[str, str] | None = None) -> Saga:
    """The saga of a text that was checked when its run began; raises DefinitionRejected.

    `children` are the texts of its sub-sagas by name, and what is kept of documents, as `texts_of`
    gave them.
    """
    texts = children or {}

    def fetch(name: str) -> Source | str:
        return Source(name, texts[name]) if name in texts else "the run does not have it"

    saga, problems = _built(source, _Family(fetch, (source.name,), checks=False))
    if saga is None:
        raise DefinitionRejected(_sorted(problems, source))
    return saga


def texts_of(saga: Saga) -> dict[str, str]:
    """The texts of all sub-sagas by name: with its own text, what a saga is made of.

    Of a document only the operations are kept that a request is written by.
    """
    _, *children = saga.family()
    texts = {child.source.name: child.source.text for child in children}
    named = [
        (request.service.document, request.operation)
        for one in saga.family()
        for request in _requests(one)
        if request.operation is not None and request.service is not None
    ]
    if named:
        from sagactl.definition.openapi.opening import outline

        documents = {document.name: document for document, _ in named if document is not None}
        for name, document in documents.items():
            ids = [called for other, called in named if other is not None and other.name == name]
            texts[name + OUTLINE] = outline(document, ids)
    return texts


def _requests(saga: Saga) -> Iterator[Request]:
    for step in saga.steps:
        if step.request is not None:
            yield step.request
        if step.lookup is not None:
            yield step.lookup.request
        if step.compensation is not None:
            yield step.compensation


@dataclass(frozen=True, slots=True)
class _Family:
    """How sub-sagas are found; `line` are the names of those that we are inside of.

    `known` are those that were read already, `weights` the steps that each comes to with all of its
    own: one that stands in many places is read once, and files that multiply are refused.
    """

    fetch: Fetch
    line: tuple[str, ...]
    checks: bool
    known: "dict[str, tuple[Saga | None, list[Problem]]]" = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)

    def weight(self, saga: Saga) -> int:
        """How many steps the saga comes to."""
        children = [step.child for step in saga.steps if step.child is not None]
        return len(saga.steps) + sum(self.weights[child.source.name] for child in children)

    def child(self, reference: Scalar) -> tuple[Saga | None, list[Problem]]:
        """The saga of the path that is written at `reference`."""
        place = reference.place
        name = beside(place.source.name, str(reference.value))
        if name in self.line:
            circle = " → ".join([*self.line[self.line.index(name) :], name])
            message = f"a saga cannot be its own sub-saga: {circle}"
            return None, [Problem("saga-cycle", place, message)]
        if len(self.line) > MAX_LINE:
            message = f"sub-sagas are nested deeper than {MAX_LINE}"
            return None, [Problem("unreadable-saga", place, message)]
        if name not in self.known:
            found = self.fetch(name)
            if isinstance(found, str):
                message = f'the sub-saga "{name}" cannot be read: {found}'
                return None, [Problem("unreadable-saga", place, message)]
            family = replace(self, line=(*self.line, name))
            self.known[name] = (_load if self.checks else _built)(found, family)
        saga, problems = self.known[name]
        if saga is not None:
            self.weights[name] = self.weights.get(name) or self.weight(saga)
            if self.weights[name] > MAX_STEPS:
                return None, [Problem("file-too-large", place, TOO_MANY_STEPS)]
            return saga, []
        errors = [problem for problem in problems if _is_error(problem)]
        related = tuple(Related(problem.place, problem.message) for problem in errors)
        message = f'the sub-saga "{name}" has errors'
        return None, [Problem("broken-saga", place, message, related=related)]

    def document(self, reference: Scalar) -> "tuple[Document | None, list[Problem]]":
        """The OpenAPI document of the path that is written at `reference`."""
        # What reads documents is not imported where none is named.
        from sagactl.definition.openapi.opening import open_document

        place, path = reference.place, str(reference.value)
        name = beside(place.source.name, path)
        if "://" in path:
            message = f'"{path}" is remote: nothing is fetched, so keep the document in a file'
            return None, [Problem("unreadable-document", place, message)]
        found = self.fetch(name if self.checks else name + OUTLINE)
        if isinstance(found, str):
            if not self.checks:
                return None, []  # no request was written by it
            message = f'the document "{name}" cannot be read: {found}'
            return None, [Problem("unreadable-document", place, message)]
        folders = (posixpath.dirname(place.source.name), posixpath.dirname(name))
        return open_document(replace(found, name=name), self.fetch, folders)


def beside(name: str, path: str) -> str:
    """The name of a file that another one, called `name`, calls `path`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _load(source: Source, family: _Family) -> tuple[Saga | None, list[Problem]]:
    # A resume does without, and need not wait for it.
    from sagactl.definition.schema import shape_faults

    node, problems = read(source)
    if node is None:
        return None, _sorted(problems, source)
    faults = shape_faults(node)
    unread = list(problems)
    problems += _new([fault.problem for fault in faults], unread)
    wrong = [fault for fault in faults if _is_error(fault.problem)]
    sound = without(node, (f.path for f in wrong if f.is_apart)) if wrong else node
    saga = None
    if isinstance(sound, Map) and (not wrong or not _still_wrong(sound, wrong)):
        saga, more = build(source, sound, family.child, family.document)
        problems += _new(more, unread)
    told = _sorted(problems, source)
    return (None if any(map(_is_error, told)) else saga), told


def _built(source: Source, family: _Family) -> tuple[Saga | None, list[Problem]]:
    node, problems = read(source)
    if not isinstance(node, Map) or problems:
        return None, problems
    return build(source, node, family.child, family.document)


def _still_wrong(node: Map, faults: list[Fault]) -> bool:
    from sagactl.definition.schema import shape_faults

    if not all(fault.is_apart for fault in faults):
        return True
    return any(_is_error(fault.problem) for fault in shape_faults(node))


def _new(problems: list[Problem], told: list[Problem]) -> list[Problem]:
    """The problems that do not merely follow from one at the same place."""
    places = {(problem.place.line, problem.place.column) for problem in told}
    return [p for p in problems if (p.place.line, p.place.column) not in places]


def _is_error(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR


def _sorted(problems: list[Problem], source: Source) -> list[Problem]:
    """The problems in the order of the text, without those that are too many."""
    shown = problems[: MAX_PROBLEMS + 1]
    told = in_order((replace(p, message=_one_line(p.message)) for p in shown), source)
    if len(told) > MAX_PROBLEMS and told[-1].code != "too-many-mistakes":
        told[-1] = too_many(told[-1].place)
    return told


def _one_line(message: str) -> str:
    """A message on one line, whatever it quotes: a line break in it would forge another problem."""
    if message.isprintable():
        return message
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
