"""All that it takes to walk one saga: its plan, its services, and those who watch and judge."""

from collections.abc import Iterable

from sagactl.definition.model import Saga
from sagactl.machine.plan import make_plan
from sagactl.rehearsal.proof.answer import Answers
from sagactl.rehearsal.proof.deed import Pace
from sagactl.rehearsal.proof.explore import Bounds, Explorer, Graph
from sagactl.rehearsal.proof.judge import Judge
from sagactl.rehearsal.proof.order import Order
from sagactl.rehearsal.proof.vain import Vain, vain_undos
from sagactl.rehearsal.proof.walk import Walker
from sagactl.rehearsal.proof.watchman import Watchman
from sagactl.rehearsal.proof.world import Services


class Course:
    """Walks one saga. `is_fresh`: its runs begin here, so that nothing went wrong before."""

    def __init__(self, saga: Saga, depth: int, *, is_fresh: bool = True) -> None:
        self.depth = depth
        self.plan = make_plan(saga)
        self.order = Order(saga)
        self._vain = Vain(vain_undos(saga))
        self._is_fresh = is_fresh
        self.walker = Walker(
            self.plan,
            Services(self.order, self._vain),
            Answers(saga),
            Watchman(self.order),
            depth=depth,
        )

    def explore(self, beginnings: Iterable[Pace], bounds: Bounds) -> Graph:
        """Everything that may happen from these beginnings on."""
        judge = Judge(self.plan, self.order, self._vain, is_fresh=self._is_fresh)
        return Explorer(self.plan, self.walker, judge, bounds).explore(beginnings)
