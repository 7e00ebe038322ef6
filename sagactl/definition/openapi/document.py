"""What a service says of itself: its operations, what they take, and what they answer.

A document may be wrong in places; then less is known, and nothing here fails. What is wrong with
it is told by `validity`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sagactl.definition.openapi.page import Page, Pages, Piece
from sagactl.definition.openapi.route import best_match, server_host, server_path
from sagactl.source.node import Json
from sagactl.source.place import Place

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`where` is path, query, header or cookie."""

    name: str
    where: str
    required: bool
    schema: Piece | None
    piece: Piece


@dataclass(frozen=True, slots=True)
class Content:
    """A body in one media type; `examples` are whole bodies, the document's own."""

    media_type: str
    schema: Piece | None
    examples: tuple[Json, ...]
    piece: Piece


@dataclass(frozen=True, slots=True)
class Reply:
    """What a status, a class of them (`4XX`) or `default` comes with."""

    status: str
    contents: tuple[Content, ...]
    piece: Piece

    @property
    def json(self) -> Content | None:
        """Its body, where that is JSON."""
        return json_content(self.contents)


@dataclass(frozen=True, eq=False)
class Operation:
    """A method of a path."""

    method: str
    path: str
    piece: Piece
    path_item: Piece = field(repr=False)

    @property
    def id(self) -> str | None:
        """Its `operationId`."""
        found = self.piece.value.get("operationId")
        return found if isinstance(found, str) else None

    @property
    def deprecated(self) -> bool:
        return self.piece.value.get("deprecated") is True

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its own, and those of its path that it does not say anew."""
        found: dict[tuple[str, str], Parameter] = {}
        for above in (self.path_item, self.piece):
            listed = above.get("parameters")
            for _, piece in listed.items() if listed is not None else ():
                parameter = _parameter(piece)
                if parameter is not None:
                    found[parameter.where, parameter.name] = parameter
        return tuple(found.values())

    @cached_property
    def body(self) -> Piece | None:
        """Its request body."""
        return self.piece.get("requestBody")

    @property
    def needs_body(self) -> bool:
        return self.body is not None and self.body.value.get("required") is True

    @cached_property
    def accepts(self) -> tuple[Content, ...]:
        """The bodies it takes."""
        return _contents(self.body)

    @property
    def request_schema(self) -> Piece | None:
        """The schema of a JSON body."""
        content = json_content(self.accepts)
        return None if content is None else content.schema

    @cached_property
    def replies(self) -> tuple[Reply, ...]:
        """What it answers, in the order of the document."""
        listed = self.piece.get("responses")
        return tuple(
            Reply(str(status), _contents(piece), piece)
            for status, piece in (listed.items() if listed is not None else ())
            if isinstance(piece.value, dict) and not str(status).startswith("x-")
        )

    def reply(self, status: int) -> Reply | None:
        """What it says of a status: its own entry, that of its class, or `default`."""
        entries = {reply.status.upper(): reply for reply in self.replies}
        for name in (str(status), f"{status // 100}XX", "DEFAULT"):
            if name in entries:
                return entries[name]
        return None

    def parameter(self, where: str, name: str) -> Parameter | None:
        """The parameter of a name; those of headers in upper or lower case."""
        for parameter in self.parameters:
            same = parameter.name == name
            if where == "header":
                same = parameter.name.lower() == name.lower()
            if same and parameter.where == where:
                return parameter
        return None

    def __str__(self) -> str:
        return f'"{self.method} {self.path}"'


@dataclass(frozen=True, slots=True)
class Found:
    """What a method and a path lead to.

    `operation` is None where there is none; then `path` is the template that the path fits, if any,
    and `methods` are what that offers. `is_sure` is False where only the saga's run will show.
    """

    operation: Operation | None
    path: str | None = None
    methods: tuple[str, ...] = ()
    is_sure: bool = True


@dataclass(frozen=True, eq=False)
class Document:
    """A document, by its root page."""

    page: Page = field(repr=False)
    pages: Pages = field(repr=False)

    @property
    def name(self) -> str:
        return self.page.source.name

    @property
    def version(self) -> str:
        """As it is written, such as 3.0.3."""
        return str(self.page.json.get("openapi"))

    @property
    def is_3_0(self) -> bool:
        return self.version.startswith("3.0")

    @cached_property
    def root(self) -> Piece:
        return Piece(self.pages, self.page, (), self.page.json)

    @cached_property
    def paths(self) -> Mapping[str, Piece]:
        """The path items by their templates."""
        listed = self.root.get("paths")
        if listed is None:
            return {}
        return {
            str(name): piece
            for name, piece in listed.items()
            if str(name).startswith("/") and isinstance(piece.value, dict)
        }

    def at(self, path: str) -> tuple[Operation, ...]:
        """The operations of a path template."""
        item = self.paths[path]
        pieces = ((method, item.get(method)) for method in METHODS)
        return tuple(
            Operation(method.upper(), path, piece, item)
            for method, piece in pieces
            if piece is not None and isinstance(piece.value, dict)
        )

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All of them, in the order of the document."""
        return tuple(operation for path in self.paths for operation in self.at(path))

    def called(self, name: str) -> tuple[Operation, ...]:
        """Those whose `operationId` it is: one, where the document is right."""
        return tuple(operation for operation in self.operations if operation.id == name)

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a method and a path below the server, or None."""
        return self.find(method, path).operation

    def find(self, method: str, path: str) -> Found:
        """What a method and a path below the server lead to; `route.MARK` is what is computed."""
        match = best_match(path, self.paths)
        if match is None:
            return Found(None)
        there = {operation.method: operation for operation in self.at(match.template)}
        methods = tuple(there)
        return Found(there.get(method), match.template, methods, match.is_sure)

    @cached_property
    def servers(self) -> tuple[tuple[str | None, str], ...]:
        """Host and path of each server; the document itself where it names none."""
        listed = self.root.get("servers")
        found = [_server(piece) for _, piece in (listed.items() if listed is not None else ())]
        return tuple(server for server in found if server is not None) or ((None, ""),)

    @property
    def servers_place(self) -> Place:
        """Where the servers are listed."""
        listed = self.root.raw("servers")
        return self.page.node.place if listed is None else listed.place


def is_json(media_type: str) -> bool:
    """Whether JSON is among what a media type, or a range of them, stands for."""
    kind = media_type.split(";")[0].strip().lower()
    return kind in ("application/json", "*/*", "application/*") or kind.endswith("+json")


def is_form(media_type: str) -> bool:
    """Whether a form is among what a media type, or a range of them, stands for."""
    return media_type.split(";")[0].strip().lower() in (FORM, "*/*", "application/*")


def json_content(contents: tuple[Content, ...]) -> Content | None:
    """The one of several bodies that is JSON."""
    return next((content for content in contents if is_json(content.media_type)), None)


def _parameter(piece: Piece) -> Parameter | None:
    value = piece.value
    if not isinstance(value, dict):
        return None
    name, where = value.get("name"), value.get("in")
    if not isinstance(name, str) or not isinstance(where, str):
        return None
    return Parameter(name, where, value.get("required") is True, piece.raw("schema"), piece)


def _contents(body: Piece | None) -> tuple[Content, ...]:
    listed = body.get("content") if body is not None else None
    return tuple(
        Content(str(media_type), piece.raw("schema"), tuple(_examples(piece)), piece)
        for media_type, piece in (listed.items() if listed is not None else ())
        if isinstance(piece.value, dict)
    )


def _examples(content: Piece) -> Iterator[Json]:
    """The bodies that a content gives as examples, the most particular first."""
    if "example" in content.value:
        yield content.value["example"]
    several = content.get("examples")
    for _, piece in several.items() if several is not None else ():
        if isinstance(piece.value, dict) and "value" in piece.value:
            yield piece.value["value"]
    schema = content.get("schema")
    if schema is None or not isinstance(schema.value, dict):
        return
    if "example" in schema.value:
        yield schema.value["example"]
    listed = schema.value.get("examples")
    yield from listed if isinstance(listed, list) else ()


def _server(piece: Piece) -> tuple[str | None, str] | None:
    if not isinstance(piece.value, dict) or not isinstance(piece.value.get("url"), str):
        return None
    variables = piece.get("variables")
    defaults = {
        str(name): str(variable.value["default"])
        for name, variable in (variables.items() if variables is not None else ())
        if isinstance(variable.value, dict) and "default" in variable.value
    }
    url = piece.value["url"]
    return server_host(url, defaults), server_path(url, defaults)
