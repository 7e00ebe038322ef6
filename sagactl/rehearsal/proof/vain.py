"""Compensations that are sent and take nothing back, by what lint knows of them.

A simulated service cannot know what a request means; that a read, a message to somebody or the
action once more undoes nothing can be told from the definition.
"""

from sagactl.definition.model import Saga
from sagactl.lint.rules import undo_notifies, undo_only_reads, undo_repeats_action
from sagactl.machine.request import path_as_written
from sagactl.rehearsal.operation import steps_within

RULES = (undo_only_reads, undo_repeats_action, undo_notifies)


def vain_undos(saga: Saga) -> dict[str, str]:
    """The steps, by path as written, whose compensation takes nothing back, and why."""
    reasons: dict[tuple[str, object], str] = {}
    for one in saga.family():
        for rule in RULES:
            for problem in rule.check(one):
                reasons[one.source.name, problem.place] = problem.message
    found: dict[str, str] = {}
    for owner, path, step in steps_within(saga):
        if step.compensation is None:
            continue
        reason = reasons.get((owner.source.name, step.compensation.place))
        if reason is not None:
            found[path] = reason
    return found


class Vain(dict[str, str]):
    """The same for paths of instances, which are written once."""

    def __contains__(self, path: object) -> bool:
        return super().__contains__(path_as_written(str(path)))

    def __getitem__(self, path: str) -> str:
        return super().__getitem__(path_as_written(path))
