"""The ledger: every call that the sandbox received, and what is left in the world because of it.

A call is on disk before its reply leaves, so a reply that somebody saw is never forgotten, whatever
kills the sandbox. What a service would keep in its tables (which keys it saw, what it answered,
what was undone) is nowhere else: it is what the calls add up to.

One JSON object a line. A line without its end is what a crash leaves, and nobody had a reply for
it: it is left out when reading and cut off before writing. Several processes may write to one
file; each knows the calls that were there when it began, and its own.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sagactl.journal.disk import make_folder, open_file, read_whole, write_all
from sagactl.journal.refusal import StateDamaged, refusing
from sagactl.machine.command import Phase
from sagactl.machine.played import EffectKind, PlayedCall
from sagactl.machine.request import path_as_written
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json

__all__ = ["Effect", "EffectKind", "Ledger", "PlayedCall", "as_document"]


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that a service did, and the call that made it so."""

    call: PlayedCall

    @property
    def id(self) -> str:
        return self.call.effect_id or ""

    @property
    def saga(self) -> str | None:
        return self.call.saga

    @property
    def service(self) -> str | None:
        return self.call.service

    @property
    def step(self) -> str:
        return self.call.step or ""

    @property
    def key(self) -> str | None:
        return self.call.key

    @property
    def at(self) -> float:
        return self.call.at


class Ledger:
    """The calls so far; in a file, or where `path` is None in memory only."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._calls: list[PlayedCall] = []
        self._attempts: Counter[tuple[str | None, str | None, Phase | None]] = Counter()
        self._effects: dict[str, Effect] = {}
        self._undone: set[str] = set()
        self._barred: set[Hashable] = set()
        self._keys: dict[tuple[str | None, str], PlayedCall] = {}
        if path is not None:
            for call in _read(path):
                self._add(call)

    def append(self, call: PlayedCall) -> None:
        """Note a call for good; raises StoreRefused where the disk does not take it."""
        if self._path is not None:
            _write(self._path, call)
        self._add(call)

    def calls(self, saga: str | None = None) -> list[PlayedCall]:
        """The calls of a saga in order, or all where none is named."""
        return [call for call in self._calls if saga is None or call.saga == saga]

    def left(self, saga: str | None = None) -> list[Effect]:
        """What was done and not undone, in order."""
        return [
            effect
            for effect in self._effects.values()
            if effect.id not in self._undone and (saga is None or effect.saga == saga)
        ]

    def attempts(self, saga: str | None, step: str, phase: Phase) -> int:
        """How often a phase of a step was called."""
        return self._attempts[saga, step, phase]

    def effects(self, step: str) -> list[Effect]:
        """Everything the action of a step, all its instances, ever did; undone or not, in order."""
        return [e for e in self._effects.values() if path_as_written(e.step) == step]

    def has_effect(self, effect_id: str) -> bool:
        return effect_id in self._effects

    def is_undone(self, effect: Effect) -> bool:
        return effect.id in self._undone

    def is_barred(self, key: str | None, saga: str | None = None, step: str = "") -> bool:
        """Whether the undo of this action was accepted already.

        An action is known by its key; without one, by the saga and the step that it belongs to.
        """
        if key is not None:
            return key in self._barred
        return saga is not None and (saga, step) in self._barred

    def remembered(self, service: str | None, key: str) -> PlayedCall | None:
        """The call with an effect that had this key, at this service."""
        return self._keys.get((service, key))

    def _add(self, call: PlayedCall) -> None:
        self._calls.append(call)
        self._attempts[call.saga, call.step, call.phase] += 1
        match call.effect:
            case EffectKind.APPLIED if call.effect_id is not None:
                self._effects[call.effect_id] = Effect(call)
            case EffectKind.UNDONE if call.effect_id is not None:
                self._undone.add(call.effect_id)
        if call.phase is Phase.COMPENSATION and call.effect in BARRING:
            self._barred |= {call.action_key, (call.saga, call.step)} - {None}
        if call.effect in _REMEMBERED and call.key is not None:
            self._keys.setdefault((call.service, call.key), call)


BARRING = (EffectKind.UNDONE, EffectKind.EMPTY)
_REMEMBERED = (EffectKind.APPLIED, EffectKind.UNDONE, EffectKind.EMPTY)


def as_document(call: PlayedCall) -> dict[str, Json]:
    """A call as plain JSON."""
    return asdict(call)


def _read(path: Path) -> list[PlayedCall]:
    with refusing(path):
        try:
            found = read_whole(path)
        except FileNotFoundError:
            return []
    # What comes after the last line's end was never acknowledged.
    lines = found.split(b"\n")[:-1]
    return [_call(path, number, line) for number, line in enumerate(lines, 1)]


def _call(path: Path, number: int, line: bytes) -> PlayedCall:
    try:
        return _from_document(dict(parse_json(line.decode("utf-8"))))
    except (UnicodeDecodeError, JsonRejected, KeyError, TypeError, ValueError) as error:
        reason = f"it is no call of the sandbox ({type(error).__name__})"
        raise StateDamaged(path, f"line {number}", reason) from None


def _from_document(document: Mapping[str, Json]) -> PlayedCall:
    # Fields that a newer version writes are of no use here, and no reason to refuse.
    names = {field.name for field in fields(PlayedCall)}
    known = {name: value for name, value in document.items() if name in names}
    phase = known["phase"]
    known["phase"] = None if phase is None else Phase(phase)
    known["effect"] = EffectKind(known["effect"])
    return PlayedCall(**known)


def _write(path: Path, call: PlayedCall) -> None:
    line = json.dumps(as_document(call), separators=(",", ":"), allow_nan=False).encode() + b"\n"
    with refusing(path), _opened(path) as fd:
        _cut_torn_line(fd)
        write_all(fd, line)
        os.fsync(fd)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Opened for each line: a file that was moved away or replaced meanwhile is not written behind
    # everybody's back. The lock keeps another process's half-written line from looking torn.
    make_folder(path.parent)
    fd = open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)  # and the lock with it


def _cut_torn_line(fd: int) -> None:
    end = os.fstat(fd).st_size
    if end == 0 or os.pread(fd, 1, end - 1) == b"\n":
        return
    kept = os.pread(fd, end, 0).rfind(b"\n") + 1
    os.ftruncate(fd, kept)
