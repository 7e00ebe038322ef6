"""A file of faults: a map whose entries read like `--fail`, without the "=".

    process_payment: reset-afterx1
    create_shipment@2: timeout
    reserve_inventory.compensation: [503x2, 422x1]

Every mistake is told at once, each with its place. Deliberately absent: words of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sagactl.definition.model import Saga
from sagactl.rehearsal.fault import Fault, FaultRejected, parse_fault, rejections
from sagactl.source.node import Entry, List, Map, Node, Scalar
from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem, in_order
from sagactl.source.reader import Manner, read

MANNER = Manner("a file of faults", "STEP: FAULT")


@dataclass(frozen=True, slots=True)
class _Written:
    fault: Fault
    target: Place
    kind: Place


def read_faults(source: Source, saga: Saga) -> tuple[list[Fault], list[Problem]]:
    """The faults of a text, and everything that is wrong with them for this saga."""
    node, problems = read(source, MANNER)
    if node is None:
        return [], problems
    if not isinstance(node, Map):
        message = 'a file of faults is a map of steps and how they fail, as in "pay: timeout"'
        return [], [*problems, Problem("wrong-type", node.place, message)]
    written: list[_Written] = []
    for entry in node:
        for scalar in _scalars(entry, problems):
            try:
                fault = parse_fault(f"{entry.name}={_text(scalar)}")
            except FaultRejected as rejection:
                place = entry.key.place if rejection.is_target else scalar.place
                problems.append(Problem("wrong-form", place, str(rejection)))
                continue
            written.append(_Written(fault, entry.key.place, scalar.place))
    faults = [one.fault for one in written]
    for number, rejected in rejections(faults, saga):
        one = written[number]
        place = one.target if rejected.is_target else one.kind
        problems.append(Problem("wrong-value", place, str(rejected)))
    return faults, in_order(problems, source)


def _scalars(entry: Entry, problems: list[Problem]) -> Iterator[Scalar]:
    items: tuple[Node, ...] = (entry.value,)
    if isinstance(entry.value, List):
        items = entry.value.items
        if not items:
            message = f'"{entry.name}" has no fault in its list'
            problems.append(Problem("wrong-value", entry.value.place, message))
    for item in items:
        if isinstance(item, Scalar) and item.value is not None:
            yield item
            continue
        message = f'"{entry.name}" must be a fault such as 422 or timeout, or a list of them'
        problems.append(Problem("wrong-type", item.place, message))


def _text(scalar: Scalar) -> str:
    return scalar.value if isinstance(scalar.value, str) else scalar.raw
