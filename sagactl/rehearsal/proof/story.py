"""What happens on a way through the graph, in plain sentences."""

from collections.abc import Iterator, Sequence

from sagactl.machine import event as e
from sagactl.machine.command import Call, Phase
from sagactl.machine.plan import Plan
from sagactl.machine.state import SagaState, is_backwards, saga_state
from sagactl.rehearsal.proof.answer import How
from sagactl.rehearsal.proof.deed import Crashed, Ended, Overtaken, Woken
from sagactl.rehearsal.proof.explore import Edge, Graph
from sagactl.rehearsal.proof.stand import Plague, Stand

LONG_S = 60.0
TIME_IS_UP = "the saga's time is up"
UNDO_OF = "the undo of "
GIVEN_UP = " is given up"


class Story:
    """Tells ways through one graph."""

    def __init__(self, plan: Plan, graph: Graph) -> None:
        self._plan = plan
        self._graph = graph

    def of(self, way: Sequence[Edge], end: str) -> tuple[str, ...]:
        """The sentences of a way, and how it ends."""
        told: list[str] = []
        for edge in way:
            # What is asked on and on is told once.
            told += [each for each in self._sentences(edge) if each not in told[-2:]]
        while told and _is_echoed(told[-1], end):
            told.pop()
        return (*told, end)

    def end_of(self, stand: Stand) -> str:
        """How a saga ends in which nothing is amiss."""
        if saga_state(self._plan, stand.run) is SagaState.COMPLETED:
            return "the saga ends completed"
        left = ", ".join(f'"{name}"' for name in sorted(stand.world.standing))
        if left:
            return f"the saga ends failed; {left} stays, as its author says"
        return "the saga ends failed, and nothing is left in the world"

    def _sentences(self, edge: Edge) -> list[str]:
        stand = None if edge.source < 0 else self._graph.nodes[edge.source].stand
        told = [*self._deed(edge, stand), *_consequences(edge)]
        if told and stand is not None and self._turns(edge, stand):
            who = "it" if told[-1].startswith(TIME_IS_UP) else "the saga"
            told[-1] += f", and {who} turns back"
        return told

    def _turns(self, edge: Edge, stand: Stand) -> bool:
        if edge.target is None or is_backwards(self._plan, stand.run):
            return False
        return is_backwards(self._plan, self._graph.nodes[edge.target].stand.run)

    def _deed(self, edge: Edge, stand: Stand | None) -> Iterator[str]:
        match edge.deed:
            case Ended() if _goes_on(edge) or _is_belied(edge):
                return
            case Ended():
                yield _ended(edge.deed, stand)
            case Woken() if stand is not None:
                yield from self._woken(edge, edge.deed, stand)
            case Overtaken(calls=calls):
                yield f"{TIME_IS_UP} while {_listed(calls)} is under way"
            case Crashed():
                yield _crashed(edge.deed)

    def _woken(self, edge: Edge, deed: Woken, stand: Stand) -> Iterator[str]:
        if deed.lasting:
            yield f"nobody answers for {_time(deed.at - stand.now)}"
        elif deed.at - stand.now >= LONG_S:
            yield f"{_time(deed.at - stand.now)} go by"
        if edge.target is not None:
            after = self._graph.nodes[edge.target].stand.world
            for name in sorted(after.standing - stand.world.standing):
                yield f'the late request of "{name}" arrives, and is carried out'


def _goes_on(edge: Edge) -> bool:
    """Whether a call ends as the one before it, of which that was told for all that follow."""
    return isinstance(edge.deed, Ended) and edge.deed.plague is not None and not edge.struck


def _is_belied(edge: Edge) -> bool:
    """Whether a lookup's answer says something else than what is so, which the end tells."""
    deed = edge.deed
    asked = isinstance(deed, Ended) and deed.call.phase is Phase.LOOKUP and deed.how is How.HEARD
    return asked and edge.verdict is not None


def _is_echoed(sentence: str, end: str) -> bool:
    """Whether the end says it again, and more."""
    return end.startswith(sentence.removesuffix(GIVEN_UP) if UNDO_OF in sentence else sentence)


def _ended(deed: Ended, stand: Stand | None) -> str:
    name = f'"{deed.call.step}"'
    standing = stand is not None and deed.call.step in stand.world.standing
    again = deed.call.attempt > 1
    on = ", nor to any later attempt" if deed.plague is not None else ""
    match deed.call.phase, deed.how:
        case Phase.ACTION, How.HEARD if standing:
            return f"{name} is sent again under its key, and answered as before"
        case Phase.ACTION, How.HEARD:
            return f"{name} is sent again, and done" if again else f"{name} is done"
        case Phase.ACTION, How.REFUSED:
            return f"{name} is refused"
        case Phase.ACTION, How.HIDDEN:
            return f"{name} is refused, by a status that counts as done"
        case Phase.ACTION, How.GATEWAY:
            return f"{name} takes place, but a gateway gives up on it, which counts as a no"
        case Phase.ACTION, How.UNREACHED:
            return f"the service of {name} cannot be reached"
        case Phase.ACTION, How.CUT:
            lasting = ", and so is any later one" if deed.plague is not None else ""
            return f"{name} takes place, but its reply is cut{lasting}"
        case Phase.ACTION, _ if deed.late:
            return f"{name} is sent, and no reply comes{on}; the request is still on its way"
        case Phase.ACTION, _ if deed.arrives:
            return f"{name} takes place, but no reply comes{on}"
        case Phase.ACTION, _:
            return f"{name} gets lost, and no reply comes{on}"
        case Phase.LOOKUP, How.HEARD:
            truth = "took" if standing else "did not take"
            return f"the lookup of {name} says that it {truth} place"
        case Phase.LOOKUP, _:
            return f"the lookup of {name} gets no answer"
        case _, How.HEARD:
            return f"{name} is undone" if standing else f"the undo of {name} finds nothing to undo"
        case _, How.REFUSED:
            return f"the undo of {name} is refused"
        case _, How.HIDDEN:
            return f"the undo of {name} is refused, by a status that counts as done"
        case _, How.UNREACHED:
            return f"the undo of {name} cannot be sent for now"
        case _ if deed.arrives:
            return f"{name} is undone, but no reply comes"
    lasting = ", again and again" if deed.plague is Plague.NOT_DONE else ""
    return f"the undo of {name} gets lost{lasting}"


def _crashed(deed: Crashed) -> str:
    if not deed.calls:
        return "sagactl dies, and is resumed"
    fates = []
    for call in deed.calls:
        fate = "arrived" if call in deed.arrived else "did not arrive"
        fate = "is still on its way" if call in deed.late else fate
        fates.append(f"{_what(call)} {fate}")
    return f"sagactl dies and is resumed; {', '.join(fates)}"


def _what(call: Call) -> str:
    match call.phase:
        case Phase.ACTION:
            return f'the request of "{call.step}"'
        case Phase.LOOKUP:
            return f'the lookup of "{call.step}"'
        case Phase.COMPENSATION:
            return f'the undo of "{call.step}"'


def _consequences(edge: Edge) -> Iterator[str]:
    goes_on = _goes_on(edge)
    for event in edge.events:
        match event:
            case e.StepSkipped():
                yield f'"{event.step}" is skipped'
            case e.InstancesBegan():
                yield f'"{event.step}" begins for {len(event.items)} elements'
            case e.ActionFailed(attempt=0):
                yield f'"{event.step}" cannot be carried out: {event.detail}'
            case e.ActionFailed() if goes_on:
                yield f'"{event.step}"{GIVEN_UP}'
            case e.DeadlinePassed() if not isinstance(edge.deed, Overtaken):
                yield TIME_IS_UP
            case e.OutcomeAssumed():
                yield f'nobody knows whether "{event.step}" took place: it is taken for done'
            case e.CompensationFailed(attempt=0):
                yield f'"{event.step}" cannot be undone: {event.detail}'
            case e.CompensationFailed() if goes_on:
                yield f'{UNDO_OF}"{event.step}"{GIVEN_UP}'


def _listed(calls: Sequence[Call]) -> str:
    return " and ".join(f'"{call.step}"' for call in calls)


def _time(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.4g}{unit}"
    return f"{seconds:.3g}s"
