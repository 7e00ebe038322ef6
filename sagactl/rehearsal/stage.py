"""A definition put on the sandbox's stage: every service's URL replaced, none of them needed.

A request with a whole URL keeps it: in the sandbox every connection is made to the sandbox whatever
the host, so no real service is reached either way.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from sagactl.definition.model import Action, Lookup, Request, Saga, Service, Step, SubSaga
from sagactl.definition.template import constant
from sagactl.machine.command import Phase
from sagactl.rehearsal.server import sandbox_url

Change: TypeAlias = Callable[[Phase, Request], Request]


def staged(saga: Saga) -> Saga:
    """The same saga with every service in the sandbox."""
    return with_services(saga, _played)


def with_services(saga: Saga, change: Callable[[Service], Service]) -> Saga:
    """The same saga with other services, in its requests and its sub-sagas as well."""

    def request(_: Phase, old: Request) -> Request:
        return old if old.service is None else replace(old, service=change(old.service))

    return with_requests(saga, request, change)


def with_requests(
    saga: Saga, change: Change, service: Callable[[Service], Service] = lambda same: same
) -> Saga:
    """The same saga with every request, and service, changed; those of its sub-sagas too."""
    services = {name: service(old) for name, old in saga.services.items()}
    steps = tuple(_step(step, change, service) for step in saga.steps)
    return replace(saga, services=services, steps=steps)


def _played(service: Service) -> Service:
    # Nobody asks there who somebody is, and no token service is called.
    return replace(service, url=constant(sandbox_url(service.name), service.place), auth=None)


def _step(step: Step, change: Change, service: Callable[[Service], Service]) -> Step:
    lookup, undo = step.lookup, step.compensation
    if lookup is not None:
        lookup = Lookup(change(Phase.LOOKUP, lookup.request), lookup.found)
    if undo is not None:
        undo = change(Phase.COMPENSATION, undo)
    action: Action = step.action
    match action:
        case Request():
            action = change(Phase.ACTION, action)
        case SubSaga():
            action = replace(action, saga=with_requests(action.saga, change, service))
    return replace(step, action=action, lookup=lookup, compensation=undo)
