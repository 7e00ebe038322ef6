"""Which statuses a request takes for what, and how they are said."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from sagactl.definition.model import OutcomeKind, Request, Saga, StatusSet, Step
from sagactl.definition.status import shared_status
from sagactl.lint.spot import Phase
from sagactl.lint.written import node_at, said_at
from sagactl.source.place import Place

NONE = StatusSet(())
ALL = range(200, 600)
MOST_SHOWN = 6


def applied(request: Request) -> frozenset[int]:
    """The statuses that surely count as applied: `outcomes` is read first, then `success`."""
    moved = request.outcomes.get(OutcomeKind.APPLIED, NONE)
    other = tuple(s for kind, s in request.outcomes.items() if kind is not OutcomeKind.APPLIED)
    # Where a condition decides, the status alone says nothing.
    return _surely(moved, other, NONE if request.success.conditions else request.success.statuses)


# Most requests of a saga, and of all sagas, say the same about statuses: mostly nothing.
@lru_cache(maxsize=64)
def _surely(moved: StatusSet, other: tuple[StatusSet, ...], success: StatusSet) -> frozenset[int]:
    return frozenset(
        status
        for status in ALL
        if status in moved or (status in success and not any(status in known for known in other))
    )


def applied_place(saga: Saga, step: Step, phase: Phase, request: Request, status: int) -> Place:
    """Where it is written that a status counts as applied."""
    moved = status in request.outcomes.get(OutcomeKind.APPLIED, NONE)
    said = said_at(saga, step, phase, "outcomes" if moved else "success")
    if said is None:
        return request.place
    path, node = said
    return (node_at(saga, *path, "applied") or node).place if moved else node.place


def overlaps(request: Request) -> bool:
    """Whether a status stands twice in what holds for a request."""
    success, others = request.success.statuses, tuple(request.outcomes.values())
    if any(shared_status(success, other) is not None for other in others):
        return True
    for ranges in (statuses.ranges for statuses in (success, *others)):
        ordered = sorted(ranges)
        if any(after[0] <= before[1] for before, after in pairwise(ordered)):
            return True
    return False


def said_statuses(statuses: Iterable[int]) -> str:
    """Statuses as people write them: 404, 410 and 5xx."""
    left, words = sorted(set(statuses)), []
    for hundred in range(2, 6):
        whole = range(hundred * 100, hundred * 100 + 100)
        if set(whole) <= set(left):
            words.append(f"{hundred}xx")
        else:
            words += [str(status) for status in whole if status in left]
    if len(words) > MOST_SHOWN:
        return f"{', '.join(words[:MOST_SHOWN])}, …"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
