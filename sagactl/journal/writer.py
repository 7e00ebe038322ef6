"""Commits, one after the other: whole, durable, and none after one that failed.

A commit is written under the turn that all processes share, and counts once `sync` has returned.
What a failed write or fsync left is cut off again where the disk still allows it, and never tried
a second time: the kernel has dropped the pages by then and would say yes.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sagactl.journal import compaction, disk, file_system
from sagactl.journal.codec import FORMAT
from sagactl.journal.line import Change
from sagactl.journal.lock import Turn
from sagactl.journal.log import Log
from sagactl.journal.refusal import StoreRefused, refusing
from sagactl.journal.volume import Volume


class Writer:
    """Adds commits to the state at `path`; where that is missing, `create` says whether to make it.

    `pending` is what the next commit will hold.
    """

    def __init__(self, path: Path, *, create: bool, allow_network: bool = False) -> None:
        self.volume = Volume(path)
        self.pending: list[Change] = []
        self._path = path
        self._create = create
        self._allow_network = allow_network
        self._turn = Turn(path.with_name(f"{path.name}.lock"))
        self._is_prepared = False
        self._is_closed = False  # to other users, whoever made the files
        self._begins: int | None = None  # while there is a commit: where it begins
        self._compacted: Log | None = None
        self._refusal: StoreRefused | None = None

    @property
    def is_open(self) -> bool:
        """Whether a commit has begun and not ended."""
        return self._begins is not None

    @property
    def next_id(self) -> int:
        """A document id that nobody was given: every line of the commit is longer than a byte."""
        assert self._begins is not None
        return self._begins + len(self.pending)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Whatever goes wrong in here ends the commit without a trace, and a refusal the writer."""
        try:
            yield
        except BaseException as error:
            self._give_up()
            if isinstance(error, StoreRefused):
                self._refusal = error
            raise

    def begin(self) -> None:
        """Take the turn, and see what others have written."""
        if self._refusal is not None:
            raise self._refusal.again()
        self.prepare()
        self._turn.take()
        self._begins = 0
        volume = self.volume
        volume.refresh()
        if volume.log is None or volume.snapshot is None or volume.snapshot.format != FORMAT:
            self._found()
        with refusing(volume.log_path):
            self._log.demand_writable()
            if not self._is_closed:
                disk.close_to_others(self._path)
                disk.close_to_others(volume.log_path)
                self._is_closed = True
            if self._log.is_torn:
                self._log.heal()
        self._begins = volume.end

    def write(self) -> None:
        """Hand the commit to the system; it may still be lost."""
        if self.pending:
            with refusing(self.volume.log_path):
                self._log.write(self.pending)

    def sync(self) -> None:
        """Have the disk say that it has the commit, and let others have their turn."""
        if self.pending:
            with refusing(self.volume.log_path):
                self._log.sync()
        self.pending = []
        self._begins = None
        self._turn.give()
        self._compact()

    def reserve(self, size: int) -> None:
        """Make sure that the next `size` bytes of the log find room on the disk."""
        with self.failing():
            self.begin()
            with refusing(self.volume.log_path):
                self._log.reserve(size)
            self.sync()

    def prepare(self) -> None:
        """Make the folder; say no to what can never be a state."""
        if self._is_prepared:
            return
        with refusing(self._path):
            if not self._create and disk.stamp(self._path) is None:
                raise StoreRefused(self._path, "there is no such file")
        if not self._allow_network:
            file_system.demand_local(self._path)
        with refusing(self._path):
            made_folder = disk.make_folder(self._path.parent)
        # Whoever made the folder is the one who knows; another may be the first to write in it.
        if made_folder:
            self._keep_from_git()
        self._is_prepared = True

    def close(self) -> None:
        """Let go of what is in memory; what is on the disk needs no closing."""
        self.volume.forget()
        self._turn.close()

    def __del__(self) -> None:
        # Descriptors have no owner that would close them for a writer that nobody closed.
        self.close()

    @property
    def _log(self) -> Log:
        assert self.volume.log is not None
        return self.volume.log

    def _found(self) -> None:
        """Make what there is into a state of this format, with a log."""
        snapshot = self.volume.snapshot
        if snapshot is None:
            if self._path.parent.name == ".sagactl":
                self._keep_from_git()
            compaction.create(self._path)
        else:
            compaction.upgrade(self.volume)
        self.volume.refresh()

    def _give_up(self) -> None:
        """Know nothing: half a commit may be there, and only the disk knows what was kept."""
        if self._begins and self.volume.log is not None:
            with suppress(OSError):
                self.volume.log.take_back(self._begins)
        self.pending = []
        self._begins = None
        self._turn.give()
        self.volume.forget()

    def _compact(self) -> None:
        log = self.volume.log
        if log is self._compacted or not compaction.is_due(self.volume):
            return
        self._compacted = log
        with suppress(StoreRefused):  # another time, then
            compaction.begin_compaction(self._path)

    def _keep_from_git(self) -> None:
        """States hold what customers sent; only a folder of our own is told to git like this."""
        ignore = self._path.with_name(".gitignore")
        with refusing(ignore):
            disk.write_where_empty(ignore, b"*\n")
