"""A definition put on the sandbox's stage: every service's URL replaced, none of them needed.

A request with a whole URL keeps it: in the sandbox every connection is made to the sandbox whatever
the host, so no real service is reached either way.
"""

from dataclasses import replace

from sagactl.definition.model import Action, Lookup, Request, Saga, Service, Step, SubSaga
from sagactl.definition.template import constant
from sagactl.rehearsal.server import sandbox_url


def staged(saga: Saga) -> Saga:
    """The same saga with every service in the sandbox."""
    services = {name: _service(service) for name, service in saga.services.items()}
    return replace(saga, services=services, steps=tuple(_step(step) for step in saga.steps))


def _service(service: Service) -> Service:
    # Nobody asks there who somebody is, and no token service is called.
    return replace(service, url=constant(sandbox_url(service.name), service.place), auth=None)


def _step(step: Step) -> Step:
    lookup = step.lookup
    return replace(
        step,
        action=_action(step.action),
        lookup=None if lookup is None else Lookup(_request(lookup.request), lookup.found),
        compensation=None if step.compensation is None else _request(step.compensation),
    )


def _action(action: Action) -> Action:
    match action:
        case Request():
            return _request(action)
        case SubSaga():
            return replace(action, saga=staged(action.saga))
    return action


def _request(request: Request) -> Request:
    if request.service is None:
        return request
    return replace(request, service=_service(request.service))
