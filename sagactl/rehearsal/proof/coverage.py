"""Which arrows of the machine's table a graph walked."""

from sagactl.machine import event as e
from sagactl.machine.moves import PENDING, StepState, move
from sagactl.machine.run import Run
from sagactl.rehearsal.proof.explore import Graph


def walked_arrows(graph: Graph, begun: Run | None = None) -> set[tuple[str, str, str]]:
    """Each arrow as the state before, the event's name, and the state after.

    `begun` is the run that goes on, None where it begins.
    """
    found: set[tuple[str, str, str]] = set()
    for edge in graph.openings:
        _follow(_states(begun), edge.events, found)
    for node in graph.nodes:
        states = _states(node.stand.run)
        for edge in node.edges:
            _follow(dict(states), edge.events, found)
    return found


def _states(run: Run | None) -> dict[str, StepState]:
    return {} if run is None else {name: step.state for name, step in run.steps.items()}


def _follow(
    states: dict[str, StepState], events: tuple[e.Event, ...], found: set[tuple[str, str, str]]
) -> None:
    for event in events:
        if not isinstance(event, e.StepEvent):
            continue
        before = states.get(event.step, PENDING)
        after = states[event.step] = move(before, event)
        found.add((str(before), type(event).__name__, str(after)))
