"""A disk that refuses, and who may read a state (rows S and X4 of the catalogue).

Which system calls there are is not told here but recorded: whatever of `os`, `fcntl` and `mmap`
the journal comes to while it does a piece of work, fails once in each of six ways.
"""

import builtins
import errno
import fcntl
import gc
import itertools
import mmap
import os
import resource
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FrameType
from typing import IO, Any

import pytest
from journal.samples import began, begun, count, passed, started, story

from sagactl.journal import disk, log
from sagactl.journal.compaction import compact
from sagactl.journal.store import Append, StoreRefused
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.volume import log_path
from sagactl.machine.event import Event

OTHER_USER = 65534
FULL = r"ENOSPC|EFBIG"
GOLDEN = Path(__file__).parent.parent / "journal" / "golden"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / "state.json"


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder where a sync takes no time, as far as there is one."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


# --- S3, S4, S5: a system call fails


# What is in `os` and asks nothing of the disk.
HARMLESS = {"fspath", "strerror", "getpid", "fsencode", "fsdecode", "urandom", "cpu_count"}
HARMLESS |= {"WIFSTOPPED", "waitstatus_to_exitcode", "getcwd", "kill", "_exit", "waitpid"}

ERRORS = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EACCES, errno.EROFS]
READ_INSTEAD = (errno.EACCES, errno.EROFS)


class Calls:
    """Every call that is made of the system, by name; the nth of them may fail."""

    def __init__(self, nth: int = 0, code: int = 0) -> None:
        self.names: list[str] = []
        self._nth = nth
        self._code = code

    @property
    def struck(self) -> bool:
        return 0 < self._nth <= len(self.names)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        self._thread = threading.get_ident()
        # A store of an earlier case that is collected meanwhile would make calls of its own.
        gc.disable()
        try:
            with pytest.MonkeyPatch.context() as patch:
                self._stand_in(patch)
                yield
        finally:
            gc.enable()

    def _stand_in(self, patch: pytest.MonkeyPatch) -> None:
        for module in (os, fcntl):
            for name, call in list(vars(module).items()):
                if isinstance(call, BuiltinFunctionType) and name not in HARMLESS:
                    patch.setattr(module, name, partial(self._come_to, name, call))
        patch.setattr(mmap, "mmap", partial(self._come_to, "mmap", mmap.mmap))
        patch.setattr(log, "open", self._open, raising=False)
        patch.setattr(disk, "reserve", partial(self._come_to, "fallocate", disk.reserve))

    def _come_to(self, name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != self._thread:  # whatever another test left running
            return call(*args, **kwargs)
        self.names.append(name)
        if len(self.names) != self._nth:
            return call(*args, **kwargs)
        if name == "close":  # what fails to close is closed all the same
            call(*args, **kwargs)
        raise OSError(self._code, os.strerror(self._code))

    def _open(self, *args: Any, **kwargs: Any) -> "OpenFile":
        return OpenFile(self._come_to("fdopen", builtins.open, *args, **kwargs), self._come_to)


class OpenFile:
    """A file as the builtin `open` gives it, whose methods are calls too."""

    def __init__(self, file: Any, come_to: Callable[..., Any]) -> None:
        self._file = file
        self._come_to = come_to

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._come_to, name, getattr(self._file, name))


@contextmanager
def no_deadlock(seconds: int = 20) -> Iterator[None]:
    """Whoever waits for a lock that nobody gives back is told so."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("it waits for a lock")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


Content = dict[str, tuple[tuple[Event, ...], str]]


def content(path: Path) -> Content:
    """Every run's events, and the state it is in, as the next process will read them."""
    store = TinyDBStore(path, create=False)
    found = {each.run_id: (store.read(each.run_id), each.state) for each in store.summaries()}
    store.close()
    return found


def with_log(path: Path) -> None:
    """A state with a snapshot and a log, neither of them empty."""
    begun(path, "order-1", "order-2").append("order-1", story()[1:3], "pending")
    compact(path)
    begun(path, "order-3").append("order-2", [began(number) for number in range(20)], "pending")


def first_format(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes((GOLDEN / "format-1.json").read_bytes())


def torn(path: Path) -> None:
    with_log(path)
    with log_path(path).open("ab") as file:
        file.write(b"0123abcd [0,1,")


def nothing(path: Path) -> None:
    pass


def new(path: Path) -> TinyDBStore:
    return TinyDBStore(path, create=True)


def warm(path: Path) -> TinyDBStore:
    """A store that has appended already, and has its files open."""
    store = new(path)
    store.append("order-2", [passed(1.0)], "pending")
    return store


def append(store: TinyDBStore, path: Path) -> None:
    store.append("order-1", [passed(1.0), passed(2.0)], "failed")


def append_all(store: TinyDBStore, path: Path) -> None:
    appends = [Append(f"new-{number}", [started(f"new-{number}")], "x") for number in range(5)]
    store.append_all([*appends, Append("order-1", [passed(1.0)], "failed")])


def begin(store: TinyDBStore, path: Path) -> None:
    store.append("order-1", story()[:2], "pending")


def remove(store: TinyDBStore, path: Path) -> None:
    store.remove(["order-2", "order-3"])


def reserve(store: TinyDBStore, path: Path) -> None:
    store.reserve(1 << 16)


def hold(store: TinyDBStore, path: Path) -> None:
    with store.hold("order-9"):
        pass


def ask(store: TinyDBStore, path: Path) -> None:
    for summary in store.summaries():
        store.read(store.find(summary.run_id))


def compact_it(store: TinyDBStore, path: Path) -> None:
    assert compact(path)


@dataclass(frozen=True)
class Work:
    """What is done to which state; `ends` says whether the store is at its end where it fails."""

    prepare: Callable[[Path], None]
    opened: Callable[[Path], TinyDBStore]
    does: Callable[[TinyDBStore, Path], None]
    ends: bool = True


WORKS = {
    "append": Work(with_log, new, append),
    "another append": Work(with_log, warm, append),
    "append behind a tear": Work(torn, new, append),
    "append of many": Work(with_log, warm, append_all),
    "creation": Work(nothing, new, begin),
    "creation for a lock": Work(nothing, new, hold, ends=False),
    "compaction": Work(with_log, warm, compact_it, ends=False),
    "upgrade": Work(first_format, new, append),
    "removal": Work(with_log, warm, remove),
    "reservation": Work(with_log, warm, reserve),
    "lock": Work(with_log, new, hold, ends=False),
    "question": Work(with_log, new, ask, ends=False),
    "another question": Work(with_log, warm, ask, ends=False),
}

# What every piece of work must come to, or the record is none.
DEMANDED = {
    "append": {"open", "stat", "fstat", "pread", "mmap", "flock", "pwrite", "fdatasync"},
    "creation": {"mkdir", "open", "write", "pwrite", "fsync", "rename", "fdatasync", "flock"},
    "compaction": {"open", "unlink", "write", "pwrite", "fsync", "rename", "flock", "close"},
    "upgrade": {"open", "unlink", "write", "pwrite", "fsync", "rename", "flock", "fdatasync"},
    "append behind a tear": {"ftruncate", "fsync", "readline", "pwrite", "fdatasync"},
    "reservation": {"fallocate", "flock"},
    "question": {"open", "stat", "fstat", "pread", "mmap", "readline"},
    "another question": {"stat", "pread"},
}


def tried(work: Work, path: Path, calls: Calls) -> tuple[TinyDBStore, StoreRefused | None]:
    """Do the work; what was said to it."""
    store = work.opened(path)
    with no_deadlock(), calls.recorded():
        try:
            work.does(store, path)
        except StoreRefused as refusal:
            return store, refusal
    return store, None


def demand_old_or_new(
    work: Work,
    path: Path,
    tried: tuple[TinyDBStore, StoreRefused | None],
    states: Sequence[Content],
) -> None:
    store, refusal = tried
    assert content(path) in states
    if refusal is None:
        assert content(path) == states[-1]
    elif work.ends:
        with pytest.raises(StoreRefused, match="nothing more is written"):
            store.append("order-1", [passed(3.0)], "stuck")
    there = content(path)
    assert {run_id: store.read(run_id) for run_id in there} == {
        run_id: events for run_id, (events, _) in there.items()
    }


def demand_goes_on(path: Path, store: TinyDBStore) -> None:
    """Nothing keeps this store from appending, not even another one that failed."""
    there = content(path)
    more = [passed(9.0)] if "order-1" in there else [started(), passed(9.0)]
    with no_deadlock():
        store.append("order-1", more, "stuck")
        before = there.get("order-1", ((), ""))[0]
        there["order-1"] = ((*before, *more), "stuck")
        assert content(path) == there
        if list(path.parent.glob("*.tmp")):
            assert compact(path)
            assert content(path) == there
    assert not list(path.parent.glob("*.tmp"))
    store.close()


def copies(folder: Path, prepare: Callable[[Path], None]) -> Iterator[Path]:
    """The same state over and over, each time somewhere else."""
    sample = folder / "sample" / "state.json"
    prepare(sample)
    for number in itertools.count():
        path = folder / str(number) / ".sagactl" / "state.json"
        path.parent.parent.mkdir()
        if sample.parent.exists():
            shutil.copytree(sample.parent, path.parent)
        yield path


@pytest.mark.parametrize("code", ERRORS, ids=[errno.errorcode[code] for code in ERRORS])
@pytest.mark.parametrize("name", WORKS)
def test_S3_a_failed_system_call_leaves_old_or_new(quick: Path, name: str, code: int) -> None:
    work = WORKS[name]
    fresh = copies(quick, work.prepare)
    path = next(fresh)
    work.opened(path).close()
    before = content(path)
    path = next(fresh)
    calls = Calls()
    store, refusal = tried(work, path, calls)
    assert refusal is None
    store.close()
    states = (before, content(path))
    assert set(calls.names) >= DEMANDED.get(name, set())
    refused = set()
    for nth, call in enumerate(calls.names, 1):
        path = next(fresh)
        fault = Calls(nth, code)
        store, refusal = tried(work, path, fault)
        assert fault.struck, (calls.names[nth - 1 :], fault.names[nth - 1 :])
        assert fault.names[:nth] == calls.names[:nth]
        if refusal is not None:
            refused.add(call)
            assert errno.errorcode[code] in refusal.reason or (
                # A file that may not be written is tried for reading; and is not there yet.
                (call, code in READ_INSTEAD) == ("open", True) and "ENOENT" in refusal.reason
            ), (nth, call)
            assert path.parent in refusal.path.parents, (nth, call)
        demand_old_or_new(work, path, (store, refusal), states)
        # A log that could only be read stays so, for a store that has opened it.
        is_over = work.ends or code in READ_INSTEAD
        demand_goes_on(path, new(path) if is_over else store)
        store.close()
        shutil.rmtree(path.parent.parent)
    assert refused >= DEMANDED.get(name, set()) - {"unlink", "close"}


@contextmanager
def failing(name: str, code: int, *, nth: int = 1) -> Iterator[list[int]]:
    """Let the nth call of a function of `os` fail; tells the descriptors of all its calls."""
    seen: list[int] = []
    real = getattr(os, name)

    def failing(fd: int, *rest: Any) -> Any:
        seen.append(fd)
        if len(seen) == nth:
            raise OSError(code, os.strerror(code))
        return real(fd, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, failing)
        yield seen


@pytest.mark.parametrize("name", WORKS)
def test_S3_a_short_write_is_finished(quick: Path, name: str) -> None:
    work = WORKS[name]
    fresh = copies(quick, work.prepare)
    real_write, real_pwrite = os.write, os.pwrite
    expected = next(fresh)
    work.does(work.opened(expected), expected)
    path = next(fresh)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", lambda fd, content: real_write(fd, content[:7]))
        patch.setattr(os, "pwrite", lambda fd, content, at: real_pwrite(fd, content[:7], at))
        work.does(work.opened(path), path)
    assert content(path) == content(expected)
    for there in expected.parent.glob("state.json*"):
        if there.is_file():
            assert path.with_name(there.name).read_bytes() == there.read_bytes()


@pytest.mark.parametrize(
    ("work", "name"),
    [("append", "pwrite")]
    + [
        (work, name)
        for work in ("creation", "compaction", "upgrade")
        for name in ("write", "pwrite")
    ],
)
def test_S3_a_write_that_takes_nothing_is_refused(
    quick: Path, monkeypatch: pytest.MonkeyPatch, work: str, name: str
) -> None:
    path = next(copies(quick, WORKS[work].prepare))
    store = WORKS[work].opened(path)
    before = content(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, name, lambda *call: 0)
        with pytest.raises(StoreRefused, match="EIO"):
            WORKS[work].does(store, path)
    assert content(path) == before


def test_S3_a_signal_in_the_middle_interrupts_no_write(path: Path) -> None:
    store = begun(path)
    rang = 0

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal rang
        rang += 1

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        appended = 0
        while rang < 20 or appended < 20:
            store.append("order-1", [passed(float(appended))], "pending")
            if appended % 5 == 0:
                assert compact(path)
            appended += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert count(path) == 1 + appended


@pytest.mark.parametrize("name", ["pwrite", "fdatasync"])
def test_S3_an_interrupted_append_keeps_no_half(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    store = begun(path)
    real = getattr(os, name)

    def interrupted(*args: Any) -> None:
        if name == "pwrite":
            real(args[0], args[1][:100], args[2])
        raise KeyboardInterrupt

    before = log_path(path).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append("order-1", [began(1), began(2)], "pending")
    assert store.read("order-1") == (started(),)
    assert log_path(path).read_bytes() == before
    store.append("order-1", [began(3)], "pending")
    assert count(path) == 2


def test_S4_a_failed_sync_is_never_tried_again(path: Path) -> None:
    store = begun(path)
    before = log_path(path).read_bytes()
    with failing("fdatasync", errno.EIO) as synced:
        with pytest.raises(StoreRefused, match=r"input/output error \(EIO\)") as refusal:
            store.append("order-1", [began()], "pending")
        with pytest.raises(StoreRefused, match="nothing more is written"):
            store.append("order-1", [began()], "pending")
        assert refusal.value.path == log_path(path)
        assert len(synced) == 1
        # What nobody knows to be on the disk is no longer in the file, whoever reads it.
        assert log_path(path).read_bytes() == before
        assert store.read("order-1") == (started(),)
        TinyDBStore(path, create=False).append("order-1", [began(2)], "pending")
    assert TinyDBStore(path, create=False).read("order-1") == (started(), began(2))


def test_S4_a_failed_sync_of_a_new_file_is_never_tried_again(path: Path) -> None:
    begun(path)
    for nth in range(1, 4):  # of the state, of the log, of what was added to it since
        before = path.read_bytes(), log_path(path).read_bytes()
        kept = count(path)
        with (
            appending_meanwhile(path),
            failing("fsync", errno.EIO, nth=nth) as synced,
            pytest.raises(StoreRefused, match="EIO"),
        ):
            compact(path)
        assert len(synced) == nth
        assert path.read_bytes() == before[0]
        assert log_path(path).read_bytes().startswith(before[1])
        assert count(path) == kept + 1
    assert compact(path)
    assert count(path) == 4


@contextmanager
def appending_meanwhile(path: Path) -> Iterator[None]:
    """Have somebody append once a compaction has read the state."""
    real = disk.write_temporary

    def write(name: Path, fill: Callable[[int], None]) -> None:
        if name == path:
            TinyDBStore(path, create=False).append("order-1", [passed(1.0)], "pending")
        real(name, fill)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "write_temporary", write)
        yield


def test_S4_a_store_whose_cut_fails_too_writes_nothing_more(path: Path) -> None:
    store = begun(path)
    with (
        failing("fdatasync", errno.EIO),
        failing("ftruncate", errno.EIO),
        pytest.raises(StoreRefused, match="EIO"),
    ):
        store.append("order-1", [began()], "pending")
    with pytest.raises(StoreRefused, match="nothing more is written"):
        store.append("order-1", [began()], "pending")
    assert store.read("order-1") in ((started(),), (started(), began()))
    kept = count(path)
    TinyDBStore(path, create=False).append("order-1", [began(2)], "pending")
    assert count(path) == kept + 1


@contextmanager
def folder_not_synced(nth: int) -> Iterator[list[int]]:
    """Let the nth sync of a folder fail; tells how many there were."""
    seen = [0]
    real = os.fsync

    def sync(fd: int) -> None:
        seen[0] += stat.S_ISDIR(os.fstat(fd).st_mode)
        if seen[0] == nth:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        yield seen


@pytest.mark.parametrize("nth", [1, 2, 3])  # a new folder, the log's name in it, and the state's
def test_S5_a_folder_that_cannot_be_synced_ends_the_store(path: Path, nth: int) -> None:
    store = TinyDBStore(path, create=True)
    with folder_not_synced(nth) as seen, pytest.raises(StoreRefused, match="EIO"):
        store.append("order-1", [started()], "started")
    assert seen == [nth]
    with pytest.raises(StoreRefused, match="nothing more is written"):
        store.append("order-1", [started()], "started")
    # Whether the name is there or not, the next process goes on.
    TinyDBStore(path, create=True).append("order-1", [started()], "started")
    assert count(path) == 1


@pytest.mark.parametrize("nth", [1, 2])
def test_S5_a_folder_that_cannot_be_synced_ends_the_compaction(path: Path, nth: int) -> None:
    store = begun(path)
    store.append("order-1", [began()], "pending")
    with folder_not_synced(nth) as seen, pytest.raises(StoreRefused, match="EIO"):
        compact(path)
    assert seen == [nth]
    # After the first of the two renames, or after both: every pair is the same state.
    assert store.read("order-1") == (started(), began())
    store.append("order-1", [began(2)], "pending")
    assert TinyDBStore(path, create=False).read("order-1") == (started(), began(), began(2))
    assert compact(path)
    assert count(path) == 3


# --- S6, S7: a full disk, a read-only one, somebody else's


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; where none may be mounted, a limit on the size of a file."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if shutil.which("mount") and subprocess.run(mount, check=False).returncode == 0:
        yield disk
        subprocess.run(["umount", "-l", str(disk)], check=True)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (128 * 1024, limits[1]))
    yield disk
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


def room(fd: int) -> bool:
    """Whether one more page can be written."""
    try:
        return os.write(fd, bytes(4096)) > 0
    except OSError:
        return False


def fill(folder: Path, name: str = "ballast") -> Path:
    """Take all the room that there is."""
    ballast = folder / name
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while room(fd):
        pass
    os.close(fd)
    return ballast


def test_S6_a_full_disk_keeps_what_it_had(small_disk: Path) -> None:
    path = small_disk / ".sagactl" / "state.json"
    (small_disk / "ballast").write_bytes(bytes(1 << 16))
    store = begun(path)
    kept = 1
    before = b""

    def until_full() -> None:
        nonlocal kept, before
        while True:
            before = log_path(path).read_bytes()
            store.append("order-1", [began(number) for number in range(50)], "pending")
            kept += 50

    with pytest.raises(StoreRefused, match=FULL) as refusal:
        until_full()
    assert refusal.value.path == log_path(path)
    assert kept > 50
    assert count(path) == kept
    assert log_path(path).read_bytes() == before
    with pytest.raises(StoreRefused, match="nothing more is written"):
        store.append("order-1", [began()], "pending")
    # There is no room for another state; the one that is there stays.
    with pytest.raises(StoreRefused, match=FULL):
        compact(path)
    assert count(path) == kept
    assert not list(path.parent.glob("*.tmp"))
    (small_disk / "ballast").unlink()
    if os.path.ismount(small_disk):
        TinyDBStore(path, create=False).append("order-1", [began(1)], "pending")
        assert count(path) == kept + 1


def test_S6_a_commit_that_was_half_written_is_cut_off(small_disk: Path) -> None:
    if not os.path.ismount(small_disk):
        pytest.skip("no file system may be mounted here")
    path = small_disk / "state.json"
    store = begun(path)
    before = log_path(path).read_bytes()
    ballast = fill(small_disk)
    written = []
    real = os.pwrite

    def counted(fd: int, content: bytes, at: int) -> int:
        written.append(real(fd, content, at))
        return written[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", counted)
        with pytest.raises(StoreRefused, match="ENOSPC"):
            store.append("order-1", [began(number) for number in range(100)], "pending")
    assert 0 < sum(written) < 4096  # what the last page of the log still took
    assert log_path(path).read_bytes() == before
    assert store.read("order-1") == (started(),)
    ballast.unlink()
    TinyDBStore(path, create=False).append("order-1", [began()], "pending")
    assert count(path) == 2


def test_S6_a_disk_that_is_full_from_the_start_refuses_the_first_event(small_disk: Path) -> None:
    ballast = fill(small_disk)
    path = small_disk / "state.json"
    store = TinyDBStore(path, create=True)
    events = [started(), *(began(number) for number in range(1, 1000))]
    with pytest.raises(StoreRefused, match=FULL):
        store.append("order-1", events, "pending")
    assert TinyDBStore(path, create=False).summaries() == []
    ballast.unlink()
    TinyDBStore(path, create=True).append("order-1", events[:9], "pending")
    assert count(path) == 9


def test_S6_a_reservation_finds_a_full_disk_before_the_first_event(small_disk: Path) -> None:
    path = small_disk / ".sagactl" / "state.json"
    store = begun(path)
    before = log_path(path).read_bytes()
    with pytest.raises(StoreRefused, match=FULL) as refusal:
        store.reserve(1 << 20)
    assert refusal.value.path == log_path(path)
    with pytest.raises(StoreRefused, match="nothing more is written"):
        store.append("order-1", [began()], "pending")
    assert log_path(path).read_bytes() == before
    TinyDBStore(path, create=False).append("order-1", [began()], "pending")
    assert count(path) == 2


def test_S6_what_was_reserved_is_there_when_the_disk_is_full(small_disk: Path) -> None:
    if not os.path.ismount(small_disk):
        pytest.skip("no file system may be mounted here")
    path = small_disk / "state.json"
    store = begun(path)
    length = log_path(path).stat().st_size
    store.reserve(1 << 16)
    assert log_path(path).stat().st_size == length
    fill(small_disk)
    kept = 1
    while log_path(path).stat().st_size < length + (1 << 16) - 4096:
        store.append("order-1", [began()], "pending")
        kept += 1
    assert kept > 50
    assert count(path) == kept


@contextmanager
def not_the_owner() -> Iterator[None]:
    """Do without root's powers, where we have them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(OTHER_USER)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, which the usual temporary ones forbid."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_S7_a_folder_that_may_not_be_written_is_refused(open_folder: Path) -> None:
    path = open_folder / "state.json"
    begun(path)
    path.chmod(0o644)
    log_path(path).chmod(0o644)
    before = path.read_bytes(), log_path(path).read_bytes()
    for lock in open_folder.glob("*.lock"):
        lock.unlink()
    open_folder.chmod(0o555)
    with not_the_owner():
        store = TinyDBStore(path, create=True)
        assert store.read("order-1") == (started(),)
        with pytest.raises(StoreRefused, match=r"permission denied \(EACCES\)"):
            store.append("order-1", [began()], "pending")
        with (
            pytest.raises(StoreRefused, match="EACCES") as refusal,
            TinyDBStore(path, create=True).hold("order-1"),
        ):
            pass
    assert refusal.value.path == open_folder / "state.json.locks"
    assert (path.read_bytes(), log_path(path).read_bytes()) == before


@pytest.mark.parametrize("name", ["state.json", "state.json.log"])
def test_S7_a_file_that_may_not_be_read_is_refused_by_its_name(
    open_folder: Path, name: str
) -> None:
    path = open_folder / "state.json"
    begun(path)
    readable, other = (path, log_path(path))[:: 1 if name.endswith("log") else -1]
    readable.chmod(0o644)
    if os.geteuid() != 0:
        other.chmod(0)
    with not_the_owner(), pytest.raises(StoreRefused, match="EACCES") as refusal:
        TinyDBStore(path, create=True).read("order-1")
    assert refusal.value.path == other


def test_S7_a_log_that_may_only_be_read_is_read(open_folder: Path) -> None:
    path = open_folder / "state.json"
    begun(path)
    path.chmod(0o644)
    log_path(path).chmod(0o444)
    open_folder.chmod(0o777)
    for lock in open_folder.glob("*.lock"):
        lock.chmod(0o666)
    before = log_path(path).read_bytes()
    with not_the_owner():
        store = TinyDBStore(path, create=True)
        assert store.read("order-1") == (started(),)
        with pytest.raises(StoreRefused, match="EACCES") as refusal:
            store.append("order-1", [began()], "pending")
    assert refusal.value.path == log_path(path)
    assert log_path(path).read_bytes() == before


def test_S7_a_folder_that_may_not_be_made_is_refused(open_folder: Path) -> None:
    path = open_folder / ".sagactl" / "state.json"
    open_folder.chmod(0o555)
    with not_the_owner(), pytest.raises(StoreRefused, match="EACCES"):
        TinyDBStore(path, create=True).append("order-1", [started()], "started")


def test_S7_a_read_only_disk_can_still_be_read(small_disk: Path) -> None:
    path = small_disk / "state.json"
    begun(path).close()  # a disk with a file open for writing stays writable
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    if not os.path.ismount(small_disk) or subprocess.run(remount, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here")
    store = TinyDBStore(path, create=True)
    assert store.read("order-1") == (started(),)
    with pytest.raises(StoreRefused, match=r"read-only file system \(EROFS\)"):
        store.append("order-1", [began()], "pending")
    with pytest.raises(StoreRefused, match="EROFS"), store.hold("order-1"):
        pass


def test_S7_a_file_in_the_way_of_the_folder_is_refused(path: Path) -> None:
    path.parent.write_text("not a folder")
    with pytest.raises(StoreRefused, match="ENOTDIR"):
        TinyDBStore(path, create=True).append("order-1", [started()], "started")
    with pytest.raises(StoreRefused, match="ENOTDIR"):
        TinyDBStore(path, create=True).summaries()


# --- X4: who may read it


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_X4_only_the_owner_may_read_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = begun(path)
        with store.hold("order-1"):
            store.append("order-1", [began()], "pending")
        compact(path)
    finally:
        os.umask(before)
    made = [path.parent, *path.parent.rglob("*")]
    assert {p.name: stat.S_IMODE(p.lstat().st_mode) for p in made} == {
        ".sagactl": 0o700,
        ".gitignore": 0o600,
        "state.json": 0o600,
        "state.json.log": 0o600,
        "state.json.lock": 0o600,
        "state.json.compaction.lock": 0o600,
        "state.json.locks": 0o700,
        "order-1.lock": 0o600,
    }


class Watched(Calls):
    """Calls, and after each of them a look at what others may read."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.wider: list[Path] = []
        self._folder = folder
        self._looks = False

    def _come_to(self, name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        answer = super()._come_to(name, call, *args, **kwargs)
        if not self._looks:
            self._looks = True
            self.wider += [p for p in self._folder.rglob("*") if p.lstat().st_mode & 0o077]
            self._looks = False
        return answer


@pytest.mark.parametrize("name", ["creation", "append", "compaction", "upgrade", "lock"])
def test_X4_no_file_is_ever_wider_than_it_ends(quick: Path, name: str) -> None:
    path = next(copies(quick, WORKS[name].prepare))
    for there in path.parent.parent.rglob("*"):
        there.chmod(0o700 if there.is_dir() else 0o600)
    before = os.umask(0)
    watched = Watched(path.parent.parent)
    try:
        with watched.recorded():
            WORKS[name].does(WORKS[name].opened(path), path)
    finally:
        os.umask(before)
    assert "open" in watched.names
    assert watched.wider == []


@pytest.mark.parametrize("name", ["state.json", "state.json.log"])
def test_X4_a_temporary_file_that_somebody_put_there_is_not_written_to(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    begun(path)
    planted = path.with_name(f"{name}.tmp")
    opened: list[IO[bytes]] = []
    real = os.unlink

    def missing(named: Any, **options: Any) -> None:
        if named != planted.name:
            real(named, **options)
            return
        # At the worst moment: after we looked, before we make our own.
        opened.append(planted.open("w+b"))
        monkeypatch.setattr(os, "unlink", real)
        raise FileNotFoundError(errno.ENOENT, "nothing there")

    monkeypatch.setattr(os, "unlink", missing)
    with pytest.raises(StoreRefused, match="EEXIST"):
        compact(path)
    assert count(path) == 1
    assert [file.read() for file in opened] == [b""]


def test_X4_a_link_in_the_place_of_a_temporary_file_is_not_followed(
    path: Path, tmp_path: Path
) -> None:
    store = begun(path)
    for name in ("state.json", "state.json.log"):
        path.with_name(f"{name}.tmp").symlink_to(tmp_path / "elsewhere")
    assert compact(path)
    store.append("order-1", [began()], "pending")
    assert count(path) == 2
    assert not (tmp_path / "elsewhere").exists()


def test_X4_a_state_that_others_could_read_is_closed_by_the_next_compaction(path: Path) -> None:
    store = begun(path)
    for there in (path, log_path(path)):
        there.chmod(0o644)
    store.append("order-1", [began()], "pending")
    assert compact(path)
    for there in (path, log_path(path)):
        assert stat.S_IMODE(there.stat().st_mode) == 0o600
