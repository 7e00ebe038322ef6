"""TinyDB over a state and its log: a storage that reads both, and a table that writes changes.

TinyDB reads and writes a database as a whole. What makes one change cost one line is in two
methods of `Table` that its documentation does not name, `_read_table` and `_update_table`: the
tests pin both, and what calls them.
"""

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document as TinyDocument
from tinydb.table import Table

from sagactl.journal.document import Document, copied, text_of
from sagactl.journal.line import REMOVED, Change
from sagactl.journal.loose import OURS
from sagactl.journal.writer import Writer


def numbered(document: Document, doc_id: int) -> TinyDocument:
    """A document that TinyDB inserts under an id of our choice."""
    return TinyDocument(document, doc_id)


class JournalStorage(Storage):
    """The tables of a state. Whatever TinyDB writes is in the log when it returns."""

    def __init__(self, path: str | Path, writer: Writer | None = None) -> None:
        self.writer = writer or Writer(Path(path), create=True)
        # Documents that the caller of an update has read already, by table and id.
        self.known: dict[tuple[str, int], Document] = {}
        self._staged: dict[tuple[str, int], Document | None] = {}

    def read(self) -> dict[str, Any] | None:
        if not self.writer.is_open:
            self.writer.volume.refresh()
        names = self.writer.volume.tables() | {table for table, _ in self._staged}
        return {name: Documents(self, name) for name in sorted(names)} or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Have the tables be these and no others: what TinyDB asks for when it drops some."""
        with self.commit():
            for name in (self.writer.volume.tables() - {"meta"}) | data.keys():
                self._replace(name, data.get(name, {}))

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Keep what is put in here as one commit, or as a part of the one that is open."""
        if self.writer.is_open:
            yield
            return
        with self.writer.failing():
            try:
                self.writer.begin()
                yield
                self.writer.write()
                self.writer.sync()
            finally:
                self.forget()

    def put(self, table: str, doc_id: int, document: Document | None) -> None:
        """Have a document be this from the open commit on, or be gone."""
        text = REMOVED if document is None else text_of(document)
        name = json.dumps(table).encode()[1:-1]
        self.writer.pending.append(Change(name, doc_id, text))
        self._staged[table, doc_id] = document

    def forget(self) -> None:
        """The open commit has ended; what is kept is read from where it is kept."""
        self.known = {}
        self._staged = {}

    def document(self, table: str, doc_id: int) -> Document | None:
        """A document without reading its table, where that is possible; a KeyError says no."""
        if (table, doc_id) in self._staged:
            return self._staged[table, doc_id]
        if (table, doc_id) in self.known:
            return self.known[table, doc_id]
        if table not in OURS:
            return self.writer.volume.document(table, doc_id)
        if self.writer.is_open and doc_id >= self.writer.next_id - len(self.writer.pending):
            return None
        raise KeyError(doc_id)

    def documents(self, table: str) -> dict[int, Document]:
        """Every document of a table, as the open commit has it."""
        found = self.writer.volume.documents(table)
        for (name, doc_id), document in self._staged.items():
            if name == table and document is not None:
                found[doc_id] = document
            elif name == table:
                found.pop(doc_id, None)
        return found

    def close(self) -> None:
        self.writer.close()

    def _replace(self, name: str, table: Mapping[str, Any]) -> None:
        before = self.documents(name)
        after = {int(key): dict(document) for key, document in table.items()}
        for doc_id in before.keys() - after.keys():
            self.put(name, doc_id, None)
        for doc_id, document in after.items():
            if before.get(doc_id) != document:
                self.put(name, doc_id, document)


class Documents(Mapping[str, Document]):
    """A table under TinyDB's keys: read when somebody looks, and all of it only if need be."""

    def __init__(self, storage: JournalStorage, table: str) -> None:
        self._storage = storage
        self._table = table
        self._all: dict[int, Document] | None = None

    def __getitem__(self, key: str) -> Document:
        found = self._one(int(key)) if self._all is None else self._all.get(int(key))
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        return map(str, self._everything())

    def __len__(self) -> int:
        return len(self._everything())

    def _one(self, doc_id: int) -> Document | None:
        try:
            return self._storage.document(self._table, doc_id)
        except KeyError:
            return self._everything().get(doc_id)

    def _everything(self) -> dict[int, Document]:
        if self._all is None:
            self._all = self._storage.documents(self._table)
        return self._all


class Touched(MutableMapping[int, Document]):
    """What an update of TinyDB's is given: a table by id, which remembers what was changed."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._documents = documents
        self._changed: dict[int, Document | None] = {}

    def __getitem__(self, doc_id: int) -> Document:
        if doc_id not in self._changed:
            # A copy, and taken for changed: updates change the document that they are given.
            self._changed[doc_id] = copied(self._documents[str(doc_id)])
        found = self._changed[doc_id]
        if found is None:
            raise KeyError(doc_id)
        return found

    def __contains__(self, doc_id: object) -> bool:
        if doc_id in self._changed:
            return self._changed[doc_id] is not None
        return str(doc_id) in self._documents

    def __setitem__(self, doc_id: int, document: Document) -> None:
        self._changed[doc_id] = document

    def __delitem__(self, doc_id: int) -> None:
        if doc_id not in self:
            raise KeyError(doc_id)
        self._changed[doc_id] = None

    def __iter__(self) -> Iterator[int]:
        known = [int(key) for key in self._documents]
        ids = dict.fromkeys([*known, *self._changed])
        return iter([doc_id for doc_id in ids if self._changed.get(doc_id, True) is not None])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def changes(self) -> Iterator[tuple[int, Document | None]]:
        """What is otherwise than it was."""
        for doc_id, document in self._changed.items():
            if document is None or self._documents.get(str(doc_id)) != document:
                yield doc_id, document


class JournalTable(Table):
    """A table whose updates cost what they change."""

    def __init__(
        self, storage: Storage, name: str, cache_size: int = 0, persist_empty: bool = False
    ) -> None:
        # Another process may add to the table at any time: no answer is kept, whatever the size.
        super().__init__(storage, name, 0, persist_empty)

    def _read_table(self) -> Any:
        storage: JournalStorage = self._storage  # type: ignore[assignment]
        if not storage.writer.is_open:
            storage.writer.volume.refresh()
        return Documents(storage, self.name)

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        storage: JournalStorage = self._storage  # type: ignore[assignment]
        try:
            with storage.commit():
                touched = Touched(Documents(storage, self.name))
                updater(touched)
                for doc_id, document in touched.changes():
                    storage.put(self.name, doc_id, document)
        finally:
            self._next_id = None  # others give ids too


class JournalDB(TinyDB):
    """`JournalDB(path)` is TinyDB in every respect but what lies on the disk."""

    table_class = JournalTable
    default_storage_class = JournalStorage  # type: ignore[assignment]
