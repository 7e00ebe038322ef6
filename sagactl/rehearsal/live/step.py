"""The promises asked of one step's services, in an order that leaves nothing behind.

Before the action, in a saga of its own with an ID and keys that never carried one: an undo without
its action, then that action, late. Then the action itself, its repetition and the lookup. What
needs the step is asked meanwhile; at last its undo, and that undo's repetition.
"""

from collections.abc import Callable
from dataclasses import replace

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.policy import reads_own_result
from sagactl.machine.command import Call, Phase
from sagactl.machine.contract import Promise, Tried, Verdict
from sagactl.machine.plan import PlannedStep
from sagactl.machine.run import Run
from sagactl.rehearsal.live import judging
from sagactl.rehearsal.live.asking import Answer, Asker, again, call_of
from sagactl.rehearsal.live.judging import Looks
from sagactl.rehearsal.live.record import Record
from sagactl.rehearsal.live.target import Targets
from sagactl.rehearsal.live.world import Effect, World

MADE_AGAIN = "its repeat seems to have been done anew, and one undo may be too few"

UNSEEN = "nobody can tell whether it was done anew behind its undo"


class StepAsked:
    """One step while it is asked about."""

    def __init__(
        self,
        planned: PlannedStep,
        asker: Asker,
        world: World,
        targets: Targets,
        fresh_id: Callable[[], str],
    ) -> None:
        self._planned = planned
        self._asker = asker
        self._world = world
        self._fresh_id = fresh_id
        self._record = Record(planned, targets)
        self._carried: tuple[Effect, Answer] | None = None

    @property
    def failure(self) -> str | None:
        """Why its action was not carried out."""
        return self._record.failure

    def tried(self) -> list[Tried]:
        """Every promise with its verdict, in order."""
        return self._record.tried(is_interrupted=self._asker.is_stopped)

    async def forwards(self, run: Run) -> Run | None:
        """Ask all that comes before the undo; the run with the step's result, or None without."""
        try:
            action = self._call(run, Phase.ACTION)
            lookup = self._lookup(run)
            if self._record.asks(Promise.UNDO_ALONE):
                await self._alone_and_late(replace(run, id=self._fresh_id()))
        except ExpressionFailed as failure:
            self._record.failure = f"it cannot be sent: {failure}"
            return None
        looks = Looks()
        if lookup is not None:
            looks.before = await self._asker.ask(run, lookup)
        effect = self._world.may_stand(self._planned, run)
        first = await self._asker.ask(run, action)
        self._world.settle(effect, first)
        second = None
        if self._record.asks(Promise.ACTION_TWICE) and first.may_stand:
            second = await self._asker.ask(run, again(first))
        if lookup is not None and first.may_stand:
            looks.after = await self._asker.ask(run, lookup)
        if lookup is not None:
            judged = looks.judged(self._planned, first)
            self._record.note(Promise.LOOKUP, judged, *looks.answers)
        if second is not None:
            await self._judge_repeat(effect, first, second, looks)
        return self._after(effect, first, looks)

    async def backwards(self) -> None:
        """Undo what the action did, and ask what only then can be asked."""
        assert self._carried is not None  # only what was carried out is undone
        effect, first = self._carried
        undone = await self._world.undo(effect)
        if undone is None:
            return
        if self._record.asks(Promise.UNDO_TWICE):
            second = None
            if undone.took_place:
                second = await self._asker.ask(effect.run, again(undone))
            judged = judging.undo_twice(undone, second)
            self._record.note(Promise.UNDO_TWICE, judged, undone, second)
        late = self._record.asks(Promise.ACTION_LATE) and reads_own_result(self._planned.step)
        if late and undone.took_place and first.is_applied:
            await self._repeated_late(effect.run, first)

    async def _alone_and_late(self, run: Run) -> None:
        """In a saga that nobody knows: an undo, and then the action that it undid."""
        undo, action = self._call(run, Phase.COMPENSATION), self._call(run, Phase.ACTION)
        lookup = self._lookup(run)
        alone = await self._asker.ask(run, undo)
        self._record.note(Promise.UNDO_ALONE, judging.undo_alone(alone), alone)
        if not self._record.asks(Promise.ACTION_LATE):
            return
        if not alone.took_place:
            words = "its undo was not accepted, so nothing can come after it"
            self._record.note(Promise.ACTION_LATE, (Verdict.UNTOLD, words))
            return
        effect = self._world.may_stand(self._planned, run, "late")
        late = await self._asker.ask(run, action)
        self._world.settle(effect, late)
        look = None if lookup is None else await self._asker.ask(run, lookup)
        self._record.note(Promise.ACTION_LATE, judging.action_late(late, look), late)
        if late.may_stand:
            await self._world.undo(effect)

    async def _judge_repeat(
        self, effect: Effect, first: Answer, second: Answer, looks: Looks
    ) -> None:
        judged = judging.action_twice(self._planned, first, second, looks)
        self._record.note(Promise.ACTION_TWICE, judged, first, second)
        if judged[0] is not Verdict.BROKEN or not second.took_place:
            return
        if judging.differ(first, second) and reads_own_result(self._planned.step):
            # What it made has a name of its own, by which it can be undone.
            other = self._world.may_stand(self._planned, effect.run, "repeat")
            self._world.settle(other, second)
            await self._world.undo(other)
        else:
            effect.doubt = MADE_AGAIN

    async def _repeated_late(self, run: Run, first: Answer) -> None:
        """The action once more, behind its own undo."""
        lookup = self._call(run, Phase.LOOKUP)
        before = await self._asker.ask(run, lookup)
        effect = self._world.may_stand(self._planned, run, "late")
        late = await self._asker.ask(run, again(first))
        after = await self._asker.ask_on(run, lookup)
        judged = judging.action_repeated_late(self._planned, first, late, before, after)
        self._record.note(Promise.ACTION_LATE, judged, late)
        if judged[0] is Verdict.BROKEN:
            self._world.settle(effect, late if late.is_applied else after)
            await self._world.undo(effect)
        elif judged[0] is Verdict.KEPT or not late.may_stand or judging.is_same(before, after):
            self._world.gone(effect)
        else:
            effect.trouble, effect.is_tried = UNSEEN, True

    def _after(self, effect: Effect, first: Answer, looks: Looks) -> Run | None:
        """The run to go on with, where the step took place and its result is known."""
        look = looks.after
        if not first.is_applied and look is not None and look.is_applied and look.outcome.found:
            self._world.settle(effect, look)
        if not effect.is_certain or not effect.run.step(self._planned.name).has_result:
            self._record.failure = f"its action was not carried out: {first.detail}"
            return None
        self._carried = effect, first
        return effect.run

    def _call(self, run: Run, phase: Phase) -> Call:
        return call_of(self._planned, run, phase)

    def _lookup(self, run: Run) -> Call | None:
        return None if self._planned.step.lookup is None else self._call(run, Phase.LOOKUP)
