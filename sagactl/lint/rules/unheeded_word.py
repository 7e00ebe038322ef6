"""unheeded-word: a word that nobody heeds where it stands.

Past the pivot a step is asked again until it succeeds, so its `timeout` and the `max_attempts` of
its action end nothing. And `budget` says how long `on_unknown: finish` goes on; beside another word
there is nothing to go on with. Leaving such a word out changes nothing but what a reader believes.

    wrong:  on_unknown: hold        budget: 1h
    right:  on_unknown: finish      budget: 1h
"""

from collections.abc import Iterator

from sagactl.definition.model import OnUnknown, Saga, Step
from sagactl.definition.policy import on_unknown
from sagactl.lint.edit import without_entry
from sagactl.lint.pivot import past_pivot
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Phase
from sagactl.lint.written import Path, key_places, said_at, step_path
from sagactl.source.node import Map
from sagactl.source.problem import Problem, Severity

PAST = "stands past the pivot, where it is asked again until it succeeds"


def check(saga: Saga) -> Iterator[Problem]:
    past = past_pivot(saga)
    for step in saga.steps:
        path = step_path(saga, step)
        chosen = on_unknown(step, past_pivot=step.name in past)
        if step.budget_s is not None and chosen is not OnUnknown.FINISH:
            why = f'goes with "on_unknown: finish", and here it is "{chosen}"'
            yield _told(saga, (*path, "budget"), why)
        if step.name not in past or step.request is None:
            continue
        if step.timeout_s is not None:
            yield _told(saga, (*path, "timeout"), f'ends nothing: "{step.name}" {PAST}')
        yield from _attempts(saga, step, path)


def _attempts(saga: Saga, step: Step, path: Path) -> Iterator[Problem]:
    # What a service or the defaults say holds for steps before the pivot too.
    said = said_at(saga, step, Phase.ACTION, "retry") if step.request is not None else None
    if said is None or said[0] != (*path, "action", "retry") or not isinstance(said[1], Map):
        return
    if said[1].get("max_attempts") is not None:
        why = f'ends nothing: "{step.name}" {PAST}'
        yield _told(saga, (*said[0], "max_attempts"), why)


def _told(saga: Saga, path: Path, why: str) -> Problem:
    place = key_places(saga, *path[:-1])[str(path[-1])]
    fix = without_entry(saga, *path)
    return RULE.problem(place, f'"{path[-1]}" {why}', "leave it out", fix=fix)


RULE = Rule(
    "unheeded-word",
    "SG904",
    "a word that nobody heeds where it stands",
    Severity.WARNING,
    check,
    is_fixable=True,
)
