"""A new state.json from the old one and the log, and a new log for what comes after.

Theory of operation
-------------------
Nobody waits for the writing. The new snapshot is written to a temporary file from what was kept up
to one position, while others go on adding to the log; so is a new log, which begins at that
position and is given what was added since. Only for the last few of those lines is the turn taken,
and then both files are put in their places, the snapshot first.

A crash before leaves temporary files, which the next compaction removes. A crash between the two
leaves the new snapshot and the old log, which fit: the snapshot says up to where it knows the log.
Where anything in the old state is damaged, there is no compaction, and the files stay as they are.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sagactl.journal import disk
from sagactl.journal.codec import FORMAT
from sagactl.journal.document import Document, document_line, text_of, uncollected
from sagactl.journal.line import encode_header
from sagactl.journal.lock import Turn, alone
from sagactl.journal.packing import Packing
from sagactl.journal.refusal import StateDamaged, StoreRefused, refusing
from sagactl.journal.volume import FIRST_POSITION, Volume, log_path

# A log smaller than this is read in no time, whatever the size of the state.
SMALL_LOG = 1 << 22

# So much of the log may be copied while everybody waits: some milliseconds.
LAST_STRETCH = 1 << 18


def is_due(volume: Volume) -> bool:
    """Whether the log has outgrown the state."""
    if volume.log is None or volume.snapshot is None:
        return False
    return volume.log.size > max(SMALL_LOG, volume.snapshot.stamp.size)


def begin_compaction(path: Path) -> None:
    """Have another process do it, that neither waits for us nor we for it."""
    command = [sys.executable, "-m", "sagactl.journal.compaction", str(path)]
    with refusing(path):
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def compact(path: Path) -> bool:
    """Do it now; False where there is nothing to do, or somebody is at it already.

    Raises StoreRefused and StateDamaged; the state is then as it was.
    """
    with alone(path.with_name(f"{path.name}.compaction.lock")) as is_alone:
        if not is_alone:
            return False
        volume, turn = Volume(path), Turn(path.with_name(f"{path.name}.lock"))
        try:
            volume.refresh()
            if volume.snapshot is None or volume.snapshot.format != FORMAT or volume.log is None:
                return False
            _replace(volume, turn)
        finally:
            volume.forget()
            turn.close()
    return True


def create(path: Path) -> None:
    """Make an empty state and its log; the caller has the turn.

    The log first: an empty log without a state is none yet, a state without its log is damaged.
    """
    begin_log(path, FIRST_POSITION)
    with refusing(path):
        disk.write_whole(path, pack(Volume(path)))


def upgrade(volume: Volume) -> None:
    """Bring a state of an older format to this one, and keep the old file beside it.

    The caller has the turn.
    """
    path, old = volume.path, volume.snapshot
    assert old is not None
    with refusing(path):
        content = disk.read_whole(path)
        disk.write_whole(
            path.with_name(f"{path.name}.format-{old.format}"),
            lambda fd: disk.write_all(fd, content),
        )
        # The log first: the old state goes with it, the new one does not go without it.
        begin_log(path, old.position)
        disk.write_whole(path, pack(volume))


def pack(volume: Volume) -> Callable[[int], None]:
    """What writes the state as it is now to an open file."""

    def fill(fd: int) -> None:
        packing = Packing(fd)
        runs = volume.runs()
        spans = {}
        for doc_id in sorted(runs):
            texts = _whole(volume, runs[doc_id])
            spans[doc_id] = packing.events(document_line(*event) for event in texts.items())
        packing.begin_runs()
        for doc_id, span in spans.items():
            packing.run(doc_id, text_of(_in_order(runs[doc_id])), span)
        names = volume.tables() - {"meta", "events", "runs"}
        packing.finish({name: volume.documents(name) for name in sorted(names)}, volume.end)

    return fill


def _in_order(run: Document) -> Document:
    """The document with what it is looked up by at its beginning."""
    rest = {key: value for key, value in run.items() if key not in ("run_id", "span")}
    return {"run_id": run.get("run_id"), **rest}


def _whole(volume: Volume, run: Document) -> dict[int, bytes]:
    run_id = str(run.get("run_id"))
    texts = volume.events(run_id)
    if len(texts) != run.get("events"):
        reason = f'the {run.get("events")} events of run "{run_id}" are not all there once'
        raise StateDamaged(volume.path, 'table "events"', reason)
    return texts


def _replace(volume: Volume, turn: Turn) -> None:
    path, log = volume.path, volume.log
    assert log is not None
    known = volume.end
    with refusing(path), uncollected():
        disk.write_temporary(path, pack(volume))
    with refusing(log_path(path)):
        header = encode_header(FORMAT, known)
        disk.write_temporary(log_path(path), lambda fd: disk.write_all(fd, header))
        copied = known
        while True:
            volume.refresh()
            if log.end - copied < LAST_STRETCH:
                break
            copied = _copy(volume, copied)
        with turn.taken():
            volume.refresh()
            if volume.log is not log:
                raise StoreRefused(path, "its log was replaced during its compaction")
            _copy(volume, copied)
            disk.put_in_place(path)
            disk.put_in_place(log_path(path))


def _copy(volume: Volume, since: int) -> int:
    assert volume.log is not None
    for piece in volume.log.read_from(since, volume.log.end):
        disk.append_to_temporary(log_path(volume.path), piece)
    return volume.log.end


def begin_log(path: Path, position: int) -> None:
    """Put an empty log in place; the caller has the turn."""
    header = encode_header(FORMAT, position)
    with refusing(log_path(path)):
        disk.write_whole(log_path(path), lambda fd: disk.write_all(fd, header))


def main() -> int:
    """What `begin_compaction` runs. Whoever comes next does what this one could not."""
    try:
        compact(Path(sys.argv[1]))
    except StoreRefused:
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())
