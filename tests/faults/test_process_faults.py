"""Stopped, deafened, starved, and with a clock that lies (rows P5 to P9 of the catalogue)."""

import asyncio
import fcntl
import io
import json
import os
import pty
import re
import resource
import signal
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import DEFINITIONS, ROOT, Cli, Told
from faults.process import (
    GIVEN,
    PATIENCE_S,
    ROUND_TRIP,
    TRIP,
    Service,
    await_line,
    demand_all_in_state,
    demand_one_request_per_key,
    ended,
    launch,
    stop,
    wait_until,
)

from sagactl.cli.performance import Stage, perform
from sagactl.cli.state_file import plan_of, state_files
from sagactl.machine import event as e
from sagactl.machine.run import replay
from sagactl.machine.state import SagaState, saga_state
from sagactl.views.lines import LineWatcher

ORDER = DEFINITIONS / "order.yaml"
THERE_AND_BACK = ["reserve applied", "charge applied", "charge undone", "reserve undone"]
HOUR_S = 3600.0
# The jitter of a wait comes from the id: under this one most of an interval is left to strike in.
UNHURRIED = "p5-a"
DECADE_S = 10 * 365 * 24 * HOUR_S


@pytest.fixture
def trip(cli: Cli) -> Path:
    return cli.write("trip.yaml", TRIP)


def patient(cli: Cli, interval: str, timeout: str) -> Path:
    """The trip with another wait between attempts, and another time for all of it."""
    text = TRIP.replace(
        "initial_interval: 20ms, max_interval: 50ms", f"initial_interval: {interval}", 1
    )
    return cli.write("trip.yaml", text.replace("timeout: 1h", f"timeout: {timeout}"))


def shown(cli: Cli, run_id: str, *more: str) -> Any:
    return cli("show", run_id, "-o", "json", *more).json


def history(cli: Cli, run_id: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = cli("history", run_id, "-o", "json").json
    return events


# P5: a process that stands still for as long as somebody likes.


def demand_told_who_has_it(told: Told, pid: int) -> None:
    assert told.status == 6, told
    assert f"process {pid} " in told.err
    assert socket.gethostname() in told.err
    assert re.search(r" since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", told.err)


def test_P5_a_run_stopped_in_flight_keeps_its_lock_and_sends_nothing_twice(
    cli: Cli, trip: Path
) -> None:
    with Service() as service:
        stopped = service.strike("charge action", service.stop)
        process = service.start(cli, "run", trip, "--id", "p5", *GIVEN)
        assert stopped.wait(PATIENCE_S)
        demand_told_who_has_it(cli("resume", "p5"), process.pid)
        demand_told_who_has_it(cli("run", trip, "--id", "p5", *GIVEN), process.pid)
        process.send_signal(signal.SIGCONT)
        assert ended(process).status == 0
        assert service.calls == ["reserve action", "charge action", "ship action"]


def test_P5_a_run_stopped_before_a_retry_keeps_its_lock_and_asks_again_once(cli: Cli) -> None:
    trip = patient(cli, "700ms", "1h")
    with Service(faults=["charge=429x1"]) as service:
        process = service.start(cli, "run", trip, "--id", UNHURRIED, *GIVEN)
        await_line(process, "charge  not sent")
        stop(process.pid)
        demand_told_who_has_it(cli("resume", UNHURRIED), process.pid)
        process.send_signal(signal.SIGCONT)
        assert ended(process).status == 0
        assert service.calls == ["reserve action", *["charge action"] * 2, "ship action"]


def wait_for_deadline(cli: Cli, run_id: str, timeout_s: float) -> None:
    began = datetime.fromisoformat(shown(cli, run_id)["started_at"]).timestamp()
    wait_until(lambda: time.time() > began + timeout_s)


def test_P5_the_time_it_was_stopped_in_flight_counts(cli: Cli) -> None:
    trip = patient(cli, "20ms", "2s")
    with Service() as service:
        stopped = service.strike("charge action", service.stop)
        process = service.start(cli, "run", trip, "--id", "p5", *GIVEN)
        assert stopped.wait(PATIENCE_S)
        wait_for_deadline(cli, "p5", 2.0)
        process.send_signal(signal.SIGCONT)
        assert ended(process).status == 1
        # The charge's reply had come: it happened, and is undone; nothing goes on forwards.
        assert service.effects == THERE_AND_BACK


def test_P5_the_time_it_was_stopped_before_a_retry_counts(cli: Cli) -> None:
    trip = patient(cli, "1h", "2s")
    with Service(faults=["charge=429"]) as service:
        process = service.start(cli, "run", trip, "--id", "p5", *GIVEN)
        await_line(process, "charge  not sent")
        stop(process.pid)
        wait_for_deadline(cli, "p5", 2.0)
        process.send_signal(signal.SIGCONT)
        assert ended(process).status == 1
        assert service.calls == ["reserve action", "charge action", "reserve compensation"]


# P6: nobody listens, or in another language.

SHUT = {
    "stdout": 'exec "$@" >&-',
    "stderr": 'exec "$@" 2>&-',
    "stdout and stderr": 'exec "$@" >&- 2>&-',
    "everything": 'exec "$@" <&- >&- 2>&-',
    "stdout full": 'exec "$@" >/dev/full',
    "both full": 'exec "$@" >/dev/full 2>/dev/full',
}


def sandboxed(name: str) -> tuple[str | Path, ...]:
    run_id = name.replace(" ", "-")
    return "run", ORDER, "--sandbox", "--id", run_id, "--fail", "create_shipment=422"


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Told, str]]:
    """How each run with such streams ended, and the state it left."""
    cli = Cli(tmp_path_factory.mktemp("shut"))
    cli(*sandboxed("whole"))
    processes = {
        name: launch(cli, *sandboxed(name), via=("sh", "-c", line, "sh"))
        for name, line in SHUT.items()
    }
    told = {name: ended(process) for name, process in processes.items()}
    left = {run["id"]: run["state"] for run in cli("list", "--sandbox", "-o", "json").json}
    return {name: (told[name], left.get(name.replace(" ", "-"), "missing")) for name in SHUT}


@pytest.mark.parametrize("streams", SHUT)
def test_P6_streams_that_take_nothing_change_no_outcome(
    shut: dict[str, tuple[Told, str]], streams: str
) -> None:
    told, state = shut[streams]
    assert state == "failed", told
    assert "Traceback" not in told.out + told.err


@pytest.mark.parametrize("streams", SHUT)
def test_P6_the_exit_code_tells_the_outcome_though_nobody_reads(
    shut: dict[str, tuple[Told, str]], streams: str
) -> None:
    told, _ = shut[streams]
    assert told.status == 1, told
    assert "bug" not in told.out + told.err


def reading_one_line(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process.wait(PATIENCE_S)


def test_P6_head_reads_one_line_and_the_saga_goes_on_to_its_end(cli: Cli) -> None:
    process = launch(cli, *sandboxed("head"), stderr=subprocess.STDOUT)
    reading_one_line(process)
    assert shown(cli, "head")["state"] == "failed"


def test_P6_head_reads_one_line_and_a_completed_saga_exits_0(cli: Cli) -> None:
    slowly = ("--fail", "process_payment=slow:500ms")  # it has more to say when nobody reads
    arguments = ("run", ORDER, "--sandbox", "--id", "head", *slowly)
    process = launch(cli, *arguments, stderr=subprocess.STDOUT)
    assert reading_one_line(process) == 0


def test_P6_what_belongs_on_a_closed_stderr_does_not_go_to_stdout(cli: Cli) -> None:
    told = ended(launch(cli, "resume", "--all", via=("sh", "-c", SHUT["stderr"], "sh")))
    assert (told.status, told.out) == (0, "")


def terminal(rows: int, columns: int) -> tuple[int, int]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return ours, theirs


def everything_on(screen: int) -> str:
    seen = b""
    while True:
        try:
            more = os.read(screen, 65536)
        except OSError:  # what Linux says when the other end is closed
            more = b""
        if not more:
            os.close(screen)
            return seen.decode()
        seen += more


SIZES = {"one": (1, 1), "narrow": (24, 5), "nought": (0, 0), "flat": (2, 200)}


@pytest.mark.parametrize("term", ["xterm-256color", "none-such"])
def test_P6_a_terminal_of_any_size_changes_no_outcome(cli: Cli, term: str) -> None:
    cli.env |= {"TERM": term}
    cli(*sandboxed("whole"))
    env = {key: value for key, value in cli.environment.items() if key not in ("COLUMNS", "LINES")}
    running = {}
    for name, size in SIZES.items():
        ours, theirs = terminal(*size)
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        running[name] = ours, launch(cli, *sandboxed(name), env=env, **streams)
        os.close(theirs)
    for name, (ours, process) in running.items():
        screen = everything_on(ours)
        assert process.wait(PATIENCE_S) == 1, (name, screen)
        assert "Traceback" not in screen
    states = [run["state"] for run in cli("list", "--sandbox", "-o", "json").json]
    assert states == ["failed"] * (1 + len(SIZES))


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_P6_a_terminal_that_goes_away_changes_no_outcome(cli: Cli, term: str) -> None:
    cli.env |= {"TERM": term}
    ours, theirs = terminal(24, 80)
    slowly = ("--fail", "process_payment=slow:300ms")
    process = launch(cli, *sandboxed("gone"), *slowly, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"process_payment" not in seen:
        seen += os.read(ours, 65536)
    os.close(ours)
    told = ended(process)
    assert told.status == 1, told
    assert "failed, and everything that was done is undone" in told.out


BARE = {"PYTHONPATH": str(ROOT)}
LANGUAGES = {
    "nothing set": BARE,
    "C": {**BARE, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "one that is not installed": {**BARE, "LANG": "xx_YY.ISO-8859-15", "TERM": "xterm"},
    "latin-1": {**BARE, "PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_P6_any_language_tells_the_outcome(cli: Cli, language: str) -> None:
    given = {"order_id": "Grüße ☃", "customer": "é", "items": ["☃"], "amount": 1}
    cli.write("given.json", json.dumps(given, ensure_ascii=False))
    arguments = ("run", ORDER, "--sandbox", "--id", "l1", "--input-file", "given.json")
    faults = ("--fail", "create_shipment=422")
    env = LANGUAGES[language]
    table = ended(launch(cli, *arguments, *faults, env=env))
    assert table.status == 1, table
    assert "create_shipment" in table.out
    document = ended(launch(cli, *arguments, "-o", "json", env=env))
    assert document.status == 1, document
    assert document.json["input"]["order_id"] == given["order_id"]


# P7: the clock. Two means of changing it, and a third inside of one process.


def libfaketime() -> Path | None:
    """Debian's package of that name; LIBFAKETIME says where else it lies."""
    named = os.environ.get("LIBFAKETIME")
    places = (
        [Path(named)] if named else sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    )
    return next((place for place in places if place.exists()), None)


class Wall:
    """A wall clock for processes, off by as many seconds as is `set`."""

    def __init__(self, means: str, folder: Path) -> None:
        self.file = folder / "shift"
        self._means = means
        self._library = libfaketime()
        self.set(0.0)
        if means == "libfaketime" and self._library is None:
            pytest.skip("libfaketime is not installed")

    def set(self, seconds: float) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+.0f}")
        fresh.rename(self.file)  # read at any time

    def how(self, cli: Cli) -> dict[str, Any]:
        if self._means == "patched":
            return {"shift": self.file}
        cli.env |= {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return {}


@pytest.fixture(params=["patched", "libfaketime"])
def wall(request: pytest.FixtureRequest, tmp_path: Path) -> Wall:
    return Wall(request.param, tmp_path)


def back_to_1970() -> float:
    return -time.time() + 60.0


def demand_in_order(events: list[dict[str, Any]]) -> None:
    """No event is older than the one before it, and no attempt began twice."""
    times = [event["at"] for event in events]
    assert times == sorted(times)
    began = [
        (event["type"], event["step"], event["attempt"])
        for event in events
        if event["type"].endswith("_began")
    ]
    assert len(began) == len(set(began))


LEAPS: dict[str, Callable[[], float]] = {
    "back an hour": lambda: -HOUR_S,
    "forward ten years": lambda: DECADE_S,
    "to 1970": back_to_1970,
}


@pytest.mark.parametrize("leap", LEAPS)
def test_P7_a_clock_that_leaps_under_a_run_changes_nothing(
    cli: Cli, trip: Path, wall: Wall, leap: str
) -> None:
    with Service(faults=["ship=429x1"]) as service:
        service.strike("charge action", lambda: wall.set(LEAPS[leap]()))
        process = service.start(cli, "run", trip, "--id", "p7", *GIVEN, **wall.how(cli))
        assert ended(process).status == 0
        assert service.calls == ["reserve action", "charge action", *["ship action"] * 2]
    wall.set(0.0)
    events = history(cli, "p7")
    demand_in_order(events)
    # It goes by a clock of its own, which did not leap.
    first, last = (datetime.fromisoformat(events[at]["at"]) for at in (0, -1))
    assert 0 <= (last - first).total_seconds() < PATIENCE_S


@pytest.mark.parametrize("leap", LEAPS)
def test_P7_a_run_resumed_under_another_clock_keeps_its_order(
    cli: Cli, wall: Wall, leap: str
) -> None:
    trip = cli.write("trip.yaml", TRIP.replace("timeout: 1h\n", ""))
    with Service() as service:
        service.strike("charge action", service.interrupt)
        interrupted = ended(service.start(cli, "run", trip, "--id", "p7", *GIVEN, **wall.how(cli)))
        assert interrupted.status == 130, interrupted
        wall.set(LEAPS[leap]())
        resumed = ended(service.start(cli, "resume", "p7", **wall.how(cli)))
        assert resumed.status == 0, resumed
        assert service.calls == ["reserve action", "charge action", "ship action"]
    wall.set(0.0)
    demand_in_order(history(cli, "p7"))


def test_P7_a_clock_set_back_takes_no_deadline_back(cli: Cli, trip: Path, wall: Wall) -> None:
    with Service() as service:
        service.strike("charge action", service.interrupt)
        ended(service.start(cli, "run", trip, "--id", "p7", *GIVEN, **wall.how(cli)))
        wall.set(2 * HOUR_S)
        service.strike("charge compensation", service.interrupt)
        late = ended(service.start(cli, "resume", "p7", **wall.how(cli)))
        assert late.status == 130, late
        wall.set(0.0)
        assert ended(service.start(cli, "resume", "p7", **wall.how(cli))).status == 1
        assert service.effects == THERE_AND_BACK
    events = history(cli, "p7")
    demand_in_order(events)
    assert [event["type"] for event in events].count("deadline_passed") == 1


def test_P7_after_a_clock_set_back_a_retry_is_not_an_hour_away(
    cli: Cli, trip: Path, wall: Wall
) -> None:
    with Service(faults=["ship=429x1"]) as service:
        arguments = ("run", trip, "--id", "p7", "--no-wait", *GIVEN)
        assert ended(service.start(cli, *arguments, **wall.how(cli))).status == 5
        wall.set(-HOUR_S)
        process = service.start(cli, "resume", "p7", **wall.how(cli))
        assert process.wait(4.0) == 0


def test_P7_a_clock_set_back_is_told(cli: Cli, trip: Path, wall: Wall) -> None:
    with Service() as service:
        service.strike("charge action", service.interrupt)
        ended(service.start(cli, "run", trip, "--id", "p7", *GIVEN, **wall.how(cli)))
        wall.set(-HOUR_S)
        told = ended(service.start(cli, "resume", "p7", **wall.how(cli)))
        assert told.status == 0, told
        assert "clock" in told.err


class Leaping:
    """A Clock that leaps when it is told to, and else goes with the real time."""

    def __init__(self) -> None:
        self.shift = 0.0

    def now(self) -> float:
        return time.time() + self.shift

    async def sleep_until(self, at: float) -> None:
        while self.now() < at:
            await asyncio.sleep(0.001)


def started(text: str, env: dict[str, str], at: float) -> e.RunStarted:
    return e.RunStarted(
        at=at,
        run_id="p7",
        saga="trip",
        version=1,
        definition=text,
        definition_name="trip.yaml",
        digest="",
        input={"amount": 4200},
        env=env,
        sandbox=False,
        faults=[],
        sagactl="0",
    )


LEAPS_INSIDE: dict[str, Callable[[], float]] = {**LEAPS, "forward two hours": lambda: 2 * HOUR_S}
# The calls at which it leaps; at the last one it may leap back.
MOMENTS = ["reserve action", "charge action", "ship action", "charge compensation"]


@contextmanager
def patience() -> Iterator[None]:
    """A loop in here that never ends is a failure, not a test that hangs."""

    def give_up(*_: object) -> None:
        raise AssertionError("it never ends")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(PATIENCE_S))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def performed(folder: Path, leap: str, moment: str, *, returns: bool) -> tuple[list[e.Event], Any]:
    """A round trip in this very process, whose clock leaps at a moment; and what was done."""
    clock = Leaping()

    def leaps() -> None:
        clock.shift = LEAPS_INSIDE[leap]()

    def settles() -> None:
        clock.shift = 0.0

    with Service(faults=["ship=422"]) as service:
        service.strike(moment, leaps)
        if returns:
            service.strike(ROUND_TRIP[-1], settles)
        first = started(TRIP, {"NOTE": "first", **service.env}, clock.now())
        plan = plan_of(replay([first]))
        files = state_files(folder / f"{leap} {moment} {returns}".replace(" ", "-") / "state.json")
        with files.open(sandbox=False, create=True) as store, store.hold("p7"):
            watcher = LineWatcher(plan, io.StringIO())
            with patience():
                perform(plan, None, [first], Stage(store, {}, clock=clock), watcher)
            events = list(store.read("p7"))
        demand_one_request_per_key(service)
        return events, service


@pytest.mark.parametrize("leap", LEAPS_INSIDE)
def test_P7_whenever_an_injected_clock_leaps_the_order_is_the_sequence(
    tmp_path: Path, leap: str
) -> None:
    for moment in MOMENTS:
        for returns in (False, True):
            events, service = performed(tmp_path, leap, moment, returns=returns)
            times = [event.at for event in events]
            assert times == sorted(times), (moment, returns)
            run = replay(events)
            assert saga_state(plan_of(run), run) is SagaState.FAILED
            # Undone is what was done, whichever of deadline and rejection came first.
            done = [effect for effect in service.effects if effect.endswith("applied")]
            undone = [effect.replace("applied", "undone") for effect in reversed(done)]
            assert service.effects == done + undone, (moment, returns)


def test_P7_a_deadline_that_an_injected_clock_passed_is_passed_once_and_for_all(
    tmp_path: Path,
) -> None:
    for moment in ("reserve action", "charge action"):
        events, _ = performed(tmp_path, "forward two hours", moment, returns=True)
        kinds = [type(event) for event in events]
        assert kinds.count(e.DeadlinePassed) == 1
        assert e.ActionBegan not in kinds[kinds.index(e.DeadlinePassed) :]


# P8: too little of something.


def vm_size(pid: int) -> int:
    [line] = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmSize" in line
    ]
    return int(line.split()[1]) * 1024


def open_files(pid: int) -> int:
    return 1 + max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))


LIMITS: dict[str, tuple[int, Callable[[int], int]]] = {
    "open files": (resource.RLIMIT_NOFILE, open_files),
    "file size": (resource.RLIMIT_FSIZE, lambda pid: 0),
    "memory": (resource.RLIMIT_AS, vm_size),
}


def began(cli: Cli, service: Service, run_id: str) -> "subprocess.Popen[str]":
    return service.start(cli, "run", cli.folder / "trip.yaml", "--id", run_id, *GIVEN)


@pytest.mark.parametrize("call", ["reserve action", "ship action", "charge compensation"])
def test_P8_a_limit_on_file_size_reached_under_way_ends_all_sending(
    cli: Cli, trip: Path, call: str
) -> None:
    with Service(faults=["ship=422"]) as service:
        service.strike(call, lambda: service.limit(*LIMITS["file size"]))
        told = ended(began(cli, service, "p8"))
        assert told.status == 7, told
        assert "EFBIG" in told.err
        assert "Traceback" not in told.err
        assert service.calls == ROUND_TRIP[: ROUND_TRIP.index(call) + 1]
        demand_all_in_state(service, cli, "p8")
        assert ended(service.start(cli, "resume", "p8")).status == 1
        assert service.effects == THERE_AND_BACK
        demand_one_request_per_key(service)


@pytest.mark.parametrize("limit", ["open files", "memory"])
@pytest.mark.parametrize("call", ["reserve action", "ship action"])
def test_P8_a_limit_reached_under_way_is_survived_or_told(
    cli: Cli, trip: Path, limit: str, call: str
) -> None:
    with Service(faults=["ship=422"]) as service:
        service.strike(call, lambda: service.limit(*LIMITS[limit]))
        told = ended(began(cli, service, "p8"))
        # 1 where it got through, 3 and 5 where no connection was to be had for an undo.
        assert told.status in (1, 3, 5, 7), told
        assert "Traceback" not in told.err
        demand_all_in_state(service, cli, "p8")
        assert ended(service.start(cli, "resume", "p8")).status == 1
        assert service.effects == THERE_AND_BACK
        demand_one_request_per_key(service)


Starved = list[tuple[int, Told]]


def starve(cli: Cli, option: str, limits: list[int]) -> Iterator[tuple[int, Told]]:
    """Under each limit a run of its own, and with it lifted, to its end; nothing is lost on the way."""
    cli.write("trip.yaml", TRIP)
    with Service() as service:
        for limit in limits:
            before = len(service.told)
            run_id = f"{option}-{limit}"
            arguments = ("run", cli.folder / "trip.yaml", "--id", run_id, *GIVEN)
            via = ("prlimit", f"--{option}={limit}")
            told = ended(service.start(cli, *arguments, via=via))
            yield limit, told
            sent = {call.key for call in service.told[before:]}
            again = cli(*arguments)
            # It may have ended: no descriptor for a connection is as good as no connection.
            assert again.status in {0, told.status} - {4, 7}, (limit, told, again)
            if sent:
                assert sent <= {event.get("key") for event in history(cli, run_id)}
            effects = [str(call.effect) for call in service.told[before:]]
            left = effects.count("applied") - effects.count("undone")
            assert left == (3 if again.status == 0 else 0), (limit, again)


@pytest.fixture(scope="module")
def few_files(tmp_path_factory: pytest.TempPathFactory) -> Starved:
    # With fewer the interpreter itself hardly gets up.
    return list(starve(Cli(tmp_path_factory.mktemp("files")), "nofile", [7, 8, 9, 32]))


def test_P8_32_open_files_are_enough(few_files: Starved) -> None:
    [told] = [told for limit, told in few_files if limit == 32]
    assert told.status == 0, told


def test_P8_with_too_few_open_files_nothing_is_sent_that_is_not_in_the_state(
    few_files: Starved,
) -> None:
    # The fixture demands it under every limit; and some of them were too few.
    assert any(told.status for _, told in few_files)


def test_P8_too_few_open_files_are_told_and_no_bug(few_files: Starved) -> None:
    for limit, told in few_files:
        assert told.status != 4, (limit, told)
        assert "Traceback" not in told.err


def test_P8_a_small_limit_on_file_size_from_the_start_is_told(cli: Cli) -> None:
    for limit, told in starve(cli, "fsize", [0, 4500, 1_000_000]):
        assert told.status == (7 if limit < 1_000_000 else 0), (limit, told)
        assert "Traceback" not in told.err


@pytest.fixture(scope="module")
def little_memory(tmp_path_factory: pytest.TempPathFactory) -> Starved:
    cli = Cli(tmp_path_factory.mktemp("memory"))
    cli.write("trip.yaml", TRIP)
    peak: list[int] = []
    with Service() as service:
        service.strike(
            "ship action",
            lambda: service.limit(resource.RLIMIT_CORE, lambda pid: peak.append(vm_size(pid)) or 0),
        )
        assert ended(began(cli, service, "peak")).status == 0
    # Below three quarters of what it needs the interpreter itself does not get up.
    return list(starve(cli, "as", [peak[0] * part // 100 for part in (78, 88, 97, 150)]))


def test_P8_with_too_little_memory_nothing_is_sent_that_is_not_in_the_state(
    little_memory: Starved,
) -> None:
    *poor, rich = (told.status for _, told in little_memory)
    assert rich == 0
    assert any(poor)


def test_P8_too_little_memory_is_told_without_a_traceback(little_memory: Starved) -> None:
    for limit, told in little_memory:
        assert "Traceback" not in told.err, (limit, told)
        assert told.status != 1, (limit, told)


def test_P8_an_oom_kill_between_two_attempts_is_resumed(cli: Cli) -> None:
    trip = patient(cli, "700ms", "1h")
    with Service(faults=["charge=429x1"]) as service:
        process = service.start(cli, "run", trip, "--id", UNHURRIED, *GIVEN)
        await_line(process, "charge  not sent")
        service.kill()
        assert ended(process).status == -signal.SIGKILL
        assert ended(service.start(cli, "resume", UNHURRIED)).status == 0
        assert service.effects == ["reserve applied", "charge applied", "ship applied"]


# P9: what a child could inherit.


def test_P9_every_file_of_a_running_saga_is_closed_on_exec(cli: Cli, trip: Path) -> None:
    with Service() as service:
        stopped = service.strike("charge action", service.stop)
        process = service.start(cli, "run", trip, "--id", "p9", *GIVEN)
        assert stopped.wait(PATIENCE_S)
        flags = {
            int(info.name): int(info.read_text().split("flags:")[1].split()[0], 8)
            for info in Path(f"/proc/{process.pid}/fdinfo").iterdir()
        }
        process.send_signal(signal.SIGCONT)
        assert ended(process).status == 0
    ours = {number: flag for number, flag in flags.items() if number > 2}
    assert len(ours) >= 3  # the lock, the connection, and what waits for it
    assert all(flag & os.O_CLOEXEC for flag in ours.values())
