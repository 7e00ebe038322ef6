"""A definition from its text: read, checked for shape, built; with every problem on the way.

A mistake in one corner does not hide those in another: what is wrong in itself is set aside, and
where the rest has the right shape it is built too, so that its mistakes are told as well.
"""

from dataclasses import replace

from sagactl.definition.builder import build
from sagactl.definition.model import Saga
from sagactl.definition.shape import Fault, Path
from sagactl.source.node import Entry, List, Map, Node
from sagactl.source.place import Source
from sagactl.source.problem import Problem, Severity
from sagactl.source.reader import read


class DefinitionRejected(Exception):
    """A definition that was fit to begin a run with is not fit to go on with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(*problems)
        self.problems = problems


def load(source: Source) -> tuple[Saga | None, list[Problem]]:
    """The saga of a text, None where it has errors, and every problem in the order of the text."""
    # Checking takes a quarter of a second to import, and a resume does without.
    from sagactl.definition.schema import shape_faults

    node, problems = read(source)
    if node is None:
        return None, _sorted(problems)
    faults = shape_faults(node)
    unread = list(problems)
    problems += _new([fault.problem for fault in faults], unread)
    wrong = [fault for fault in faults if _is_error(fault.problem)]
    sound = _without(node, wrong) if wrong else node
    saga = None
    if isinstance(sound, Map) and (not wrong or not _still_wrong(sound, wrong)):
        saga, more = build(source, sound)
        problems += _new(more, unread)
    return (None if any(map(_is_error, problems)) else saga), _sorted(problems)


def rebuild(source: Source) -> Saga:
    """The saga of a text that was checked when its run began; raises DefinitionRejected."""
    node, problems = read(source)
    saga = None
    if isinstance(node, Map) and not problems:
        saga, problems = build(source, node)
    if saga is None:
        raise DefinitionRejected(_sorted(problems))
    return saga


def _still_wrong(node: Map, faults: list[Fault]) -> bool:
    from sagactl.definition.schema import shape_faults

    if not all(fault.is_apart for fault in faults):
        return True
    return any(_is_error(fault.problem) for fault in shape_faults(node))


def _without(node: Node, faults: list[Fault]) -> Node:
    """The tree without what is wrong in itself."""
    return _pruned(node, (), {fault.path for fault in faults if fault.path and fault.is_apart})


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


def _new(problems: list[Problem], told: list[Problem]) -> list[Problem]:
    """The problems that do not merely follow from one at the same place."""
    places = {(problem.place.line, problem.place.column) for problem in told}
    return [p for p in problems if (p.place.line, p.place.column) not in places]


def _is_error(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR


def _sorted(problems: list[Problem]) -> list[Problem]:
    told = [replace(p, message=_one_line(p.message)) for p in problems]
    return sorted(told, key=lambda problem: (problem.place.line, problem.place.column))


def _one_line(message: str) -> str:
    """A message on one line, whatever it quotes: a line break in it would forge another problem."""
    if message.isprintable():
        return message
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
