"""unused-service: a service that no request goes to.

Its URL must be given in the environment all the same before anything is sent, so a leftover is in
the way of whoever runs the saga.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.rule import Rule
from sagactl.lint.spot import requests
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    used = {request.service.name for _, _, request in requests(saga) if request.service is not None}
    for service in saga.services.values():
        if service.name not in used:
            message = f'no request goes to service "{service.name}"'
            yield RULE.problem(service.place, message, "use it or leave it out")


RULE = Rule("unused-service", "SG902", "a service that no request goes to", Severity.WARNING, check)
