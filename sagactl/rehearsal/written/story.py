"""What happened in a test, call by call, in few words."""

from collections.abc import Iterator

from sagactl.machine.state import saga_state
from sagactl.machine.tested import Happened
from sagactl.rehearsal.written.model import Case
from sagactl.rehearsal.written.playing import Played
from sagactl.rehearsal.written.world import Sent

# A story is read by somebody: of a long one its beginning and its end.
LONGEST = 60
FIRST = 40


def story(case: Case, played: Played) -> tuple[Happened, ...]:
    """The calls with what came of them, the crashes, and where it ends."""
    lines = list(_lines(case, played))
    if len(lines) > LONGEST:
        left_out = len(lines) - LONGEST
        gap = Happened(lines[FIRST].after_s, f"… {left_out} more …")
        lines = [*lines[:FIRST], gap, *lines[FIRST + left_out :]]
    return tuple(lines)


def _lines(case: Case, played: Played) -> Iterator[Happened]:
    attempts = played.world.attempts
    width = max((len(sent.name) for sent in attempts), default=0)
    crashes = list(played.crashes)
    for number, sent in enumerate([*attempts, None]):
        while crashes and crashes[0][1] == number:
            crash, _, at = crashes.pop(0)
            when = "before" if crash.is_before else "after"
            yield Happened(at - case.now, f"sagactl dies {when} {crash.target}, and is resumed")
        if sent is not None:
            yield Happened(sent.at - case.now, _call(sent, width))
    standing = [effect.step for effect in played.world.ledger.left()]
    left = ", ".join(dict.fromkeys(standing)) or "nothing"
    state = saga_state(played.plan, played.run)
    yield Happened(played.run.updated_at - case.now, f"{state}; left in the world: {left}")


def _call(sent: Sent, width: int) -> str:
    outcome = sent.outcome
    heard = (
        "nobody heard" if outcome is None else f"{outcome.kind.replace('_', ' ')}: {outcome.detail}"
    )
    return f"{sent.name:<{width}}  {sent.call.sending.method} {sent.path}  {heard}"
