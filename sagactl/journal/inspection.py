"""What there is to say about a state: its files, its sagas, who is at work, and what is wrong.

Nothing is changed and nobody waits. Whether a run is held is found out by trying its lock for a
moment, shared, which two inspections at once do not mind; the name in the lock is for messages.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sagactl.journal import disk, file_system
from sagactl.journal.codec import FORMAT
from sagactl.journal.compaction import SMALL_LOG
from sagactl.journal.document import uncollected
from sagactl.journal.finding import Damage
from sagactl.journal.lock import held_by, lock_name
from sagactl.journal.refusal import RunHeld, StateDamaged, StoreRefused, refusing
from sagactl.journal.survey import surveyed
from sagactl.journal.volume import Volume, log_path

# A compaction replaces both files: what belonged together a moment ago may not do so now.
TRIES = 3

LOCK = ".lock"


@dataclass
class Inspection:
    """What was found of the state at `path`. Where it cannot be read at all, `refusal` says why."""

    path: Path
    exists: bool = False
    refusal: str = ""
    format: int | None = None
    size: int = 0
    log_size: int = 0
    log_limit: int = 0  # a log that is larger is compacted by the next commit
    written_at: float | None = None  # when the state was made: by the last compaction, if by any
    is_compacting: bool = False
    sagas: Counter[str] = field(default_factory=Counter)  # by their states
    events: int = 0
    torn: tuple[int, int] | None = None  # offset and size
    leftovers: list[Path] = field(default_factory=list)
    wide: list[tuple[Path, int]] = field(default_factory=list)  # readable by others, and the mode
    file_system: str | None = None
    is_network: bool = False
    held: list[RunHeld] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    good: dict[str, int] = field(default_factory=dict)  # of a damaged run: its last good event

    @property
    def is_sound(self) -> bool:
        return not (self.refusal or self.damages)

    @property
    def is_due(self) -> bool:
        """Whether the next commit has the state compacted."""
        return self.log_size > self.log_limit


def inspect(path: Path) -> Inspection:
    """Look at the state at `path`; what is refused there is told and not raised."""
    found = Inspection(path)
    folder = path.parent
    found.file_system = file_system.kind_of(folder)
    found.is_network = file_system.is_network(found.file_system)
    found.wide = list(_wide(path))
    try:
        with refusing(path):
            _measure(found)
        if found.exists:
            _look_at_locks(found)
            with uncollected():
                _read(found)
    except StoreRefused as refusal:
        found.refusal = str(refusal)
    return found


def _measure(found: Inspection) -> None:
    state, log = disk.stamp(found.path), disk.stamp(log_path(found.path))
    found.exists = state is not None or log is not None
    if state is not None:
        found.size, found.written_at = state.size, state.modified_ns / 1e9
    if log is not None:
        found.log_size = log.size
    found.log_limit = max(SMALL_LOG, found.size)


def _read(found: Inspection) -> None:
    for _ in range(TRIES):
        before = _versions(found.path)
        _survey(found)
        if not found.damages:
            found.damages += _refusals(found.path)
        if not found.damages or before == _versions(found.path):
            break


def _versions(path: Path) -> tuple[object, ...]:
    log = disk.stamp(log_path(path))
    return disk.stamp(path), None if log is None else log.inode


def _survey(found: Inspection) -> None:
    found.sagas, found.events, found.good = Counter(), 0, {}
    unnamed = {held.run_id: held for held in found.held if held.run_id.startswith("~")}
    with surveyed(found.path) as survey:
        named = {run_id for damage in survey.damages for run_id in damage.runs}
        for account in survey.accounts():
            if account.summary is not None:
                found.sagas[account.state] += 1
            found.events += account.count
            if account.flaw or account.run_id in named:
                found.good[account.run_id] = account.good
            if unnamed:  # its lock has the digest of an id for its name
                held = unnamed.pop(_label(account.run_id), None)
                if held is not None:
                    held.run_id = account.run_id
        found.format = survey.format
        found.damages = survey.damages
        found.torn = None
        if survey.torn_at is not None:
            found.torn = survey.torn_at, max(0, found.log_size - survey.torn_at)


def _refusals(path: Path) -> Iterator[Damage]:
    """What the state's own reader finds wrong, of whatever a survey may have missed."""
    volume = Volume(path)
    try:
        volume.refresh()
        volume.runs()
    except StateDamaged as refusal:
        yield Damage(refusal.path, None, 0, refusal.where, refusal.reason)
    finally:
        volume.forget()


def _look_at_locks(found: Inspection) -> None:
    path = found.path
    compaction = path.with_name(f"{path.name}.compaction.lock")
    found.is_compacting = compaction.is_file() and held_by(compaction, "") is not None
    if not found.is_compacting:
        found.leftovers = [name for name in _temporary(path) if os.path.lexists(name)]
    locks = path.with_name(f"{path.name}.locks")
    with refusing(locks):
        if not os.path.lexists(locks):
            return
        fd = os.open(locks, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            names = sorted(name for name in os.listdir(fd) if name.endswith(LOCK))
        finally:
            os.close(fd)
    holders = (held_by(locks / name, name.removesuffix(LOCK)) for name in names)
    found.held = list(filter(None, holders))


def _label(run_id: str) -> str:
    return lock_name(run_id).removesuffix(LOCK)


def _wide(path: Path) -> Iterator[tuple[Path, int]]:
    """What of ours may be read or written by others than the owner."""
    names = ("", ".log", ".lock", ".compaction.lock", ".locks")
    own = [path.with_name(f"{path.name}{name}") for name in names]
    own += _temporary(path)
    # Somebody else's folder is for somebody else to judge.
    if path.parent.name == ".sagactl":
        own.append(path.parent)
    for each in own:
        try:
            mode = each.lstat().st_mode
        except OSError:
            continue
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & 0o077:
            yield each, stat.S_IMODE(mode)


def _temporary(path: Path) -> list[Path]:
    """What a process that was killed at its work may have left."""
    older = [f".format-{older}" for older in range(1, FORMAT)]
    return [path.with_name(f"{path.name}{name}.tmp") for name in ("", ".log", *older)]
