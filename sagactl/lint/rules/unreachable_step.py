"""unreachable-step: a step that no run reaches, because the saga's timeout ends it before.

A sleep takes its time in every run. Where the sleeps before a step take all of the saga's timeout,
the saga is undone while it sleeps, each time: the step never begins, and the saga never completes.
Past the pivot the timeout ends nothing, and sleeps count no more.

    wrong:  timeout: 1h       over a step that sleeps for 24h, and a step behind it
    right:  timeout: 25h
"""

from collections.abc import Iterator

from sagactl.definition.duration import said_duration, said_span
from sagactl.definition.model import Saga
from sagactl.lint.patience import begins_s
from sagactl.lint.rule import Rule
from sagactl.lint.written import key_places
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    if saga.timeout_s is None:
        return
    begins = begins_s(saga)
    late = {name for name, seconds in begins.items() if seconds >= saga.timeout_s}
    for step in saga.steps:
        # Of a chain the first one is told: the others are not reached because it is not.
        if step.name not in late or late.intersection(step.needs):
            continue
        limit = said_duration(saga.timeout_s)
        message = (
            f'step "{step.name}" is never reached: what it waits for sleeps for '
            f'{said_span(begins[step.name])}, and the saga\'s "timeout" ends it after {limit}'
        )
        place = key_places(saga).get("timeout", saga.place)
        related = (Related(place, "the timeout of the saga"),)
        yield RULE.problem(step.place, message, "give the saga more time, or sleep less", related)


RULE = Rule(
    "unreachable-step",
    "SG107",
    "a step that no run reaches, because the saga's timeout ends it before",
    Severity.ERROR,
    check,
)
