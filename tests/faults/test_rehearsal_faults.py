"""What a participant answers for, of the fault catalogue: the barrier, one effect per key."""

from itertools import permutations

import pytest
from rehearsal.play import ORDER, Play, of_saga, saga_of

CHARGE = ("POST", "/pay/charges", {"amount": 5}, of_saga("s1", "charge", "k1"))
REFUND = ("POST", "/pay/charges/x/refund", None, of_saga("s1", "charge", "k2", "k1"))


@pytest.mark.parametrize("order", sorted(set(permutations(["do", "do", "undo", "undo"]))))
def test_H18_whatever_order_they_arrive_in_nothing_is_left_once_undone(
    order: tuple[str, ...],
) -> None:
    with Play(saga_of(ORDER)) as play:
        for word in order:
            play.call(*(CHARGE if word == "do" else REFUND))
    assert play.ledger.left() == []
    kinds = [str(call.effect) for call in play.ledger.calls()]
    assert kinds.count("applied") == (1 if order[0] == "do" else 0)
    assert kinds.count("undone") == kinds.count("applied")


def test_H18_an_action_after_its_undo_is_refused_and_noted() -> None:
    with Play(saga_of(ORDER)) as play:
        assert play.call(*REFUND).status == 200
        assert play.call(*CHARGE).status == 410
    assert [call.note for call in play.ledger.calls()] == [
        "there was nothing to undo",
        "it arrived after its undo",
    ]


@pytest.mark.parametrize("times", [2, 5])
def test_H19_a_duplicate_has_no_effect_of_its_own(times: int) -> None:
    with Play(saga_of(ORDER)) as play:
        answers = [play.call(*CHARGE) for _ in range(times)]
    assert len(set(answers)) == 1
    assert len(play.ledger.left("s1")) == 1


@pytest.mark.parametrize("fault", ["drop", "timeout", "reset-after"])
def test_H3_the_effect_is_done_although_the_reply_is_lost(fault: str) -> None:
    with Play(saga_of(ORDER), [f"charge={fault}x1"]) as play:
        with play.connect() as connection:
            headers = "".join(f"{name}: {value}\r\n" for name, value in CHARGE[3].items())
            head = f"POST /pay/charges HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n{headers}\r\n"
            connection.sendall(head.encode() + b'{"amount": 5}')
            play.await_calls(1)
        assert play.call(*CHARGE).status == 200
    assert [str(call.effect) for call in play.ledger.calls()] == ["applied", "replayed"]
