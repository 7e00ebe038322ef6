"""What `run --batch` does: one saga per line, many at once, through one process."""

import asyncio
import gc
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from sagactl.cli.beginning import Begin, existing_run, resumed_events, run_id_of
from sagactl.cli.exit import Exit, worst
from sagactl.cli.input import fitting_input
from sagactl.cli.performance import BY_STATE, RESERVED_PER_STEP, Signals, Stage, participants
from sagactl.cli.refusal import Refused
from sagactl.definition.model import Saga
from sagactl.engine.clock import SystemClock
from sagactl.engine.driver import Driver, Journal, Participant
from sagactl.engine.gate import Gate
from sagactl.engine.group_commit import DirectCommit, GroupCommit
from sagactl.journal.store import RunHeld
from sagactl.machine.run import Run
from sagactl.machine.state import ENDED, saga_state
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json
from sagactl.views.document import result_document
from sagactl.views.progress import Progress

# A batch whose every line is wrong need not tell all of them.
MAX_TOLD = 20


@dataclass(frozen=True)
class Item:
    """A line of the batch: the saga that it asks for."""

    number: int
    run_id: str
    input: Json


def read_batch(saga: Saga, name: str, id_from: str | None, env: dict[str, str]) -> list[Item]:
    """The sagas that a file of JSON Lines asks for, each once; Refused with all that is wrong."""
    items: dict[str, Item] = {}
    wrong: list[str] = []
    for number, line in _lines(name):
        try:
            item = _item(saga, number, line, id_from, env)
        except Refused as refusal:
            wrong.extend(f"{name}:{number}: {text}" for text in refusal.lines)
            continue
        other = items.setdefault(item.run_id, item)
        if other.input != item.input:
            wrong.append(
                f'{name}:{number}: the ID "{item.run_id}" is that of line {other.number} too, '
                "with another input"
            )
    if wrong:
        more = [f"and {len(wrong) - MAX_TOLD} more"] if len(wrong) > MAX_TOLD else []
        raise Refused(*wrong[:MAX_TOLD], *more, "nothing was sent")
    if not items:
        raise Refused(f"{name}: there is no line with an input")
    return list(items.values())


def perform_batch(
    begin: Begin, items: Sequence[Item], stage: Stage, concurrency: int, progress: Progress
) -> Exit:
    """Drive every saga to its end, at most so many at once; a JSON line on stdout for each."""
    # What is made for a request is gone after it, and nothing goes in circles: looking for circles
    # as often as usual takes a tenth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    return asyncio.run(_Batch(begin, items, stage, progress).perform(concurrency))


class _Batch:
    def __init__(
        self, begin: Begin, items: Sequence[Item], stage: Stage, progress: Progress
    ) -> None:
        self._begin = begin
        self._stage = stage
        self._progress = progress
        self._items = iter(items)
        self._room = RESERVED_PER_STEP * len(begin.plan.steps)
        self._exits: set[Exit] = set()
        self._drivers: set[Driver] = set()
        self._locksmith = ThreadPoolExecutor(2, "lock")
        self._is_stopping = False

    async def perform(self, concurrency: int) -> Exit:
        async with AsyncExitStack() as stack:
            web = await participants(stack, self._begin.plan, self._stage)
            journal = self._journal(stack, concurrency)
            self._stage.store.reserve(self._room * concurrency)
            gate = Gate()
            with Signals(self, self._progress) as signals:
                workers = [
                    asyncio.create_task(self._work(journal, web, gate)) for _ in range(concurrency)
                ]
                await self._all_of(workers)
        if signals.exit is not None and self._is_stopping:
            self._exits.add(signals.exit)
        return worst(list(self._exits))

    def _journal(self, stack: AsyncExitStack, concurrency: int) -> Journal:
        if concurrency == 1:
            return DirectCommit(self._stage.store)
        group = GroupCommit(self._stage.store)
        stack.push_async_callback(group.aclose)
        return group

    def say(self, text: str) -> None:
        self._progress.say(text)

    def stop(self) -> None:
        """Begin no more sagas, and no more requests."""
        self._is_stopping = True
        for driver in self._drivers:
            driver.stop()

    def cut(self) -> None:
        """Give up on what is in flight."""
        self._is_stopping = True
        for driver in self._drivers:
            driver.cut()

    async def _all_of(self, workers: "list[asyncio.Task[None]]") -> None:
        """Wait for all; the first failure ends the others, and is raised."""
        try:
            await asyncio.gather(*workers)
        except BaseException:
            # One store refuses, or a bug shows: nothing more is sent, what is in flight may end.
            self.stop()
            await asyncio.gather(*workers, return_exceptions=True)
            raise

    async def _work(self, journal: Journal, web: Participant, gate: Gate) -> None:
        for item in self._items:
            if self._is_stopping:
                return
            self._progress.begin()
            try:
                async with self._held(item.run_id):
                    run = await self._go(item, journal, web, gate)
            except RunHeld as held:
                self._tell_refused(item, str(held), Exit.HELD)
            except Refused as refusal:
                self._tell_refused(item, " ".join(refusal.lines), Exit.USAGE)
            else:
                self._tell(item, run)

    @asynccontextmanager
    async def _held(self, run_id: str) -> AsyncIterator[None]:
        """Hold a run without making the others wait: a file system may take its time for a lock."""
        loop = asyncio.get_running_loop()
        hold = self._stage.store.hold(run_id)
        await loop.run_in_executor(self._locksmith, hold.__enter__)
        try:
            yield
        finally:
            await loop.run_in_executor(self._locksmith, hold.__exit__, None, None, None)

    async def _go(self, item: Item, journal: Journal, web: Participant, gate: Gate) -> Run:
        stage, begin = self._stage, self._begin
        now = stage.clock.now()
        started = begin.event(item.run_id, item.input, now)
        kept = existing_run(stage.store, started)
        if kept is not None and saga_state(kept.plan, kept.run) in ENDED:
            return kept.run
        clock = stage.clock if kept is None else SystemClock(kept.run.updated_at)
        driver = Driver(
            begin.plan, journal, web, clock, hear=stage.log.hear, gate=gate, waits=stage.waits
        )
        self._drivers.add(driver)
        try:
            if kept is None:
                return await driver.drive(None, started)
            return await driver.drive(kept.run, *resumed_events(kept.run, clock.now(), None))
        finally:
            self._drivers.discard(driver)

    def _tell(self, item: Item, run: Run) -> None:
        state = saga_state(self._begin.plan, run)
        self._exits.add(BY_STATE[state])
        self._progress.end(str(state))
        self._print({"line": item.number, **result_document(self._begin.plan, run)})

    def _tell_refused(self, item: Item, message: str, code: Exit) -> None:
        self._exits.add(code)
        self._progress.end("refused")
        error = {"step": None, "message": message}
        self._print({"line": item.number, "id": item.run_id, "state": None, "error": error})

    def _print(self, document: dict[str, Json]) -> None:
        # Whoever stopped reading stops no saga by it.
        with suppress(OSError, ValueError):
            print(json.dumps(document), flush=True)


def _lines(name: str) -> Iterator[tuple[int, str]]:
    """The lines of the file, or of stdin, that are not blank, with their numbers."""
    try:
        with sys.stdin if name == "-" else open(name, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{name}: cannot be read: {error}") from None


def _item(saga: Saga, number: int, line: str, id_from: str | None, env: dict[str, str]) -> Item:
    try:
        value = fitting_input(saga, parse_json(line))
    except JsonRejected as error:
        raise Refused(f"not JSON: {error}") from None
    if id_from is not None:
        found = _at_path(value, id_from)
        if not isinstance(found, str | int) or isinstance(found, bool):
            raise Refused(f'--id-from: the input has no text or number "{id_from}"')
        return Item(number, run_id_of(saga, str(found), value, env), value)
    if saga.id is not None:
        return Item(number, run_id_of(saga, None, value, env), value)
    # The same line is the same saga, however often the batch is run.
    text = json.dumps(value, sort_keys=True).encode()
    digest = hashlib.sha256(text).hexdigest()[:26]
    return Item(number, run_id_of(saga, f"{saga.name}-{digest}", value, env), value)


def _at_path(value: Json, path: str) -> Json:
    """What is at `customer.id` of an input, None where nothing is."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
