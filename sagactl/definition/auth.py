"""The `auth` of a service, as it is written: read into the model, and what is wrong about it."""

import posixpath
from collections.abc import Callable

from sagactl.definition.model import Auth, Basic, Bearer, ClientCredentials, Tls
from sagactl.definition.template import Template
from sagactl.source.node import Map, Node, Scalar
from sagactl.source.place import Place

SCHEMES = ("basic", "bearer", "oauth2")

Parse = Callable[[Node | None], Template | None]
Tell = Callable[[str, Place, str], None]


def read_auth(service: Map, parse: Parse, tell: Tell) -> Auth | None:
    """The `auth` of a service's map, None where it has none."""
    node = service.get("auth")
    if not isinstance(node, Map):
        return None
    named = [key for name in SCHEMES if (key := node.key(name)) is not None]
    for other in named[1:]:
        tell("two-auths", other.place, f'"{named[0].value}" says already who sends the requests')
    headers = service.get("headers")
    for entry in headers if isinstance(headers, Map) else ():
        if named and entry.name.lower() == "authorization":
            tell("two-auths", entry.key.place, f'"auth" of the service sets "{entry.name}" already')
    return Auth(_scheme(node, parse), _tls(node.get("tls")))


def _scheme(node: Map, parse: Parse) -> Basic | Bearer | ClientCredentials | None:
    def said(below: Node | None, name: str) -> Template:
        assert isinstance(below, Map)
        template = parse(below.get(name))
        assert template is not None  # the schema saw to it
        return template

    basic, bearer, oauth2 = (node.get(name) for name in SCHEMES)
    if basic is not None:
        return Basic(said(basic, "username"), said(basic, "password"))
    if bearer is not None:
        return Bearer(said(node, "bearer"))
    if not isinstance(oauth2, Map):
        return None
    return ClientCredentials(
        said(oauth2, "token_url"),
        said(oauth2, "client_id"),
        said(oauth2, "client_secret"),
        parse(oauth2.get("scope")),
        parse(oauth2.get("audience")),
    )


def _tls(node: Node | None) -> Tls | None:
    if not isinstance(node, Map):
        return None
    folder = posixpath.dirname(node.place.source.name)
    paths = {
        entry.name: posixpath.join(folder, str(entry.value.value))
        for entry in node
        if isinstance(entry.value, Scalar)
    }
    return Tls(node.place, paths.get("cert"), paths.get("key"), paths.get("ca"))
