"""saga-timeout: the saga's timeout ends it before its steps are through with their attempts.

Past its timeout a saga compensates, although a step may just be waiting for its next attempt. Told
where the timeout is shorter than what the steps up to the pivot may take: attempts, each with its
timeout, and the waits between them, along the longest path of `needs`. A timeout is never asked
past the pivot, so one over steps that are all at or past it does nothing.

    wrong:  timeout: 30s      over three steps of four attempts of 10s
    right:  timeout: 5m       or `retry: {max_attempts: 2}`, `timeout: 3s` in `defaults`
"""

from collections.abc import Iterator

from sagactl.definition.duration import said_duration, said_span
from sagactl.definition.model import Saga
from sagactl.lint.edit import without_entry
from sagactl.lint.patience import begins_s, forwards_s
from sagactl.lint.pivot import past_pivot
from sagactl.lint.rule import Rule
from sagactl.lint.written import key_places
from sagactl.source.place import Place
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    if saga.timeout_s is None:
        return
    past = past_pivot(saga)
    if all(step.pivot or step.name in past for step in saga.steps) and not _has_inner_steps(saga):
        message = '"timeout" does nothing here: every step is the pivot or stands past it'
        fix = without_entry(saga, "timeout")
        yield RULE.problem(_place(saga), message, "leave it out", fix=fix)
        return
    if max(begins_s(saga).values(), default=0) >= saga.timeout_s:
        return  # unreachable-step says more
    seconds, path = forwards_s(saga)
    if saga.timeout_s < seconds:
        message = (
            f'"timeout" is {said_duration(saga.timeout_s)}, but what is tried in '
            f'"{", ".join(path)}" may take {said_span(seconds)}'
        )
        hint = "give the saga more time, or its requests fewer attempts or a shorter timeout"
        yield RULE.problem(_place(saga), message, hint)


def _has_inner_steps(saga: Saga) -> bool:
    """Whether a pivot is a sub-saga, which has steps of its own before its point of no return."""
    return any(step.pivot and step.child is not None for step in saga.steps)


def _place(saga: Saga) -> Place:
    return key_places(saga).get("timeout", saga.place)


RULE = Rule(
    "saga-timeout",
    "SG306",
    "the saga's timeout ends it before its steps are through with their attempts",
    Severity.WARNING,
    check,
)
