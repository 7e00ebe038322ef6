"""Where a rehearsed saga stands: its run as it is on the disk, what is in flight, its world.

And what tells one such place from another. Times and numbers of attempts are left out as far as
nothing hangs on them any more, so that ways which differ only in how they came here meet: that is
what keeps the walk short. What is kept is what the machine may still ask for.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import Enum

from sagactl.definition.model import Request
from sagactl.machine.command import Call, Command, Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import Plan, PlannedStep, expanded
from sagactl.machine.run import Attempts, Run, StepRun
from sagactl.machine.state import is_backwards
from sagactl.machine.verdict import finish_until, may_resend
from sagactl.rehearsal.proof.world import World
from sagactl.source.node import Json


class Plague(Enum):
    """What goes on befalling one conversation until it is over."""

    UNREACHED = "unreached"
    NOT_DONE = "not-done"
    DONE = "done"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Stand:
    """`run` is durable. `waiting` is what will be due although nothing ends, the first first.

    `troubles` counts what befell the saga on its way here.
    """

    run: Run
    in_hand: tuple[Call, ...]
    world: World
    now: float
    waiting: tuple[Command, ...]
    plagues: Mapping[tuple[str, Phase], Plague]
    troubles: int = 0

    @property
    def wake_at(self) -> float | None:
        return self.waiting[0].due_at if self.waiting else None

    @property
    def is_end(self) -> bool:
        """Whether nothing is under way any more, and nothing will be by itself."""
        return not self.in_hand and not self.waiting


ENDED = (S.COMPLETED, S.FAILED, S.SKIPPED, S.COMPENSATED)
CLEAR = (S.FAILED, S.SKIPPED, S.COMPENSATED)


def fingerprint(plan: Plan, stand: Stand) -> Hashable:
    """Equal for two stands from which the same can happen, budgets of troubles apart."""
    run, world = stand.run, stand.world
    plan = expanded(plan, run)
    turned = is_backwards(plan, run)
    parts = [
        (name, _step_part(plan.steps[name], stand, step, turned))
        for name, step in run.steps.items()
    ]
    # What is clear gets no call any more, unless one is still on its way.
    late = frozenset(late.step for late in world.late)
    undone = (name for name in world.undone if run.step(name).state not in CLEAR)
    return (
        frozenset(parts),
        turned,
        run.deadline_passed,
        tuple(_waiting_part(command) for command in stand.waiting),
        frozenset((call.step, call.phase) for call in stand.in_hand),
        tuple((path, members.items is None or len(members.items))
              for path, members in run.members.items()),
        world.standing,
        frozenset(undone),
        (late, world.acted) if late else None,
        frozenset(stand.plagues.items()),
    )  # fmt: skip


def _waiting_part(command: Command) -> Hashable:
    if isinstance(command, Call):
        return command.step, command.phase
    return type(command.event).__name__


def _step_part(planned: PlannedStep, stand: Stand, step: StepRun, turned: bool) -> Hashable:
    state = step.state
    if state in CLEAR:
        return state
    if state is S.COMPLETED:
        return state, frozen(step.result), step.has_result
    heart = (state, step.happened, step.assumed, step.held, step.has_result)
    written = planned.step
    if state in (S.COMPENSATING, S.STUCK):
        why = (step.error.phase, step.error.message) if step.error is not None else None
        undo = _attempts_part(written.compensation, step.compensation, stand.now)
        return (*heart, why, frozen(step.result), undo, step.lookup.count > 0)
    action = _attempts_part(written.request, step.action, stand.now)
    if turned and state is S.UNKNOWN and not step.in_flight:
        # Once the saga has turned, an unknown action is asked about afresh.
        action = step.action.doubted, may_resend_at(written.request, step.action, stand.now)
    asked = None if written.lookup is None else written.lookup.request
    lookup = _attempts_part(asked, step.lookup, stand.now)
    return (*heart, action, lookup, _patience(planned, stand, step))


def _attempts_part(request: Request | None, attempts: Attempts, now: float) -> Hashable:
    if attempts.count == 0 and attempts.spent == 0:
        return None
    most = 1 if request is None else request.retry.max_attempts
    return (
        min(attempts.spent, most),
        attempts.in_flight,
        attempts.doubted,
        attempts.absences,
        attempts.due_at is None,
        may_resend_at(request, attempts, now),
    )


def may_resend_at(request: Request | None, attempts: Attempts, now: float) -> bool:
    """Whether it may be sent again: past its time to live a key protects no more."""
    return request is None or may_resend(request, attempts, now)


def _patience(planned: PlannedStep, stand: Stand, step: StepRun) -> Hashable:
    """Whether `finish` has time for one more question, for what is unknown."""
    asked = planned.step.request
    if step.state is not S.UNKNOWN or step.doubted_at is None or asked is None:
        return None
    if planned.step.lookup is not None and not asked.may_repeat:
        asked = planned.step.lookup.request
    until = finish_until(planned, step.doubted_at)
    return stand.now + asked.retry.max_interval_s > until


def frozen(value: Json) -> Hashable:
    """A JSON value that can be hashed."""
    match value:
        case dict():
            return tuple((name, frozen(item)) for name, item in value.items())
        case list():
            return tuple(frozen(item) for item in value)
    scalar: Hashable = value
    return scalar
