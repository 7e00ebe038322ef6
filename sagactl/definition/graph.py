"""The edges that `needs` draws between steps, followed in both directions. Pure."""

from collections.abc import Mapping, Sequence

from sagactl.definition.model import Step


def dependents(steps: Sequence[Step]) -> Mapping[str, tuple[str, ...]]:
    """For each step, the steps that name it in `needs`, in definition order."""
    found: dict[str, list[str]] = {step.name: [] for step in steps}
    for step in steps:
        for need in step.needs:
            found[need].append(step.name)
    return {name: tuple(names) for name, names in found.items()}


def ancestors(steps: Sequence[Step]) -> Mapping[str, frozenset[str]]:
    """For each step, every step that is surely through before it begins. The graph has no cycle."""
    needs = {step.name: step.needs for step in steps}
    found: dict[str, frozenset[str]] = {}
    for name in topological(needs):
        found[name] = frozenset(needs[name]).union(*(found[need] for need in needs[name]))
    return found


def topological(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names so that each stands behind all it needs; those in a cycle are left out."""
    order: dict[str, None] = {}
    left = list(needs)
    while True:
        ready = [name for name in left if all(need in order for need in needs[name])]
        if not ready:
            return tuple(order)
        order.update(dict.fromkeys(ready))
        left = [name for name in left if name not in order]


def find_cycle(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """One circle of names, each needing the next, or None."""
    done = set(topological(needs))
    start = next((name for name in needs if name not in done), None)
    if start is None:
        return None
    walk = [start]
    # Among what no order exists for, each has a need that has none either: the walk must close.
    while True:
        following = next((n for n in needs[walk[-1]] if n in needs and n not in done), None)
        if following is None:
            return None
        if following in walk:
            return tuple(walk[walk.index(following) :])
        walk.append(following)
