"""Whom a live test may contact: the origins that a definition's own URLs name, and no other.

An origin comes from the definition and its environment alone, never from data, so all of them are
known before anything is sent. They are held against where every request leaves, those to token
services among them: that is `Web`'s business, and `fenced` makes one that does.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import (
    ClientCredentials,
    Request,
    Saga,
    Service,
    Step,
)
from sagactl.definition.template import (
    Template,
    constant,
    evaluate_holes,
    evaluate_text,
    hole_value,
)
from sagactl.definition.value import as_text
from sagactl.participants.connection import address_words
from sagactl.participants.transport import Origin, origin_at
from sagactl.participants.web import Web
from sagactl.rehearsal.stage import with_services
from sagactl.source.node import Json, Scalar
from sagactl.source.problem import nearest

PORTS = {"http": 80, "https": 443}
AFTER_AUTHORITY = re.compile(r"[/?#]")


class TargetUnknown(Exception):
    """A service or an address that cannot be used; the message says why."""


class Targets:
    """Everybody whom the steps of a saga may make it contact; raises TargetUnknown.

    A service goes by its name, what has none by its host. Where two of a name are at two places,
    as a saga's and its sub-saga's may be, they are told apart.
    """

    def __init__(self, saga: Saga, env: Mapping[str, str]) -> None:
        self._env = env
        self._names: dict[tuple[str, Origin], str] = {}
        for one in saga.family():
            for step in one.steps:
                for request in requests_of(step):
                    self._add(*self._of(request))
                    self._add_tokens(request)

    @property
    def origins(self) -> frozenset[Origin]:
        """All that may be contacted."""
        return frozenset(origin for _, origin in self._names)

    @property
    def urls(self) -> dict[str, str]:
        """The origin of each, as people write it, by its name."""
        return {name: _written(origin) for (_, origin), name in self._names.items()}

    def name_of(self, request: Request) -> str:
        """What the one is called that a request goes to."""
        return self._names[self._of(request)]

    def _add(self, name: str, origin: Origin) -> None:
        if (name, origin) not in self._names:
            is_taken = name in self._names.values()
            self._names[name, origin] = f"{name} at {_written(origin)}" if is_taken else name

    def _of(self, request: Request) -> tuple[str, Origin]:
        # A whole URL has no service.
        url = request.url if request.service is None else request.service.url
        origin = _origin(_beginning(url, self._env), f"at {request.place}")
        return origin[1] if request.service is None else request.service.name, origin

    def _add_tokens(self, request: Request) -> None:
        auth = None if request.service is None else request.service.auth
        if request.service is None or auth is None:
            return
        if isinstance(auth.scheme, ClientCredentials):
            url = _beginning(auth.scheme.token_url, self._env)
            self._add(f"{request.service.name} (tokens)", _origin(url, f"at {request.place}"))


def pointed(saga: Saga, urls: Mapping[str, str]) -> Saga:
    """The saga with other URLs for the services named; raises TargetUnknown."""
    names = tuple(dict.fromkeys(name for one in saga.family() for name in one.services))
    for name, url in urls.items():
        if name not in names:
            close = nearest(name, names)
            meant = f'; did you mean "{close}"?' if close else f": there are {', '.join(names)}"
            raise TargetUnknown(f'"{name}" is no service of "{saga.name}"{meant}')
        if "?" in url or "#" in url or not url.isascii():
            raise TargetUnknown(f'the URL of "{name}" takes scheme, host, port and path, in ASCII')
        _origin(url, f'of "{name}"')

    def change(service: Service) -> Service:
        url = urls.get(service.name)
        return service if url is None else replace(service, url=constant(url, service.place))

    return with_services(saga, change) if urls else saga


def fenced(targets: Targets, secrets: Mapping[str, str], clock: Callable[[], float]) -> Web:
    """Whoever sends to these, and to nobody else."""
    return Web(secrets, clock, only=targets.origins)


def requests_of(step: Step) -> Iterator[Request]:
    """Every request that a step can send."""
    if step.request is not None:
        yield step.request
    if step.lookup is not None:
        yield step.lookup.request
    if step.compensation is not None:
        yield step.compensation


def _written(origin: Origin) -> str:
    scheme, host, port = origin
    authority = address_words(host, port)
    return f"{scheme}://{authority.removesuffix(f':{PORTS[scheme]}')}"


def _origin(url: str, which: str) -> Origin:
    try:
        return origin_at(url)
    except Exception as error:  # httpx has one for each way to be no URL
        # The URL itself is not shown: it may hold a password.
        raise TargetUnknown(f"the URL {which} cannot be used: {error}") from None


def _beginning(url: Template, env: Mapping[str, str]) -> str:
    """As much of a URL as its origin takes."""
    scope: dict[str, Json] = {"env": dict(env)}
    try:
        if url.is_constant or not isinstance(url.node, Scalar):
            return evaluate_text(url, scope)
        done = ""
        for part in evaluate_holes(url.node, url.compiled):
            done += part if isinstance(part, str) else as_text(hole_value(part, scope)) or ""
            if AFTER_AUTHORITY.search(done.partition("://")[2]):
                return done
    except ExpressionFailed as failure:
        raise TargetUnknown(str(failure)) from None
    return done
