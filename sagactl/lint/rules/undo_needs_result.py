"""undo-needs-result: an undo on suspicion is written with a result that nobody knows.

`on_unknown: compensate` undoes a step whose outcome nobody could find out, so there is no reply to
take a result from. An undo that reads it can never be sent then, and the step is stuck: the very
thing the word was to prevent. Hence an error. With a lookup the result may be found after all, and
nothing is said. An undo that asks with `has(steps.x.result)` can be written either way.
"""

from collections.abc import Iterator

from sagactl.definition.model import OnUnknown, Saga
from sagactl.definition.policy import own_result_reads
from sagactl.lint.pivot import past_pivot
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    past = past_pivot(saga)
    for step in saga.steps:
        undo = step.compensation
        if undo is None or step.on_unknown is not OnUnknown.COMPENSATE or step.lookup is not None:
            continue
        # Nothing is undone there, whatever the word: pivot-place says so.
        if step.pivot or step.name in past:
            continue
        for reference in own_result_reads(step):
            if reference.certain:
                yield RULE.problem(
                    reference.place,
                    f'the undo of "{step.name}" reads its result, which is not known where '
                    '"on_unknown: compensate" undoes it on suspicion',
                    "add a lookup that finds it, or address the undo by a name of your own, "
                    "such as step.action_key or saga.id",
                )


RULE = Rule(
    "undo-needs-result",
    "SG203",
    "an undo on suspicion is written with a result that nobody knows",
    Severity.ERROR,
    check,
)
