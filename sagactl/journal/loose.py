"""A state file in any layout: read as a whole, every document checked.

For what somebody's TinyDB wrote back, for formats that are older than the layout, and for damage:
whatever is not the layout comes here, and is told where it is no state.
"""

import json
import math
import re
from pathlib import Path

from sagactl.journal import disk
from sagactl.journal.codec import FORMAT
from sagactl.journal.document import Document, copied, text_of, uncollected
from sagactl.journal.line import checksum
from sagactl.journal.refusal import StateDamaged, StoreRefused
from sagactl.source.node import Json

Tables = dict[str, dict[int, Document]]

OURS = ("meta", "runs", "events")

# TinyDB makes numbers of ids, and a second spelling of the same number would take its place.
DOCUMENT_ID = re.compile(r"[1-9][0-9]{0,17}")

# The first format kept no checksums and had no log.
UNCHECKED = 1


class LooseSnapshot:
    """A state file as tables in memory."""

    def __init__(self, path: Path, stamp: disk.Stamp, tables: Tables) -> None:
        self.stamp = stamp
        self._path = path
        self._tables = tables
        [meta] = tables["meta"].values()
        self.format: int = meta["format"]
        last = max((key for table in tables.values() for key in table), default=0)
        self.position: int = last + 1 if self.format == UNCHECKED else meta["position"]
        self._by_run: dict[str, list[tuple[int, bytes]]] | None = None

    def find(self, prefix: str, *, exact: bool) -> list[tuple[int, Document]]:
        names = [(key, str(run.get("run_id")), run) for key, run in self._tables["runs"].items()]
        return [
            (key, copied(run))
            for key, name, run in names
            if name == prefix or (name.startswith(prefix) and not exact)
        ]

    def events(self, run: Document) -> list[tuple[int, bytes]]:
        if self._by_run is None:
            self._by_run = {}
            for key, event in sorted(self._tables["events"].items()):
                self._by_run.setdefault(str(event.get("run")), []).append((key, text_of(event)))
        return self._by_run.get(str(run.get("run_id")), [])

    def documents(self, table: str) -> dict[int, Document]:
        return {key: copied(document) for key, document in self._tables.get(table, {}).items()}

    def document(self, table: str, doc_id: int) -> Document | None:
        found = self._tables.get(table, {}).get(doc_id)
        return None if found is None else copied(found)

    def tables(self) -> set[str]:
        return set(self._tables)


def loose_snapshot(path: Path, stamp: disk.Stamp, content: bytes) -> LooseSnapshot:
    """The state that `content` is; raises StateDamaged, or StoreRefused for a newer format."""
    tables, written = read_tables(path, content)
    for name in OURS:
        if name not in tables:
            raise StateDamaged(path, "its top", f'there is no table "{name}"')
    if written != UNCHECKED:
        for name in OURS:
            for key, document in tables[name].items():
                if not is_as_written(key, document):
                    where = f'document {key} of table "{name}"'
                    raise StateDamaged(path, where, "it does not match its checksum")
        [meta] = tables["meta"].values()
        if type(meta.get("position")) is not int:
            raise StateDamaged(path, 'table "meta"', "it has no position")
    return LooseSnapshot(path, stamp, tables)


def read_tables(path: Path, content: bytes) -> tuple[Tables, int]:
    """The tables of a state with their checksums unchecked, and its format.

    Raises StateDamaged, or StoreRefused for a newer format.
    """
    tables = _tables(path, _parsed(path, content))
    return tables, _format(path, tables)


def is_as_written(key: int, document: Document) -> bool:
    """Whether a document matches its checksum, which is taken out of it."""
    crc = document.pop("crc", None)
    return bool(crc == f"{checksum(text_of(document), key):08x}")


def _parsed(path: Path, content: bytes) -> Json:
    if not content:
        raise StateDamaged(path, "offset 0", "the file is empty")
    try:
        with uncollected():
            return json.loads(
                content.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite
            )
    except UnicodeDecodeError as error:
        raise StateDamaged(path, f"offset {error.start}", "it is not UTF-8") from None
    except json.JSONDecodeError as error:
        at = f"offset {error.pos} (line {error.lineno}, column {error.colno})"
        raise StateDamaged(path, at, f"it is not JSON: {error.msg.lower()}") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a thousand brackets
        raise StateDamaged(path, "an unknown offset", str(error)) from None


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (math.inf, -math.inf):  # not from us: a 1e999 that somebody wrote into the file
        raise ValueError(f"{text} is beyond what can be kept")
    return number


def _tables(path: Path, parsed: Json) -> Tables:
    """The tables, with the shape that TinyDB relies on."""
    if not isinstance(parsed, dict):
        raise StateDamaged(path, "its top", "a state is a map of tables")
    tables: Tables = {}
    for name, table in parsed.items():
        if not isinstance(table, dict):
            raise StateDamaged(path, f'table "{name}"', "a table is a map of documents")
        tables[name] = {}
        for key, document in table.items():
            if not (DOCUMENT_ID.fullmatch(key) and isinstance(document, dict)):
                where = f'document {key} of table "{name}"'
                raise StateDamaged(path, where, "it is a map under a number")
            tables[name][int(key)] = document
    return tables


def _format(path: Path, tables: Tables) -> int:
    documents = list(tables.get("meta", {}).values())
    written = documents[0].get("format") if len(documents) == 1 else None
    if type(written) is not int or written < 1:
        raise StateDamaged(path, 'table "meta"', 'it does not say which "format" this is')
    if written > FORMAT:
        raise StoreRefused(
            path,
            f"it has format {written}, written by a newer sagactl; this one reads {FORMAT}",
        )
    return written
