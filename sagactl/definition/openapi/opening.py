"""A document from its text: read, and told apart from what is none."""

import json
import re
from collections.abc import Iterable

from sagactl.definition.openapi.document import Document
from sagactl.definition.openapi.page import Fetch, Pages, read_page
from sagactl.source.node import Map
from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem

SPOKEN = re.compile(r"3\.[01]\.\d+(?:-.+)?\Z")


def open_document(
    source: Source, fetch: Fetch, folders: tuple[str, ...]
) -> tuple[Document | None, list[Problem]]:
    """The document of a text, or None and why; its references lead into `folders` only."""
    page, problems = read_page(source)
    if page is None:
        return None, list(problems)
    if not isinstance(page.node, Map):
        message = 'an OpenAPI document is a map with "openapi", "info" and "paths" in it'
        return None, [Problem("openapi-version", page.node.place, message)]
    version = page.node.get("openapi")
    if version is None:
        swagger = page.node.key("swagger")
        place = Place(source, 1, 1, 1, 2) if swagger is None else swagger.place
        said = "it is Swagger 2.0" if swagger is not None else 'it has no "openapi"'
        message = f"OpenAPI 3.0 and 3.1 are read, and {said}"
        return None, [Problem("openapi-version", place, message)]
    if not isinstance(page.json["openapi"], str) or not SPOKEN.match(page.json["openapi"]):
        message = f'OpenAPI 3.0 and 3.1 are read, not "{page.json["openapi"]}"'
        hint = 'write the whole version in quotes: "3.1.0"'
        return None, [Problem("openapi-version", version.place, message, hint)]
    return Document(page, Pages(fetch, folders)), []


def outline(document: Document, ids: Iterable[str]) -> str:
    """The least document that has these operations, at the same methods and paths.

    It is what a run keeps: a document may have megabytes, and nothing else is needed to go on.
    """
    paths: dict[str, dict[str, dict[str, str]]] = {}
    for name in sorted(set(ids)):
        for operation in document.called(name):
            methods = paths.setdefault(operation.path, {})
            methods[operation.method.lower()] = {"operationId": name}
    return json.dumps({"openapi": "3.1.0", "paths": paths}, sort_keys=True)
