"""A disk that refuses, and who may read a state (rows S and X4 of the catalogue)."""

import errno
import fcntl
import os
import resource
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from journal.samples import began, begun, count, passed, started

from sagactl.journal.compaction import compact
from sagactl.journal.store import StoreRefused
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.volume import log_path

FIRST_FORMAT = Path(__file__).parent.parent / "journal" / "golden" / "format-1.json"
OTHER_USER = 65534
FULL = r"ENOSPC|EFBIG"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / "state.json"


# --- S3, S4, S5: a system call fails


class Fault:
    """Lets the nth call of a function of `os` or `fcntl` fail, and knows whether it came to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self._patch = monkeypatch
        self._module = module
        self._name = name
        self.struck = False
        self.calls = 0

    @contextmanager
    def strikes(self, nth: int, code: int) -> Iterator[None]:
        real = getattr(self._module, self._name)
        self.calls = 0
        self.struck = False

        def failing(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == nth:
                self.struck = True
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        with self._patch.context() as patch:
            patch.setattr(self._module, self._name, failing)
            yield


def append(path: Path) -> None:
    store = TinyDBStore(path, create=True)
    try:
        store.append("order-1", [passed(1.0), began()], "pending")
    except StoreRefused:
        with pytest.raises(StoreRefused, match="nothing more is written"):
            store.append("order-1", [passed(2.0)], "pending")
        raise


def create(path: Path) -> None:
    TinyDBStore(path, create=True).append("order-1", [started()], "started")


def upgrade(path: Path) -> None:
    TinyDBStore(path, create=True).append("order-2", [began()], "pending")


def begun_already(path: Path) -> None:
    begun(path, "order-1", "order-2")


def of_the_first_format(path: Path) -> None:
    path.parent.mkdir()
    shutil.copy(FIRST_FORMAT, path)


def nothing(path: Path) -> None:
    pass


# What is there before, what is done, and how many events of two runs there are before and after.
WORKLOADS: dict[str, tuple[Any, Any, tuple[int, int], tuple[int, int]]] = {
    "append": (begun_already, append, (1, 1), (3, 1)),
    "creation": (nothing, create, (0, 0), (1, 0)),
    "compaction": (begun_already, compact, (1, 1), (1, 1)),
    "upgrade": (of_the_first_format, upgrade, (5, 1), (5, 2)),
}
OF_OS = ["open", "pwrite", "write", "pread", "fsync", "fdatasync", "rename", "unlink", "mkdir"]
CALLS = [(os, name) for name in [*OF_OS, "stat", "fstat"]]
CALLS += [(fcntl, "flock")]
ERRORS = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EACCES, errno.EROFS]


def kept(path: Path) -> tuple[int, int]:
    """How many events of either run the next process will read."""
    store = TinyDBStore(path, create=False)
    known = {summary.run_id for summary in store.summaries()}
    first, second = (len(store.read(r)) if r in known else 0 for r in ("order-1", "order-2"))
    return first, second


@pytest.mark.parametrize("code", ERRORS, ids=[errno.errorcode[code] for code in ERRORS])
@pytest.mark.parametrize("workload", WORKLOADS)
def test_S3_a_failed_system_call_leaves_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workload: str, code: int
) -> None:
    prepare, act, old, new = WORKLOADS[workload]
    struck: set[str] = set()
    for module, name in CALLS:
        fault = Fault(monkeypatch, module, name)
        for nth in range(1, 60):
            path = tmp_path / f"{name}{nth}" / ".sagactl" / "state.json"
            path.parent.parent.mkdir()
            prepare(path)
            refusal = None
            with fault.strikes(nth, code):
                try:
                    act(path)
                except StoreRefused as error:
                    refusal = error
            if not fault.struck:
                assert refusal is None
                break
            struck.add(name)
            if refusal is None:
                # Letting go of a lock, or of a leftover: it went on without.
                assert kept(path) == new, (name, nth)
                continue
            assert errno.errorcode[code] in refusal.reason, (name, nth)
            assert refusal.path.parent in (path.parent, path.parent.parent)
            assert kept(path) in (old, new), (name, nth)
            before = kept(path)[0]
            act(path)  # whoever comes next goes on
            assert kept(path)[0] >= before
    assert {"open", "write", "fsync", "rename"} - struck <= ({"write", "fsync", "rename"})
    assert len(struck) >= 5


def test_S3_a_short_write_is_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, pwrite = os.write, os.pwrite
    monkeypatch.setattr(os, "write", lambda fd, content: write(fd, content[:7]))
    monkeypatch.setattr(os, "pwrite", lambda fd, content, at: pwrite(fd, content[:7], at))
    begun(path).append("order-1", [began()], "pending")
    assert compact(path)
    assert count(path) == 2


def test_S3_a_write_that_takes_nothing_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda fd, content, at: 0)
        with pytest.raises(StoreRefused, match="EIO"):
            store.append("order-1", [began()], "pending")
    assert count(path) == 1


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
            appended += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert count(path) == 1 + appended


def test_S3_an_interrupted_append_keeps_no_half(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(path)

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append("order-1", [began(1), began(2)], "pending")
    assert store.read("order-1") == (started(),)
    assert not list(path.parent.glob("*.tmp"))


def test_S4_a_failed_fsync_is_never_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(path)
    before = log_path(path).read_bytes()
    fault = Fault(monkeypatch, os, "fdatasync")
    with fault.strikes(1, errno.EIO):
        with pytest.raises(StoreRefused, match=r"input/output error \(EIO\)"):
            store.append("order-1", [began()], "pending")
        with pytest.raises(StoreRefused, match="nothing more is written"):
            store.append("order-1", [began()], "pending")
    assert fault.calls == 1
    # What the kernel may have dropped is not left to be built upon.
    assert log_path(path).read_bytes() == before


def test_S4_what_cannot_even_be_taken_back_is_told_by_nobody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refusing_everything)
        with Fault(monkeypatch, os, "fdatasync").strikes(1, errno.EIO), pytest.raises(StoreRefused):
            store.append("order-1", [began()], "pending")
    # It may be there or not: whoever comes next reads what is there, and goes on from it.
    assert count(path) in (1, 2)
    TinyDBStore(path, create=False).append("order-1", [began(2)], "pending")
    assert count(path) in (2, 3)


def refusing_everything(*arguments: Any) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_S5_a_folder_that_cannot_be_synced_ends_the_store(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TinyDBStore(path, create=True)
    path.parent.mkdir()
    # The log's content, its folder after the rename, the state's content, its folder.
    for nth in (1, 2, 3, 4):
        fault = Fault(monkeypatch, os, "fsync")
        store = TinyDBStore(path, create=True)
        with fault.strikes(nth, errno.EIO), pytest.raises(StoreRefused, match="EIO"):
            store.append("order-1", [started()], "started")
        with pytest.raises(StoreRefused, match="nothing more is written"):
            store.append("order-1", [started()], "started")
    TinyDBStore(path, create=True).append("order-1", [started()], "started")
    assert count(path) == 1


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


def test_S6_a_full_disk_keeps_what_it_had(small_disk: Path) -> None:
    path = small_disk / ".sagactl" / "state.json"
    store = begun(path)
    kept = 1

    def until_full() -> None:
        nonlocal kept
        while True:
            store.append("order-1", [began(number) for number in range(50)], "pending")
            kept += 50

    with pytest.raises(StoreRefused, match=FULL):
        until_full()
    assert kept > 50
    assert count(path) == kept
    assert not list(path.parent.glob("*.tmp"))


def test_S6_room_can_be_had_before_it_is_needed(small_disk: Path) -> None:
    if not os.path.ismount(small_disk):
        pytest.skip("no file system may be mounted here")
    path = small_disk / "state.json"
    store = begun(path)
    store.reserve(64 * 1024)
    ballast = os.open(small_disk / "ballast", os.O_WRONLY | os.O_CREAT)
    while room(ballast):
        pass
    os.close(ballast)
    store.append("order-1", [began(number) for number in range(100)], "pending")
    assert count(path) == 101
    with pytest.raises(StoreRefused, match="ENOSPC"):
        TinyDBStore(path, create=False).reserve(1024 * 1024)
    assert count(path) == 101


def test_S6_a_full_disk_that_has_room_again_is_gone_on_with(small_disk: Path) -> None:
    path = small_disk / "state.json"
    store = begun(path)
    ballast = os.open(small_disk / "ballast", os.O_WRONLY | os.O_CREAT)
    while room(ballast):
        pass
    os.close(ballast)
    with pytest.raises(StoreRefused, match=FULL):
        store.append("order-1", [began(number) for number in range(1000)], "pending")
    (small_disk / "ballast").unlink()
    if os.path.ismount(small_disk):
        TinyDBStore(path, create=False).append("order-1", [began()], "pending")
        assert count(path) == 2


def test_S6_a_disk_that_is_full_from_the_start_refuses_the_first_event(small_disk: Path) -> None:
    ballast = os.open(small_disk / "ballast", os.O_WRONLY | os.O_CREAT)
    while room(ballast):
        pass
    os.close(ballast)
    path = small_disk / "state.json"
    store = TinyDBStore(path, create=True)
    events = [started(), *(began(number) for number in range(1, 1000))]
    with pytest.raises(StoreRefused, match=FULL):
        store.append("order-1", events, "pending")
    assert not path.exists()


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
    before = path.read_bytes()
    for lock in open_folder.glob("*.lock"):
        lock.unlink()
    log_path(path).chmod(0o644)
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
    assert path.read_bytes() == before


def test_S7_a_file_that_may_not_be_read_is_refused(open_folder: Path) -> None:
    path = open_folder / "state.json"
    begun(path)
    if os.geteuid() != 0:
        path.chmod(0)
    with not_the_owner(), pytest.raises(StoreRefused, match="EACCES") as refusal:
        TinyDBStore(path, create=True).summaries()
    assert refusal.value.path == path


def test_S7_a_folder_that_may_not_be_made_is_refused(open_folder: Path) -> None:
    path = open_folder / ".sagactl" / "state.json"
    open_folder.chmod(0o555)
    with not_the_owner(), pytest.raises(StoreRefused, match="EACCES"):
        TinyDBStore(path, create=True).append("order-1", [started()], "started")


def test_S7_a_read_only_disk_can_still_be_read(small_disk: Path) -> None:
    path = small_disk / "state.json"
    begun(path)
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
    finally:
        os.umask(before)
    made = [path.parent, *path.parent.rglob("*")]
    assert {p.name: stat.S_IMODE(p.lstat().st_mode) for p in made} == {
        ".sagactl": 0o700,
        ".gitignore": 0o600,
        "state.json": 0o600,
        "state.json.log": 0o600,
        "state.json.lock": 0o600,
        "state.json.locks": 0o700,
        "order-1.lock": 0o600,
    }


def test_X4_no_file_is_ever_wider_than_it_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wider: list[Path] = []
    real = os.fsync

    def seen(fd: int) -> None:
        wider.extend(p for p in path.parent.rglob("*") if p.lstat().st_mode & 0o077)
        real(fd)

    before = os.umask(0)
    try:
        monkeypatch.setattr(os, "fsync", seen)
        begun(path)
    finally:
        os.umask(before)
    assert wider == []


def test_X4_a_temporary_file_that_somebody_put_there_is_not_written_to(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(path)
    planted = path.with_name("state.json.tmp")
    real = os.unlink

    def missing(name: Any, **options: Any) -> None:
        planted.touch(0o666)  # at the worst moment: after we looked, before we make our own
        monkeypatch.setattr(os, "unlink", real)
        raise FileNotFoundError(errno.ENOENT, "nothing there")

    monkeypatch.setattr(os, "unlink", missing)
    with pytest.raises(StoreRefused, match="EEXIST"):
        compact(path)
    assert count(path) == 1


def test_X4_a_state_that_others_could_read_is_closed_by_the_next_write(path: Path) -> None:
    store = begun(path)
    store.close()
    for file in (path, log_path(path)):
        file.chmod(0o644)
    TinyDBStore(path, create=False).append("order-1", [began()], "pending")
    for file in (path, log_path(path)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
