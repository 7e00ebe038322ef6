"""What is undone at each point of failure, as text and as a document."""

from collections.abc import Iterable, Iterator

from sagactl.definition.model import OnUnknown
from sagactl.machine.effect import Effect
from sagactl.machine.plan import PlannedStep
from sagactl.machine.rollback import Ending, Failure, Foresight, Groups
from sagactl.machine.state import SagaState
from sagactl.source.node import Json

WHY = {
    OnUnknown.FINISH: "sending it again does no harm",
    OnUnknown.COMPENSATE: "undoing nothing does no harm here",
    OnUnknown.HOLD: "it may not be sent again",
}
ENDS = {
    SagaState.COMPLETED: "all is done",
    SagaState.FAILED: "all that can be is undone",
    SagaState.STUCK: "a person decides",
    SagaState.PENDING: "it is asked on and on",
}


def why_so(planned: PlannedStep) -> str:
    """Why a step has the `on_unknown` that it has."""
    step = planned.step
    if step.on_unknown is planned.on_unknown:
        return "as written"
    if step.pivot or planned.past_pivot:
        return "there is no way back"
    return WHY[planned.on_unknown]


def rollback_lines(foresight: Foresight) -> Iterator[str]:
    """The order forwards, and then what each failure leads to; → is then, + at the same time."""
    yield f"forwards: {said_groups(foresight.forwards) or 'nothing'}"
    yield ""
    several = any("[" in failure.planned.name for failure in foresight.failures)
    note = "; a for_each has two elements here, and the last one fails" if several else ""
    yield f"what is undone where it fails (→ then, + at the same time{note}):"
    for failure in foresight.failures:
        yield f"  {failure.planned.name}"
        yield f"    rejected  {said_ending(failure.rejected)}"
        yield f"    unknown   {_in_doubt(failure)}"


def _in_doubt(failure: Failure) -> str:
    choice, ending = failure.planned.on_unknown, failure.unknown
    if choice is OnUnknown.FINISH:
        until = "asked again until it is known"
        if ending.state is SagaState.PENDING:
            return f"{choice}: {until}"
        return f"{choice}: {until}; when its time is up, {said_ending(ending)}"
    return f"{choice}: {said_ending(ending)}"


def said_ending(ending: Ending) -> str:
    """What is undone, what stays, and who has to see to the rest."""
    undone = said_groups(ending.undone)
    said = [f"undoes {undone}" if undone else "nothing is undone"]
    if ending.state is SagaState.STUCK:
        said.append(ENDS[ending.state])
    elif ending.left:
        said.append(f"stays: {', '.join(_stays(ending))}")
    return "; ".join(said)


def _stays(ending: Ending) -> Iterator[str]:
    for name, effect in ending.left.items():
        yield f"{name}, perhaps" if effect is Effect.MAYBE else name


def said_groups(groups: Iterable[Iterable[str]]) -> str:
    return " → ".join(" + ".join(group) for group in groups)


def rollback_document(foresight: Foresight) -> dict[str, Json]:
    """The same as a JSON value."""
    return {
        "failures": [
            {
                "at": failure.planned.name,
                "rejected": _ending_document(failure.rejected),
                "unknown": {
                    "because": why_so(failure.planned),
                    **_ending_document(failure.unknown),
                    "on_unknown": str(failure.planned.on_unknown),
                    "undone": _listed(failure.unknown.undone),
                },
            }
            for failure in foresight.failures
        ],
        "forwards": _listed(foresight.forwards),
    }


def _ending_document(ending: Ending) -> dict[str, Json]:
    return {
        "ends": str(ending.state),
        "left": {name: str(ending.left[name]) for name in sorted(ending.left)},
        "undone": _listed(ending.undone),
    }


def _listed(groups: Groups) -> list[Json]:
    return [list(group) for group in groups]
