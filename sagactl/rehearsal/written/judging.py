"""What came of a test, held against what it expected.

What a test says nothing of is not looked at, but for three things that make a test mean something
else than it says: an answer that nobody asked for, a crash that never came, and a saga without end.
"""

from collections.abc import Iterator
from dataclasses import replace

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.template import evaluate
from sagactl.machine.moves import StepState
from sagactl.machine.plan import Plan, expanded, unfolded
from sagactl.machine.reason import Reason, reason
from sagactl.machine.request import path_as_written, scope_of
from sagactl.machine.run import StepRun
from sagactl.machine.state import SagaState, saga_state
from sagactl.machine.tested import Mismatch
from sagactl.rehearsal.written.comparing import NOTHING, brief, differences
from sagactl.rehearsal.written.detail import mismatch
from sagactl.rehearsal.written.matching import MOST_ORDERED, call_mismatches
from sagactl.rehearsal.written.model import Case, Expected
from sagactl.rehearsal.written.order import predecessors
from sagactl.rehearsal.written.playing import Played
from sagactl.source.node import Map, Node, Scalar, plain
from sagactl.source.place import Place

UNENDED = (SagaState.PENDING, SagaState.COMPENSATING)


def judge(case: Case, played: Played) -> tuple[Mismatch, ...]:
    """Everything that came otherwise."""
    plan = expanded(played.plan, played.run)
    expected = case.expected
    return (
        *_state(expected, played),
        *_steps(expected, unfolded(plan, played.run), played),
        *_calls(expected, plan, played),
        *_left(expected, played),
        *_output(expected, played),
        *_error(expected, played),
        *_unused(case, played),
    )


def _state(expected: Expected, played: Played) -> Iterator[Mismatch]:
    state = saga_state(played.plan, played.run)
    why = reason(played.plan, played.run)
    wanted = expected.state
    if wanted is not None and wanted.value != state:
        because = "" if why is None else f": {_words(why)}"
        found = mismatch(wanted.place, "state", brief(wanted.value), brief(state))
        yield replace(found, message=found.message + because)
    elif played.is_endless and (wanted is None or state not in UNENDED):
        yield _endless(expected.place, played)


def _endless(place: Place, played: Played) -> Mismatch:
    count = len(played.world.attempts)
    message = f"the saga has not ended after {count} requests"
    return Mismatch(place, "end", "an end", f"{count} requests", message)


def _steps(expected: Expected, plan: Plan, played: Played) -> Iterator[Mismatch]:
    for entry in expected.steps or ():
        paths = [p for p in plan.steps if entry.name in (p, path_as_written(p))]
        if not paths:
            yield mismatch(entry.key.place, f"step {entry.name}", "such a step", NOTHING)
        for path in paths:
            yield from _step(path, entry.value, played.run.step(path))


def _step(path: str, wanted: Node, step: StepRun) -> Iterator[Mismatch]:
    what = f"step {path}"
    if isinstance(wanted, Scalar):
        yield from _same_state(what, wanted, step.state)
        return
    assert isinstance(wanted, Map)  # the shape was checked
    for entry in wanted:
        match entry.name:
            case "status":
                yield from _same_state(what, entry.value, step.state)
            case "attempts":
                came = step.action.count
                yield from _different(f"{what}, attempts", entry.value, came)
            case "result":
                yield from _different(f"{what}, result", entry.value, step.result)
            case "error":
                message = None if step.error is None else step.error.message
                yield from _part_of(f"{what}, error", entry.value, message)


def _same_state(what: str, wanted: Node, state: StepState) -> Iterator[Mismatch]:
    if plain(wanted) != state:
        yield mismatch(wanted.place, what, brief(plain(wanted)), brief(state))


def _different(what: str, wanted: Node, came: object) -> Iterator[Mismatch]:
    for found in differences(wanted, came):
        path = f"{what}.{found.path}".replace(".[", "[") if found.path else what
        yield mismatch(found.place, path, found.expected, found.came)


def _part_of(what: str, wanted: Node, message: str | None) -> Iterator[Mismatch]:
    text = plain(wanted)
    is_there = message is None if text is None else message is not None and str(text) in message
    if not is_there:
        expected = "none" if text is None else brief(text)
        yield mismatch(wanted.place, what, expected, NOTHING if message is None else brief(message))


def _calls(expected: Expected, plan: Plan, played: Played) -> Iterator[Mismatch]:
    if expected.calls is None or expected.calls_place is None:
        return
    sent = played.world.sent
    before = predecessors(plan, sent) if len(sent) <= MOST_ORDERED else []
    yield from call_mismatches(expected.calls, expected.calls_place, sent, before)


def _left(expected: Expected, played: Played) -> Iterator[Mismatch]:
    if expected.left is None or expected.left_place is None:
        return
    standing = [effect.step for effect in played.world.ledger.left()]
    named = {str(item.value) for item in expected.left}
    for item in expected.left:
        if not any(item.value in (step, path_as_written(step)) for step in standing):
            message = f'left: what "{item.value}" does was expected to be left in the world'
            yield Mismatch(item.place, "left", str(item.value), NOTHING, message)
    for step in dict.fromkeys(standing):
        if step not in named and path_as_written(step) not in named:
            message = f'left: what "{step}" did is left in the world'
            yield Mismatch(expected.left_place, "left", NOTHING, step, message)


def _output(expected: Expected, played: Played) -> Iterator[Mismatch]:
    if expected.output is None:
        return
    output, template = None, played.plan.saga.output
    if saga_state(played.plan, played.run) is SagaState.COMPLETED and template is not None:
        try:
            output = evaluate(template, scope_of(played.run))
        except ExpressionFailed as failure:
            yield mismatch(expected.output.place, "output", "an output", str(failure))
            return
    yield from _different("output", expected.output, output)


def _error(expected: Expected, played: Played) -> Iterator[Mismatch]:
    wanted, why = expected.error, reason(played.plan, played.run)
    if wanted is None:
        return
    if isinstance(wanted, Scalar):
        yield from _part_of("error", wanted, None if why is None else _words(why))
        return
    assert isinstance(wanted, Map)  # the shape was checked
    if why is None:
        yield mismatch(wanted.place, "error", "one", NOTHING)
        return
    came = {"step": why.step, "phase": why.phase and str(why.phase), "status": why.status}
    for entry in wanted:
        if entry.name == "message":
            yield from _part_of("error, message", entry.value, why.message)
        else:
            yield from _different(f"error, {entry.name}", entry.value, came[entry.name])


def _words(why: Reason) -> str:
    return why.message if why.step is None else f"{why.step}: {why.message}"


def _unused(case: Case, played: Played) -> Iterator[Mismatch]:
    for script in case.scripts:
        given, wanted = played.world.given[script.target], max(len(script.first), 1)
        if given < wanted:
            what = f"answers of {script.target}"
            calls = {0: "no call", 1: "one call"}.get(given, f"{given} calls")
            expected = "a call" if wanted == 1 else f"{wanted} calls"
            message = f"{what}: there are answers to {expected}, and {calls} came"
            yield Mismatch(script.place, what, expected, calls, message)
    for crash in played.world.uncrashed:
        when = "before" if crash.is_before else "after"
        message = f'the crash {when} "{crash.target}" never came: there was no such call'
        yield Mismatch(crash.place, "crash", f"{when} {crash.target}", NOTHING, message)
