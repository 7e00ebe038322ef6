"""What answers mean for a promise: kept, broken, or that nobody can tell.

Pure, and as careful as the saga itself: a timeout breaks nothing, and what is only not seen to be
wrong is said to be just that. Values are compared and never shown.
"""

from sagactl.definition.model import OutcomeKind
from sagactl.machine.contract import Verdict
from sagactl.machine.plan import PlannedStep
from sagactl.rehearsal.live.asking import Answer
from sagactl.source.node import Json

Judged = tuple[Verdict, str]

ABSENT = (404, 410)


def action_twice(planned: PlannedStep, first: Answer, second: Answer, looks: "Looks") -> Judged:
    """Whether the repetition of an action was the action itself: by its reply and the lookup."""
    if not second.took_place:
        return _unlike(second, "the repeat")
    if second.outcome.kind is OutcomeKind.RESULT_LOST:
        return Verdict.UNTOLD, f"the repeat took place: {second.detail}"
    added = looks.added
    if added is not None and added > 1:
        return Verdict.BROKEN, f"the lookup finds {added} of it"
    if not first.is_applied:
        return (
            Verdict.UNTOLD,
            f"the first reply is lost, so there is nothing to compare: {first.detail}",
        )
    same, what = _is_same(planned, first, second)
    if same:
        found = "" if added is None else ", and the lookup finds one of it"
        return Verdict.KEPT, f"{what}{found}"
    if same is None:
        return Verdict.UNTOLD, what
    return Verdict.BROKEN, what


def undo_twice(first: Answer, second: Answer | None) -> Judged:
    """Whether the repetition of an undo is accepted as the first one was."""
    if not first.took_place:
        return _unlike(first, "the undo")
    if second is None:
        return Verdict.UNTOLD, "it was not sent again"
    if second.took_place:
        one, other = first.body, second.body
        if isinstance(one, dict) and isinstance(other, dict) and one.get("id") != other.get("id"):
            return Verdict.BROKEN, "the second one was done anew: its reply has another id"
        return Verdict.KEPT, "both were accepted"
    verdict, why = _unlike(second, "the second one")
    return verdict, why + _advice(second)


def undo_alone(answer: Answer) -> Judged:
    """Whether an undo is accepted whose action was never sent."""
    if answer.took_place:
        return Verdict.KEPT, "there was nothing to undo, and that is as good as undone"
    verdict, why = _unlike(answer, "it")
    return verdict, why + _advice(answer)


def action_late(answer: Answer, look: Answer | None) -> Judged:
    """Whether an action is refused whose undo, under its Saga-Action-Key, was accepted before."""
    found = None if look is None else look.outcome.found
    if answer.is_refused:
        if found:
            return Verdict.UNTOLD, "it was refused, and yet the lookup finds it"
        return Verdict.KEPT, answer.detail
    if answer.took_place and found is not False:
        finds = ", and the lookup finds it" if found else ""
        return Verdict.BROKEN, f"it was accepted, and stays behind its undo{finds}"
    if answer.took_place:
        return Verdict.UNTOLD, "it was accepted, though the lookup does not find it"
    if found:
        return Verdict.BROKEN, f"the lookup finds it: {answer.detail}"
    return Verdict.UNTOLD, f"this is no refusal: {answer.detail}"


def action_repeated_late(
    planned: PlannedStep, first: Answer, late: Answer, before: Answer, after: Answer
) -> Judged:
    """The same where only a repetition can come late: the first reply again does no harm."""
    if late.is_refused:
        return Verdict.KEPT, late.detail
    if late.is_applied and first.is_applied:
        same, _ = _is_same(planned, first, late)
        if same is False:
            return Verdict.BROKEN, "it was done anew: its reply is another one than before"
    if before.outcome.found is None or after.outcome.found is None:
        return Verdict.UNTOLD, f"the lookup gives no answer: {_silent(before, after).detail}"
    if is_same(before, after):
        if late.took_place:
            return Verdict.KEPT, "it got the reply from before, and nothing new is there"
        return Verdict.UNTOLD, f"this is no refusal: {late.detail}"
    return Verdict.BROKEN, "it was done anew: the lookup finds more than before"


def is_same(before: Answer, after: Answer) -> bool:
    """Whether a lookup answered twice the same, as far as it can be counted."""
    same = before.outcome.found == after.outcome.found and _count(before) == _count(after)
    return same and before.outcome.found is not None


def differ(one: Answer, other: Answer) -> bool:
    """Whether two actions gave different results."""
    both = one.is_applied and other.is_applied
    return both and bool(one.outcome.result != other.outcome.result)


class Looks:
    """What the lookup said before an action was sent, and after it took place."""

    def __init__(self, before: Answer | None = None, after: Answer | None = None) -> None:
        self.before = before
        self.after = after

    @property
    def added(self) -> int | None:
        """How many more are found, where the lookup's reply is a list of them."""
        if self.before is None or self.after is None:
            return None
        earlier, later = _count(self.before), _count(self.after)
        if later is None:
            return None
        if earlier is None:
            return later if self.before.outcome.found is False else None
        return later - earlier

    @property
    def answers(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in (self.before, self.after) if answer is not None)

    def judged(self, planned: PlannedStep, first: Answer) -> Judged:
        """Whether the lookup tells the truth, both ways."""
        before, after = self.before, self.after
        if before is None or before.outcome.found is None:
            return Verdict.UNTOLD, f"it gives no answer before the action: {_words(before)}"
        if before.outcome.found:
            return Verdict.BROKEN, "it finds the action before it was sent"
        if not first.took_place:
            return Verdict.UNTOLD, f"the action did not take place for certain: {first.detail}"
        if after is None or after.outcome.found is None:
            return Verdict.UNTOLD, f"it gives no answer after the action: {_words(after)}"
        if not after.outcome.found:
            return Verdict.BROKEN, "it does not find the action that took place"
        if not after.is_applied:
            return Verdict.BROKEN, f"it finds the action, but not its result: {after.detail}"
        if first.is_applied and not _agree(planned, first, after):
            return Verdict.BROKEN, "it finds another result than the action's reply gave"
        return Verdict.KEPT, "it finds the action when it took place, and not before"


def _agree(planned: PlannedStep, first: Answer, look: Answer) -> bool:
    """Whether the action and the lookup tell the same, as far as both tell what is read."""
    if first.call.request.result is not None and look.call.request.result is not None:
        return bool(first.outcome.result == look.outcome.result)
    paths = [path for path in planned.needed_paths if path]
    return all(_at(first.outcome.result, path) == _at(look.outcome.result, path) for path in paths)


def _is_same(planned: PlannedStep, first: Answer, second: Answer) -> tuple[bool | None, str]:
    """Whether two replies tell of one thing; None where they do not say, and in words why."""
    one, other = first.outcome.result, second.outcome.result
    paths = [path for path in planned.needed_paths if path]
    if first.call.request.result is not None:
        return one == other, f"both replies give {_same(one == other)} result"
    if paths:
        same = all(_at(one, path) == _at(other, path) for path in paths)
        return same, f"what is read of the replies is {'the same' if same else 'not the same'}"
    if isinstance(one, dict) and isinstance(other, dict) and "id" in one and "id" in other:
        return one["id"] == other["id"], f"both replies have {_same(one['id'] == other['id'])} id"
    if one == other:
        return True, "both replies say nothing" if one is None else "both replies are the same"
    return None, "the replies differ, and nothing is read of them that would tell"


def _same(is_same: bool) -> str:
    return "the same" if is_same else "another"


def _at(value: Json, path: tuple[str | int, ...]) -> Json:
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _count(look: Answer) -> int | None:
    return len(look.body) if isinstance(look.body, list) else None


def _unlike(answer: Answer, which: str) -> Judged:
    """What it means that something was not accepted: only what was answered breaks a promise."""
    if answer.outcome.kind is OutcomeKind.NOT_SENT or answer.status is None:
        return Verdict.UNTOLD, f"{which} got no answer: {answer.detail}"
    return Verdict.BROKEN, f"{which} was not accepted: {answer.detail}"


def _advice(answer: Answer) -> str:
    if answer.status in ABSENT:
        return f'; where that is as good as undone, write "success: [2xx, {answer.status}]"'
    return ""


def _silent(before: Answer, after: Answer) -> Answer:
    return after if before.outcome.found is not None else before


def _words(answer: Answer | None) -> str:
    return "it was not asked" if answer is None else answer.detail
