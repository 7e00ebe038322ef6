"""An export is read back as what was written, looked at only, and told where it is damaged."""

import json
from pathlib import Path
from typing import Any

import pytest
from journal.samples import began, started, story

from sagactl.journal.export import ExportStore, first_line, is_export, saga_line
from sagactl.journal.store import Append, RunNotFound, StateDamaged, StoreRefused, Summary


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sagas.jsonl"


def summary(run_id: str, at: float = 1000.0, state: str = "completed") -> Summary:
    return Summary(run_id, "order", 1, state, at, at + 4, False, {"channel": "web"})


def written(path: Path) -> list[str]:
    lines = [
        first_line(3, 5000.0),
        saga_line(summary("order-1"), story("order-1")),
        saga_line(summary("order-2", 2000.0), story("order-2")),
        saga_line(summary("refund", 2000.0, "started"), [started("refund", 2000.0)]),
    ]
    rewrite(path, lines)
    return lines


def rewrite(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def test_what_was_written_is_read_back(path: Path) -> None:
    written(path)
    store = ExportStore(path)
    assert store.read("order-1") == tuple(story("order-1"))
    assert store.read("refund") == (started("refund", 2000.0),)
    assert [one.run_id for one in store.summaries()] == ["refund", "order-2", "order-1"]
    assert store.summaries()[2] == summary("order-1")
    assert store.find("ref") == "refund"
    for question in (store.read, store.find):
        with pytest.raises(RunNotFound):
            question("nobody")
    store.close()
    store.close()


def test_every_line_is_json_of_its_own(path: Path) -> None:
    head, first, *_ = map(json.loads, written(path))
    assert head == {"format": "sagactl-export", "version": 1, "exported_at": 5000.0, "sagas": 3}
    assert first["summary"]["run_id"] == "order-1"
    assert [event["type"] for event in first["events"]][:2] == ["run_started", "action_began"]
    assert path.read_bytes().isascii()


def test_whatever_would_change_it_is_refused(path: Path) -> None:
    written(path)
    before = path.read_bytes()
    store = ExportStore(path)

    def hold() -> None:
        with store.hold("order-1"):
            pytest.fail("nobody can hold it")

    for change in (
        lambda: store.append("order-1", [began()], "pending"),
        lambda: store.append_all([Append("order-1", [began()], "pending")]),
        lambda: store.write([]),
        store.sync,
        lambda: store.reserve(1),
        hold,
    ):
        with pytest.raises(StoreRefused, match="it is an export"):
            change()
    assert path.read_bytes() == before
    assert [child.name for child in path.parent.iterdir()] == ["sagas.jsonl"]


def test_an_export_is_known_by_its_first_bytes(path: Path, tmp_path: Path) -> None:
    written(path)
    assert is_export(path)
    path.write_text('{"meta": {"1": {"format": 1}}}')
    assert not is_export(path)
    path.write_text("")
    assert not is_export(path)
    assert not is_export(tmp_path)
    assert not is_export(tmp_path / "nowhere")


def test_an_export_of_nothing_holds_nothing(path: Path) -> None:
    rewrite(path, [first_line(0, 5000.0)])
    assert ExportStore(path).summaries() == []


def test_an_export_cut_off_anywhere_is_told(path: Path) -> None:
    written(path)
    whole = path.read_bytes()
    for length in range(len(whole.partition(b"\n")[0]), len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(StateDamaged, match="line"):
            ExportStore(path).summaries()
    path.write_bytes(whole[:-1])
    with pytest.raises(StateDamaged, match="line 4: it is cut off"):
        ExportStore(path).read("order-1")


def changed(line: str, change: dict[str, Any]) -> str:
    return json.dumps({**json.loads(line), **change}, separators=(",", ":"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{}", "it does not begin with a summary"),
        ('{"summary":[]}', "a summary is a map"),
        ('{"summary":{"run_id":"x"}}', "lacks its field"),
        ('{"summary":' + "[" * 100_000 + "}", "it does not begin with a summary"),
    ],
)
def test_a_line_that_is_no_saga_is_told(path: Path, line: str, reason: str) -> None:
    lines = written(path)
    rewrite(path, [*lines[:2], line, *lines[3:]])
    with pytest.raises(StateDamaged, match=reason) as refusal:
        ExportStore(path).summaries()
    assert refusal.value.where == "line 3"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (None, "it has no events"),
        ([], "its events are not those of"),
        ([{"type": "surprise"}], "no event has the type"),
        ("of order-2", "its events are not those of"),
    ],
)
def test_events_that_are_not_the_sagas_own_are_told(path: Path, events: Any, reason: str) -> None:
    lines = written(path)
    if events == "of order-2":
        events = json.loads(lines[2])["events"]
    rewrite(path, [lines[0], changed(lines[1], {"events": events}), *lines[2:]])
    store = ExportStore(path)
    assert store.read("order-2") == tuple(story("order-2"))
    with pytest.raises(StateDamaged, match=reason) as refusal:
        store.read("order-1")
    assert refusal.value.where == "line 2"


def test_a_saga_that_is_there_twice_is_told(path: Path) -> None:
    lines = written(path)
    rewrite(path, [*lines[:3], lines[1]])
    with pytest.raises(StateDamaged, match='run "order-1" is there twice'):
        ExportStore(path).summaries()


def test_a_newer_export_is_refused(path: Path) -> None:
    lines = written(path)
    rewrite(path, [lines[0].replace('"version":1', '"version":2'), *lines[1:]])
    with pytest.raises(StoreRefused, match="it has version 2, written by a newer sagactl"):
        ExportStore(path).summaries()


@pytest.mark.parametrize(
    "head", ['{"format":"sagactl-export",', '{"format":"sagactl-export","version":true,"sagas":3}']
)
def test_a_first_line_that_is_none_is_told(path: Path, head: str) -> None:
    lines = written(path)
    rewrite(path, [head, *lines[1:]])
    with pytest.raises(StateDamaged) as refusal:
        ExportStore(path).summaries()
    assert refusal.value.where == "line 1"


@pytest.mark.parametrize("make", ["missing", "folder", "link"])
def test_what_cannot_be_opened_is_refused(path: Path, make: str) -> None:
    if make == "folder":
        path.mkdir()
    if make == "link":
        written(path.with_name("other"))
        path.symlink_to("other")
    with pytest.raises(StoreRefused):
        ExportStore(path)
