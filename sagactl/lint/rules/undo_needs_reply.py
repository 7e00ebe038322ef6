"""undo-needs-reply: an undo reads a result that is lost with the reply, and no lookup finds it.

When nobody knows whether the action took place, it is sent again until a reply comes, under the
same key. A service that forgets keys, or stays away for longer than the step's `budget`, leaves
nothing to read the result from: nobody knows what to undo, and the step is stuck. A lookup finds it
by a name of your own. Whoever is content with asking again writes `on_unknown: finish`.

    wrong:  compensation: POST /charges/${{ result.id }}/refund       and no lookup
    right:  lookup: {request: "GET /charges?key=${{ step.action_key }}", …}       beside it
"""

from collections.abc import Iterator

from sagactl.definition.model import OnUnknown, Saga, Step
from sagactl.definition.policy import on_unknown, own_result_reads
from sagactl.lint.pivot import past_pivot
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    past = past_pivot(saga)
    for step in saga.steps:
        if step.pivot or step.name in past or not _is_asked_again_unsaid(step):
            continue
        needed = next((read for read in own_result_reads(step) if read.certain), None)
        if needed is not None:
            yield RULE.problem(
                needed.place,
                f'the undo of "{step.name}" reads its result, which is lost with the reply: where '
                "asking again brings none either, nobody knows what to undo",
                'add a lookup that finds it, or write "on_unknown: finish" if asking is enough',
            )


def _is_asked_again_unsaid(step: Step) -> bool:
    if step.request is None or step.lookup is not None or step.on_unknown is not None:
        return False
    # Where it is held or undone on suspicion instead, unsaid-hold and undo-needs-result say more.
    return on_unknown(step, past_pivot=False) is OnUnknown.FINISH


RULE = Rule(
    "undo-needs-reply",
    "SG211",
    "an undo reads a result that is lost with the reply, and no lookup finds it",
    Severity.WARNING,
    check,
)
