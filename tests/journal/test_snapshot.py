"""The state file by its bytes: the layout that is read in parts, and every other one.

The files are put together by hand here, as the description of the layout has it.
"""

import json
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB

from sagactl.journal import disk
from sagactl.journal.codec import FORMAT
from sagactl.journal.document import document_line
from sagactl.journal.loose import LooseSnapshot
from sagactl.journal.packing import Packing
from sagactl.journal.refusal import StateDamaged, StoreRefused
from sagactl.journal.snapshot import (
    HEADER_WIDTH,
    SEARCHES_BEFORE_INDEX,
    PackedSnapshot,
    Snapshot,
    read_snapshot,
)

Documents = Mapping[int, dict[str, Any]]

POSITION = 9000
EVENTS: dict[str, Documents] = {
    "order-7": {5: {"run": "order-7", "seq": 1, "event": {"type": "a", "text": 'ü "}\n'}},
                8: {"run": "order-7", "seq": 2, "event": {"type": "b"}}},
    "order-77": {11: {"run": "order-77", "seq": 1, "event": {"n": [1, 2.5, None, {"x": {}}]}}},
    'o"\\\n': {14: {"run": 'o"\\\n', "seq": 1, "event": {}}},
}  # fmt: skip
RUN_IDS = {"order-7": 9, "order-77": 12, 'o"\\\n': 15}
NOTES: Documents = {3: {"who": "somebody", "crc": "theirs"}, 10**17: {}}


def text(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def checked(doc_id: int, document: Mapping[str, Any]) -> bytes:
    """A document as it stands in the file: with the checksum of its text, begun with its id."""
    plain = text(document)
    return b'"%d":%s,"crc":"%08x"}' % (doc_id, plain[:-1], zlib.crc32(plain, doc_id))


def run_document(run_id: str, span: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    events = len(EVENTS[run_id])
    return {"run_id": run_id, "state": "pending", "events": events, "span": list(span)}


def packed(
    events: Mapping[str, Documents] = EVENTS,
    others: Mapping[str, Documents] | None = None,
    log_format: int = FORMAT,
) -> bytes:
    """The layout that is told, from its description."""
    kept = {"notes": NOTES} if others is None else others
    body = b'"events":{\n'
    begins, spans, first = HEADER_WIDTH + len(body), {}, True
    for run_id, documents in events.items():
        body += b"" if first else b",\n"
        first = False
        start = HEADER_WIDTH + len(body)
        body += b",\n".join(checked(key, document) for key, document in documents.items())
        spans[run_id] = (start, HEADER_WIDTH + len(body) - start)
    event_part = [begins, HEADER_WIDTH + len(body) - begins]
    body += b'\n},\n"runs":{\n'
    begins = HEADER_WIDTH + len(body)
    runs = b",\n".join(
        checked(RUN_IDS[run_id], run_document(run_id, span)) for run_id, span in spans.items()
    )
    body += runs
    run_part = [begins, len(runs), zlib.crc32(runs)]
    body += b"\n}"
    begins = HEADER_WIDTH + len(body)
    rest = b"".join(
        b",\n%s:{%s}"
        % (
            json.dumps(name).encode(),
            b",\n".join(b'"%d":%s' % (key, text(document)) for key, document in table.items()),
        )
        for name, table in kept.items()
    )
    body += rest
    other_part = [begins, len(rest), zlib.crc32(rest)]
    body += b"}\n"
    meta = {
        "format": log_format,
        "position": POSITION,
        "size": HEADER_WIDTH + len(body),
        "events": event_part,
        "runs": run_part,
        "others": other_part,
    }
    return (b'{"meta":{%s}' % checked(1, meta)).ljust(HEADER_WIDTH - 2) + b",\n" + body


def loose(indent: int | None = None, **more: Documents) -> bytes:
    """The same documents as anybody's TinyDB writes them."""
    runs = {RUN_IDS[run_id]: run_document(run_id) for run_id in EVENTS}
    events = {key: one for documents in EVENTS.values() for key, one in documents.items()}
    tables: dict[str, dict[str, Any]] = {}
    ours = {"meta": {1: {"format": FORMAT, "position": POSITION}}, "events": events, "runs": runs}
    for name, table in ours.items():
        tables[name] = {
            str(key): {**one, "crc": f"{zlib.crc32(text(one), key):08x}"}
            for key, one in table.items()
        }
    tables["notes"] = {str(key): dict(one) for key, one in NOTES.items()}
    for name, others in more.items():
        tables[name] = {str(key): dict(one) for key, one in others.items()}
    return json.dumps(tables, indent=indent).encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def read(path: Path, content: bytes) -> Snapshot:
    path.write_bytes(content)
    snapshot = read_snapshot(path)
    assert snapshot is not None
    return snapshot


LAYOUTS: dict[str, Callable[[], bytes]] = {
    "packed": packed,
    "loose": loose,
    "loose, with blanks": lambda: loose(indent=2),
}


@pytest.fixture(params=list(LAYOUTS.values()), ids=list(LAYOUTS))
def snapshot(request: pytest.FixtureRequest, path: Path) -> Snapshot:
    return read(path, request.param())


def run_ids(found: list[tuple[int, dict[str, Any]]]) -> list[str]:
    return [run["run_id"] for _, run in found]


# --- What is read in any layout


def test_nothing_is_no_snapshot(path: Path) -> None:
    assert read_snapshot(path) is None


def test_a_snapshot_knows_its_format_and_where_its_log_begins(
    snapshot: Snapshot, path: Path
) -> None:
    assert (snapshot.format, snapshot.position) == (FORMAT, POSITION)
    assert snapshot.stamp == disk.stamp(path)


def test_a_run_is_found_by_its_id(snapshot: Snapshot) -> None:
    for _ in range(SEARCHES_BEFORE_INDEX):  # by looking for it, and then in an index
        for run_id, doc_id in RUN_IDS.items():
            [(key, run)] = snapshot.find(run_id, exact=True)
            assert (key, run["run_id"], run["events"]) == (doc_id, run_id, len(EVENTS[run_id]))
            assert "crc" not in run
        assert snapshot.find("order-", exact=True) == []
        assert snapshot.find("rder-7", exact=True) == []


def test_runs_are_found_by_the_beginning_of_their_ids(snapshot: Snapshot) -> None:
    for _ in range(SEARCHES_BEFORE_INDEX):
        assert run_ids(snapshot.find("order-7", exact=False)) == ["order-7", "order-77"]
        assert run_ids(snapshot.find("order-77", exact=False)) == ["order-77"]
        assert run_ids(snapshot.find('o"\\', exact=False)) == ['o"\\\n']
        assert len(snapshot.find("o", exact=False)) == 3
        assert snapshot.find("7", exact=False) == []


def test_the_events_of_a_run_are_its_own_texts(snapshot: Snapshot) -> None:
    for run_id, documents in EVENTS.items():
        [(_, run)] = snapshot.find(run_id, exact=True)
        assert snapshot.events(run) == [(key, text(one)) for key, one in documents.items()]


def test_every_table_is_read_whole(snapshot: Snapshot) -> None:
    assert snapshot.tables() == {"meta", "events", "runs", "notes"}
    assert snapshot.documents("notes") == NOTES
    events = {key: one for documents in EVENTS.values() for key, one in documents.items()}
    assert snapshot.documents("events") == events
    assert {key: run["run_id"] for key, run in snapshot.documents("runs").items()} == {
        key: run_id for run_id, key in RUN_IDS.items()
    }
    assert snapshot.documents("meta") == {1: {"format": FORMAT, "position": POSITION}}
    assert snapshot.documents("nobody's") == {}


def test_a_document_of_others_is_read_alone(snapshot: Snapshot) -> None:
    assert snapshot.document("notes", 3) == NOTES[3]
    assert snapshot.document("notes", 10**17) == {}
    assert snapshot.document("notes", 4) is None
    assert snapshot.document("nobody's", 3) is None


def test_what_was_read_may_be_changed_by_its_reader(snapshot: Snapshot) -> None:
    snapshot.documents("notes")[3]["who"] = "me"
    one = snapshot.document("notes", 3)
    assert one == NOTES[3]
    one["who"] = "me"
    assert snapshot.document("notes", 3) == NOTES[3]
    [(_, run)] = snapshot.find("order-7", exact=True)
    run["state"] = "changed"
    [(_, again)] = snapshot.find("order-7", exact=True)
    assert again["state"] == "pending"
    for document in snapshot.documents("runs").values():
        document["state"] = "changed"
    assert {run["state"] for run in snapshot.documents("runs").values()} == {"pending"}


def test_a_snapshot_is_as_of_its_opening(snapshot: Snapshot, path: Path) -> None:
    path.with_name("new").write_bytes(packed(events={}))
    os.replace(path.with_name("new"), path)
    assert len(snapshot.documents("runs")) == 3
    assert snapshot.stamp != disk.stamp(path)
    again = read_snapshot(path)
    assert again is not None
    assert again.documents("runs") == {}


# --- The layout


def test_the_layout_is_read_in_parts_and_any_other_as_a_whole(path: Path) -> None:
    assert isinstance(read(path, packed()), PackedSnapshot)
    assert isinstance(read(path, loose()), LooseSnapshot)


def test_packing_writes_what_is_told(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    packing = Packing(fd)
    spans = {
        run_id: packing.events(document_line(key, text(one)) for key, one in documents.items())
        for run_id, documents in EVENTS.items()
    }
    packing.begin_runs()
    for run_id, span in spans.items():
        document = {key: value for key, value in run_document(run_id).items() if key != "span"}
        packing.run(RUN_IDS[run_id], text(document), span)
    packing.finish({"notes": dict(NOTES)}, POSITION)
    os.close(fd)
    assert path.read_bytes() == packed()


def test_stock_tinydb_reads_the_layout(path: Path) -> None:
    path.write_bytes(packed())
    with TinyDB(path) as db:
        assert db.tables() == {"meta", "events", "runs", "notes"}
        assert [run["run_id"] for run in db.table("runs")] == list(EVENTS)
        assert db.table("notes").get(doc_id=3) == NOTES[3]


def test_an_empty_state_has_nothing(path: Path) -> None:
    snapshot = read(path, packed(events={}, others={}))
    assert isinstance(snapshot, PackedSnapshot)
    assert snapshot.tables() == {"meta", "events", "runs"}
    for _ in range(2 * SEARCHES_BEFORE_INDEX):
        assert snapshot.find("order-7", exact=True) == []
        assert snapshot.find("o", exact=False) == []
    assert snapshot.documents("events") == snapshot.documents("runs") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"null", b"[]", b"{", b"\0" * 600, b"\xff" * 600, b'{"meta":{}}'],
)
def test_what_is_no_state_is_damage(path: Path, content: bytes) -> None:
    with pytest.raises(StateDamaged) as refusal:
        read(path, content)
    assert refusal.value.path == path
    assert path.read_bytes() == content


def test_a_newer_format_is_refused(path: Path) -> None:
    with pytest.raises(StoreRefused, match="written by a newer sagactl"):
        read(path, packed(log_format=FORMAT + 1))


@pytest.mark.parametrize("length", range(1, len(packed()), 37))
def test_a_file_that_is_cut_off_is_damage(path: Path, length: int) -> None:
    with pytest.raises(StateDamaged, match="offset"):
        read(path, packed()[:length])


@pytest.mark.parametrize("more", [b" ", b"\n", b"}", b"\0" * 512, packed()])
def test_a_file_that_is_longer_than_it_says_is_damage(path: Path, more: bytes) -> None:
    size = len(packed())
    with pytest.raises(StateDamaged, match=f"it was {size} bytes long, and is {size + len(more)}"):
        read(path, packed() + more)


@pytest.mark.parametrize("frame", [b'"events":{\n', b'\n},\n"runs":{\n', b'\n},\n"notes"', b"}}\n"])
def test_what_stands_between_the_tables_is_looked_at_first(path: Path, frame: bytes) -> None:
    whole = packed()
    at = whole.index(frame, HEADER_WIDTH) + (1 if frame == b"}}\n" else 0)
    with pytest.raises(StateDamaged, match="a table does not end there"):
        read(path, whole[:at] + b" " + whole[at + 1 :])


def test_a_first_line_that_is_not_as_written_is_no_layout(path: Path) -> None:
    whole = packed()
    first = whole[:HEADER_WIDTH].rstrip(b" ,\n")
    for at in range(len(first)):
        flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(StoreRefused):  # damaged, or of another format
            read(path, flipped)


# --- Damage in the parts


def damaged(path: Path, old: bytes, new: bytes) -> Snapshot:
    whole = packed()
    assert len(old) == len(new)
    assert whole.count(old) == 1
    return read(path, whole.replace(old, new))


def test_a_damaged_event_is_told_by_its_run_alone(path: Path) -> None:
    snapshot = damaged(path, b'"type":"b"', b'"type":"c"')
    [(_, run)] = snapshot.find("order-7", exact=True)
    where = r'offset \d+ \(document "8" of table "events"\)'
    with pytest.raises(StateDamaged, match=where):
        snapshot.events(run)
    with pytest.raises(StateDamaged, match=where):
        snapshot.documents("events")
    [(_, other)] = snapshot.find("order-77", exact=True)
    assert len(snapshot.events(other)) == 1
    assert len(snapshot.documents("runs")) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"8":{', b'"9":{'), (b'"8":{', b'"0":{'), (b'"8":{', b"'8':{"), (b'"8":{', b'"8" {'),
     (b'"8":{', b'" ":{'), (b'"type":"b"},"crc":"', b'"type":"b"},"crd":"')],
)  # fmt: skip
def test_an_event_under_another_id_is_told(path: Path, old: bytes, new: bytes) -> None:
    snapshot = damaged(path, old, new)
    [(_, run)] = snapshot.find("order-7", exact=True)
    with pytest.raises(StateDamaged, match="does not match its checksum"):
        snapshot.events(run)


def test_a_damaged_run_is_told_when_it_is_looked_at(path: Path) -> None:
    snapshot = damaged(
        path, b'"12":{"run_id":"order-77","state":"p', b'"12":{"run_id":"order-77","state":"q'
    )
    assert run_ids(snapshot.find("order-7", exact=True)) == ["order-7"]
    where = r'offset \d+ \(document "12" of table "runs"\)'
    for question in (
        lambda: snapshot.find("order-77", exact=True),
        lambda: snapshot.find("order-", exact=False),
        lambda: snapshot.documents("runs"),
    ):
        with pytest.raises(StateDamaged, match=where):
            question()


def test_a_run_under_a_damaged_id_is_not_taken_for_missing(path: Path) -> None:
    snapshot = damaged(path, b'{"run_id":"order-77"', b'{"run_id":"order-78"')
    for _ in range(2 * SEARCHES_BEFORE_INDEX):
        for missing in ("order-77", "nobody"):
            with pytest.raises(StateDamaged, match='document "12" of table "runs"'):
                snapshot.find(missing, exact=True)
        with pytest.raises(StateDamaged):
            snapshot.find("order-78", exact=True)


def test_a_run_that_is_not_there_any_more_is_told(path: Path) -> None:
    """Every line that is left is sound, and the file as long as it says."""
    whole = packed()
    begins = whole.index(b'"12":{"run_id"')
    ends = whole.index(b'"15":{"run_id"')
    snapshot = read(path, whole[:begins] + b" " * (ends - begins) + whole[ends:])
    with pytest.raises(StateDamaged, match='of table "runs"'):
        snapshot.documents("runs")
    with pytest.raises(StateDamaged, match='of table "runs"'):
        snapshot.find("order-77", exact=True)
    assert run_ids(snapshot.find("order-7", exact=True)) == ["order-7"]


def test_damage_in_the_tables_of_others_leaves_ours_readable(path: Path) -> None:
    snapshot = damaged(path, b"somebody", b"somebpdy")
    assert len(snapshot.documents("runs")) == 3
    [(_, run)] = snapshot.find("order-7", exact=True)
    assert len(snapshot.events(run)) == 2
    for question in (
        snapshot.tables,
        lambda: snapshot.documents("notes"),
        lambda: snapshot.document("notes", 3),
    ):
        with pytest.raises(StateDamaged, match='of table "others"'):
            question()


def spanned(path: Path, span: object) -> tuple[Snapshot, dict[str, Any]]:
    """A run that says that its events are elsewhere."""
    snapshot = read(path, packed())
    [(_, run)] = snapshot.find("order-7", exact=True)
    return snapshot, {**run, "span": span}


@pytest.mark.parametrize(
    "span",
    [None, [], [1], [1, 2, 3], "1,2", [0, 10], [512, 10], [True, 10], [523, -1], [523, 10**9],
     [10**9, 1], [-1, 5], [523.0, 10], ["523", "10"]],
)  # fmt: skip
def test_a_span_outside_of_the_events_is_damage(path: Path, span: object) -> None:
    snapshot, run = spanned(path, span)
    with pytest.raises(StateDamaged, match='run "order-7" of table "runs": no span'):
        snapshot.events(run)


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (1, -1), (0, 3), (0, -40), (30, -30)])
def test_a_span_that_is_off_by_a_little_is_damage(path: Path, shift: tuple[int, int]) -> None:
    snapshot = read(path, packed())
    [(_, run)] = snapshot.find("order-7", exact=True)
    start, size = run["span"]
    with pytest.raises(StateDamaged):
        snapshot.events({**run, "span": [start + shift[0], size + shift[1]]})


def test_a_span_of_nothing_has_no_events(path: Path) -> None:
    snapshot, run = spanned(path, [HEADER_WIDTH + len(b'"events":{\n'), 0])
    assert snapshot.events(run) == []


# --- Other layouts


@pytest.mark.parametrize("table", ["meta", "runs", "events"])
def test_a_loose_document_that_is_not_as_written_is_told(path: Path, table: str) -> None:
    tables = json.loads(loose())
    key, document = next(iter(tables[table].items()))
    document["more"] = 1
    with pytest.raises(StateDamaged, match=f'document {key} of table "{table}"'):
        read(path, json.dumps(tables).encode())


def test_tables_of_others_have_no_checksum(path: Path) -> None:
    snapshot = read(path, loose(more={1: {"crc": "00000000", "x": 1}}))
    assert snapshot.documents("more") == {1: {"crc": "00000000", "x": 1}}


def test_what_tinydb_wrote_back_is_the_same(path: Path) -> None:
    path.write_bytes(packed())
    with TinyDB(path) as db:
        db.table("notes").insert({"n": 1})
        db.table("notes").remove(doc_ids=[10**17 + 1])
    again = read_snapshot(path)
    assert isinstance(again, LooseSnapshot)
    assert again.documents("notes") == NOTES
    assert len(again.documents("runs")) == 3
    [(_, run)] = again.find("order-7", exact=True)
    assert [key for key, _ in again.events(run)] == [5, 8]
