"""Files that are written whole or not at all, readable by their owner alone, never through a link.

A reader sees the old file or the new one. `write_whole` returns once the new one would survive a
power cut; where it raises before the rename, the old one stands; where the folder's fsync fails
after it, nobody knows which one a power cut leaves, and the caller must go no further.

Deliberately absent: locks, and a second fsync after a failed one (the kernel has dropped the pages
by then and would say yes). Everything raises OSError; whoever knows which file is meant turns it
into StoreRefused.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

# O_NONBLOCK: opening a FIFO must not wait for its other end.
SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
OWNER_ONLY = 0o600
FOLDER_OWNER_ONLY = 0o700

# linux/falloc.h
FALLOC_FL_KEEP_SIZE = 1


class Stamp(NamedTuple):
    """What tells one version of a file from the next."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def stamp_of(fd: int) -> Stamp:
    """The stamp of an open file."""
    return _stamp(os.fstat(fd))


def stamp(path: Path) -> Stamp | None:
    """The stamp of the file at `path`, None where there is nothing."""
    try:
        return _stamp(os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return None


def read_whole(path: Path) -> bytes:
    """Everything in the file at `path`."""
    fd = open_file(path, os.O_RDONLY)
    try:
        return read_all(fd)
    finally:
        close(fd)


def read_all(fd: int) -> bytes:
    """Everything in an open file."""
    return read_at(fd, 0, os.fstat(fd).st_size)


def read_at(fd: int, offset: int, size: int) -> bytes:
    """So many bytes from an offset on; fewer only where the file ends."""
    pieces = []
    while size > 0 and (piece := os.pread(fd, size, offset)):
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return b"".join(pieces)


def open_file(path: Path, flags: int) -> int:
    """A descriptor of the regular file at `path`; anything else there is refused."""
    fd = os.open(path, flags | SAFELY, OWNER_ONLY)
    try:
        _demand_regular(fd)
    except BaseException:
        close(fd)
        raise
    return fd


def close(fd: int) -> None:
    """Let go of a file: where that fails, it is closed all the same.

    Nothing is lost by it: what must last was synced before.
    """
    with suppress(OSError):
        os.close(fd)


def close_to_others(path: Path) -> None:
    """Take a file away from everybody but its owner, where it was given to others meanwhile."""
    fd = open_file(path, os.O_RDONLY)
    try:
        if os.fstat(fd).st_mode & 0o077:
            os.fchmod(fd, OWNER_ONLY)
    finally:
        close(fd)


def write_whole(path: Path, fill: Callable[[int], None]) -> None:
    """Replace the file at `path` by a new one; the caller keeps two writers apart.

    `fill` is given the descriptor of the new file.
    """
    write_temporary(path, fill)
    put_in_place(path)


def write_temporary(path: Path, fill: Callable[[int], None]) -> None:
    """Write what is to become the file at `path`, durably, and leave it beside it."""
    with _opened(path.parent) as folder:
        name = _temporary(path)
        # What a killed writer left behind; removed, and not reused, because its mode and its kind
        # (a link?) are anybody's.
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        try:
            _write_new(name, fill, folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise


def put_in_place(path: Path) -> None:
    """Let what `write_temporary` wrote be the file at `path`, durably."""
    with _opened(path.parent) as folder:
        try:
            os.rename(_temporary(path), path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(_temporary(path), dir_fd=folder)
            raise
        os.fsync(folder)


def append_to_temporary(path: Path, content: bytes) -> None:
    """Add to what `write_temporary` wrote, durably."""
    fd = open_file(path.with_name(_temporary(path)), os.O_WRONLY | os.O_APPEND)
    try:
        write_all(fd, content)
        os.fsync(fd)
    finally:
        close(fd)


def write_where_empty(path: Path, content: bytes) -> None:
    """Make the file, or finish one that a killed process left empty; others are left alone.

    For content that is always the same, so that two writers at once do no harm.
    """
    fd = open_file(path, os.O_WRONLY | os.O_CREAT)
    try:
        if os.fstat(fd).st_size == 0:
            write_all(fd, content)
    finally:
        close(fd)


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


def _temporary(path: Path) -> str:
    return f"{path.name}.tmp"


def _write_new(name: str, fill: Callable[[int], None], folder: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY
    fd = os.open(name, flags, OWNER_ONLY, dir_fd=folder)
    try:
        fill(fd)
        os.fsync(fd)
    finally:
        close(fd)


def write_at(fd: int, content: bytes, offset: int) -> None:
    """Write every byte at an offset."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(fd, rest, offset)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]
        offset += written


def write_all(fd: int, content: bytes) -> None:
    """Write every byte: a write may take fewer than it was given, on a full disk for one."""
    rest = memoryview(content)
    while rest:
        written = os.write(fd, rest)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]


def sync(fd: int) -> None:
    """Have the disk keep what was written; only the file's times may be lost."""
    getattr(os, "fdatasync", os.fsync)(fd)  # not every system tells the two apart


def reserve(fd: int, offset: int, size: int) -> None:
    """Have the disk promise bytes behind an offset, without making the file longer.

    Where the system or the file system knows no such promise, nothing is done.
    """
    import ctypes  # takes longer to import than all of the rest

    fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if fallocate is None:
        return
    wide = ctypes.c_longlong
    while fallocate(fd, FALLOC_FL_KEEP_SIZE, wide(offset), wide(size)) != 0:
        code = ctypes.get_errno()
        if code in (errno.EOPNOTSUPP, errno.ENOSYS):
            return
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        close(fd)


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
