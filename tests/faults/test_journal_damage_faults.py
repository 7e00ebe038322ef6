"""A state that is not what was written, or no state at all (rows S8, S10, S16 and X4).

Every question that can be asked of a damaged state gets the answer of the sound one, or a refusal
that says where the damage is; never another answer, never another exception. Asking changes no
byte, and neither an append nor a compaction puts anything on top of damage that was told.
"""

import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from journal.samples import began, begun, count, passed, started, story

from sagactl.journal.compaction import compact
from sagactl.journal.line import decode_header, encode_header
from sagactl.journal.store import (
    Append,
    RunAmbiguous,
    RunNotFound,
    StateDamaged,
    StoreRefused,
)
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.tinydb_table import JournalDB
from sagactl.journal.volume import log_path

GOLDEN = Path(__file__).parent.parent / "journal" / "golden"
RUNS = ("o-1", "o-2", "o-3", "gone")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / "state.json"


# --- What a state answers


Answer = object
Question = Callable[[TinyDBStore], Answer]


def notes(store: TinyDBStore) -> list[Any]:
    """A table of somebody else's, through the door of TinyDB."""
    return store._db.table("notes").all()


QUESTIONS: dict[str, Question] = {
    "list": lambda store: store.summaries(),
    **{f"read {run_id}": lambda store, run_id=run_id: store.read(run_id) for run_id in RUNS},
    **{f"find {run_id}": lambda store, run_id=run_id: store.find(run_id) for run_id in RUNS},
    "notes": lambda store: notes(store),
    "find one": lambda store: store.find("o-"),
    "find none": lambda store: store.find("x"),
}


def answer(path: Path, question: Question, store: TinyDBStore) -> Answer:
    """What is said to a question; a refusal stands for itself."""
    try:
        return question(store)
    except (RunNotFound, RunAmbiguous) as no:
        return type(no), str(no)
    except StoreRefused as refusal:
        return refusal


def asked(path: Path) -> dict[str, list[Answer]]:
    """Every question put to two stores, in this order and the other way round, and to one twice."""
    answers: dict[str, list[Answer]] = {question: [] for question in QUESTIONS}
    there, back = TinyDBStore(path, create=False), TinyDBStore(path, create=False)
    for name, question in [*QUESTIONS.items(), *list(QUESTIONS.items())[:2]]:
        answers[name].append(answer(path, question, there))
    for name, question in list(QUESTIONS.items())[::-1]:
        answers[name].append(answer(path, question, back))
    there.close()
    back.close()
    return answers


def content(path: Path) -> dict[str, Answer]:
    """The answers of a sound state."""
    answers = asked(path)
    for name, given in answers.items():
        assert not any(isinstance(one, StoreRefused) for one in given), (name, given)
        assert all(one == given[0] for one in given), (name, given)
    return {name: given[0] for name, given in answers.items()}


def files(path: Path) -> dict[str, bytes]:
    """The state and its log, and whatever else lies there but for locks."""
    return {
        child.name: child.read_bytes()
        for child in path.parent.iterdir()
        if child.is_file() and not child.name.endswith(".lock")
    }


def refusals(path: Path, sound: dict[str, Answer]) -> dict[str, StoreRefused]:
    """Which questions are refused; all others have their sound answer, and no byte changes."""
    before = files(path)
    refused: dict[str, StoreRefused] = {}
    for name, given in asked(path).items():
        told = [one for one in given if isinstance(one, StoreRefused)]
        for one in given:
            assert one in told or one == sound[name], (name, one, sound[name])
        assert len(told) in (0, len(given)), (name, given)
        if told:
            refused[name] = told[0]
            text = str(told[0])
            assert str(path) in text  # or its log, whose name begins with it
            assert re.search(r"at (offset \d|its |document|table|run|an unk)|format", text)
    assert files(path) == before
    return refused


def small(run_id: str) -> Any:
    """A beginning of few bytes: each of them is damaged in eight ways."""
    first = started(run_id)
    return replace(
        first, definition="", definition_name="", digest="", input={}, env={}, sagactl=""
    )


@dataclass(frozen=True)
class Sample:
    """A state that has a snapshot and a log, and what it answered after each commit of the log."""

    path: Path
    files: dict[str, bytes]
    after: dict[int, dict[str, Answer]]  # by the length of the log

    @property
    def sound(self) -> dict[str, Answer]:
        return self.after[len(self.files["state.json.log"])]

    def restore(self) -> None:
        for name, kept in self.files.items():
            self.path.with_name(name).write_bytes(kept)

    @contextmanager
    def damaged(self, name: str, damage: bytes) -> Iterator[None]:
        """One of the files as `damage`, for as long as this lasts."""
        self.path.with_name(name).write_bytes(damage)
        yield
        self.path.with_name(name).write_bytes(self.files[name])


def sample(path: Path) -> Sample:
    store = TinyDBStore(path, create=True)
    for run_id in ("o-1", "o-2", "gone"):
        store.append(run_id, [small(run_id)], "started")
    with JournalDB(path) as db:
        db.table("notes").insert({"who": "somebody"})
    compact(path)
    after = {log_path(path).stat().st_size: content(path)}
    for commit in (
        lambda: store.append("o-1", [passed(1.0), passed(2.0)], "pending"),
        lambda: store.remove(["gone"]),
        lambda: store.append_all(
            [
                Append("o-2", [passed(1.0)], "pending"),
                Append("o-3", [small("o-3")], "started"),
            ]
        ),
    ):
        commit()
        after[log_path(path).stat().st_size] = content(path)
    store.close()
    kept = {name: text for name, text in files(path).items() if name.startswith("state.json")}
    assert set(kept) == {"state.json", "state.json.log"}
    return Sample(path, kept, after)


# --- S8: one bit is another one


def flips(whole: bytes, bits: Callable[[int], Iterable[int]]) -> Iterator[tuple[int, bytes]]:
    for at in range(len(whole)):
        for bit in bits(at):
            yield at, whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]


def one_bit(at: int) -> list[int]:
    return [at % 8]


def every_bit(at: int) -> range:
    return range(8)


def demand_log_told(state: Sample, damage: bytes) -> None:
    with state.damaged("state.json.log", damage):
        told = refusals(state.path, state.sound)
    assert set(told) == set(QUESTIONS)
    for refusal in told.values():
        assert isinstance(refusal, StateDamaged)
        assert refusal.path == log_path(state.path)
        assert re.match(r"offset \d+", refusal.where)


def demand_state_told(state: Sample, at: int, damage: bytes) -> None:
    with state.damaged("state.json", damage):
        told = refusals(state.path, state.sound)
    for refusal in told.values():
        assert refusal.path == state.path
    assert told or at in unread(state), (at, damage)


def unread(state: Sample) -> set[int]:
    """What no answer is made of: commas between the events of two runs, and a run removed since."""
    whole = state.files["state.json"]
    runs = json.loads(whole)["runs"].values()
    [gone] = [run["span"] for run in runs if run["run_id"] == "gone"]
    ends = sorted(start + size for start, size in (run["span"] for run in runs))[:-1]
    commas = {at for end in ends for at in range(end, end + len(b",\n"))}
    assert {whole[at] for at in commas} == set(b",\n")
    return commas | set(range(gone[0], sum(gone)))


def test_S8_a_flipped_bit_of_the_log_is_told_whatever_is_asked(path: Path) -> None:
    state = sample(path)
    for _, flipped in flips(state.files["state.json.log"], one_bit):
        demand_log_told(state, flipped)


def test_S8_every_bit_of_the_log_is_told(path: Path) -> None:
    state = sample(path)
    log = state.files["state.json.log"]
    for at, flipped in flips(log, every_bit):
        log_path(path).write_bytes(flipped)
        with pytest.raises(StateDamaged) as refusal:
            TinyDBStore(path, create=False).summaries()
        begins = log.rfind(b"\n", 0, at) + 1
        assert re.match(rf"offset {begins}\b", refusal.value.where)
        assert log_path(path).read_bytes() == flipped


def test_S8_a_flipped_bit_of_the_state_is_told_or_changes_no_answer(path: Path) -> None:
    state = sample(path)
    for at, flipped in flips(state.files["state.json"], one_bit):
        demand_state_told(state, at, flipped)


@pytest.mark.long
def test_S8_every_bit_of_both_is_told_or_changes_no_answer(path: Path) -> None:
    state = sample(path)
    for at, flipped in flips(state.files["state.json"], every_bit):
        demand_state_told(state, at, flipped)
    for _, flipped in flips(state.files["state.json.log"], every_bit):
        demand_log_told(state, flipped)


@pytest.mark.parametrize("name", ["state.json", "state.json.log"])
def test_S8_nothing_is_added_to_damage_that_was_told(path: Path, name: str) -> None:
    state = sample(path)
    accepted = 0
    for at, flipped in list(flips(state.files[name], one_bit))[::3]:
        with state.damaged(name, flipped):
            before = files(path)
            store = TinyDBStore(path, create=True)
            try:
                store.append("o-1", [passed(3.0)], "pending")
            except StoreRefused:
                assert files(path) == before
                with pytest.raises(StoreRefused, match="nothing more is written"):
                    store.append("o-4", [small("o-4")], "started")
            else:
                # It looked at none of what is damaged, and that stays for whoever does.
                accepted += 1
                assert files(path)[name].startswith(flipped)
                demand_whole_or_told(path)
            store.close()
            demand_no_compaction_of_damage(path, at in unread(state) and name == "state.json")
        state.restore()
    assert (accepted > 0) == (name == "state.json")


def demand_whole_or_told(path: Path) -> None:
    try:
        assert len(TinyDBStore(path, create=False).read("o-1")) == 4
    except StateDamaged as refusal:
        where = refusal.where
        assert "events" in where


def demand_no_compaction_of_damage(path: Path, is_unread: bool) -> None:
    before = files(path)
    if is_unread:
        assert compact(path)
        assert content(path)
        return
    with pytest.raises(StoreRefused):
        compact(path)
    # A new state that could not be finished is gone; the old one and its log are as they were.
    assert files(path) == before


# --- S8: bytes are missing, or are somewhere else


def test_S8_a_log_cut_off_anywhere_is_a_prefix_of_whole_commits(path: Path) -> None:
    state = sample(path)
    log = state.files["state.json.log"]
    ends = sorted(state.after)
    for length in range(len(log)):
        if length < ends[0]:
            demand_log_told(state, log[:length])  # not even its first line is whole
            continue
        kept = max(end for end in ends if end <= length)
        with state.damaged("state.json.log", log[:length]):
            assert content(path) == state.after[kept]
            assert log_path(path).read_bytes() == log[:length]


def test_S8_what_a_crash_tore_is_cut_off_before_anything_is_added(path: Path) -> None:
    state = sample(path)
    log = state.files["state.json.log"]
    whole, end = sorted(state.after)[-2:]
    for length in range(whole, end):
        with state.damaged("state.json.log", log[:length]):
            store = TinyDBStore(path, create=False)
            store.append("o-1", [passed(3.0)], "pending")
            assert log_path(path).read_bytes().startswith(log[:whole])
            assert store.read("o-1") == (small("o-1"), passed(1.0), passed(2.0), passed(3.0))
            assert content(path)["read o-2"] == state.after[whole]["read o-2"]


@pytest.mark.parametrize("size", [1, 2, 7, 511, 512, 513])
def test_S8_zeros_in_the_last_commit_are_what_a_disk_lost(path: Path, size: int) -> None:
    """A power cut keeps the length of a file and loses sectors of what was written last."""
    state = sample(path)
    log = state.files["state.json.log"]
    whole, end = sorted(state.after)[-2:]
    for sector in range(whole // 512 * 512, end, 512):
        lost = range(max(sector, whole), min(sector + 512, end))
        torn = bytes(0 if at in lost else byte for at, byte in enumerate(log))
        with state.damaged("state.json.log", torn):
            assert content(path) == state.after[whole]
    # The same in a commit that was acknowledged is damage.
    for at in range(max(whole - size, 0) // size * size, 0, -size):
        torn = log[:at] + bytes(size) + log[at + size :]
        if at + size <= whole:
            demand_log_told(state, torn)


@pytest.mark.parametrize("shift", range(0, 512, 7))
def test_S8_a_lost_sector_is_a_tear_wherever_a_commit_begins_in_it(path: Path, shift: int) -> None:
    store = begun(path)
    store.append("order-1", [replace(began(), body="x" * shift)], "pending")
    before = log_path(path).stat().st_size
    store.append("order-1", [replace(began(2), body="y" * 900), passed(2.0)], "pending")
    log = log_path(path).read_bytes()
    first = before // 512 * 512
    for sector in range(first, len(log), 512):
        lost = range(max(sector, before), min(sector + 512, len(log)))
        log_path(path).write_bytes(log[: lost.start] + bytes(len(lost)) + log[lost.stop :])
        assert count(path) == 2


def test_S8_a_state_cut_off_anywhere_is_refused(path: Path) -> None:
    state = sample(path)
    whole = state.files["state.json"]
    for length in range(len(whole)):
        with state.damaged("state.json", whole[:length]):
            with pytest.raises(StateDamaged, match="offset"):
                TinyDBStore(path, create=True).append("o-1", [passed(3.0)], "pending")
            if length % 16 == 0:
                assert set(refusals(path, state.sound)) == set(QUESTIONS)
            assert path.read_bytes() == whole[:length]


def lines_of(whole: bytes) -> list[bytes]:
    return whole.splitlines(keepends=True)


def misplaced(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """A file whose bytes are all its own, but not all of them, or not where they belong."""
    for size in (1, 2, 31):
        for at in range(0, len(whole) - size - 1, 17):
            yield f"{size} removed at {at}", whole[:at] + whole[at + size :]
            yield f"{size} twice at {at}", whole[: at + size] + whole[at:]
    lines = lines_of(whole)
    for at, line in enumerate(lines):
        if at + 1 < len(lines):
            yield f"line {at} removed", b"".join(lines[:at] + lines[at + 1 :])
        yield f"line {at} twice", b"".join(lines[: at + 1] + lines[at:])
        for other in range(at):
            swapped = list(lines)
            swapped[at], swapped[other] = lines[other], line
            yield f"lines {at} and {other} swapped", b"".join(swapped)
            if at + 1 < len(lines) or len(lines[other]) != len(line):
                copied = [*lines[:at], lines[other], *lines[at + 1 :]]
                yield f"line {other} in the place of {at}", b"".join(copied)
            copied = [*lines[:other], line, *lines[other + 1 :]]
            yield f"line {at} in the place of {other}", b"".join(copied)


def test_S8_bytes_of_the_log_that_are_not_in_their_place_are_told(path: Path) -> None:
    state = sample(path)
    log = state.files["state.json.log"]
    for _, damage in misplaced(log):
        if damage != log:
            demand_log_told(state, damage)


def test_S8_bytes_of_the_state_that_are_not_in_their_place_are_told(path: Path) -> None:
    state = sample(path)
    whole = state.files["state.json"]
    for how, damage in misplaced(whole):
        if damage == whole:
            continue
        with state.damaged("state.json", damage):
            # A blank less in front of the tables changes nothing.
            assert refusals(path, state.sound) or json.loads(damage) == json.loads(whole), how


def test_S8_events_of_equal_length_that_changed_places_are_told(path: Path) -> None:
    """The checksum of each is sound, and the file has its length."""
    store = begun(path, "a", "b")
    store.append_all([Append(run_id, [passed(1.0), began()], "pending") for run_id in "ab"])
    compact(path)
    whole = path.read_bytes()
    events = [line for line in lines_of(whole) if b'"type":"deadline' in line]
    one, other = events
    assert len(one) == len(other)
    path.write_bytes(whole.replace(one, b"?").replace(other, one).replace(b"?", other))
    for run_id in "ab":
        with pytest.raises(StateDamaged) as refusal:
            TinyDBStore(path, create=False).read(run_id)
        assert 'of table "events"' in refusal.value.where
    before = files(path)
    with pytest.raises(StateDamaged):
        compact(path)
    assert files(path) == before


def test_S8_damage_in_the_events_of_one_run_leaves_the_others_readable(path: Path) -> None:
    store = begun(path, "a", "b", "c")
    compact(path)
    sound = {run_id: store.read(run_id) for run_id in "abc"}
    whole = path.read_bytes()
    at = whole.index(b'"run":"b"')
    path.write_bytes(whole[:at] + whole[at:].replace(b"amount", b"tnuoma", 1))
    store = TinyDBStore(path, create=False)
    for run_id in "ac":
        assert store.read(run_id) == sound[run_id]
        store.append(run_id, [passed(2000.0)], "pending")
        assert store.read(run_id) == (*sound[run_id], passed(2000.0))
    with pytest.raises(StateDamaged, match=r'offset \d+ \(document "\d+" of table "events"\)'):
        store.read("b")
    assert {summary.run_id for summary in store.summaries()} == set("abc")


def test_S8_a_log_that_is_missing_is_refused(path: Path) -> None:
    for is_compacted in (False, True):
        store = begun(path)
        if is_compacted:
            compact(path)
        log = log_path(path).read_bytes()
        log_path(path).unlink()
        before = files(path)
        for once in (store, TinyDBStore(path, create=True)):
            for question in (
                once.summaries,
                lambda once=once: once.read("order-1"),
                lambda once=once: once.find("order"),
            ):
                for _ in range(2):
                    with pytest.raises(StoreRefused, match="it is missing, and with it") as refusal:
                        question()
                    assert refusal.value.path == log_path(path)
        with pytest.raises(StoreRefused, match="it is missing, and with it"):
            TinyDBStore(path, create=True).append("order-2", [started("order-2")], "started")
        with pytest.raises(StoreRefused, match="it is missing, and with it"):
            compact(path)
        assert files(path) == before
        log_path(path).write_bytes(log)
        assert count(path) == 1
        shutil.rmtree(path.parent)


def test_S8_a_state_that_is_missing_is_refused(path: Path) -> None:
    for is_compacted in (False, True):
        begun(path)
        if is_compacted:
            compact(path)
        path.unlink()
        before = files(path)
        store = TinyDBStore(path, create=True)
        for _ in range(2):
            with pytest.raises(StoreRefused, match="it is missing, and its log"):
                store.summaries()
        with pytest.raises(StoreRefused, match="it is missing, and its log"):
            store.append("order-2", [started("order-2")], "started")
        assert files(path) == before
        shutil.rmtree(path.parent)


def test_S8_a_crash_in_the_making_of_a_state_is_no_damage(path: Path) -> None:
    begun(path)
    path.unlink()
    header = lines_of(log_path(path).read_bytes())[0]
    log_path(path).write_bytes(header)
    assert TinyDBStore(path, create=True).summaries() == []
    begun(path, "order-2")
    assert count(path, "order-2") == 1


# --- S8: files that are sound, and do not belong together


def test_S8_a_log_of_another_time_is_told(path: Path, tmp_path: Path) -> None:
    """An old copy of one of the two, put back beside a newer one of the other."""
    times: list[dict[str, bytes]] = []
    store = begun(path)
    for at in range(4):
        times.append(files(path))
        store.append("order-1", [passed(float(at)), passed(at + 0.5)], "pending")
        times.append(files(path))
        if at % 2:
            compact(path)
    sound: dict[bytes, Answer] = {}
    for number, kept in enumerate(times):
        restore(path, kept)
        sound[kept["state.json"] + kept["state.json.log"]] = number
    told = 0
    for state_of in times:
        for log_of in times:
            pair = {
                "state.json": state_of["state.json"],
                "state.json.log": log_of["state.json.log"],
            }
            restore(path, pair)
            if pair["state.json"] + pair["state.json.log"] in sound:
                assert TinyDBStore(path, create=False).summaries()
                continue
            before = files(path)
            if goes_with(pair):
                # The crash between the two renames of a compaction leaves just that.
                assert count(path) >= 1
                continue
            told += 1
            for _ in range(2):
                with pytest.raises(StateDamaged, match=r"its (beginning|end) \(record \d+\)"):
                    TinyDBStore(path, create=False).read("order-1")
            with pytest.raises(StateDamaged):
                TinyDBStore(path, create=False).append("order-1", [passed(9.0)], "pending")
            with pytest.raises(StateDamaged):
                compact(path)
            assert files(path) == before
    assert told >= 4


def goes_with(pair: dict[str, bytes]) -> bool:
    header, _, rest = pair["state.json.log"].partition(b"\n")
    told = decode_header(header)
    assert told is not None
    begins = told[1]
    position = json.loads(pair["state.json"])["meta"]["1"]["position"]
    return bool(begins <= position <= begins + len(rest))


def restore(path: Path, kept: dict[str, bytes]) -> None:
    for name, text in kept.items():
        path.with_name(name).write_bytes(text)


def test_S8_a_crash_between_the_files_of_a_compaction_loses_nothing(path: Path) -> None:
    state = sample(path)
    old_log = log_path(path).read_bytes()
    sound = content(path)
    compact(path)
    log_path(path).write_bytes(old_log)
    assert content(path) == sound
    end = len(old_log)
    # Cut off, that old log is not the one that the new state was made from.
    for length in range(sorted(state.after)[0], end, 3):
        log_path(path).write_bytes(old_log[:length])
        assert set(refusals(path, sound)) == set(QUESTIONS)
    log_path(path).write_bytes(old_log)
    TinyDBStore(path, create=False).append("o-1", [passed(3.0)], "pending")
    assert count(path, "o-1") == 4
    assert compact(path)
    assert count(path, "o-1") == 4


def test_S8_a_log_that_becomes_shorter_under_a_reader_is_told(path: Path) -> None:
    store = begun(path)
    for at in range(3):
        store.append("order-1", [passed(float(at))], "pending")
    reader = TinyDBStore(path, create=False)
    assert len(reader.read("order-1")) == 4
    log = log_path(path).read_bytes()
    os.truncate(log_path(path), len(log) // 2)
    with pytest.raises(StateDamaged, match="it has become shorter"):
        reader.read("order-1")


# --- S10: what lies where a file of ours should


def leftover(path: Path) -> None:
    path.write_text('{"half')
    path.chmod(0o666)


def linked(path: Path) -> None:
    victim(path).write_text("precious")
    path.symlink_to(victim(path))


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def victim(path: Path) -> Path:
    return path.with_name("victim")


@pytest.mark.parametrize("make", [leftover, linked, dangling, os.mkfifo])
@pytest.mark.parametrize("name", ["state.json.tmp", "state.json.log.tmp"])
def test_S10_what_lies_in_the_place_of_a_temporary_file_is_removed(
    path: Path, name: str, make: Callable[[Path], None]
) -> None:
    store = begun(path)
    temporary = path.with_name(name)
    make(temporary)
    assert store.read("order-1") == (started(),)
    store.append("order-1", [began()], "pending")
    assert compact(path)
    assert count(path) == 2
    assert not temporary.is_symlink()
    assert not temporary.exists()
    assert not path.with_name("nowhere").exists()
    if make is linked:
        assert victim(temporary).read_text() == "precious"
    for file in (path, log_path(path)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["state.json.tmp", "state.json.log.tmp"])
def test_S10_a_folder_in_the_place_of_a_temporary_file_is_refused(path: Path, name: str) -> None:
    begun(path)
    path.with_name(name).mkdir()
    before = files(path)
    with pytest.raises(StoreRefused, match=r"EISDIR|EPERM"):
        compact(path)
    kept = files(path)
    assert {name: kept[name] for name in before} == before
    TinyDBStore(path, create=False).append("order-1", [began()], "pending")
    assert count(path) == 2


def empty(path: Path) -> None:
    path.write_bytes(b"")


NO_FILES = [
    (empty, "the file is empty|it does not begin as a log does"),
    (linked, "it is a symbolic link, and none is followed"),
    (dangling, "it is a symbolic link, and none is followed"),
    (os.mkdir, "EISDIR"),
    (os.mkfifo, "it is a device, a pipe or a socket"),
]


@pytest.mark.parametrize(("make", "reason"), NO_FILES, ids=[make.__name__ for make, _ in NO_FILES])
@pytest.mark.parametrize("name", ["state.json", "state.json.log"])
@pytest.mark.parametrize("is_begun", [False, True], ids=["new", "begun"])
def test_S10_what_is_no_file_of_ours_is_refused(
    path: Path, name: str, is_begun: bool, make: Callable[[Path], None], reason: str
) -> None:
    path.parent.mkdir()
    if is_begun:
        begun(path)
    there = path.with_name(name)
    there.unlink(missing_ok=True)
    make(there)
    before = files(path), there.lstat().st_ino
    for _ in range(2):
        with pytest.raises(StoreRefused, match=reason) as refusal:
            TinyDBStore(path, create=True).summaries()
        assert refusal.value.path == there
    store = TinyDBStore(path, create=True)
    with pytest.raises(StoreRefused, match=reason):
        store.append("order-9", [started("order-9")], "started")
    if is_begun:
        with pytest.raises(StoreRefused, match=reason):
            compact(path)
    assert (files(path), there.lstat().st_ino) == before
    assert not path.with_name("nowhere").exists()


LOCKS = ["state.json.lock", "state.json.compaction.lock", "state.json.locks/order-1.lock"]
NO_LOCKS = [case for case in NO_FILES if case[0] is not empty]


@pytest.mark.parametrize(("make", "reason"), NO_LOCKS, ids=[make.__name__ for make, _ in NO_LOCKS])
@pytest.mark.parametrize("name", LOCKS)
def test_S10_what_is_no_lock_of_ours_is_refused(
    path: Path, name: str, make: Callable[[Path], None], reason: str
) -> None:
    begun(path, "order-0")
    for lock in path.parent.glob("*.lock"):
        lock.unlink()
    there = path.parent / name
    there.parent.mkdir(exist_ok=True)
    make(there)
    before = files(path)
    store = TinyDBStore(path, create=True)
    uses: dict[str, Callable[[], object]] = {
        LOCKS[0]: lambda: store.append("order-1", [started()], "started"),
        LOCKS[1]: lambda: compact(path),
        LOCKS[2]: lambda: store.hold("order-1").__enter__(),
    }
    with pytest.raises(StoreRefused, match=reason) as refusal:
        uses[name]()
    assert refusal.value.path == there
    assert files(path) == before
    assert not path.with_name("nowhere").exists()


def test_S10_an_empty_lock_of_a_killed_holder_is_taken(path: Path) -> None:
    begun(path)
    for name in LOCKS:
        (path.parent / name).parent.mkdir(exist_ok=True)
        (path.parent / name).write_bytes(b"")
    store = TinyDBStore(path, create=False)
    with store.hold("order-1"):
        store.append("order-1", [began()], "pending")
    assert compact(path)
    assert count(path) == 2


def test_S10_a_folder_of_locks_that_is_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.with_name("state.json.locks").symlink_to(tmp_path)
    store = TinyDBStore(path, create=True)
    with pytest.raises(StoreRefused, match="symbolic link"), store.hold("order-1"):
        pass
    assert list(tmp_path.iterdir()) == [path.parent]


@pytest.mark.parametrize("make", [linked, leftover, os.mkfifo])
def test_S10_what_lies_in_the_place_of_a_backup_is_replaced_and_not_followed(
    path: Path, make: Callable[[Path], None]
) -> None:
    path.parent.mkdir()
    first = (GOLDEN / "format-1.json").read_bytes()
    path.write_bytes(first)
    backup = path.with_name("state.json.format-1")
    make(backup)
    TinyDBStore(path, create=False).append("order-2", [began()], "pending")
    assert not backup.is_symlink()
    assert backup.read_bytes() == first
    if make is linked:
        assert victim(backup).read_text() == "precious"


# --- S16: other formats


def newer_state(path: Path) -> None:
    tables = json.loads(path.read_bytes())
    tables["meta"]["1"]["format"] = 3
    tables["attempts"] = {}
    del tables["events"]["1"]
    path.write_text(json.dumps(tables))


def newer_packed_state(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"format":2', b'"format":3'))


def newest_state(path: Path) -> None:
    path.write_text('{"meta": {"1": {"format": 12, "pages": []}}, "pages": {}}')


@pytest.mark.parametrize("make", [newer_state, newer_packed_state, newest_state])
def test_S16_a_newer_state_is_refused_and_left_alone(
    path: Path, make: Callable[[Path], None]
) -> None:
    begun(path)
    compact(path)
    make(path)
    demand_newer(path, path, r"it has format \d+, written by a newer sagactl; this one reads 2")


def test_S16_a_newer_log_is_refused_and_left_alone(path: Path) -> None:
    begun(path)
    first, *rest = lines_of(log_path(path).read_bytes())
    told = decode_header(first[:-1])
    assert told == (2, 1)
    log_path(path).write_bytes(encode_header(3, 1) + b"".join(rest) + b"whatever is new\n")
    demand_newer(path, log_path(path), "it has format 3; this sagactl reads 2")


def demand_newer(path: Path, refused: Path, reason: str) -> None:
    before = files(path)
    store = TinyDBStore(path, create=True)
    for question in (store.summaries, lambda: store.read("order-1"), store.summaries):
        with pytest.raises(StoreRefused, match=reason) as refusal:
            question()
        assert refusal.value.path == refused
    with pytest.raises(StoreRefused, match=reason):
        store.append("order-1", [began()], "pending")
    with pytest.raises(StoreRefused, match=reason):
        compact(path)
    assert files(path) == before


def test_S16_the_first_format_is_upgraded_with_a_backup(path: Path) -> None:
    path.parent.mkdir()
    first = (GOLDEN / "format-1.json").read_bytes()
    path.write_bytes(first)
    assert not compact(path)
    with TinyDBStore(path, create=False).hold("order-1"):
        pass
    assert files(path) == {"state.json": first}
    TinyDBStore(path, create=False).append("order-2", [began()], "pending")
    assert set(files(path)) == {"state.json", "state.json.log", "state.json.format-1"}
    assert path.with_name("state.json.format-1").read_bytes() == first
    store = TinyDBStore(path, create=False)
    assert store.read("order-1") == tuple(story("order-1"))
    assert store.read("order-2") == (started("order-2", 2000.0), began())
    assert compact(path)
    assert store.read("order-1") == tuple(story("order-1"))


def test_S16_an_upgrade_that_was_cut_short_is_done_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    first = (GOLDEN / "format-1.json").read_bytes()
    rename = os.rename
    for allowed in range(4):
        path.write_bytes(first)
        left = allowed

        def dying(*args: Any, **kwargs: Any) -> None:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            rename(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", dying)
            try:
                TinyDBStore(path, create=False).append("order-2", [began()], "pending")
            except KeyboardInterrupt:
                assert allowed < 3
            else:
                assert allowed == 3
        kept = 2 if allowed == 3 else 1
        assert count(path, "order-1") == 5
        assert count(path, "order-2") == kept
        TinyDBStore(path, create=False).append("order-2", [began(2)], "pending")
        assert count(path, "order-2") == kept + 1
        assert path.with_name("state.json.format-1").read_bytes() == first
        for file in path.parent.iterdir():
            file.unlink()


# --- X4: who may read


def test_X4_every_file_is_made_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a umask that forbids nothing, and seen at its making, not afterwards."""
    old = tmp_path / "state.json"
    old.write_bytes((GOLDEN / "format-1.json").read_bytes())
    made: dict[str, int] = {}
    real_open, real_mkdir = os.open, os.mkdir

    def opening(path: Any, flags: int, mode: int = 0o777, **kwargs: Any) -> int:
        if flags & os.O_CREAT:
            made[os.path.basename(path)] = mode
        return real_open(path, flags, mode, **kwargs)

    def making(path: Any, mode: int = 0o777, **kwargs: Any) -> None:
        made[os.path.basename(path)] = mode
        real_mkdir(path, mode, **kwargs)

    def never(*args: Any, **kwargs: Any) -> None:
        pytest.fail("somebody could have read it before")

    path = tmp_path / "deep" / ".sagactl" / "state.json"
    before = os.umask(0)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", opening)
            patch.setattr(os, "mkdir", making)
            for name in ("chmod", "fchmod", "lchown", "umask"):
                patch.setattr(os, name, never, raising=False)
            store = TinyDBStore(path, create=True)
            with store.hold("order-1"):
                store.append("order-1", [started()], "started")
            assert compact(path)
            store.append("order-1", [began()], "pending")
            TinyDBStore(old, create=False).append("order-2", [began()], "pending")
    finally:
        os.umask(before)
    folders = {"deep", ".sagactl", "state.json.locks"}
    files_made = {
        ".gitignore", "state.json.tmp", "state.json.log.tmp", "state.json.format-1.tmp",
        "state.json.lock", "state.json.compaction.lock", "order-1.lock",
    }  # fmt: skip
    assert made == {**dict.fromkeys(folders, 0o700), **dict.fromkeys(files_made, 0o600)}
    for child in [*tmp_path.glob("state.json*"), *(tmp_path / "deep").rglob("*")]:
        mode = stat.S_IMODE(child.lstat().st_mode)
        assert mode == (0o700 if child.is_dir() else 0o600), child
