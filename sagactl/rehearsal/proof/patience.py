"""Whether a step has the time for the attempts that are written for it.

Walked apart from all other schedules, for here time is what it is about: one step's every attempt
but the last takes as long as it may and comes to nothing, all else goes well and takes no time.
"""

from dataclasses import replace

from sagactl.machine import event as e
from sagactl.machine.command import Call, Phase
from sagactl.machine.finding_code import FindingCode
from sagactl.machine.rehearsed import Finding, Judgement, Struck, Trouble
from sagactl.rehearsal.proof.answer import How
from sagactl.rehearsal.proof.deed import HEARD, Ended, Pace, Way, Woken
from sagactl.rehearsal.proof.order import Order
from sagactl.rehearsal.proof.stand import Stand
from sagactl.rehearsal.proof.walk import Walker

MOST_PACES = 100_000


def cut_short(walker: Walker, begin: Pace, order: Order, steps: list[str]) -> list[Finding]:
    """A finding for each of the steps whose attempts are cut short by a timeout."""
    found = []
    for name in steps:
        request = order.step(name).request
        if request is None or request.retry.max_attempts < 2 or order.is_past_pivot(name):
            continue
        finding = _walked(walker, begin.stand, name)
        if finding is not None:
            found.append(finding)
    return found


def _walked(walker: Walker, stand: Stand, name: str) -> Finding | None:
    made = 0
    for _ in range(MOST_PACES):
        if stand.is_end:
            return None
        pace = _pace(walker, stand, name)
        call = pace.deed.call if isinstance(pace.deed, Ended) else None
        if call is not None and call.step == name and call.phase is Phase.ACTION:
            made += 1
        for event in pace.events:
            gave_up = isinstance(event, e.StepEvent) and event.step == name
            if isinstance(event, e.DeadlinePassed):
                return _finding(name, made, stand, "the saga's timeout")
            if gave_up and isinstance(event, e.ActionFailed | e.LookupBegan | e.OutcomeAssumed):
                return _finding(name, made, stand, "its own timeout")
            if gave_up and isinstance(event, e.ActionSucceeded):
                return None
        if pace.breach is not None:
            return None
        stand = pace.stand
    return None


def _pace(walker: Walker, stand: Stand, name: str) -> Pace:
    if not stand.in_hand:
        assert stand.wake_at is not None  # or it were an end
        return walker.woken(stand, Woken(stand.wake_at))
    call = next((c for c in stand.in_hand if c.step != name), stand.in_hand[0])
    if call.step != name or call.phase is not Phase.ACTION or _is_last(call):
        return walker.ended(stand, call, HEARD)
    slow: Way = (
        None,
        How.UNHEARD if call.request.may_repeat else How.UNREACHED,
        False,
        None,
        False,
    )
    return walker.ended(replace(stand, now=stand.now + call.request.timeout_s), call, slow)


def _is_last(call: Call) -> bool:
    return call.attempt >= call.request.retry.max_attempts


def _finding(name: str, made: int, stand: Stand, what: str) -> Finding:
    call = next((c for c in stand.in_hand if c.step == name), None)
    most = None if call is None else call.request.retry.max_attempts
    attempts = "its attempts" if most is None else f"its {most} attempts"
    words = f'{what} ends "{name}" before {attempts} are made, the last of which would have done it'
    story = (
        f'"{name}" is sent, and every attempt takes as long as it may and comes to nothing',
        f"after {made} of {attempts}, {what} is up",
        words,
    )
    struck = (Struck(name, Trouble.NOT_DONE),)
    advice = "give it a longer timeout, or fewer and shorter attempts"
    code = str(FindingCode.RETRIES_CUT_SHORT)
    return Finding(Judgement.HOLE, code, name, words, advice, struck, story)
