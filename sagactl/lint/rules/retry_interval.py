"""retry-interval: the waits of a `retry` are not what its words say.

No wait is longer than `max_interval`, so an `initial_interval` above it is never waited; and with
`max_attempts: 1` there is no wait at all. Told where both words stand in the same `retry`.

    wrong:  retry: {initial_interval: 30s, max_interval: 10s}
    right:  retry: {initial_interval: 1s, max_interval: 10s}
"""

from collections.abc import Iterator

from sagactl.definition.duration import parse_pause
from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import requests
from sagactl.lint.written import said_at
from sagactl.source.node import Map, plain
from sagactl.source.problem import Problem, Related, Severity

WAITS = ("initial_interval", "multiplier", "max_interval")


def check(saga: Saga) -> Iterator[Problem]:
    for step, phase, request in requests(saga):
        retry = request.retry
        if retry.max_attempts > 1 and retry.initial_interval_s <= retry.max_interval_s:
            continue
        said = said_at(saga, step, phase, "retry")
        if said is not None and isinstance(said[1], Map):
            yield from _in(said[1])


def _in(retry: Map) -> Iterator[Problem]:
    first, longest = retry.get("initial_interval"), retry.get("max_interval")
    if first is not None and longest is not None:
        first_s, longest_s = parse_pause(str(plain(first))), parse_pause(str(plain(longest)))
        if first_s is not None and longest_s is not None and first_s > longest_s:
            message = f'"initial_interval" is {plain(first)}, above "max_interval"'
            related = (Related(longest.place, "no wait is longer than this"),)
            yield RULE.problem(first.place, message, "make it the shorter of the two", related)
    attempts = retry.get("max_attempts")
    if attempts is not None and plain(attempts) == 1:
        for word in WAITS:
            key = retry.key(word)
            if key is not None:
                message = f'"{word}" beside "max_attempts: 1" says nothing: there is no wait'
                yield RULE.problem(key.place, message, "make more attempts, or leave it out")


RULE = Rule(
    "retry-interval",
    "SG308",
    "the waits of a `retry` are not what its words say",
    Severity.WARNING,
    check,
)
