"""Each system call of the journal's write path, killed once and failed once in every way (S2, S3).

Calls that touch the files of a state are counted by `strace`, as one sequence for each work. Then
the work is done again for every one of them, on a copy: the Nth call kills its process, or it
fails, or it and all that come later fail. Whatever was acknowledged is there afterwards, and with
it at most the one write that was under way, whole; a refused writer never acknowledges again; and
the next one goes on.

The default run takes every call by name; `pytest -m long` takes all of them in every way.
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults.traced import GOLDEN, WORKS, Content, Work, add, after, content, is_final
from journal.samples import TESTS, passed, pipe, started

import sagactl
from sagactl.journal.compaction import compact
from sagactl.journal.tinydb_store import TinyDBStore

TRACED = Path(__file__).with_name("traced.py")

KILL = "KILL"
ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EROFS", "EMFILE", "EACCES")
# From some call on there is no disk any more.
LASTING = ("EIO+", "EROFS+")
# What is only called once something has failed.
ON_RETREAT = ("ftruncate", "unlinkat")
# What may not fail unheard: the rest is asked again, or tells nothing that would be missed.
UNFORGIVEN = {"pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "fallocate"}
# What a signal may interrupt; the others never say EINTR.
INTERRUPTED = {
    "open", "openat", "read", "pread64", "write", "pwrite64", "flock", "fsync", "fdatasync",
    "ftruncate", "fallocate", "close",
}  # fmt: skip

# What every work must come to, or it was not watched: parts of names, which differ from one
# machine to another (`fstat`, `newfstatat`).
DEMANDED = {
    "creation": {"mkdir", "open", "write", "pwrite", "fsync", "rename", "fdatasync"},
    "append": {"stat", "mmap", "pread", "pwrite", "fdatasync", "flock"},
    "append-behind-a-tear": {"ftruncate", "fsync", "pwrite", "fdatasync"},
    "append-to-a-wide-state": {"fchmod"},
    "reservation": {"fallocate", "fdatasync"},
    "compaction": {"open", "unlink", "write", "pwrite", "fsync", "rename", "flock"},
    "upgrade": {"unlink", "write", "fsync", "rename", "fdatasync"},
    "removal": {"pwrite", "fdatasync"},
}

# Beside the state: what is made for a while, and what is still open after it was replaced.
NAMES = (
    "", ".log", ".lock", ".locks", ".locks/order-1.lock", ".compaction.lock", ".format-1",
    ".tmp", ".log.tmp", ".format-1.tmp", ".log (deleted)",
)  # fmt: skip
CALL = re.compile(r"(\w+)\(.*")


@dataclass(frozen=True)
class Case:
    """What befalls the nth of the calls that touch the state."""

    nth: int
    call: str
    fault: str

    def injections(self, calls: Sequence[str]) -> list[str]:
        """How to tell it to `strace`, which counts the calls of each name for itself."""
        so_far = Counter(calls[: self.nth - 1])
        if self.fault == KILL:
            return [f"inject={self.call}:signal=KILL:when={so_far[self.call] + 1}"]
        if self.fault not in LASTING:
            return [f"inject={self.call}:error={self.fault}:when={so_far[self.call] + 1}"]
        error = self.fault.rstrip("+")
        names = sorted({*calls, *ON_RETREAT})
        return [f"inject={name}:error={error}:when={so_far[name] + 1}+" for name in names]


@dataclass(frozen=True)
class Told:
    """What was said of each step, how the process ended, and its calls as `strace` tells them."""

    said: Sequence[str]
    status: int
    calls: Sequence[str]

    @property
    def names(self) -> list[str]:
        return [line.partition("(")[0] for line in self.calls]


class Untraceable(Exception):
    """This process may not trace another one."""


class Tracer:
    """Works that are done under `strace`, each in a process of its own."""

    def __init__(self) -> None:
        here = os.pathsep.join((str(Path(sagactl.__file__).parent.parent), str(TESTS)))
        self._server = subprocess.Popen(
            [sys.executable, str(TRACED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": here},
        )

    def __call__(self, work: str, path: Path, *options: str) -> Told:
        self._say(f"{work} {path}")
        pid = self._hear().removeprefix("pid ")
        command = ["strace", "-f", *options, "-p", pid]
        for there in (path.parent.parent, path.parent, path.parent / ".gitignore"):
            command += ["-P", str(there)]
        for name in NAMES:
            command += ["-P", f"{path}{name}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            attached = pipe(strace.stderr).readline()
            self._say("go")
            *said, ended = iter(self._hear_to_the_end())
            trace = pipe(strace.stderr).read()
        if not attached.endswith("attached\n"):
            raise Untraceable(attached + trace)
        calls = [line for line in trace.splitlines() if CALL.match(line)]
        return Told(said, int(ended.removeprefix("ended ")), calls)

    def close(self) -> None:
        self._server.communicate(timeout=60)

    def _say(self, line: str) -> None:
        pipe(self._server.stdin).write(f"{line}\n")
        pipe(self._server.stdin).flush()

    def _hear(self) -> str:
        line = pipe(self._server.stdout).readline()
        assert line, "the process that forks has died"
        return line.rstrip("\n")

    def _hear_to_the_end(self) -> Iterator[str]:
        line = ""
        while not line.startswith("ended "):
            line = self._hear()
            yield line


@pytest.fixture(scope="module")
def tracer() -> Iterator[Tracer]:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    tracer = Tracer()
    try:
        with tempfile.TemporaryDirectory() as folder:
            tracer("creation", Path(folder).resolve() / ".sagactl" / "state.json")
    except Untraceable as refusal:
        tracer.close()
        pytest.skip(f"this process may not trace: {str(refusal).strip()}")
    yield tracer
    tracer.close()


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder where a sync takes no time, as far as there is one."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder).resolve()


class Bench:
    """Copies of a work's state, and a work done on each of them."""

    def __init__(self, tracer: Tracer, folder: Path, name: str) -> None:
        self.work: Work = WORKS[name]
        self._name = name
        self._tracer = tracer
        self._sample = folder / "sample"
        self._sample.mkdir()
        self.work.prepare(self._sample / ".sagactl" / "state.json")
        self._fresh = (folder / str(number) for number in itertools.count())
        self.before = content(self._sample / ".sagactl" / "state.json")
        self.calls = self._counted()

    def verdict(self, case: Case) -> list[str]:
        """Everything that is wrong after the fault."""
        path = self._copy()
        try:
            injections = case.injections(self.calls)
            told = self._tracer(self._name, path, *(f"-e{each}" for each in injections))
            wrong = [f"it did not strike: {line}" for line in self._unstruck(case, told)]
            wrong += self._wrong(case, told, path)
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}"]
        shutil.rmtree(path.parent.parent)
        return wrong

    def _counted(self) -> list[str]:
        """The names of the calls, in their order, where nothing fails: the same every time."""
        names = []
        for _ in range(2):
            path = self._copy()
            told = self._tracer(self._name, path)
            assert told.said == ["ok"] * len(self.work.steps)
            assert told.status == 0
            states = list(self._states())
            assert content(path) == states[-1]
            names.append(told.names)
        assert names[0] == names[1]
        for part in DEMANDED.get(self._name, ()):
            assert any(part in name for name in names[0]), part
        return names[0]

    def _states(self) -> Iterator[Content]:
        there = self.before
        yield there
        for step in self.work.steps:
            there = after(step, there)
            yield there

    def _copy(self) -> Path:
        folder = next(self._fresh)
        shutil.copytree(self._sample, folder)
        return folder / ".sagactl" / "state.json"

    def _unstruck(self, case: Case, told: Told) -> Iterator[str]:
        calls = told.calls
        struck = calls[case.nth - 1] if len(calls) >= case.nth else ""
        if told.names[: case.nth] != self.calls[: case.nth]:
            yield f"the calls were others: {told.names}"
        if case.fault == KILL and (told.status != -9 or len(calls) != case.nth):
            yield f"it ended with {told.status} after {len(calls)} calls"
        if case.fault != KILL and not struck.endswith("(INJECTED)"):
            yield struck

    def _wrong(self, case: Case, told: Told, path: Path) -> Iterator[str]:
        if case.fault != KILL and told.status != 0:
            yield f"it ended with {told.status}"
        yield from self._wrong_words(case, told)
        found = content(path)
        possible = self._possible(told)
        if found not in possible:
            yield f"the state is neither old nor new: {found}, not of {possible}"
        yield from self._lost_backup(path)
        yield from wrong_afterwards(path, found)

    def _wrong_words(self, case: Case, told: Told) -> Iterator[str]:
        """What no store may say."""
        refusal = ""
        if case.fault != KILL and len(told.said) != len(self.work.steps):
            yield f"it said {told.said}"
        may_pass = case.fault in (KILL, "EINTR") or case.call not in UNFORGIVEN
        if not may_pass and all(line == "ok" for line in told.said):
            yield "nobody heard of it"
        for step, line in zip(self.work.steps, told.said, strict=False):
            word, _, reason = line.partition(" ")
            if word == "broken":
                yield reason
            elif refusal and is_final(step):
                if word == "ok" or "nothing more is written since it said" not in reason:
                    yield f"after a refusal: {line}"
            elif word == "refused":
                yield from wrong_reason(case, reason)
                refusal = reason if is_final(step) else refusal

    def _possible(self, told: Told) -> list[Content]:
        """What may be there: all that was acknowledged, and perhaps the one write in flight."""
        possible = [self.before]
        for step, line in itertools.zip_longest(self.work.steps, told.said):
            if line == "ok":
                possible = [after(step, there) for there in possible]
                continue
            if len(possible) == 1 and is_final(step):
                possible = [*possible, after(step, possible[0])]
            if line is None:
                break
        return possible

    def _lost_backup(self, path: Path) -> Iterator[str]:
        """A state of the first format is there, if only beside the one that it became."""
        if self._name != "upgrade":
            return
        golden = (GOLDEN / "format-1.json").read_bytes()
        kept = path.with_name(f"{path.name}.format-1")
        if path.read_bytes() != golden and not (kept.exists() and kept.read_bytes() == golden):
            yield "the state of the old format is gone"


def wrong_reason(case: Case, reason: str) -> Iterator[str]:
    code = case.fault.rstrip("+")
    told = [f"({code})"]
    if code in ("EACCES", "EROFS"):  # what may not be written is read, and may not be there yet
        told.append("(ENOENT)")
    if case.call == "lseek" or case.fault in LASTING:  # Python asks first, and keeps the answer
        told.append("not seekable")
    if case.fault in (KILL, "EINTR"):
        yield f"it was refused: {reason}"
    elif not any(each in reason for each in told):
        yield f"it does not say {code}: {reason}"


def wrong_afterwards(path: Path, there: Content) -> Iterator[str]:
    """What keeps the next writer from going on."""
    step = add(passed(9.0)) if "order-1" in there else add(started(), passed(9.0))
    writer = TinyDBStore(path, create=True)
    writer.append_all(step.appends)
    writer.close()
    if content(path) != after(step, there):
        yield "the next writer's event is not there, or not alone"
    if not compact(path):
        yield "it cannot be compacted any more"
    if content(path) != after(step, there):
        yield "its compaction changed it"
    if left := list(path.parent.glob("*.tmp")):
        yield f"{left} was left"


def report(name: str, cases: Sequence[Case], wrong: dict[Case, list[str]]) -> str:
    faults = Counter("killed" if case.fault == KILL else "failed" for case in cases)
    calls = len({case.nth for case in cases})
    good = len(cases) - len(wrong)
    return (
        f"{name}: {calls} calls, {faults['killed']} times killed and {faults['failed']} times "
        f"failed; {good} of {len(cases)} ended old or new"
    )


def judge(bench: Bench, name: str, cases: Sequence[Case]) -> str:
    verdicts = {case: bench.verdict(case) for case in cases}
    wrong = {case: found for case, found in verdicts.items() if found}
    told = report(name, cases, wrong)
    assert not wrong, "\n".join([told, *(f"{case}: {found}" for case, found in wrong.items())])
    return told


def some(calls: Sequence[str]) -> list[Case]:
    """The last call of each name: killed, and failed in a way that differs from call to call."""
    last = {call: nth for nth, call in enumerate(calls, 1)}
    ways = itertools.cycle(ERRORS)
    return [Case(nth, call, fault) for call, nth in last.items() for fault in (KILL, next(ways))]


def every(calls: Sequence[str]) -> list[Case]:
    cases = []
    for nth, call in enumerate(calls, 1):
        interruptions = ("EINTR",) if call in INTERRUPTED else ()
        faults = (KILL, *ERRORS, *interruptions, *LASTING)
        cases += [Case(nth, call, fault) for fault in faults]
    return cases


@pytest.mark.parametrize("name", WORKS)
def test_S2_S3_a_call_of_each_name_leaves_old_or_new(
    tracer: Tracer, quick: Path, name: str
) -> None:
    bench = Bench(tracer, quick, name)
    print(judge(bench, name, some(bench.calls)))


def test_S3_an_interrupted_close_refuses_nothing(tracer: Tracer, quick: Path) -> None:
    bench = Bench(tracer, quick, "append")
    closes = [nth for nth, call in enumerate(bench.calls, 1) if call == "close"]
    assert closes
    print(judge(bench, "append", [Case(nth, "close", "EINTR") for nth in closes]))


@pytest.mark.long
@pytest.mark.parametrize("name", WORKS)
def test_S2_S3_every_call_leaves_old_or_new(
    tracer: Tracer, quick: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tracer, quick, name)
    told = judge(bench, name, every(bench.calls))
    with capsys.disabled():
        print(f"\n{told}")
