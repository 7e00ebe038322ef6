"""retry-cut-short: attempts that are written can never be made.

A step's own `timeout` ends its attempts, and a key that the service has forgotten is not sent
again. Told where one attempt alone may take longer than the step, where a written `retry` goes on
past the step's `timeout`, or any past the `ttl` of the key, and where `budget` goes on past that
`ttl` although there is no lookup to ask.

    wrong:  timeout: 20s      over retry: {max_attempts: 10}, each attempt of 10s
    right:  timeout: 2m
"""

from collections.abc import Iterator

from sagactl.definition.duration import said_duration, said_span
from sagactl.definition.model import ACTION_RETRY, OnUnknown, Request, Saga, Step
from sagactl.lint.patience import last_due_s
from sagactl.lint.pivot import past_pivot
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Phase, requests
from sagactl.lint.written import word_place
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    past = past_pivot(saga)
    for step, phase, request in requests(saga):
        # Past the pivot there is no last attempt.
        if phase is Phase.ACTION and step.name not in past:
            yield from _by_the_step(saga, step, request)
        yield from _by_the_key(saga, step, phase, request)


def _by_the_step(saga: Saga, step: Step, request: Request) -> Iterator[Problem]:
    limit, due = step.timeout_s, last_due_s(request)
    if limit is None:
        return
    said = f'"timeout" of step "{step.name}" is {said_duration(limit)}, but'
    place = word_place(saga, step, "timeout")
    if request.timeout_s > limit:
        message = f"{said} one attempt alone may take {said_duration(request.timeout_s)}"
        yield RULE.problem(place, message, "shorten the attempt, or give the step more time")
    elif due >= limit and request.retry != ACTION_RETRY:
        message = (
            f"{said} the last of {request.retry.max_attempts} attempts may be due only after "
            f"{said_span(due)}"
        )
        yield RULE.problem(place, message, "give the step more time, or it fewer attempts")


def _by_the_key(saga: Saga, step: Step, phase: Phase, request: Request) -> Iterator[Problem]:
    ttl = None if request.idempotency is None else request.idempotency.ttl_s
    if ttl is None:
        return
    due, said = last_due_s(request), f"the service forgets the key after {said_duration(ttl)}"
    if due >= ttl:
        message = (
            f'the last of {request.retry.max_attempts} attempts of "{step.name}" may be due after '
            f"{said_span(due)}, but {said}"
        )
        yield RULE.problem(request.place, message, "make fewer attempts, or with shorter waits")
    finishes = phase is Phase.ACTION and step.on_unknown is OnUnknown.FINISH and not step.lookup
    if finishes and step.budget_s is not None and step.budget_s > ttl:
        message = f'"budget" of "{step.name}" is {said_duration(step.budget_s)}, but {said}'
        place = word_place(saga, step, "budget")
        yield RULE.problem(place, message, "shorten it, or add a lookup to ask after that")


RULE = Rule(
    "retry-cut-short",
    "SG307",
    "attempts that are written can never be made",
    Severity.WARNING,
    check,
)
