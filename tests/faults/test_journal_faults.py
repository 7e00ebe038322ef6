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

from sagactl.journal.store import StoreRefused
from sagactl.journal.tinydb_store import TinyDBStore

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


def refused(store: TinyDBStore) -> StoreRefused | None:
    try:
        store.append("order-1", [passed(1.0)], "pending")
    except StoreRefused as refusal:
        return refusal
    return None


CALLS = [(os, "open"), (os, "write"), (os, "fsync"), (os, "rename"), (os, "stat"), (os, "fstat")]
CALLS += [(fcntl, "flock")]
ERRORS = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EACCES, errno.EROFS]


@pytest.mark.parametrize("code", ERRORS, ids=[errno.errorcode[code] for code in ERRORS])
@pytest.mark.parametrize(("module", "name"), CALLS, ids=[name for _, name in CALLS])
def test_S3_a_failed_system_call_refuses_the_append(
    path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, code: int
) -> None:
    begun(path)
    fault = Fault(monkeypatch, module, name)
    struck = 0
    for nth in range(1, 50):
        before = path.read_bytes()
        kept = count(path)
        store = TinyDBStore(path, create=True)
        with fault.strikes(nth, code):
            refusal = refused(store)
        if not fault.struck:
            assert refusal is None
            break
        if refusal is None:
            # Letting go of the lock: closing its file does that just as well.
            assert name == "flock"
            continue
        struck += 1
        assert errno.errorcode[code] in refusal.reason
        assert refusal.path.parent == path.parent
        assert path.read_bytes() == before or count(path) == kept + 1
        assert not list(path.parent.glob("*.tmp"))
        with pytest.raises(StoreRefused, match="nothing more is written"):
            store.append("order-1", [passed(2.0)], "pending")
        assert len(store.read("order-1")) == count(path)
    assert struck >= 1


def test_S3_a_short_write_is_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, content: real(fd, content[:7]))
    begun(path).append("order-1", [began()], "pending")
    assert count(path) == 2


def test_S3_a_write_that_takes_nothing_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, content: 0)
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
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append("order-1", [began(1), began(2)], "pending")
    assert store.read("order-1") == (started(),)
    assert not list(path.parent.glob("*.tmp"))


def test_S4_a_failed_fsync_is_never_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(path)
    before = path.read_bytes()
    fault = Fault(monkeypatch, os, "fsync")
    with fault.strikes(1, errno.EIO):
        with pytest.raises(StoreRefused, match=r"input/output error \(EIO\)"):
            store.append("order-1", [began()], "pending")
        with pytest.raises(StoreRefused, match="nothing more is written"):
            store.append("order-1", [began()], "pending")
    assert fault.calls == 1
    assert path.read_bytes() == before


def test_S5_a_folder_that_cannot_be_synced_ends_the_store(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(path)
    fault = Fault(monkeypatch, os, "fsync")
    with fault.strikes(2, errno.EIO), pytest.raises(StoreRefused, match="EIO"):
        store.append("order-1", [began()], "pending")
    with pytest.raises(StoreRefused, match="nothing more is written"):
        store.append("order-1", [began()], "pending")
    # The rename was done, so what is read is the new state, and the next process goes on from it.
    assert store.read("order-1") == (started(), began())
    TinyDBStore(path, create=False).append("order-1", [began(2)], "pending")
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
    store = begun(path)
    planted = path.with_name("state.json.tmp")
    real = os.unlink

    def missing(name: Any, **options: Any) -> None:
        planted.touch(0o666)  # at the worst moment: after we looked, before we make our own
        monkeypatch.setattr(os, "unlink", real)
        raise FileNotFoundError(errno.ENOENT, "nothing there")

    monkeypatch.setattr(os, "unlink", missing)
    with pytest.raises(StoreRefused, match="EEXIST"):
        store.append("order-1", [began()], "pending")
    assert count(path) == 1


def test_X4_a_state_that_others_could_read_is_closed_by_the_next_write(path: Path) -> None:
    store = begun(path)
    path.chmod(0o644)
    store.append("order-1", [began()], "pending")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
