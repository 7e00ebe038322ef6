"""A saga carried out against real services for the sake of their promises, and undone again.

What is done next is what the machine names, so a step is asked when all it needs took place and its
expressions have their values. A step that cannot be carried out is left, and what needs it with it;
all else goes on. Whatever happens, what was done is undone, the last first. Nothing is journalled:
a process that is killed leaves what stands then, under IDs that begin with `live-`.
"""

import asyncio
import secrets as chance
from collections.abc import Callable, Collection
from dataclasses import replace

from sagactl.machine import event as e
from sagactl.machine.command import Call, Command, Note
from sagactl.machine.contract import Contract, PassedOver
from sagactl.machine.moves import StepState
from sagactl.machine.outstanding import outstanding
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.request import path_as_written
from sagactl.machine.run import Run, apply
from sagactl.rehearsal.live.asking import Asker, Interrupted
from sagactl.rehearsal.live.step import StepAsked
from sagactl.rehearsal.live.target import Targets
from sagactl.rehearsal.live.world import World

ID_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"
THROUGH = (StepState.COMPLETED, StepState.SKIPPED)


def fresh_id() -> str:
    """An ID that no saga ever had, and that a service's log is found by."""
    return "live-" + "".join(chance.choice(ID_LETTERS) for _ in range(20))


class Walk:
    """One live test. `say` is told what goes on; `skipped` are steps as they are written."""

    def __init__(
        self,
        plan: Plan,
        asker: Asker,
        targets: Targets,
        skipped: Collection[str] = (),
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._plan = plan
        self._asker = asker
        self._targets = targets
        self._skipped = skipped
        self._say = say
        self._world = World(asker)
        self._asked: dict[str, StepAsked] = {}
        self._passed: dict[str, PassedOver] = {}
        self._ended: set[str] = set()  # steps that do not come to pass
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_cut = False

    @property
    def run(self) -> Run:
        """The saga as it stands."""
        assert self._run is not None  # perform's opening made it
        return self._run

    def stop(self) -> None:
        """Ask nothing more; what was done is undone."""
        self._asker.stop()

    def cut(self) -> None:
        """Give up at once, undone or not."""
        self.stop()
        self._is_cut = True
        if self._task is not None:
            self._task.cancel()

    async def perform(self, opening: e.RunStarted) -> Contract:
        """Ask, undo, and tell what came of it; raises nothing for what a service does."""
        self._run = apply(None, opening)
        self._task = asyncio.create_task(self._perform())
        try:
            await self._task
        except asyncio.CancelledError:
            if not self._is_cut:
                self._task.cancel()
                raise
        return self._contract()

    async def _perform(self) -> None:
        try:
            await self._forwards()
            self._say("undoing what was done")
            await self._backwards()
        except Interrupted:
            self._say("undoing what was done; nothing more is asked")
        finally:
            if not self._is_cut:
                await self._world.undo_all()

    async def _forwards(self) -> None:
        while (command := self._next()) is not None:
            match command:
                case Call():
                    await self._ask(command.step)
                case Note():
                    assert isinstance(command.event, e.StepEvent)
                    self._heed(command.event)

    async def _backwards(self) -> None:
        plan = expanded(self._plan, self.run)
        for name in plan.undoing:
            if name in self._asked and self._asked[name].failure is None:
                await self._asked[name].backwards()

    def _next(self) -> Command | None:
        """What the machine wants next, of what is not left out. Time is of no concern here."""
        for command in outstanding(self._plan, self.run):
            event = command.event if isinstance(command, Note) else None
            if isinstance(event, e.DeadlinePassed):
                continue
            step = command.step if isinstance(command, Call) else getattr(event, "step", "")
            if step not in self._ended and path_as_written(step) in self._skipped:
                self._end(step, "left out, as was asked for")
            if step not in self._ended:
                return command
        return None

    async def _ask(self, name: str) -> None:
        planned = expanded(self._plan, self.run).steps[name]
        self._say(f'asking "{name}"')
        asked = StepAsked(planned, self._asker, self._world, self._targets, fresh_id)
        self._asked[name] = asked
        after = await asked.forwards(self.run)
        if after is not None:
            self._run = after
        else:
            self._end(name, asked.failure or "", is_fault=True)

    def _heed(self, event: e.StepEvent) -> None:
        """Take up a fact, or leave the step where it is one that ends it."""
        match event:
            case e.ActionFailed() | e.ActionRefused():
                self._end(event.step, f"it cannot be sent: {event.detail}", is_fault=True)
                return
            case e.StepSkipped():
                self._pass(event.step, '"when" is false with this input')
            case e.SleepBegan():
                self._pass(event.step, "it sends nothing, and is not waited for")
                self._apply(event)
                event = e.SleepEnded(at=0.0, step=event.step)
            case e.InstancesBegan():
                self._pass(event.step, _of_each(len(event.items)))
                event = replace(event, items=event.items[:1])
        self._apply(event)

    def _apply(self, event: e.StepEvent) -> None:
        self._run = apply(self.run, replace(event, at=self._asker.clock.now()))

    def _pass(self, step: str, why: str) -> None:
        self._passed[step] = PassedOver(step, why)

    def _end(self, step: str, why: str, *, is_fault: bool = False) -> None:
        self._passed[step] = PassedOver(step, why, is_fault)
        self._ended.add(step)

    def _contract(self) -> Contract:
        tried = [tried for asked in self._asked.values() for tried in asked.tried()]
        return Contract(
            name=self._plan.saga.source.name,
            saga=self._plan.saga.name,
            saga_id=self.run.id,
            services=self._targets.urls,
            tried=tuple(tried),
            passed_over=self._all_passed(),
            left=self._world.left(),
            requests=self._asker.requests,
            is_interrupted=self._asker.is_stopped,
        )

    def _all_passed(self) -> tuple[PassedOver, ...]:
        """What was left out, and what was not come to because of it."""
        found = []
        for planned in expanded(self._plan, self.run):
            passed = self._passed.get(planned.name)
            if passed is not None:
                found.append(passed)
            elif self.run.step(planned.name).state is StepState.PENDING:
                missing = [n for n in planned.needs if self.run.step(n).state not in THROUGH]
                why = f'it needs "{missing[0]}"' if missing else "it was not come to"
                if planned.name not in self._asked:
                    found.append(PassedOver(planned.name, why))
        return tuple(found)


def _of_each(count: int) -> str:
    match count:
        case 0:
            return '"for_each" has no element with this input'
        case 1:
            return '"for_each" has one element, which is asked'
    return f'of the {count} elements of "for_each" the first is asked'
