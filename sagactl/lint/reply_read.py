"""What expressions read of the replies of documented operations, directly or by a step's result."""

from collections.abc import Iterator
from dataclasses import dataclass

from sagactl.definition.expression import Reference, static_path
from sagactl.definition.model import Request, Saga, Step
from sagactl.definition.template import Hole, Template
from sagactl.lint.documented import Known, known
from sagactl.lint.known_type import within
from sagactl.lint.spot import Part, Phase, Spot, reads
from sagactl.source.place import Place

Path = tuple[str | int, ...]
OF_A_REPLY = (Part.RESULT, Part.SUCCESS, Part.FOUND, Part.FAIL_WHEN)


@dataclass(frozen=True, slots=True)
class Read:
    """A path that is read of a reply's body; `anywhere`: in whichever reply has it."""

    one: Known
    path: Path
    place: Place
    anywhere: bool = False


def reply_reads(saga: Saga) -> Iterator[Read]:
    """Everything that is surely read of a documented reply."""
    calls = {(one.call.step.name, one.call.phase): one for one in known(saga)}
    if not calls:
        return
    for spot, reference in reads(saga):
        if not reference.certain and spot.part is not Part.FAIL_WHEN:
            continue
        for one in _asked(spot, calls):
            if reference.path[:2] == ("response", "body") and len(reference.path) > 2:
                anywhere = spot.part is Part.FAIL_WHEN
                yield Read(one, reference.path[2:], reference.place, anywhere)
        yield from _by_result(saga, spot, reference, calls)


def _asked(spot: Spot, calls: dict[tuple[str, Phase], Known]) -> Iterator[Known]:
    """The calls whose replies an expression at this spot sees."""
    if spot.step is None or spot.phase is None or spot.part not in OF_A_REPLY:
        return
    phases = [spot.phase]
    lookup = spot.step.lookup
    is_result = spot.part is Part.RESULT and spot.phase is Phase.ACTION
    # A lookup without a `result` of its own reads its reply as the action does.
    if is_result and lookup is not None and lookup.request.result is spot.template:
        phases.append(Phase.LOOKUP)
    for phase in phases:
        if (spot.step.name, phase) in calls:
            yield calls[spot.step.name, phase]


def _by_result(
    saga: Saga, spot: Spot, reference: Reference, calls: dict[tuple[str, Phase], Known]
) -> Iterator[Read]:
    step, below = _result_read(saga, spot, reference.path)
    if step is None or step.request is None:
        return
    asked: list[tuple[Phase, Request]] = [(Phase.ACTION, step.request)]
    if step.lookup is not None:
        asked.append((Phase.LOOKUP, step.lookup.request))
    for phase, request in asked:
        if (step.name, phase) in calls:
            path = _in_body(request.result, below)
            if path:
                yield Read(calls[step.name, phase], path, reference.place)


def _result_read(saga: Saga, spot: Spot, path: Path) -> tuple[Step | None, Path]:
    """The step whose result is read, and the path in one such result."""
    match path:
        case ("result", *below) if spot.phase is Phase.COMPENSATION:
            return spot.step, tuple(below)
        case ("steps", str(name), "result", *below):
            step = next((one for one in saga.steps if one.name == name), None)
            if step is None or step.for_each is None or step is spot.step:
                return step, tuple(below)
            if below and isinstance(below[0], int):
                return step, tuple(below[1:])
    return None, ()


def _in_body(result: Template | None, below: Path) -> Path:
    """Where in the reply's body a part of the result comes from; () where that is told already."""
    if result is None:
        return below
    compiled, rest = within(result.compiled, below)
    if not rest or not isinstance(compiled, Hole):
        return ()
    path = static_path(compiled.tree)
    if path is None or path[:2] != ("response", "body"):
        return ()
    return (*path[2:], *rest)
