"""Which arrows of the machine's table a graph walked."""

from sagactl.machine import event as e
from sagactl.machine.moves import PENDING, StepState, move
from sagactl.machine.run import Run
from sagactl.rehearsal.proof.explore import Graph


def walked_arrows(graph: Graph, before: Run | None = None) -> set[tuple[str, str, str]]:
    """Each arrow as the state before, the event's name, and the state after.

    `before`: the run that was gone on with, where it did not begin here.
    """
    found: set[tuple[str, str, str]] = set()
    stood = {} if before is None else {name: step.state for name, step in before.steps.items()}
    for edge in graph.openings:
        _follow(dict(stood), edge.events, found)
    for node in graph.nodes:
        states = {name: step.state for name, step in node.stand.run.steps.items()}
        for edge in node.edges:
            _follow(dict(states), edge.events, found)
    return found


def _follow(
    states: dict[str, StepState], events: tuple[e.Event, ...], found: set[tuple[str, str, str]]
) -> None:
    for event in events:
        if not isinstance(event, e.StepEvent):
            continue
        before = states.get(event.step, PENDING)
        after = states[event.step] = move(before, event)
        found.add((str(before), type(event).__name__, str(after)))
