"""Where the sandbox plays what a definition calls: what its environment variables have to be.

A variable that is one service's URL leads to that service; one that several share, or that stands
in the URL of a request, leads to all that begins with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from sagactl.definition.model import Saga
from sagactl.rehearsal.operation import WHOLE_URL, leading_variable, operations


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Paths below the sandbox's own address.

    `variables` are those of the environment that URLs begin with; `others` what no variable leads
    to, a service or a host whose URL is written out.
    """

    variables: dict[str, str]
    others: dict[str, str]


def whereabouts(saga: Saga) -> Whereabouts:
    """Where a saga and its sub-sagas find everything that they call."""
    users: dict[str, set[str]] = {}
    others: dict[str, str] = {}
    for name, variable, path in _called(saga):
        if variable is None:
            others[name] = path
        else:
            users.setdefault(variable, set()).add(path)
    variables = {
        variable: next(iter(paths)) if len(paths) == 1 else _segments(WHOLE_URL, variable)
        for variable, paths in users.items()
    }
    return Whereabouts(variables, others)


def _called(saga: Saga) -> Iterator[tuple[str, str | None, str]]:
    """Each service and each host that is called, the variable its URL begins with, and its path."""
    for one in saga.family():
        for service in one.services.values():
            yield service.name, leading_variable(service.url), _segments(service.name)
    for operation in operations(saga):
        if operation.service is not None:
            continue
        pattern = operation.pattern
        host = pattern.host or "any-host"
        front = pattern.variable or host
        yield host, pattern.variable, _segments(WHOLE_URL, front)


def _segments(*segments: str) -> str:
    return "".join("/" + quote(segment, safe="") for segment in segments)
