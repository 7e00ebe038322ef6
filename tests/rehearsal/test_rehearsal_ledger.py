"""The ledger on disk: what survives, what is refused, what is left in the world."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sagactl.journal.refusal import StateDamaged, StoreRefused
from sagactl.machine.command import Phase
from sagactl.rehearsal.ledger import EffectKind, Ledger, PlayedCall

DONE = PlayedCall(
    at=1000.0,
    saga="s1",
    service="pay",
    step="charge",
    phase=Phase.ACTION,
    key="k1",
    action_key=None,
    method="POST",
    path="/pay/charges",
    status=200,
    effect=EffectKind.APPLIED,
    effect_id="k1",
    digest="d1",
    reply={"status": 200, "headers": {}, "body": {"id": "é\n"}},
)
UNDONE = replace(
    DONE,
    phase=Phase.COMPENSATION,
    key="k2",
    action_key="k1",
    path="/pay/charges/1/refund",
    effect=EffectKind.UNDONE,
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.jsonl"
    odd = replace(DONE, saga=None, step=None, phase=None, status=None, key=None, fault="timeout")
    ledger = Ledger(path)
    for call in (DONE, UNDONE, odd):
        ledger.append(call)
    assert Ledger(path).calls() == [DONE, UNDONE, odd]


def test_a_ledger_that_is_only_read_makes_no_file(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "ledger.jsonl").calls() == []
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.jsonl"
    before = os.umask(0)
    try:
        Ledger(path).append(DONE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_left_is_what_was_done_and_not_undone() -> None:
    ledger = Ledger()
    other = replace(DONE, saga="s2", key="k9", effect_id="k9")
    for call in (DONE, other):
        ledger.append(call)
    assert [effect.key for effect in ledger.left()] == ["k1", "k9"]
    ledger.append(UNDONE)
    assert [effect.key for effect in ledger.left()] == ["k9"]
    assert ledger.left("s1") == []
    assert ledger.calls("s1") == [DONE, UNDONE]
    assert ledger.is_barred("k1")
    assert ledger.is_barred(None, "s1", "charge")
    assert not ledger.is_barred(None, "s2", "charge")
    assert not ledger.is_barred(None, None, "charge")
    assert not ledger.is_barred("k9")


def test_a_line_torn_at_any_byte_is_dropped_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.append(DONE)
    first = path.stat().st_size
    ledger.append(UNDONE)
    whole = path.read_bytes()
    for size in range(first, len(whole)):
        path.write_bytes(whole[:size])
        torn = Ledger(path)
        assert torn.calls() == [DONE], size
        torn.append(UNDONE)
        assert path.read_bytes() == whole, size


def test_a_first_line_that_is_torn_leaves_an_empty_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"at": 10')
    ledger = Ledger(path)
    assert ledger.calls() == []
    ledger.append(DONE)
    assert Ledger(path).calls() == [DONE]


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b"{}", b'{"effect": "eaten", "phase": null}', b"\xff", b""]
)
def test_any_other_damage_is_refused_and_left_alone(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).append(DONE)
    damaged = path.read_bytes() + line + b"\n"
    path.write_bytes(damaged)
    with pytest.raises(StateDamaged, match="line 2"):
        Ledger(path)
    assert path.read_bytes() == damaged


def test_two_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    one, two = Ledger(path), Ledger(path)
    one.append(DONE)
    two.append(UNDONE)
    one.append(replace(DONE, key="k3", effect_id="k3"))
    assert [call.key for call in Ledger(path).calls()] == ["k1", "k2", "k3"]


def test_a_write_that_is_refused_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    path.mkdir()
    with pytest.raises(StoreRefused):
        ledger.append(DONE)
    assert ledger.calls() == []
    assert ledger.left() == []


def test_a_link_in_the_ledgers_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(b"")
    path = tmp_path / "ledger.jsonl"
    path.symlink_to(target)
    with pytest.raises(StoreRefused):
        Ledger(path)
