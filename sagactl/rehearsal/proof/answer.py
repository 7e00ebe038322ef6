"""What a runner sees of a simulated call, and what the real classifier makes of it.

Replies are those of the sandbox: from `example`, or from what expressions read. Whatever is seen
goes through the table by which real replies are read, so a `success`, an `outcomes` or a
`fail_when` that means something else than its author thinks is rehearsed as it is written.

The same call in the same circumstances gets the same outcome; it is made out once.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

from sagactl.definition.model import OutcomeKind, Saga
from sagactl.lint.rules.hidden_failure import hidden_failures
from sagactl.lint.spot import Phase as Spoken
from sagactl.machine.command import Call, Outcome, Phase
from sagactl.machine.request import path_as_written
from sagactl.participants.outcome import Fault, FaultKind, Reply, Seen, classify
from sagactl.rehearsal.operation import Operation, operations
from sagactl.rehearsal.proof.world import Done
from sagactl.rehearsal.reply import Made, Replies
from sagactl.rehearsal.wire import Reply as Wire
from sagactl.rehearsal.wire import problem
from sagactl.source.node import Json

# The usual ways to say no, the most usual first.
REFUSALS = (422, 403, 400, 409, 404, 402, 501)
# Said by whoever stands before a service, and does not know what became of the request.
GATEWAY = (504, 502, 408)


class How(Enum):
    """How a call ends, whatever it did."""

    HEARD = "heard"  # its reply comes whole
    REFUSED = "refused"
    UNREACHED = "unreached"  # it never left
    UNHEARD = "unheard"  # no reply comes
    CUT = "cut"  # the reply's status comes, its body does not
    HIDDEN = "hidden"  # refused, by a status that its definition takes for done
    GATEWAY = "gateway"  # a gateway gave up, by a status that its definition takes for a no


class Answers:
    """The outcomes of a saga's calls."""

    def __init__(self, saga: Saga) -> None:
        self._replies = Replies(saga)
        self._operations: dict[tuple[str, Phase], Operation] = {
            (operation.path, operation.phase): operation for operation in operations(saga)
        }
        self._made: dict[tuple[str, Phase, Done | None], Made] = {}
        self._outcomes: dict[tuple[str, Phase, How, Done | None, bool], Outcome] = {}

    def outcome(self, call: Call, how: How, done: Done | None) -> Outcome:
        """How the attempt ends; `done` is what it found, None where it did not arrive."""
        place = (call.step, call.phase, how, done, call.doubted)
        known = self._outcomes.get(place)
        if known is None:
            known = self._outcomes[place] = self._classified(call, how, done)
        return known

    def is_possible(self, call: Call, how: How) -> bool:
        """Whether this request can end so, as its definition reads statuses."""
        match how:
            case How.REFUSED:
                return self.outcome(call, how, None).kind is OutcomeKind.REJECTED
            case How.HIDDEN:
                hides = _hidden(call) is not None
                return hides and self.outcome(call, how, None).kind is OutcomeKind.APPLIED
            case How.GATEWAY:
                return _misread_gateway(call) is not None
        return True

    def note(self, call: Call, done: Done) -> str | None:
        """What is wrong with the best reply there is, if anything."""
        return self._reply(call, done).note

    def _classified(self, call: Call, how: How, done: Done | None) -> Outcome:
        if how is How.REFUSED:
            outcomes = [classify(call, seen, 0.0) for seen in _refusals()]
            nos = (outcome for outcome in outcomes if outcome.kind is OutcomeKind.REJECTED)
            return next(nos, outcomes[0])
        if how is How.HIDDEN or how is How.GATEWAY:
            status = _hidden(call) if how is How.HIDDEN else _misread_gateway(call)
            return classify(call, _problem(status or 500), 0.0)
        return classify(call, self._seen(call, how, done), 0.0)

    def _seen(self, call: Call, how: How, done: Done | None) -> Seen:
        if how is How.UNREACHED:
            return Fault(FaultKind.CONNECT_REFUSED)
        if how is How.UNHEARD or done is None:
            return Fault(FaultKind.CONNECTION_LOST)
        seen = _as_seen(call, self._reply(call, done).reply)
        if how is How.CUT:
            return replace(seen, body=b"", complete=False, trouble="it was cut")
        return seen

    def _reply(self, call: Call, done: Done) -> Made:
        # An action that comes again is told what it was told before.
        kind = Done.DONE if done is Done.AGAIN else done
        place = (call.step, call.phase, kind)
        known = self._made.get(place)
        if known is None:
            known = self._made[place] = self._make(call, kind)
        return known

    def _make(self, call: Call, done: Done) -> Made:
        operation = self._operations[path_as_written(call.step), call.phase]
        names: dict[str, Json] = dict(call.scope)
        if done is Done.BARRED:
            return Made(problem(410, "this was undone already and is not done any more"))
        if call.phase is Phase.LOOKUP:
            if done is Done.ABSENT:
                return self._replies.missing(operation, names)
            action = self._operations[operation.path, Phase.ACTION]
            told = self._replies.done(action, names, call.action_key).reply
            return self._replies.found(operation, names, call.action_key, told)
        if done is Done.ABSENT and call.sending.method == "DELETE":
            return Made(problem(404, "there is nothing to undo"))
        return self._replies.done(operation, names, call.key)


def _as_seen(call: Call, reply: Wire) -> Reply:
    content = b"" if call.sending.method == "HEAD" else reply.content
    return Reply(reply.status, tuple(reply.headers.items()), content)


def _refusals() -> Iterator[Reply]:
    return map(_problem, REFUSALS)


def _problem(status: int) -> Reply:
    reply = problem(status, "on purpose")
    return Reply(status, tuple(reply.headers.items()), reply.content)


def _hidden(call: Call) -> int | None:
    """A status by which its service says no, and which counts as done all the same."""
    statuses = hidden_failures(Spoken(call.phase), call.request)
    return next((status for status in statuses if status < 500), None)


def _misread_gateway(call: Call) -> int | None:
    moved = call.request.outcomes
    noes = [moved.get(kind, ()) for kind in (OutcomeKind.REJECTED, OutcomeKind.NOT_SENT)]
    return next((status for status in GATEWAY if any(status in no for no in noes)), None)
