"""undo-repeats-action: a compensation is the very request that it is to undo.

Sent again, the action either happens twice or not at all; undone it is neither time. Mostly this is
a line that was copied and never changed.

    wrong:  action: PUT /holds/${{ saga.id }}        compensation: PUT /holds/${{ saga.id }}
    right:  action: PUT /holds/${{ saga.id }}        compensation: DELETE /holds/${{ saga.id }}
"""

from collections.abc import Iterator

from sagactl.definition.model import Request, Saga
from sagactl.definition.template import Template
from sagactl.lint.rule import Rule
from sagactl.source.node import Json, plain
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for step in saga.steps:
        undo, action = step.compensation, step.request
        if undo is None or action is None or _sent(undo) != _sent(action):
            continue
        yield RULE.problem(
            undo.place,
            f'the undo of "{step.name}" is the same request as its action, so it undoes nothing',
            'send what takes it back, or say "compensation: none"',
            (Related(action.place, "the action"),),
        )


def _sent(request: Request) -> tuple[Json, ...]:
    """What tells two requests apart, as it is written."""
    service = None if request.service is None else request.service.name
    written = (request.url, request.query, request.json, request.form, request.body)
    headers = sorted((name.lower(), _plain(value)) for name, value in request.headers)
    return request.method, service, headers, *map(_plain, written)


def _plain(template: Template | None) -> Json:
    return None if template is None else plain(template.node)


RULE = Rule(
    "undo-repeats-action",
    "SG207",
    "a compensation is the very request that it is to undo",
    Severity.WARNING,
    check,
)
