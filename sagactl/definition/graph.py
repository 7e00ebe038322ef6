"""The edges that `needs` draws between steps, followed in both directions. Pure."""

from collections.abc import Mapping, Sequence

from sagactl.definition.kept import kept
from sagactl.definition.model import Step


def dependents(steps: Sequence[Step]) -> Mapping[str, tuple[str, ...]]:
    """For each step, the steps that name it in `needs`, in definition order."""
    return _backwards({step.name: step.needs for step in steps})


@kept
def ancestors(steps: tuple[Step, ...]) -> Mapping[str, frozenset[str]]:
    """For each step, every step that is surely through before it begins. The graph has no cycle."""
    needs = {step.name: step.needs for step in steps}
    found: dict[str, frozenset[str]] = {}
    for name in topological(needs):
        found[name] = frozenset(needs[name]).union(*(found[need] for need in needs[name]))
    return found


def topological(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names so that each stands behind all it needs; those behind a cycle are left out.

    What could start at the same time keeps the order of the definition.
    """
    waiting = {name: len(set(those)) for name, those in needs.items()}
    places = {name: place for place, name in enumerate(needs)}
    needed_by = _backwards(needs)
    order: list[str] = []
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        order.extend(ready)
        freed = []
        for name in ready:
            for other in needed_by.get(name, ()):
                waiting[other] -= 1
                if not waiting[other]:
                    freed.append(other)
        ready = sorted(freed, key=places.__getitem__)
    return tuple(order)


def find_cycle(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """One circle of names, each needing the next, or None. Needs that nobody is called are none."""
    known = {name: [need for need in those if need in needs] for name, those in needs.items()}
    done = set(topological(known))
    left = {
        name: [n for n in those if n not in done]
        for name, those in known.items()
        if name not in done
    }
    if not left:
        return None
    # Among what no order exists for, each needs one that has none either: the walk must close.
    walk: dict[str, None] = {}
    name = next(iter(left))
    while name not in walk:
        walk[name] = None
        name = left[name][0]
    circle = list(walk)
    return tuple(circle[circle.index(name) :])


def _backwards(needs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {name: [] for name in needs}
    for name, those in needs.items():
        for need in dict.fromkeys(those):
            found.setdefault(need, []).append(name)
    return {name: tuple(names) for name, names in found.items()}
