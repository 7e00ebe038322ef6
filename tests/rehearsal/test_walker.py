"""The walker's paces, one by one."""

from rehearsal.play import saga_of

from sagactl.machine import event as e
from sagactl.machine.command import Phase
from sagactl.machine.moves import StepState as S
from sagactl.rehearsal.proof.answer import How
from sagactl.rehearsal.proof.course import Course
from sagactl.rehearsal.proof.deed import HEARD, Crashed, Pace
from sagactl.rehearsal.proof.world import World
from sagactl.rehearsal.stage import staged

BRANCHES = """\
saga: branches
version: 1
services:
  embassy: {url: "http://embassy.example", idempotency: none}
  flights: {url: "http://flights.example", idempotency: key}
steps:
  - name: visa
    service: embassy
    needs: []
    on_unknown: hold
    action: POST /visas
    compensation: none
  - name: seat
    service: flights
    needs: []
    action: PUT /seats/${{ saga.id }}
    compensation: {request: "DELETE /seats/${{ saga.id }}", success: [2xx, 404]}
"""
STARTED = e.RunStarted(
    at=0.0, run_id="r1", saga="branches", version=1, definition="", definition_name="", digest="",
    input={}, env={}, sandbox=True, faults=[], sagactl="",
)  # fmt: skip


def held(course: Course) -> Pace:
    """The visa is held, the seat still on its way."""
    begin = course.walker.begin(None, (STARTED,), World(), 0.0)
    visa = next(call for call in begin.stand.in_hand if call.step == "visa")
    pace = course.walker.ended(begin.stand, visa, (None, How.UNHEARD, False, None, False))
    assert pace.stand.run.step("visa").state is S.STUCK
    return pace


def test_whoever_resumes_after_a_crash_takes_up_what_is_held() -> None:
    course = Course(staged(saga_of(BRANCHES)), depth=2)
    stand = held(course).stand
    crashes = [p for p in course.walker.paces(stand) if isinstance(p.deed, Crashed)]
    assert crashes
    for pace in crashes:
        assert any(isinstance(event, e.OutcomeReopened) for event in pace.events)


def test_there_is_no_crash_where_nothing_is_under_way_any_more() -> None:
    course = Course(staged(saga_of(BRANCHES)), depth=2)
    stand = held(course).stand
    (seat,) = stand.in_hand
    assert (seat.step, seat.phase) == ("seat", Phase.ACTION)
    end = course.walker.ended(stand, seat, HEARD).stand
    assert end.is_end
    assert list(course.walker.paces(end)) == []
