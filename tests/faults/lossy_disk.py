"""A disk that loses what was not synced: the file operations of a workload, recorded for real, and
every state that a power cut may leave of them.

The model is that of ALICE and of SQLite's test6.c. What a file was given since its last sync may be
there or not, sector by sector of 512 bytes: a lost sector inside the file reads as zeros, and the
file may end at any sector that was written, or at its old end. What a folder was given since its
last sync (a new name, a renamed one, a removed one) is there up to some point of the order in which
it was asked for. What was synced is there.
"""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SECTOR = 512

State = dict[str, bytes]


@dataclass
class Inode:
    """A file as it is, as it is on the disk for good, and what was written in between."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    writes: list[tuple[int, int]] = field(default_factory=list)  # from, to: where `now` is younger
    truncated: bool = False

    def write(self, at: int, content: bytes) -> None:
        self.now.extend(bytes(max(0, at - len(self.now))))
        self.now[at : at + len(content)] = content
        self.writes.append((at, at + len(content)))

    def truncate(self, size: int) -> None:
        del self.now[size:]
        self.truncated = True

    def sync(self) -> None:
        self.synced, self.writes, self.truncated = bytes(self.now), [], False

    def remains(self, chance: random.Random, kind: str) -> bytes:
        """What a power cut leaves: all, nothing, a cut, or some sectors of what was not synced."""
        if kind == "all" or (not self.writes and not self.truncated):
            return bytes(self.now)
        if kind == "none":
            return self.synced
        sectors = sorted({s for a, b in self.writes for s in range(a // SECTOR, -(-b // SECTOR))})
        if kind == "cut":
            keep = set(sectors[: chance.randrange(len(sectors) + 1)])
        else:
            keep = {sector for sector in sectors if chance.random() < 0.5}
        ends = [min((sector + 1) * SECTOR, len(self.now)) for sector in keep]
        size = max([len(self.synced), *ends])
        if self.truncated and chance.random() < 0.5:
            size = min(size, len(self.now))
        left = bytearray(self.synced[:size].ljust(size, b"\0"))
        for sector in keep:
            a = sector * SECTOR
            piece = self.now[a : a + SECTOR]
            left[a : a + len(piece)] = piece
        if kind == "torn" and self.writes:
            # The last sector of a write may itself be written in part.
            left = left[: max(len(self.synced), len(left) - chance.randrange(SECTOR))]
        return bytes(left)


class Disk:
    """What the journal's calls of `os` make of the files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names: dict[str, Inode] = {}  # as they are
        self.durable: dict[str, Inode] = {}  # as the folder was synced
        self.asked: list[dict[str, Inode]] = []  # the folder after each change since
        self.fds: dict[int, Inode | None] = {}  # None: a folder
        self.on_operation: Callable[[], None] = lambda: None
        self.is_off = False  # while somebody looks at what a power cut left

    def load(self) -> None:
        """Begin with what is there, all of it synced."""
        for path in self.root.rglob("*"):
            if path.is_file():
                inode = Inode(bytearray(path.read_bytes()))
                inode.sync()
                self.names[str(path)] = inode
        self.durable = dict(self.names)

    def changed(self) -> None:
        self.asked.append(dict(self.names))

    def synced(self) -> None:
        self.durable, self.asked = dict(self.names), []

    def states(self, chance: random.Random, count: int) -> Iterator[State]:
        """Some of the states that a power cut would leave now; the plainest ones first."""
        folders = [self.durable, *self.asked]
        for kind in ("all", "none", "cut", "torn"):
            for folder in folders:
                yield {name: inode.remains(chance, kind) for name, inode in folder.items()}
        for _ in range(count):
            folder = chance.choice(folders)
            yield {
                name: inode.remains(chance, chance.choice(["all", "none", "cut", "some", "torn"]))
                for name, inode in folder.items()
            }


class Recording:
    """Stands in for `os` in the journal: does what is asked for, and tells the disk."""

    def __init__(self, disk: Disk, real: Any = os) -> None:
        self._disk = disk
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __getattribute__(self, name: str) -> Any:
        if name[0] != "_" and object.__getattribute__(self, "_disk").is_off:
            return getattr(object.__getattribute__(self, "_real"), name)
        return object.__getattribute__(self, name)

    def _path(self, name: Any, dir_fd: int | None) -> str:
        if dir_fd is None:
            return os.path.abspath(name)
        return os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), name)

    def open(self, name: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        path = self._path(name, dir_fd)
        is_new = not os.path.lexists(path)
        fd: int = self._real.open(name, flags, mode, dir_fd=dir_fd)
        if os.path.isdir(path):
            self._disk.fds[fd] = None
            return fd
        if is_new:
            self._disk.names[path] = Inode()
            self._disk.changed()
            self._disk.on_operation()
        self._disk.fds[fd] = self._disk.names.get(path)
        return fd

    def close(self, fd: int) -> None:
        self._disk.fds.pop(fd, None)
        self._real.close(fd)

    def write(self, fd: int, content: Any) -> int:
        at = os.fstat(fd).st_size if fd_appends(fd) else os.lseek(fd, 0, os.SEEK_CUR)
        done: int = self._real.write(fd, content)
        self._wrote(fd, at, bytes(content[:done]))
        return done

    def pwrite(self, fd: int, content: Any, at: int) -> int:
        done: int = self._real.pwrite(fd, content, at)
        self._wrote(fd, at, bytes(content[:done]))
        return done

    def ftruncate(self, fd: int, size: int) -> None:
        self._real.ftruncate(fd, size)
        inode = self._disk.fds.get(fd)
        if inode is not None:
            inode.truncate(size)
            self._disk.on_operation()

    def fsync(self, fd: int) -> None:
        inode = self._disk.fds.get(fd)
        if inode is None:
            self._disk.synced()
        else:
            inode.sync()
        self._disk.on_operation()

    fdatasync = fsync

    def rename(self, a: Any, b: Any, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        source, target = self._path(a, src_dir_fd), self._path(b, dst_dir_fd)
        self._real.rename(a, b, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        self._disk.names[target] = self._disk.names.pop(source)
        self._disk.changed()
        self._disk.on_operation()

    def unlink(self, name: Any, *, dir_fd: int | None = None) -> None:
        path = self._path(name, dir_fd)
        self._real.unlink(name, dir_fd=dir_fd)
        self._disk.names.pop(path, None)
        self._disk.changed()

    def _wrote(self, fd: int, at: int, content: bytes) -> None:
        inode = self._disk.fds.get(fd)
        if inode is not None:
            inode.write(at, content)
            self._disk.on_operation()


def fd_appends(fd: int) -> bool:
    import fcntl

    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND)


def record(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    """Have the journal speak to the disk."""
    from sagactl.journal import disk as files
    from sagactl.journal import lock, log

    for module in (files, log, lock):
        monkeypatch.setattr(module, "os", Recording(disk))
