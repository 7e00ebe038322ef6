"""JournalDB is TinyDB in every respect but what lies on the disk, and what a change costs there.

The oracle is TinyDB itself with a file of its own, opened anew for each operation: so it gives the
ids that a process gives which knows nothing but the file, as JournalDB does, whose file is
everybody's.
"""

import ast
import inspect
import json
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal.samples import begun, passed, started
from tinydb import TinyDB, operations, where
from tinydb.storages import JSONStorage
from tinydb.table import Document, Table

from sagactl.journal.compaction import compact
from sagactl.journal.store import Append
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.journal.tinydb_table import JournalDB, JournalTable
from sagactl.journal.volume import log_path

OURS = {"meta", "runs", "events"}
TABLES = ("_default", 'a "b" \\ ü\u2028\n')

# --- The same operations to both

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
DOCUMENTS = st.fixed_dictionaries(
    {"n": st.integers(0, 3)},
    optional={"v": VALUES, "tags": st.lists(st.text(max_size=2), max_size=2)},
)
IDS = st.integers(1, 4) | st.just(10**6)
QUERIES: dict[str, Any] = {
    "n is 1": where("n") == 1,
    "n is odd": where("n").test(lambda n: n % 2 == 1),
    "has tags": where("tags").exists(),
    "has none": where("nothing").exists(),
    "all": where("n").exists(),
}
UPDATES: dict[str, Any] = {
    "fields": {"v": {"new": [1]}},
    "increment": operations.increment("n"),
    "delete": operations.delete("n"),
    "deep": lambda document: document.setdefault("tags", []).append("x"),
    "in place": lambda document: document.get("tags", []).extend(["y"]),
    "deeper": lambda document: document.setdefault("v2", {}).setdefault("w", []).append(1),
    "nothing": {},
}

Step = tuple[str, Callable[[Any], Any]]


def on(name: str, operation: Callable[[Table], Any]) -> Callable[[Any], Any]:
    return lambda db: operation(db.table(name))


@st.composite
def steps(draw: Callable[..., Any]) -> Step:
    """One operation on a database, with a word for it."""
    name = draw(st.sampled_from(TABLES))
    document = draw(DOCUMENTS)
    several = draw(st.lists(DOCUMENTS, max_size=3))
    one, ids = draw(IDS), draw(st.lists(IDS, max_size=4))
    asked, query = draw(st.sampled_from(sorted(QUERIES.items(), key=lambda item: item[0])))
    changed, change = draw(st.sampled_from(sorted(UPDATES.items(), key=lambda item: item[0])))
    choices: dict[str, Callable[[Any], Any]] = {
        "insert": on(name, lambda t: t.insert(deepcopy(document))),
        "insert under an id": on(name, lambda t: t.insert(Document(document, one))),
        "insert_multiple": on(name, lambda t: t.insert_multiple(deepcopy(several))),
        "insert_multiple under ids": on(
            name, lambda t: t.insert_multiple(Document(document, i) for i in ids)
        ),
        "upsert by id": on(name, lambda t: t.upsert(Document(document, one))),
        "upsert by query": on(name, lambda t: t.upsert(deepcopy(document), query)),
        "update by ids": on(name, lambda t: t.update(change, doc_ids=ids)),
        "update by query": on(name, lambda t: t.update(change, query)),
        "update all": on(name, lambda t: t.update(change)),
        "update_multiple": on(name, lambda t: t.update_multiple([(change, query)])),
        "remove by ids": on(name, lambda t: t.remove(doc_ids=ids)),
        "remove by query": on(name, lambda t: t.remove(query)),
        "truncate": on(name, lambda t: t.truncate()),
        "drop_table": lambda db: db.drop_table(name),
        "search": on(name, lambda t: t.search(query)),
        "get by id": on(name, lambda t: t.get(doc_id=one)),
        "get by ids": on(name, lambda t: t.get(doc_ids=ids)),
        "get by query": on(name, lambda t: t.get(query)),
        "contains": on(name, lambda t: (t.contains(query), t.contains(doc_id=one))),
        "count": on(name, lambda t: (t.count(query), len(t))),
    }
    verb = draw(st.sampled_from(sorted(choices)))
    return f"{verb} of {name!r} {asked} {changed} {one} {ids} {document}", choices[verb]


def came_of(step: Callable[[Any], Any], db: TinyDB) -> Any:
    """What an operation returns, documents with their ids; or how it failed."""
    try:
        return with_ids(step(db))
    except (KeyError, ValueError, TypeError) as error:
        return type(error), str(error)


def with_ids(value: Any) -> Any:
    if isinstance(value, Document):
        return value.doc_id, dict(value)
    if isinstance(value, list | tuple):
        return [with_ids(item) for item in value]
    return value


def everything(db: TinyDB) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """All documents in TinyDB's order; a table without any is as good as none."""
    found = {name: with_ids(db.table(name).all()) for name in db.tables() - OURS}
    for name, documents in found.items():
        # Twice, for whoever keeps an answer.
        for _ in range(2):
            assert with_ids(db.table(name).search(where("n").exists())) == [
                (key, document) for key, document in documents if "n" in document
            ]
    return {name: documents for name, documents in found.items() if documents}


HANDLES = st.sampled_from(["one", "other", "anew"])


@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    script=st.lists(
        st.tuples(HANDLES, steps() | st.just(("compact", None))), min_size=1, max_size=20
    )
)
def test_whatever_is_done_to_both_leaves_the_same(
    script: list[tuple[str, Step]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("both")
    ours, theirs = folder / "state.json", folder / "theirs.json"
    with closing(JournalDB(ours)) as one, closing(JournalDB(ours)) as other:
        for handle, (_, step) in script:
            if step is None:
                compact(ours)
            else:
                with TinyDB(theirs) as db:
                    expected = came_of(step, db)
                fresh = JournalDB(ours)
                chosen = {"one": one, "other": other, "anew": fresh}[handle]
                assert came_of(step, chosen) == expected
                fresh.close()
            with TinyDB(theirs) as db:
                expected = everything(db)
            for reader in (one, other):
                assert everything(reader) == expected
    if compact(ours):
        with TinyDB(ours) as db:
            assert everything(db) == expected
        with JournalDB(ours) as db:
            assert everything(db) == expected


# --- What chance may miss


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sagactl" / "state.json"


@pytest.fixture
def db(path: Path) -> Iterator[JournalDB]:
    with JournalDB(path) as db:
        yield db


@pytest.mark.parametrize("is_compacted", [False, True])
@pytest.mark.parametrize(
    ("change", "after"),
    [
        (lambda document: document["tags"].append("x"), {"tags": ["a", "x"], "in": {"n": [1]}}),
        (operations.add("tags", ["y"]), {"tags": ["a", "y"], "in": {"n": [1]}}),
        (lambda document: document["in"]["n"].clear(), {"tags": ["a"], "in": {"n": []}}),
        (lambda document: document["in"].pop("n"), {"tags": ["a"], "in": {}}),
    ],
)
def test_an_update_deep_inside_a_document_is_kept(
    path: Path, db: JournalDB, is_compacted: bool, change: Any, after: dict[str, Any]
) -> None:
    db.insert({"tags": ["a"], "in": {"n": [1]}})
    assert not is_compacted or compact(path)
    db.update(change, doc_ids=[1])
    with JournalDB(path) as other:
        assert db.all() == other.all() == [after]


def test_no_answer_is_kept_while_others_write(path: Path, db: JournalDB) -> None:
    with JournalDB(path) as other:
        for number in range(1, 4):
            other.insert({"n": 1})
            assert db.count(where("n") == 1) == number
            assert len(db) == len(db.search(where("n") == 1)) == number
    assert db.table("notes", cache_size=99)._query_cache.capacity == 0


@pytest.mark.parametrize("kind", ["log", "packed", "loose"])
def test_what_was_read_is_the_readers_own(path: Path, db: JournalDB, kind: str) -> None:
    document = {"deep": {"list": [1]}}
    db.insert(deepcopy(document))
    if kind != "log":
        compact(path)
    if kind == "loose":
        with TinyDB(path) as theirs:
            theirs.table("notes").insert({})
    for read in (
        lambda: db.get(doc_id=1),
        lambda: db.all()[0],
        lambda: db.get(where("deep").exists()),
        lambda: db.get(doc_ids=[1])[0],
    ):
        found = read()
        assert found == document
        found["deep"]["list"].append("mine")
        assert read() == document


def test_an_id_that_a_failed_insert_was_to_have_is_free(path: Path, db: JournalDB) -> None:
    with pytest.raises(ValueError, match="plain JSON"):
        db.insert({"x": {1, 2}})
    with JournalDB(path) as other:
        assert other.insert({}) == 1
        assert db.insert({}) == 2


@pytest.mark.parametrize("is_compacted", [False, True])
def test_an_id_far_beyond_the_file_is_one_like_any_other(
    path: Path, db: JournalDB, is_compacted: bool
) -> None:
    far = 10**12
    db.insert(Document({"n": 1}, far))
    assert not is_compacted or compact(path)
    assert db.update({"n": 2}, doc_ids=[far]) == [far]
    with pytest.raises(ValueError, match="already exists"):
        db.insert(Document({"n": 3}, far))
    assert db.upsert(Document({"n": 4}, far)) == [far]
    assert db.insert({"n": 5}) == far + 1
    assert [document["n"] for document in db] == [4, 5]
    assert db.remove(doc_ids=[far]) == [far]
    assert with_ids(db.all()) == [(far + 1, {"n": 5})]


def test_a_table_without_documents_is_none(path: Path, db: JournalDB) -> None:
    db.table("notes").insert({})
    assert db.tables() - OURS == {"notes"}
    db.table("notes").truncate()
    assert db.tables() - OURS == set()
    db.table("notes").insert({})
    compact(path)
    db.drop_table("notes")
    assert db.tables() == OURS
    compact(path)
    with TinyDB(path) as theirs:
        assert theirs.tables() == OURS


def test_dropping_all_tables_leaves_a_state(path: Path) -> None:
    begun(path, "a", "b")
    with JournalDB(path) as db:
        db.insert({})
        db.drop_tables()
        assert db.tables() == OURS
        assert not any(len(db.table(name)) for name in ("runs", "events", "_default"))
    assert TinyDBStore(path, create=False).summaries() == []
    assert len(begun(path, "a").read("a")) == 1


def test_an_operation_that_fails_keeps_nothing_of_itself(path: Path, db: JournalDB) -> None:
    db.insert_multiple([{"n": 1}, {"n": 2}])
    before = log_path(path).read_bytes()
    for failing in (
        lambda: db.insert_multiple([{"n": 3}, {"n": {4}}]),
        lambda: db.insert_multiple([{"n": 3}, Document({}, 1)]),
        lambda: db.update(lambda document: document.__delitem__("gone")),
        lambda: db.insert("no document"),
    ):
        with pytest.raises((KeyError, ValueError)):
            failing()
        assert log_path(path).read_bytes() == before
    assert [document["n"] for document in db] == [1, 2]


def test_the_journal_and_the_database_see_each_other(path: Path) -> None:
    store = begun(path, "a")
    with JournalDB(path) as db:
        assert [run["run_id"] for run in db.table("runs")] == ["a"]
        store.append("a", [passed(1.0)], "pending")
        events = db.table("events")
        assert [event["seq"] for event in events.search(where("run") == "a")] == [1, 2]
        db.table("runs").update({"tags": {"by": "hand"}}, where("run_id") == "a")
    assert store.summaries()[0].tags == {"by": "hand"}
    store.append("a", [passed(2.0)], "pending")
    assert store.summaries()[0].tags == {"by": "hand"}


def test_a_removed_event_can_be_put_back_by_hand(path: Path) -> None:
    store = begun(path, "a")
    store.append("a", [passed(1.0)], "pending")
    with JournalDB(path) as db:
        events = db.table("events")
        last = events.get(where("seq") == 2)
        assert isinstance(last, Document)
        events.remove(doc_ids=[last.doc_id])
        events.insert(last)
    assert len(store.read("a")) == 2


# --- What it costs


def filled(path: Path, count: int) -> JournalDB:
    db = JournalDB(path)
    db.insert_multiple({"n": number % 7, "text": "x" * 50} for number in range(count))
    return db


def added(path: Path, operation: Callable[[], object]) -> list[bytes]:
    """The lines that the log grows by, without their checksums and numbers; nothing else grows."""
    state, before = path.read_bytes(), log_path(path).read_bytes()
    operation()
    assert path.read_bytes() == state
    log = log_path(path).read_bytes()
    assert log.startswith(before)
    return [re.sub(rb"\d+", b"0", line[9:]) for line in log[len(before) :].splitlines()]


BY_ID: dict[str, Callable[[JournalDB], object]] = {
    "update": lambda db: db.update({"n": 9}, doc_ids=[7]),
    "upsert": lambda db: db.upsert(Document({"n": 10}, 7)),
    "remove": lambda db: db.remove(doc_ids=[7]),
    "insert": lambda db: db.insert(Document({"n": 1}, 7)),
    "insert_multiple": lambda db: db.insert_multiple([Document({"n": 1}, 20_001)]),
    "get": lambda db: db.get(doc_id=7),
    "contains": lambda db: db.contains(doc_id=7),
}


@pytest.mark.parametrize("is_compacted", [False, True])
def test_by_id_an_operation_costs_what_it_touches(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_compacted: bool
) -> None:
    """The same bytes are written, and as few documents read, among ten and among ten thousand."""
    seen: dict[int, dict[str, tuple[int, list[bytes]]]] = {}
    for count in (10, 10_000):
        state = tmp_path / str(count) / "state.json"
        db = filled(state, count)
        if is_compacted:
            assert compact(state)
            db.get(doc_id=1)  # reads what somebody else's tables were, once for all
        seen[count] = {}
        for name, operation in BY_ID.items():
            with monkeypatch.context() as patch:
                parsed = counting(patch, json, "loads")
                written = added(state, partial(operation, db))
            seen[count][name] = (len(parsed), written)
        db.close()
    assert seen[10] == seen[10_000]
    assert all(parsed <= 4 and len(lines) <= 1 for parsed, lines in seen[10].values())


def counting(patch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """What a function is given from here on."""
    given: list[Any] = []
    real = getattr(module, name)

    def remembering(*arguments: Any, **options: Any) -> Any:
        given.append(arguments)
        return real(*arguments, **options)

    patch.setattr(module, name, remembering)
    return given


@pytest.mark.parametrize("is_compacted", [False, True])
def test_a_transition_costs_the_same_whatever_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_compacted: bool
) -> None:
    seen = {}
    for count in (10, 2_000):
        path = tmp_path / str(count) / "state.json"
        store = TinyDBStore(path, create=True)
        store.append_all(
            [Append(f"o-{n:05}", [started(f"o-{n:05}")], "started") for n in range(count)]
        )
        if is_compacted:
            compact(path)
        store.append("o-00003", [passed(0.0)], "pending")  # opens what there is
        with monkeypatch.context() as patch:
            parsed, reads = counting(patch, json, "loads"), counting(patch, os, "pread")
            append = partial(store.append, "o-00003", [passed(1.0)], "pending")
            written = added(path, append)
        seen[count] = (len(parsed), len(reads), written)
    assert seen[10] == seen[2_000]
    assert seen[10][0] <= 2
    assert len(seen[10][2]) == 2  # the event, and the run's new summary


# --- The doors that its documentation does not name


def calls(kind: type, *names: str) -> dict[str, set[str]]:
    """Which of these methods or attributes each method of a class uses."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, set[str]] = {}
    for method in tree.body:
        if isinstance(method, ast.FunctionDef):
            used = {node.attr for node in ast.walk(method) if isinstance(node, ast.Attribute)}
            if used & set(names):
                found[method.name] = used & set(names)
    return found


def test_what_tinydb_does_behind_its_public_methods_is_what_we_know() -> None:
    """An upgrade that reads or writes in another way must fall here, not in somebody's state."""
    signature = inspect.signature(Table._update_table)
    assert list(signature.parameters) == ["self", "updater"]
    assert list(inspect.signature(Table._read_table).parameters) == ["self"]
    assert calls(Table, "_update_table") == {
        name: {"_update_table"}
        for name in (
            "__init__", "insert", "insert_multiple", "update", "update_multiple", "remove",
            "truncate",
        )
    }  # fmt: skip
    assert calls(Table, "_read_table") == {
        name: {"_read_table"} for name in ("search", "get", "__len__", "__iter__", "_get_next_id")
    }
    # Nobody goes past the two.
    assert set(calls(Table, "_storage")) == {
        "__init__", "__repr__", "storage", "_read_table", "_update_table",
    }  # fmt: skip
    assert calls(Table, "read", "write") == {
        "_read_table": {"read"},
        "_update_table": {"read", "write"},
    }
    assert calls(Table, "_next_id") == {
        name: {"_next_id"} for name in ("__init__", "insert", "truncate", "_get_next_id")
    }
    assert calls(TinyDB, "read", "write") == {
        "tables": {"read"},
        "drop_tables": {"write"},
        "drop_table": {"read", "write"},
    }
    assert set(calls(Table, "_query_cache")) == {"__init__", "search", "clear_cache"}
    assert inspect.signature(Table.__init__).parameters["cache_size"].default == 10


def test_our_table_and_database_stand_in_those_doors_and_no_others() -> None:
    def own(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("__")}

    assert own(JournalTable) == {"_read_table", "_update_table"}
    assert own(JournalDB) == {"table_class", "default_storage_class"}
    for name in ("_read_table", "_update_table"):
        ours, theirs = getattr(JournalTable, name), getattr(Table, name)
        assert list(inspect.signature(ours).parameters) == list(
            inspect.signature(theirs).parameters
        )
    assert TinyDB.default_storage_class is JSONStorage
