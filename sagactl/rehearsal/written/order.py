"""Which calls of a run must come in which order: what the plan orders, and nothing else.

Two calls may be under way at the same time where the saga does not make one of them wait for the
other. That one came first in a rehearsal is then chance, for in life their services take their
time; so whoever writes them down may write them in any order. The plan says what waits:

- the calls of one step come one after the other, and an undo of any step after every action;
- an action or a lookup waits for all that its step needs, and for all of what that stands for;
- an undo waits for the undo, and for the lookup, of every step that needed its own;
- instances of a `for_each` that takes one at a time wait for one another.
"""

from collections.abc import Sequence
from functools import cache

from sagactl.machine.command import Phase
from sagactl.machine.plan import Plan, PlannedStep
from sagactl.rehearsal.written.world import Sent


def predecessors(plan: Plan, sent: Sequence[Sent]) -> list[frozenset[int]]:
    """For each call the numbers of those that must come before it; `plan` is an expanded one."""
    order = _Order(plan)
    return [
        frozenset(n for n in range(number) if order.waits(sent[n], sent[number]))
        for number in range(len(sent))
    ]


class _Order:
    """What waits for what in one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.before = cache(self._before)
        self.after = cache(self._after)

    def waits(self, first: Sent, later: Sent) -> bool:
        """Whether the later call could not come before the first one."""
        one, other = first.call, later.call
        if one.step == other.step:
            return True
        undoes, undid = other.phase is Phase.COMPENSATION, one.phase is Phase.COMPENSATION
        if undoes and one.phase is Phase.ACTION:
            return True
        if undoes:
            return one.step in self.after(other.step)
        return not undid and one.step in self.before(other.step)

    def _before(self, name: str) -> frozenset[str]:
        """The steps that must be through before this one begins."""
        planned = self._plan.steps[name]
        own = {*planned.needs, *self._earlier_instances(planned)}
        found = {inner for needed in own for inner in (needed, *self._members(needed))}
        for needed in own:
            found |= self.before(needed)
        if planned.parent is not None:
            found |= self.before(planned.parent)
        return frozenset(found)

    def _after(self, name: str) -> frozenset[str]:
        """The steps that must be clear before this one is undone."""
        found = set(self._plan.steps[name].needed_by)
        for other in self._plan.steps[name].needed_by:
            found |= self.after(other)
        return frozenset(found)

    def _earlier_instances(self, planned: PlannedStep) -> list[str]:
        for_each = planned.step.for_each
        if planned.index is None or for_each is None or for_each.max_parallel > 1:
            return []
        return [f"{planned.parent}[{index}]" for index in range(planned.index)]

    def _members(self, name: str) -> list[str]:
        inner = self._plan.steps[name].members
        return [each for member in inner for each in (member, *self._members(member))]
