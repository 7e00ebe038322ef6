"""literal-secret: a secret is written out in the definition.

A definition is read by many, kept with every run and pushed to places that forget nothing. A secret
that stood there once must be replaced. Told of keys that their issuers make recognizable (sk_live_,
ghp_, AKIA, xoxb-, JSON Web Tokens, private keys), even in a remark; of what is written out in
Authorization, Cookie, X-Api-Key and the `auth` of a service; of fields called password,
client_secret, api_key and such; and of whatever ends in token, secret or key and looks like one.

    wrong:  headers: {Authorization: Bearer 3xAmpl3}
    right:  headers: {Authorization: "Bearer ${{ secrets.SHOP_TOKEN }}"}
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.address import template_parts
from sagactl.lint.credential import (
    is_written_field,
    is_written_header,
    known_secrets,
    proofs,
)
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, requests, spots
from sagactl.source.node import List, Map, Node, Scalar
from sagactl.source.place import Place
from sagactl.source.problem import Problem, Severity

HINT = 'write "${{ secrets.NAME }}" in a header, and replace the secret: it is known now'
AUTH_HINT = 'write "${{ secrets.NAME }}", and replace the secret: it is known now'


def check(saga: Saga) -> Iterator[Problem]:
    text = saga.source.text
    for start, end in known_secrets(text):
        line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
        place = Place(saga.source, line, column, line, column + end - start)
        message = f'what begins with "{text[start : start + 4]}…" here looks like a secret'
        yield RULE.problem(place, message, HINT)
    for _, _, request in requests(saga):
        for name, value in request.headers:
            literal = "".join(p for p in template_parts(value) if isinstance(p, str))
            if is_written_header(name, literal, is_whole=value.is_constant):
                message = f'the header "{name}" is written out, and it proves who is asking'
                yield RULE.problem(value.node.place, message, HINT)
    for name, proof in proofs(saga):
        literal = "".join(p for p in template_parts(proof) if isinstance(p, str))
        if proof.is_constant and not any(known_secrets(literal)):
            message = f'"{name}" of the "auth" is written out'
            yield RULE.problem(proof.node.place, message, AUTH_HINT)
    for spot in spots(saga):
        if spot.part in (Part.JSON, Part.FORM, Part.INPUT):
            yield from _fields(spot.template.node)


def _fields(node: Node) -> Iterator[Problem]:
    for item in node.items if isinstance(node, List) else ():
        yield from _fields(item)
    for entry in node.entries if isinstance(node, Map) else ():
        yield from _fields(entry.value)
        match entry.value:
            case Scalar(value=str() as text) if "${{" not in text:
                if is_written_field(entry.name, text):
                    yield RULE.problem(entry.value.place, f'"{entry.name}" is written out', HINT)


RULE = Rule(
    "literal-secret",
    "SG402",
    "a secret is written out in the definition",
    Severity.WARNING,
    check,
)
