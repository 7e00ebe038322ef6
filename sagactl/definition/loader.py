"""A definition from its text: read, checked for shape, built; with every problem on the way."""

from sagactl.definition.builder import build
from sagactl.definition.model import Saga
from sagactl.source.node import Map
from sagactl.source.place import Source
from sagactl.source.problem import Problem
from sagactl.source.reader import read


class DefinitionRejected(Exception):
    """A definition that was fit to begin a run with is not fit to go on with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(*problems)
        self.problems = problems


def load(source: Source) -> tuple[Saga | None, list[Problem]]:
    """The saga of a text, None where it has errors, and every problem in the order of the text."""
    from sagactl.definition.schema import check_input_schema, check_shape

    node, problems = read(source)
    if node is not None:
        if not isinstance(node, Map):
            problems.append(Problem("wrong-type", node.place, "a saga is a map, with saga: NAME"))
        elif not problems:
            problems.extend(check_shape(node))
            schema = node.get("input")
            if isinstance(schema, Map):
                problems.extend(check_input_schema(schema))
    saga = None
    if isinstance(node, Map) and not problems:
        saga, problems = build(source, node)
    return saga, sorted(problems, key=lambda problem: (problem.place.line, problem.place.column))


def rebuild(source: Source) -> Saga:
    """The saga of a text that was checked when its run began; raises DefinitionRejected."""
    node, problems = read(source)
    if isinstance(node, Map) and not problems:
        saga, problems = build(source, node)
        if saga is not None:
            return saga
    raise DefinitionRejected(problems)
