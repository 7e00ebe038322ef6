"""One run driven to where it can go, with the terminal watching and signals heeded."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sagactl.cli.attempt_log import AttemptLog
from sagactl.cli.exit import Exit
from sagactl.cli.refusal import Refused
from sagactl.engine.clock import SystemClock
from sagactl.engine.driver import Driver, Participant
from sagactl.engine.group_commit import DirectCommit
from sagactl.journal.store import Store
from sagactl.machine.event import Event
from sagactl.machine.plan import Plan
from sagactl.machine.run import Run
from sagactl.machine.state import ENDED, SagaState, saga_state
from sagactl.views.lines import Watcher

# Docker sends SIGKILL ten seconds after SIGTERM; what is in flight must be on disk before that.
TERM_GRACE_S = 8.0

# What a saga writes is mostly its definition, and what is sent and answered. A disk that has not
# this much room is found full before the first request, and not between two.
RESERVED_PER_STEP = 16 * 1024

BY_STATE: dict[SagaState, Exit] = {
    SagaState.COMPLETED: Exit.OK,
    SagaState.FAILED: Exit.FAILED,
    SagaState.STUCK: Exit.STUCK,
    SagaState.ABANDONED: Exit.STUCK,
    SagaState.STARTED: Exit.PENDING,
    SagaState.PENDING: Exit.PENDING,
    SagaState.COMPENSATING: Exit.PENDING,
}


@dataclass
class Stage:
    """What a performance needs beside the run: who answers, who watches, and how long to wait."""

    store: Store
    secrets: dict[str, str]
    waits: bool = True
    clock: SystemClock = field(default_factory=SystemClock)
    ledger: Path | None = None  # set: in the sandbox
    faults: Sequence[str] = ()
    log: AttemptLog = field(default_factory=AttemptLog)


@dataclass(frozen=True)
class Ending:
    """Where a run stands when its performance is over; `moved` is False where there was none."""

    run: Run
    exit: Exit
    moved: bool = True
    signal: Exit | None = None  # it asked for an end, whether or not the run had come to its own


def perform(
    plan: Plan, run: Run | None, opening: Sequence[Event], stage: Stage, watcher: Watcher
) -> Ending:
    """Drive the run until nothing is under way, or until a signal says so."""
    # Whatever goes wrong from here on, a file that cannot be opened must not keep us from saying
    # how it ended.
    from sagactl.cli import ending  # noqa: F401
    from sagactl.views import document, summary  # noqa: F401

    return asyncio.run(_perform(plan, run, opening, stage, watcher))


async def _perform(
    plan: Plan, run: Run | None, opening: Sequence[Event], stage: Stage, watcher: Watcher
) -> Ending:
    async with AsyncExitStack() as stack:
        web = await participants(stack, plan, stage)
        journal = DirectCommit(stage.store)
        driver = Driver(
            plan,
            journal,
            web,
            stage.clock,
            watcher.watch,
            hear=stage.log.hear,
            waits=stage.waits,
        )
        stage.store.reserve(RESERVED_PER_STEP * len(plan.steps))
        with Signals(driver, watcher) as signals:
            run = await driver.drive(run, *opening)
    state = saga_state(plan, run)
    if signals.exit is not None and state not in ENDED:
        return Ending(run, signals.exit, signal=signals.exit)
    return Ending(run, BY_STATE[state], signal=signals.exit)


def pause(seconds: float, remarks: "Remarks") -> Exit | None:
    """Wait before the next saga; the exit code of the signal that ended it before its time."""
    return asyncio.run(_pause(seconds, remarks))


async def _pause(seconds: float, remarks: "Remarks") -> Exit | None:
    nap = _Nap()
    with Signals(nap, remarks) as signals, suppress(TimeoutError):
        remarks.say(f"the next saga begins in {seconds:.1f}s")
        await asyncio.wait_for(nap.over.wait(), seconds)
    return signals.exit


class _Nap:
    def __init__(self) -> None:
        self.over = asyncio.Event()

    def stop(self) -> None:
        self.over.set()

    cut = stop


async def participants(stack: AsyncExitStack, plan: Plan, stage: Stage) -> Participant:
    """Whoever answers the calls, until the stack is closed."""
    from sagactl.participants.tls import TlsUnreadable, check_files
    from sagactl.participants.web import Web

    try:
        check_files(plan.saga)
    except TlsUnreadable as error:
        raise Refused(f"{error}; nothing was sent") from None

    def web(connect_to: tuple[str, int] | None) -> Web:
        sender = Web(stage.secrets, clock=stage.clock.now, connect_to=connect_to)
        stack.push_async_callback(sender.aclose)
        return sender

    if stage.ledger is None:
        return web(None)
    return await _sandboxed(stack, plan, stage, web)


async def _sandboxed(
    stack: AsyncExitStack,
    plan: Plan,
    stage: Stage,
    web: Callable[[tuple[str, int]], Participant],
) -> Participant:
    from sagactl.rehearsal.fault import FaultKind, parse_fault
    from sagactl.rehearsal.ledger import Ledger
    from sagactl.rehearsal.server import Sandbox
    from sagactl.rehearsal.unreachable import Unreachable, silent_port

    faults = [parse_fault(text) for text in stage.faults]
    sandbox = Sandbox(plan.saga, Ledger(stage.ledger), faults)
    there = web(await sandbox.start())
    stack.push_async_callback(sandbox.close)
    if all(fault.kind is not FaultKind.REFUSED for fault in faults):
        return there
    nowhere = stack.enter_context(silent_port())
    return Unreachable(sandbox, there, web(nowhere.getsockname()))


class Stoppable(Protocol):
    """Whatever is driven: `stop` begins nothing new, `cut` gives up on what is in flight."""

    def stop(self) -> None: ...
    def cut(self) -> None: ...


class Remarks(Protocol):
    """Whoever tells the user what a signal did."""

    def say(self, text: str) -> None: ...


class Signals:
    """Once: nothing new starts. Twice: what is in flight is cut. Three times: out, at once."""

    def __init__(self, driven: Stoppable, remarks: Remarks) -> None:
        self.exit: Exit | None = None
        self._driven = driven
        self._remarks = remarks
        self._count = 0
        self._loop = asyncio.get_running_loop()
        self._installed: list[signal.Signals] = []

    def __enter__(self) -> "Signals":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # A shell starts background jobs with SIGINT ignored, and nohup with SIGHUP: so be it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._loop.add_signal_handler(number, self._heed, number)
                self._installed.append(number)
        return self

    def __exit__(self, *exception: object) -> None:
        for number in self._installed:
            self._loop.remove_signal_handler(number)

    def _heed(self, number: signal.Signals) -> None:
        self._count += 1
        interrupted = number is signal.SIGINT
        self.exit = Exit.INTERRUPTED if interrupted else Exit.TERMINATED
        if self._count == 1:
            self._remarks.say("stopping when what is in flight has ended; once more cuts it off")
            self._driven.stop()
            if not interrupted:
                self._loop.call_later(TERM_GRACE_S, self._driven.cut)
        elif self._count == 2:
            self._remarks.say("cut off; what was in flight is recorded as unknown")
            self._driven.cut()
        else:
            os._exit(self.exit)
