"""`operation: placeOrder` in place of a request: looked up in the document of its service."""

from collections.abc import Mapping

from sagactl.definition.asking import Called
from sagactl.definition.model import Service
from sagactl.definition.template import constant
from sagactl.source.node import Map, Scalar
from sagactl.source.problem import Problem


def called_operation(
    phase: str,
    own: Map,
    name: Scalar,
    service: Service | None,
    written: Mapping[str, Map],
    problems: list[Problem],
) -> Called | None:
    """What `operation` stands for; None where the request is written out.

    `written` are the services as they are written; what is wrong is added to `problems`.
    """
    operation, path = own.key("operation"), own.get("path")
    if own.get("request") is not None or operation is None:
        if path is not None:
            problems.append(Problem("out-of-place", path.place, '"path" goes with "operation"'))
        if operation is not None and phase != "action":  # of an action that is told
            message = 'a request is one thing: "request" or "operation"'
            problems.append(Problem("two-actions", operation.place, message))
        return None
    nowhere = Called(None, constant("/", name.place))
    if service is None or service.name not in written:
        if service is None:
            message = f'the operation "{name.value}" is at no service: name one'
            problems.append(Problem("no-service", name.place, message))
        return nowhere
    if service.document is None:
        if written[service.name].get("openapi") is None:
            message = f'service "{service.name}" names no document with "{name.value}" in it'
            hint = 'write "openapi: PATH" at the service'
            problems.append(Problem("no-document", name.place, message, hint))
        return nowhere
    # What is read of a document is not imported where none is named.
    from sagactl.definition.openapi.calling import named_operation, operation_url

    found, more = named_operation(service.document, name)
    problems.extend(more)
    if found is None:
        return nowhere
    url, more = operation_url(found, name, path if isinstance(path, Map) else None)
    problems.extend(more)
    return Called(found.method, url)
