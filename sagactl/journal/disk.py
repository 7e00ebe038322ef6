"""Files that are written whole or not at all, readable by their owner alone, never through a link.

A reader sees the old file or the new one. `write_whole` returns once the new one would survive a
power cut; where it raises before the rename, the old one stands; where the folder's fsync fails
after it, nobody knows which one a power cut leaves, and the caller must go no further.

Deliberately absent: a second fsync after a failed one (the kernel has dropped the pages by then and
would say yes), chmod (there is no moment at which a file could be read by others), and locks.
Everything raises OSError; whoever knows which file is meant turns it into StoreRefused.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

# O_NONBLOCK: opening a FIFO must not wait for its other end.
SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
OWNER_ONLY = 0o600
FOLDER_OWNER_ONLY = 0o700


class Stamp(NamedTuple):
    """What tells one version of a file from the next."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def stamp(path: Path) -> Stamp | None:
    """The stamp of the file at `path`, None where there is nothing."""
    try:
        return _stamp(os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return None


def read_whole(path: Path) -> tuple[bytes, Stamp] | None:
    """The file's content and stamp, None where there is nothing."""
    try:
        fd = open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        # The stamp first: what changes while we read must look changed afterwards.
        before = _stamp(os.fstat(fd))
        return file.read(), before


def open_file(path: Path, flags: int) -> int:
    """A descriptor of the regular file at `path`; anything else there is refused."""
    fd = os.open(path, flags | SAFELY, OWNER_ONLY)
    try:
        _demand_regular(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file at `path`. Two writers at once must be kept apart by the caller."""
    temporary = f"{path.name}.tmp"
    with _opened(path.parent) as folder:
        # What a killed writer left behind; removed, and not reused, because its mode and its kind
        # (a link?) are anybody's.
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        try:
            _write_new(temporary, content, folder)
            os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        os.fsync(folder)


def write_where_empty(path: Path, content: bytes) -> None:
    """Make the file, or finish one that a killed process left empty; others are left alone.

    For content that is always the same, so that two writers at once do no harm.
    """
    fd = open_file(path, os.O_WRONLY | os.O_CREAT)
    try:
        if os.fstat(fd).st_size == 0:
            write_all(fd, content)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> bool:
    """Make the folder, and those above it, where missing; whether it had to be made."""
    if folder.is_dir():
        return False
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    try:
        os.mkdir(folder, FOLDER_OWNER_ONLY)
    except FileExistsError:  # another process was quicker, or it is no folder
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(folder)) from None
        return False
    with _opened(folder.parent) as above:
        os.fsync(above)
    return True


def _write_new(name: str, content: bytes, folder: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY
    fd = os.open(name, flags, OWNER_ONLY, dir_fd=folder)
    try:
        write_all(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, content: bytes) -> None:
    """Write every byte: a write may take fewer than it was given, on a full disk for one."""
    rest = memoryview(content)
    while rest:
        written = os.write(fd, rest)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def _demand_regular(fd: int) -> None:
    mode = os.fstat(fd).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError("it is a device, a pipe or a socket, not a file")
