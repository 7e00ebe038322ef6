"""What the requests of a live test may have done in the world, until it is undone.

Something may stand from before its request leaves. It is gone when the service refused it for
certain, or when its undo was accepted; whatever is still here at the end is told as left behind.
"""

from dataclasses import dataclass, replace

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.policy import reads_own_result
from sagactl.machine.command import Phase
from sagactl.machine.contract import Left
from sagactl.machine.moves import StepState
from sagactl.machine.plan import PlannedStep
from sagactl.machine.request import idempotency_key
from sagactl.machine.run import Run
from sagactl.rehearsal.live.asking import Answer, Asker, call_of
from sagactl.rehearsal.live.programme import NO_UNDO, is_only_read, stays
from sagactl.source.node import Json


@dataclass(slots=True)
class Effect:
    """What an action may have done; `run` has the step's result where it is known.

    `undo_as` gives its undo a key of its own: under the saga's, the service may have answered an
    undo already, and would only answer that again. `doubt`: why one undo may be too few.
    """

    planned: PlannedStep
    run: Run
    undo_as: str = ""
    doubt: str = ""
    is_certain: bool = False
    is_tried: bool = False  # its undo was, and there is nothing more to be done about it
    sent_at: float = 0.0
    trouble: str = "cut off before it was undone"


class World:
    """Every effect that may stand."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._effects: list[Effect] = []

    def may_stand(self, planned: PlannedStep, run: Run, undo_as: str = "") -> Effect:
        """Note an effect before the request leaves that may have it; raises Interrupted."""
        self._asker.demand_going()
        effect = Effect(planned, run, undo_as, sent_at=self._asker.clock.now())
        if stays(planned.step):
            effect.trouble, effect.is_tried = NO_UNDO, True
        if not is_only_read(planned.step):
            self._effects.append(effect)
        return effect

    def gone(self, effect: Effect) -> None:
        if effect in self._effects:
            self._effects.remove(effect)

    def settle(self, effect: Effect, answer: Answer) -> None:
        """What the end of its action, or a lookup that found it, means for an effect."""
        effect.sent_at = self._asker.clock.now()
        if answer.took_place:
            effect.is_certain = True
        elif not answer.may_stand:
            self.gone(effect)
        if answer.is_applied:
            name = effect.planned.name
            effect.run = with_result(effect.run, name, answer.outcome.result)

    async def undo(self, effect: Effect) -> Answer | None:
        """Undo an effect, whatever anybody wants; the answer, or None where nothing was sent."""
        planned = effect.planned
        if stays(planned.step):
            return None
        effect.is_tried = True
        if not effect.is_certain and not await self._is_found(effect):
            return None
        key = None
        if effect.undo_as:
            run_id = f"{effect.run.id}.{effect.undo_as}"
            key = idempotency_key(run_id, planned.name, Phase.COMPENSATION)
        try:
            call = call_of(planned, effect.run, Phase.COMPENSATION, key)
        except ExpressionFailed as failure:
            effect.trouble = f"its undo cannot be sent: {failure}"
            return None
        answer = await self._asker.ask_on(effect.run, call)
        if answer.took_place and not effect.doubt:
            self.gone(effect)
        elif answer.took_place:
            effect.trouble, effect.is_certain = effect.doubt, False
        else:
            effect.trouble = f"its undo failed: {answer.detail}"
        return answer

    async def undo_all(self) -> None:
        """Undo what still may stand, the last first."""
        for effect in [effect for effect in reversed(self._effects) if not effect.is_tried]:
            await self.undo(effect)

    def left(self) -> tuple[Left, ...]:
        """What may stand now."""
        return tuple(
            Left(
                effect.planned.name,
                effect.run.id,
                effect.trouble if effect.is_certain else f"it may have happened; {effect.trouble}",
                is_foreseen=stays(effect.planned.step),
            )
            for effect in self._effects
        )

    async def _is_found(self, effect: Effect) -> bool:
        """Whether there may be something to undo, once it can no longer be under way."""
        planned = effect.planned
        await self._asker.clock.sleep_until(effect.sent_at + planned.step.settle_s)
        if planned.step.lookup is None:
            if reads_own_result(planned.step):
                effect.trouble = "its undo needs the result, which nobody has"
                return False
            return True
        look = await self._asker.ask_on(effect.run, call_of(planned, effect.run, Phase.LOOKUP))
        if look.outcome.found is False:
            self.gone(effect)
            return False
        if look.is_applied and look.outcome.found:
            self.settle(effect, look)
        elif reads_own_result(planned.step):
            effect.trouble = f"its undo needs the result, and the lookup says: {look.detail}"
            return False
        return True


def with_result(run: Run, path: str, result: Json) -> Run:
    """The run in which a step has completed with this result."""
    step = replace(
        run.step(path), state=StepState.COMPLETED, result=result, has_result=True, happened=True
    )
    return replace(run, steps={**run.steps, path: step})
