"""Why what an operator asks for is refused: the reasons in words, none where it may be done. Pure.

A person's word is trusted as to the world, which nobody else can see; it is refused where it
contradicts what the saga itself was told, or where nothing good could follow from it.
"""

from collections.abc import Sequence

from sagactl.definition.policy import undo_reads
from sagactl.machine import event as e
from sagactl.machine.moves import Resolution
from sagactl.machine.moves import StepState as S
from sagactl.machine.outstanding import deadline
from sagactl.machine.plan import Plan, expanded
from sagactl.machine.run import Run, StepRun
from sagactl.machine.state import ENDED, SagaState, is_backwards, is_past_pivot, saga_state
from sagactl.source.node import Json

Path = tuple[str | int, ...]


def resume_objections(run: Run) -> tuple[str, ...]:
    """Why the run may not be gone on with."""
    if not run.abandoned:
        return ()
    why = f": {run.abandon_reason}" if run.abandon_reason else ""
    return (f"saga {run.id} was abandoned{why}; nothing moves it any more",)


def compensate_objections(plan: Plan, run: Run) -> tuple[str, ...]:
    """Why the run may not be turned back."""
    if run.abandoned or not is_past_pivot(plan, run):
        return resume_objections(run)
    pivot = ", ".join(f'"{name}"' for name in expanded(plan, run).pivots)
    why = "the point of no return: nothing is undone behind it"
    return (f"saga {run.id} is past its pivot {pivot}, {why}",)


def abandon_objections(plan: Plan, run: Run) -> tuple[str, ...]:
    """Why the run may not be closed as it stands."""
    state = saga_state(plan, run)
    return (f"saga {run.id} is {state}: it has ended already",) if state in ENDED else ()


def resolve_objections(
    plan: Plan, run: Run, name: str, resolution: Resolution, result: Json, *, has_result: bool
) -> tuple[str, ...]:
    """Why a person's word about the step `name` may not be taken."""
    if run.abandoned:
        return resume_objections(run)
    state = saga_state(plan, run)
    if state in ENDED:
        way_on = " (to undo it: sagactl compensate)" if state is SagaState.COMPLETED else ""
        return (f"saga {run.id} is {state}: it has ended, and no word changes it{way_on}",)
    plan = expanded(plan, run)
    step, planned = run.step(name), plan.steps[name]
    if planned.is_group and step.state is not S.STUCK:
        inner = f', such as "{planned.members[0]}"' if planned.members else ""
        return (f'step "{name}" stands for several: tell of each that is known about{inner}',)
    if has_result and resolution is not Resolution.COMPLETED:
        return ("--result goes with --as completed alone",)
    objection = _already(name, step, resolution)
    if objection is None:
        match resolution:
            case Resolution.COMPLETED:
                objection = _against_completed(name, step)
                if objection is None:
                    return _lacking(plan, run, name, result, has_result=has_result)
            case Resolution.FAILED:
                objection = _against_failed(plan, run, name, step)
            case Resolution.COMPENSATED:
                objection = _against_compensated(plan, run, name)
    return () if objection is None else (objection,)


def _already(name: str, step: StepRun, resolution: Resolution) -> str | None:
    """What is said of every step that a word can do nothing for."""
    if str(step.state) == str(resolution):
        return f'step "{name}" is {resolution} already'
    match step.state:
        case S.PENDING:
            return f'step "{name}" was not sent yet: there is nothing to find out about it'
        case S.SKIPPED:
            return f'step "{name}" was skipped: nothing was ever sent for it'
        case S.FAILED:
            return (
                f'step "{name}" failed without effect, and the saga turned back for it; what it '
                "did after all has to be undone by hand"
            )
        case S.COMPENSATED:
            return f'step "{name}" is undone already'
    return None


def _against_completed(name: str, step: StepRun) -> str | None:
    if step.state is S.COMPENSATING:
        return f'step "{name}" is being undone: it counts as done already'
    if step.state is S.STUCK and step.surely_happened and not step.held:
        return (
            f'step "{name}" took place, that is known; what is stuck is its undo: '
            "--as compensated where it was undone by hand"
        )
    return None


def _against_failed(plan: Plan, run: Run, name: str, step: StepRun) -> str | None:
    if plan.steps[name].past_pivot or is_past_pivot(plan, run):
        return (
            f'step "{name}" stands past the pivot, where there is no way back: '
            "it can only be completed"
        )
    if step.surely_happened:
        return (
            f'step "{name}" took place, a reply said so: --as compensated where it was undone '
            "by hand"
        )
    return None


def _against_compensated(plan: Plan, run: Run, name: str) -> str | None:
    if is_past_pivot(plan, run):
        return f"saga {run.id} is past its pivot: nothing is undone behind it"
    if not is_backwards(plan, run):
        return (
            f"saga {run.id} goes forwards, and nothing turned it back: sagactl compensate does; "
            f'--as failed says that step "{name}" has no effect'
        )
    if run.step(name).state is S.EXECUTING:
        return f'step "{name}" never reached its service: there is nothing to undo'
    return None


def _lacking(plan: Plan, run: Run, name: str, result: Json, *, has_result: bool) -> tuple[str, ...]:
    """What of the result is read later, and not there."""
    missing = [
        path
        for path in needed_paths(plan, run, name)
        if not (has_result and has_path(result, path))
    ]
    if not missing:
        return ()
    names = ", ".join(f'"{dotted(path)}"' for path in missing)
    lacks = f"--result lacks {names}" if has_result else f"--result is needed, with {names}"
    return (f'{lacks}: a later expression reads that of step "{name}"',)


def needed_paths(plan: Plan, run: Run, name: str) -> tuple[Path, ...]:
    """The paths below the step's result that are surely still read; backwards, only by undoing."""
    planned = expanded(plan, run).steps[name]
    turned = is_backwards(plan, run)
    paths = undo_reads(planned.saga, planned.step) if turned else planned.needed_paths
    return tuple(sorted(set(paths), key=str))


def has_path(value: Json, path: Path) -> bool:
    """Whether there is something at the path, be it null."""
    for part in path:
        match value:
            case dict() if part in value:
                value = value[part]
            case list() if isinstance(part, int) and part < len(value):
                value = value[part]
            case _:
                return False
    return True


def dotted(path: Path) -> str:
    """A path as an expression would have it."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"result{text}"


def reopen_objections(
    plan: Plan, run: Run, names: Sequence[str], now: float, deadline_at: float | None
) -> tuple[str, ...]:
    """Why a saga that turned back may not go forwards again from the steps `names`.

    It is sound only where turning back has had no consequence yet and its cause was definite: every
    step that failed is named, no compensation has begun, nothing was taken as done on suspicion,
    and neither an operator nor the deadline asked for it. Then the world is as if the steps had
    never been sent. They are sent with the bytes of their first attempt, under the same key: a
    service that keeps its answers may give the old one again.
    """
    if run.abandoned:
        return resume_objections(run)
    reasons = [reason for name in names if (reason := _not_failed(name, run.step(name)))]
    failed = failed_steps(plan, run)
    others = [name for name in failed if name not in names]
    reasons.extend(f'step "{name}" failed too: --from {name} as well' for name in others)
    for name, step in run.steps.items():
        if step.assumed:
            reasons.append(f'step "{name}" was taken as done on suspicion, to be undone')
        elif step.compensation.count or _stuck_undoing(step) or step.state is S.COMPENSATED:
            reasons.append(f'undoing has begun: step "{name}" is {step.state}')
    if run.cancelled:
        reasons.append("an operator asked for the saga to be undone")
    if run.deadline_passed:
        reasons.append("the saga turned back because its time was up")
    elif deadline_at is None and _is_late(plan, run, now):
        reasons.append("the saga's time is up: it needs more, as with --extend 1h")
    return tuple(reasons)


def failed_steps(plan: Plan, run: Run) -> list[str]:
    """The steps that failed without effect, each by itself."""
    steps = expanded(plan, run).steps
    return [
        name
        for name, step in run.steps.items()
        if step.state is S.FAILED and not steps[name].members
    ]


def reopened_steps(
    plan: Plan, run: Run, names: Sequence[str], at: float, operator: str, reason: str
) -> tuple[e.StepEvent, ...]:
    """The events by which a run goes forwards again from `names`, where nothing is against it."""
    turned = (S.FAILED, S.COMPENSATING)
    groups = (p.name for p in expanded(plan, run) if p.members)
    return (
        *(e.MembersReopened(at=at, step=n) for n in groups if run.step(n).state in turned),
        *(
            e.StepReopened(at=at, step=name, operator=operator, reason=reason)
            for name in dict.fromkeys(names)
        ),
    )


def _not_failed(name: str, step: StepRun) -> str | None:
    if step.state is S.FAILED:
        return None
    found_out = "; sagactl resolve tells what you found out" if step.state is S.UNKNOWN else ""
    return f'step "{name}" is {step.state}, and only a failed one is tried again{found_out}'


def _stuck_undoing(step: StepRun) -> bool:
    """Stuck although nothing of its undo could be sent."""
    return step.state is S.STUCK and step.surely_happened and not step.held


def _is_late(plan: Plan, run: Run, now: float) -> bool:
    due_at = deadline(plan, run)
    return due_at is not None and due_at <= now
