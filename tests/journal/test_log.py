"""The log by its bytes: what counts, what was torn off, what is damage, and how it is followed.

Every log is put together by hand here, from the lines that its description tells.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sagactl.journal.codec import FORMAT
from sagactl.journal.line import (
    REMOVED,
    Change,
    decode_header,
    decode_line,
    encode_commit,
    encode_header,
)
from sagactl.journal.log import Log, damaged_at
from sagactl.journal.log_index import LogIndex, Place, run_of
from sagactl.journal.refusal import StateDamaged, StoreRefused

BEGINS = 8192
OPEN = os.O_RDWR | os.O_CREAT | os.O_TRUNC


def event(run_id: str, seq: int, **more: object) -> bytes:
    return json.dumps({"run": run_id, "seq": seq, "event": more}, separators=(",", ":")).encode()


def run(run_id: str, events: int) -> bytes:
    return json.dumps({"run_id": run_id, "events": events}, separators=(",", ":")).encode()


def line(position: int, back: int, rest: int, table: str, doc_id: int, text: bytes) -> bytes:
    """A line as the description of the log has it."""
    inner = b'[%d,%d,"%s",%d,%s]' % (back, rest, table.encode(), doc_id, text)
    return b"%08x %s\n" % (zlib.crc32(inner, position), inner)


def header(begins: int = BEGINS, log_format: int = FORMAT) -> bytes:
    inner = b'{"format":%d,"begins":%d}' % (log_format, begins)
    return b"%08x %s\n" % (zlib.crc32(inner), inner)


def commit(position: int, *changes: tuple[str, int, bytes]) -> bytes:
    """The lines of one commit that begins at a position."""
    whole = b""
    for n, change in enumerate(changes):
        back = len(whole)
        whole += line(position + back, back, len(changes) - n - 1, *change)
    return whole


def commits(position: int = BEGINS) -> list[bytes]:
    """Three: a run begins, another one, and the first goes on."""
    found: list[bytes] = []
    for changes in (
        [("events", 1, event("a", 1)), ("runs", 2, run("a", 1))],
        [("events", 3, event("b", 1)), ("runs", 4, run("b", 1)), ("notes", 5, b'{"n":1}')],
        [("events", 6, event("a", 2, long="x" * 700)), ("runs", 2, run("a", 2))],
    ):
        found.append(commit(position, *changes))
        position += len(found[-1])
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json.log"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Log]]:
    """`opened(b"…")` writes the bytes and opens the log; `opened()` opens what is there."""
    logs: list[Log] = []

    def open_it(content: bytes | None = None) -> Log:
        if content is not None:
            path.write_bytes(content)
        logs.append(Log(path, os.open(path, os.O_RDWR)))
        return logs[-1]

    yield open_it
    for log in logs:
        log.close()


Opened = Callable[..., Log]


def texts(log: Log) -> dict[str, list[bytes]]:
    """The texts of every run's events, in order."""
    return {
        run_id: [log.change(place).text for _, place in sorted(places.items())]
        for run_id, places in log.index.events.items()
    }


ALL = {"a": [event("a", 1), event("a", 2, long="x" * 700)], "b": [event("b", 1)]}


# --- Lines


def test_a_line_is_what_its_description_says() -> None:
    changes = [Change(b"events", 1, event("a", 1)), Change(b"notes", 7, REMOVED)]
    written = encode_commit(BEGINS, changes)
    expected = commit(BEGINS, ("events", 1, event("a", 1)), ("notes", 7, b"null"))
    assert b"".join(written) == expected
    second = decode_line(written[1][:-1], BEGINS + len(written[0]))
    assert second is not None
    assert second.change == changes[1]
    assert (second.position, second.commit_at, second.rest) == (BEGINS + len(written[0]), BEGINS, 0)


def test_a_line_is_sound_in_its_place_alone() -> None:
    text = commit(BEGINS, ("events", 1, event("a", 1)))[:-1]
    assert decode_line(text, BEGINS) is not None
    for position in (0, 1, BEGINS - 1, BEGINS + 1, 2 * BEGINS):
        assert decode_line(text, position) is None


def test_a_position_beyond_four_gigabytes_is_one() -> None:
    position = 5 << 32
    text = encode_commit(position, [Change(b"events", position, event("a", 1))])[0][:-1]
    found = decode_line(text, position)
    assert found is not None
    assert (found.position, found.change.doc_id) == (position, position)


@pytest.mark.parametrize(
    "inner",
    [b"", b"[]", b'[0,0,"events",1,7]', b'[0,0,"events",1,"x"]', b'[0,0,"events",1,[]]',
     b'[0,0,"events",-1,{}]', b'[0,0,events,1,{}]', b'[ 0,0,"events",1,{}]', b'{"format":2}',
     b'[0,0,"ev"ents",1,{}]', b'[0,0,"events",1,nullx]'],
)  # fmt: skip
def test_a_checksum_alone_makes_no_line(inner: bytes) -> None:
    assert decode_line(b"%08x %s" % (zlib.crc32(inner, 5), inner), 5) is None


def test_the_name_of_a_table_may_have_anything_in_it(opened: Opened) -> None:
    name = 'a ",]\\ ü\n'
    escaped = json.dumps(name).encode()[1:-1]
    [text] = encode_commit(BEGINS, [Change(escaped, 3, b'{"n":1}')])
    log = opened(header() + text)
    log.follow(BEGINS)
    assert {name: {3: Place(len(header()), len(text))}} == log.index.others


# --- The header


@pytest.mark.parametrize("begins", [1, 8192, 10**17])
def test_a_header_says_format_and_beginning(opened: Opened, begins: int) -> None:
    assert encode_header(FORMAT, begins) == header(begins)
    assert decode_header(header(begins)[:-1]) == (FORMAT, begins)
    log = opened(header(begins))
    assert (log.begins, log.end, log.size, log.is_empty()) == (
        begins,
        begins,
        len(header(begins)),
        True,
    )
    log.follow(begins)
    assert (log.end, log.is_torn, log.is_current()) == (begins, False, True)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"\0" * 40, b"x" * 5000, header()[:-2] + b"\n", b" " + header(),
     header().replace(b"8192", b"8193"), header().replace(b'"format":2', b'"format":1'),
     header().replace(b"\n", b" \n"), header()[9:], commit(1, ("events", 1, event("a", 1)))],
)  # fmt: skip
def test_what_does_not_begin_as_a_log_is_damage(opened: Opened, content: bytes, path: Path) -> None:
    with pytest.raises(StateDamaged, match="does not begin as a log does") as refusal:
        opened(content)
    assert (refusal.value.path, refusal.value.where) == (path, "offset 0")


def test_the_log_of_a_newer_format_is_refused(opened: Opened) -> None:
    with pytest.raises(StoreRefused, match=f"it has format {FORMAT + 1}; this sagactl reads"):
        opened(header(log_format=FORMAT + 1) + b"whatever that may be\n")


# --- Reading


def test_every_commit_is_read(opened: Opened) -> None:
    content = header() + b"".join(commits())
    log = opened(content)
    log.follow(BEGINS)
    assert texts(log) == ALL
    assert log.index.run("a") is not None
    assert [log.document(place) for _, place in log.index.runs.values()] == [
        {"run_id": "a", "events": 2},
        {"run_id": "b", "events": 1},
    ]
    assert log.document(log.index.others["notes"][5]) == {"n": 1}
    assert (log.end, log.size, log.is_torn) == (
        BEGINS + len(b"".join(commits())),
        len(content),
        False,
    )
    assert not log.is_empty()


def test_what_the_state_has_already_is_passed_over(opened: Opened) -> None:
    first, second, third = commits()
    content = header() + first + second + third
    for since, runs in (
        (BEGINS + len(first), {"a", "b"}),
        (BEGINS + len(first + second), {"a"}),
        (BEGINS + len(first + second + third), set()),
    ):
        log = opened(content)
        log.follow(since)
        assert set(log.index.runs) == runs
        assert log.end == BEGINS + len(first + second + third)
    log.follow(BEGINS)  # read is read
    assert log.index.runs == {}


def test_it_is_followed_as_it_grows(opened: Opened, path: Path) -> None:
    whole = b"".join(commits())
    ends = {0, *(len(b"".join(commits()[:n])) for n in range(1, 4))}
    log = opened(header())
    with path.open("ab", buffering=0) as file:
        for at in range(0, len(whole), 13):
            file.write(whole[at : at + 13])
            written = min(at + 13, len(whole))
            log.follow(BEGINS)
            assert log.end == BEGINS + max(end for end in ends if end <= written)
            assert log.is_torn is (written not in ends)
            assert log.is_current()
    assert texts(log) == ALL


def test_reading_nothing_new_reads_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(header() + b"".join(commits()))
    log.follow(BEGINS)

    def refuse(*arguments: object) -> bytes:
        raise AssertionError(arguments)

    monkeypatch.setattr(os, "pread", refuse)
    log.follow(BEGINS)
    assert len(log.index.runs) == 2


def test_the_bytes_between_two_positions_are_as_they_are(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = commits()
    log = opened(header() + first + second + third)
    log.follow(BEGINS)
    position = BEGINS + len(first)
    for chunk in (1 << 22, 100, 1):
        monkeypatch.setattr("sagactl.journal.log.CHUNK", chunk)
        pieces = list(log.read_from(position, log.end))
        assert b"".join(pieces) == second + third
        assert max(map(len, pieces)) <= chunk
    assert list(log.read_from(log.end, log.end)) == []


def test_a_line_that_changes_after_it_was_read_is_told(opened: Opened, path: Path) -> None:
    content = header() + b"".join(commits())
    log = opened(content)
    log.follow(BEGINS)
    place = log.index.events["b"][3]
    at = content.index(b'"run":"b"') + 7
    path.write_bytes(content[:at] + b"c" + content[at + 1 :])
    with pytest.raises(StateDamaged) as refusal:
        log.change(place)
    position = BEGINS + place.offset - len(header())
    assert refusal.value.where == f"offset {place.offset} (record {position})"


def test_a_log_that_becomes_shorter_is_told(opened: Opened, path: Path) -> None:
    log = opened(header() + b"".join(commits()))
    log.follow(BEGINS)
    for size in (log.size - 1, len(header()), 0):
        os.truncate(path, size)
        with pytest.raises(StateDamaged, match=f"at offset {size}: it has become shorter"):
            log.follow(BEGINS)
        # Less of the last commit may be there where it was taken back; of those before, never.
        assert log.is_current() is (size < len(header() + SOUND))


def test_a_log_that_was_replaced_or_is_gone_is_not_current(opened: Opened, path: Path) -> None:
    content = header() + b"".join(commits())
    for replaced in (False, True):
        log = opened(content)
        log.follow(BEGINS)
        assert log.is_current()
        path.unlink()
        if replaced:
            path.write_bytes(content)
        assert not log.is_current()
        log.follow(BEGINS)  # what was read is still to be had
        assert texts(log) == ALL


def test_a_commit_that_was_taken_back_is_not_current(opened: Opened, path: Path) -> None:
    first, second, _ = commits()
    position = BEGINS + len(first)
    other = commit(position, ("events", 3, event("c", 1)), ("runs", 4, run("c", 1)),
                   ("notes", 5, b'{"n":1}'))  # fmt: skip
    assert len(other) == len(second)
    log = opened(header() + first + second)
    log.follow(BEGINS)
    path.write_bytes(header() + first + other)  # the same file: its sync had failed
    assert not log.is_current()


# --- What a crash leaves, and what it does not

FIRST, SECOND, THIRD = commits()
SOUND = FIRST + SECOND
AT = BEGINS + len(SOUND)


def torn() -> Iterator[tuple[str, bytes]]:
    """What may be behind the last commit that was acknowledged."""
    for length in (1, 8, 9, 40, len(THIRD) - 1):
        yield f"the first {length} bytes", THIRD[:length]
        yield f"the first {length} bytes, then zeros", THIRD[:length].ljust(len(THIRD), b"\0")
    for size in (512, 100):
        yield f"{size} zeros first", bytes(size) + THIRD[size:]
    yield "zeros in its midst", THIRD[:100] + bytes(512) + THIRD[612:]
    yield "only its last line", bytes(THIRD.index(b"\n")) + THIRD[THIRD.index(b"\n") :]
    yield "nothing but zeros", bytes(len(THIRD))
    yield "a page of zeros", bytes(4096)
    yield "its first line", THIRD[: THIRD.index(b"\n") + 1]


TORN = dict(torn())


@pytest.mark.parametrize("rest", TORN.values(), ids=TORN)
def test_a_torn_end_is_passed_over(opened: Opened, path: Path, rest: bytes) -> None:
    assert damaged_at(rest, AT) is None
    log = opened(header() + SOUND + rest)
    for _ in range(2):
        log.follow(BEGINS)
        assert (log.end, log.is_torn) == (AT, True)
    assert set(log.index.runs) == {"a", "b"}
    assert path.read_bytes() == header() + SOUND + rest


@pytest.mark.parametrize("rest", TORN.values(), ids=TORN)
def test_a_torn_end_is_cut_off_before_a_commit(opened: Opened, path: Path, rest: bytes) -> None:
    log = opened(header() + SOUND + rest)
    log.follow(BEGINS)
    log.heal()
    assert path.read_bytes() == header() + SOUND
    assert not log.is_torn
    log.write([Change(b"events", 6, event("b", 2)), Change(b"runs", 4, run("b", 2))])
    log.sync()
    added = commit(AT, ("events", 6, event("b", 2)), ("runs", 4, run("b", 2)))
    assert path.read_bytes() == header() + SOUND + added
    again = opened()
    again.follow(BEGINS)
    for reader in (log, again):
        assert texts(reader)["b"] == [event("b", 1), event("b", 2)]
        assert (reader.end, reader.is_torn) == (AT + len(added), False)


LAST = THIRD.rindex(b"\n", 0, -1) + 1  # where the last line of the last commit begins


def damages() -> Iterator[tuple[str, bytes, int]]:
    """What no crash leaves, and where it is told to be."""
    flipped = bytes([THIRD[200] ^ 1])
    yield "a byte of its first line", THIRD[:200] + flipped + THIRD[201:], 0
    yield "its line end is another byte", THIRD[:-1] + b"\x0b", LAST
    yield "a line that is none before its end", THIRD[:LAST] + b"nonsense\n", LAST
    yield (
        "a commit without its last line before another",
        (THIRD[:LAST] + commit(AT + LAST, ("runs", 2, run("a", 2)))),
        LAST,
    )
    yield (
        "zeros, and a commit that came later",
        (bytes(len(THIRD)) + commit(AT + len(THIRD), ("runs", 2, run("a", 3)))),
        0,
    )
    yield "a line of another place", FIRST, 0
    yield "blanks", b"    \n", 0
    yield "a single zero in a line", THIRD[:300] + b"\0" + THIRD[301:], 0


DAMAGES = {name: (rest, at) for name, rest, at in damages()}


@pytest.mark.parametrize(("rest", "at"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_told_with_its_place(opened: Opened, path: Path, rest: bytes, at: int) -> None:
    assert damaged_at(rest, AT) == AT + at
    log = opened(header() + SOUND + rest)
    offset = len(header() + SOUND) + at
    for _ in range(2):
        with pytest.raises(StateDamaged, match="does not match its checksum") as refusal:
            log.follow(BEGINS)
        assert refusal.value.where == f"offset {offset} (record {AT + at})"
    assert path.read_bytes() == header() + SOUND + rest


@pytest.mark.parametrize("at", range(0, len(SOUND), 7))
def test_a_sound_commit_behind_makes_a_tear_damage(opened: Opened, at: int) -> None:
    content = SOUND[:at] + bytes(min(20, len(SOUND) - at)) + SOUND[at + 20 :] + THIRD
    with pytest.raises(StateDamaged):
        opened(header() + content).follow(BEGINS)


# --- Writing


def test_a_commit_is_acknowledged_by_its_sync(opened: Opened, path: Path) -> None:
    writer, reader = opened(header()), opened()
    for log in (writer, reader):
        log.follow(BEGINS)
    writer.write([Change(b"events", BEGINS, event("a", 1)), Change(b"runs", 9, run("a", 1))])
    reader.follow(BEGINS)
    assert reader.end == writer.end > BEGINS
    assert texts(reader) == texts(writer) == {"a": [event("a", 1)]}
    # It could not be synced: whoever has read it already must know it no more.
    writer.take_back(BEGINS)
    assert path.read_bytes() == header()
    with pytest.raises(StateDamaged, match="it has become shorter"):
        reader.follow(BEGINS)


def test_room_is_promised_and_the_file_not_longer(opened: Opened, path: Path) -> None:
    content = header() + SOUND
    log = opened(content)
    log.follow(BEGINS)
    log.reserve(1 << 20)
    assert path.read_bytes() == content
    log.follow(BEGINS)
    assert (log.end, log.is_torn) == (AT, False)


def test_a_log_that_may_only_be_read_says_why(path: Path) -> None:
    path.write_bytes(header() + SOUND)
    why = PermissionError(13, "not yours")
    log = Log(path, os.open(path, os.O_RDONLY), why)
    log.follow(BEGINS)
    assert set(log.index.runs) == {"a", "b"}
    with pytest.raises(PermissionError, match="not yours"):
        log.demand_writable()
    log.close()


def test_a_log_that_may_be_written_says_nothing(opened: Opened) -> None:
    opened(header()).demand_writable()


# --- The index


def indexed(*changes: tuple[str, int, bytes]) -> LogIndex:
    index = LogIndex()
    for offset, (table, doc_id, text) in enumerate(changes):
        index.add(Change(table.encode(), doc_id, text), Place(offset, 1))
    return index


def test_later_lines_win() -> None:
    index = indexed(("runs", 2, run("a", 1)), ("notes", 3, b'{"n":1}'), ("runs", 2, run("a", 2)),
                    ("notes", 3, b'{"n":2}'))  # fmt: skip
    assert index.run("a") == (2, Place(2, 1))
    assert index.others == {"notes": {3: Place(3, 1)}}
    assert index.run("b") is None


def test_what_was_removed_is_gone_until_it_comes_back() -> None:
    index = indexed(("runs", 2, run("a", 1)), ("runs", 2, REMOVED), ("notes", 3, b'{"n":1}'),
                    ("notes", 3, REMOVED), ("events", 4, REMOVED))  # fmt: skip
    assert index.run("a") is None
    assert index.is_gone("runs", 2)
    assert index.is_gone("events", 4)  # from the snapshot
    assert not index.is_gone("events", 5)
    assert index.others == {"notes": {}}
    index.add(Change(b"runs", 2, run("a", 3)), Place(9, 1))
    index.add(Change(b"notes", 3, b'{"n":4}'), Place(10, 1))
    assert index.run("a") == (2, Place(9, 1))
    assert not index.is_gone("notes", 3, index.others["notes"][3])


@pytest.mark.parametrize("run_id", ["a", 'a"b', "a\\", "ü", "\n", "", '","run":"b', "\U0001f600"])
def test_the_run_of_a_text_is_told_without_reading_all_of_it(run_id: str) -> None:
    for plain in (True, False):
        quoted = json.dumps(run_id, ensure_ascii=plain).encode()
        assert run_of(b'{"run":%s,"seq":1,"event":{"run":"x"}}' % quoted) == run_id
        assert run_of(b'{"run_id":%s,"events":1}' % quoted) == run_id
        assert run_of(b'{"seq":1,"run":%s}' % quoted) == run_id  # another order of its keys
