"""What test does with definitions, and with a run: every schedule, walked without a network."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sagactl.cli.loading import Invalid, check_definition, find_definitions
from sagactl.cli.printing import note
from sagactl.cli.refusal import Refused
from sagactl.machine.rehearsed import Rehearsed
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.source.problem import Problem, Severity
from sagactl.views.at_work import at_work

MOST_WORKERS = 8


def rehearse_definitions(paths: list[Path], bounds: Bounds) -> list[Rehearsed]:
    """The rehearsals of the definitions found, in their order; raises Invalid, Refused.

    What lint finds is told in a line, and keeps nobody from rehearsing what has a meaning.
    """
    files = find_definitions(paths)
    broken: list[Problem] = []
    for file in files:
        saga, problems = check_definition(file)
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        if saga is None:
            broken.extend(errors)
            continue
        if errors:
            count = f"{len(errors)} error{'' if len(errors) == 1 else 's'}"
            note(f"lint finds {count} in it, too: sagactl lint {file}")
    if broken:
        raise Invalid(broken)
    return _all_rehearsed(files, bounds)


def rehearse_kept(run_id: str, state: Path | None, bounds: Bounds) -> Rehearsed:
    """What can still happen to a run from where it stands; Refused where it has ended."""
    from sagactl.cli.beginning import resumed_events
    from sagactl.cli.state_file import find_run, state_files
    from sagactl.engine.clock import SystemClock
    from sagactl.machine.state import ENDED, saga_state
    from sagactl.rehearsal.proof.rehearse import rehearse_run

    kept = find_run(state_files(state), run_id)
    run, standing = kept.run, saga_state(kept.plan, kept.run)
    if standing in ENDED:
        raise Refused(f"saga {run.id} is {standing}: nothing can happen to it any more")
    opening = resumed_events(run, SystemClock(run.updated_at).now(), None)
    with at_work(f"rehearsing {run.id}", 1, sys.stderr):
        return rehearse_run(kept.plan.saga, run, opening, run.id, bounds)


def _all_rehearsed(files: Sequence[Path], bounds: Bounds) -> list[Rehearsed]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    workers = min(len(files), cores, MOST_WORKERS)
    what = f"rehearsing {files[0] if len(files) == 1 else 'definitions'}" if files else ""
    if workers < 2:
        with at_work(what, len(files), sys.stderr) as count:
            return list(_counted((_rehearsed(file, bounds) for file in files), count))
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Imported before the fork, and so once.
    import sagactl.rehearsal.proof.rehearse  # noqa: F401

    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=fork) as pool:
        found = pool.map(_rehearsed, files, [bounds] * len(files))
        # Only now: what draws the line is a thread, and a thread is not there in a fork.
        with at_work(what, len(files), sys.stderr) as count:
            return list(_counted(found, count))


def _counted(each: Iterable[Rehearsed], count: Callable[[], None]) -> Iterator[Rehearsed]:
    for one in each:
        yield one
        count()


def _rehearsed(file: Path, bounds: Bounds) -> Rehearsed:
    from sagactl.rehearsal.proof.rehearse import rehearse
    from sagactl.rehearsal.proof.variant import NoInput

    saga, problems = check_definition(file)
    if saga is None:
        raise Invalid(problems)
    try:
        return rehearse(saga, str(file), bounds)
    except NoInput as reason:
        raise Refused(f"{saga.place}: {reason}") from None
