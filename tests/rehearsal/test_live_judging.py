"""What answers mean for a promise, and above all when nobody can tell."""

import pytest
from participants.calls import call
from rehearsal.play import one_step

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Outcome
from sagactl.machine.contract import Verdict
from sagactl.machine.plan import PlannedStep, make_plan
from sagactl.rehearsal.live import judging
from sagactl.rehearsal.live.asking import Answer
from sagactl.rehearsal.live.judging import Looks
from sagactl.source.node import Json

APPLIED, LOST = OutcomeKind.APPLIED, OutcomeKind.RESULT_LOST
REJECTED, NOT_SENT, UNKNOWN = OutcomeKind.REJECTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN


def step(more: str = "") -> PlannedStep:
    text = "action: PUT /x\ncompensation: DELETE /x"
    return make_plan(one_step(f"{text}{more}")).steps["act"]


def done(result: Json = None, status: int = 200, body: Json = None) -> Answer:
    return Answer(call(), Outcome(APPLIED, str(status), status, result), body)


def ended(kind: OutcomeKind, status: int | None = None, *, is_doubtful: bool = False) -> Answer:
    doubtful = is_doubtful or kind in (UNKNOWN, LOST)
    return Answer(call(), Outcome(kind, "so it ended", status), is_doubtful=doubtful)


def look(found: bool | None, body: Json = None, status: int = 200) -> Answer:
    kind = UNKNOWN if found is None else APPLIED
    return Answer(call(), Outcome(kind, "looked", status, found=found), body)


SILENT = ended(UNKNOWN)
TWICE: dict[str, tuple[Answer, Answer, Looks, Verdict]] = {
    "the same reply": (done({"a": 1}), done({"a": 1}), Looks(), Verdict.KEPT),
    "no reply at all": (done(), done(), Looks(), Verdict.KEPT),
    "201 and then 200": (done({"id": 1}, 201), done({"id": 1}), Looks(), Verdict.KEPT),
    "another time, the same id": (
        done({"id": 1, "at": 1}),
        done({"id": 1, "at": 2}),
        Looks(),
        Verdict.KEPT,
    ),
    "another id": (done({"id": 1}), done({"id": 2}), Looks(), Verdict.BROKEN),
    "a reply that says neither": (done({"at": 1}), done({"at": 2}), Looks(), Verdict.UNTOLD),
    "two are found": (
        done({"id": 1}),
        done({"id": 1}),
        Looks(look(False, []), look(True, [1, 2])),
        Verdict.BROKEN,
    ),
    "one more is found": (
        done({"id": 1}),
        done({"id": 1}),
        Looks(look(False, [7]), look(True, [7, 8])),
        Verdict.KEPT,
    ),
    "a refusal": (done(), ended(REJECTED, 409), Looks(), Verdict.BROKEN),
    "a failure": (done(), ended(UNKNOWN, 500), Looks(), Verdict.BROKEN),
    "a timeout": (done(), SILENT, Looks(), Verdict.UNTOLD),
    "no connection": (done(), ended(NOT_SENT), Looks(), Verdict.UNTOLD),
    "too many requests": (done(), ended(NOT_SENT, 429), Looks(), Verdict.UNTOLD),
    "a lost reply": (done(), ended(LOST, 200), Looks(), Verdict.UNTOLD),
    "a lost first one": (ended(LOST, 200), done(), Looks(), Verdict.UNTOLD),
}


@pytest.mark.parametrize("case", TWICE)
def test_an_action_twice(case: str) -> None:
    first, second, looks, verdict = TWICE[case]
    judged, why = judging.action_twice(step(), first, second, looks)
    assert judged is verdict
    assert why


def test_only_what_is_read_of_replies_is_compared() -> None:
    planned = make_plan(
        one_step(
            "action: PUT /x\ncompensation: DELETE /x/${{ result.ref }}",
        )
    ).steps["act"]
    first, same = done({"ref": 1, "id": 1}), done({"ref": 1, "id": 2})
    assert judging.action_twice(planned, first, same, Looks())[0] is Verdict.KEPT
    other = done({"ref": 2, "id": 1})
    assert judging.action_twice(planned, first, other, Looks())[0] is Verdict.BROKEN


UNDO: dict[str, tuple[Answer, Answer | None, Verdict]] = {
    "accepted twice": (done(), done(), Verdict.KEPT),
    "accepted, its reply unreadable": (done(), ended(LOST, 200), Verdict.KEPT),
    "done anew": (done(body={"id": 1}), done(body={"id": 2}), Verdict.BROKEN),
    "the same reply": (done(body={"id": 1}), done(body={"id": 1}), Verdict.KEPT),
    "gone": (done(), ended(REJECTED, 404), Verdict.BROKEN),
    "a failure": (done(), ended(UNKNOWN, 500), Verdict.BROKEN),
    "a timeout": (done(), SILENT, Verdict.UNTOLD),
    "the first one refused": (ended(REJECTED, 404), None, Verdict.BROKEN),
    "the first one silent": (SILENT, None, Verdict.UNTOLD),
}


@pytest.mark.parametrize("case", UNDO)
def test_an_undo_twice(case: str) -> None:
    first, second, verdict = UNDO[case]
    assert judging.undo_twice(first, second)[0] is verdict


LATE: dict[str, tuple[Answer, Answer | None, Verdict]] = {
    "refused": (ended(REJECTED, 410), None, Verdict.KEPT),
    "refused and not found": (ended(REJECTED, 409), look(False), Verdict.KEPT),
    "refused and found": (ended(REJECTED, 409), look(True), Verdict.UNTOLD),
    "refused after a timeout": (ended(REJECTED, 409, is_doubtful=True), None, Verdict.UNTOLD),
    "accepted": (done(), None, Verdict.BROKEN),
    "accepted and found": (done(), look(True), Verdict.BROKEN),
    "accepted, the lookup silent": (done(), look(None), Verdict.BROKEN),
    "accepted and not found": (done(), look(False), Verdict.UNTOLD),
    "a failure": (ended(UNKNOWN, 500), None, Verdict.UNTOLD),
    "a failure, and found": (ended(UNKNOWN, 500), look(True), Verdict.BROKEN),
    "no connection": (ended(NOT_SENT), None, Verdict.UNTOLD),
}


@pytest.mark.parametrize("case", LATE)
def test_an_action_after_its_undo(case: str) -> None:
    answer, found, verdict = LATE[case]
    assert judging.action_late(answer, found)[0] is verdict


REPEATED: dict[str, tuple[Answer, Answer, Answer, Verdict]] = {
    "refused": (ended(REJECTED, 410), look(True), look(True), Verdict.KEPT),
    "the old reply": (done({"id": 1}), look(True, [1]), look(True, [1]), Verdict.KEPT),
    "another reply": (done({"id": 2}), look(True, [1]), look(True, [1]), Verdict.BROKEN),
    "one more is found": (done({"id": 1}), look(True, [1]), look(True, [1, 2]), Verdict.BROKEN),
    "it is found again": (done({"id": 1}), look(False), look(True), Verdict.BROKEN),
    "the lookup silent": (done({"id": 1}), look(False), look(None), Verdict.UNTOLD),
    "a failure": (ended(UNKNOWN, 500), look(False), look(False), Verdict.UNTOLD),
}


@pytest.mark.parametrize("case", REPEATED)
def test_a_repetition_after_the_undo(case: str) -> None:
    late, before, after, verdict = REPEATED[case]
    judged = judging.action_repeated_late(step(), done({"id": 1}), late, before, after)
    assert judged[0] is verdict


LOOKED: dict[str, tuple[Answer | None, Answer | None, Answer, Verdict]] = {
    "both ways": (look(False), look(True), done(), Verdict.KEPT),
    "found before": (look(True), look(True), done(), Verdict.BROKEN),
    "not found after": (look(False), look(False), done(), Verdict.BROKEN),
    "silent before": (look(None), look(True), done(), Verdict.UNTOLD),
    "silent after": (look(False), look(None), done(), Verdict.UNTOLD),
    "the action refused": (look(False), None, ended(REJECTED, 422), Verdict.UNTOLD),
    "the action in doubt": (look(False), look(False), SILENT, Verdict.UNTOLD),
}


@pytest.mark.parametrize("case", LOOKED)
def test_a_lookup(case: str) -> None:
    before, after, first, verdict = LOOKED[case]
    assert Looks(before, after).judged(step(), first)[0] is verdict


def test_a_lookup_that_finds_the_action_without_its_result_is_no_lookup() -> None:
    after = Answer(call(), Outcome(LOST, "no id", 200, found=True))
    assert Looks(look(False), after).judged(step(), done())[0] is Verdict.BROKEN
