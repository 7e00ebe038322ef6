"""url-credentials: a URL carries a password or a key.

URLs are written down: in the state, in the history, in the logs of every machine on the way.
Credentials go into a header, made of a secret, which is kept nowhere.

    wrong:  url: https://shop:${{ env.PASSWORD }}@shop.example
    right:  headers: {Authorization: "Basic ${{ secrets.SHOP }}"}

Of a query, those of literal text or env are told: what a service gave out itself (a signature, the
token of a page) it may well want back there.
"""

import re
from collections.abc import Iterator

from sagactl.definition.expression import tree_references
from sagactl.definition.model import Saga
from sagactl.definition.template import Template, holes
from sagactl.lint.address import literal, urls
from sagactl.lint.credential import is_credential
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, spots
from sagactl.source.node import Map, plain
from sagactl.source.problem import Problem, Severity

USER = re.compile(r"(?i)https?://[^/?#@]*@")
FIELD = re.compile(r"[?&]([^=&\0]+)=")
HINT = 'send it in a header made of "secrets"'


def check(saga: Saga) -> Iterator[Problem]:
    for url in urls(saga):
        text = literal(url)
        if USER.match(text):
            message = (
                'a name or password stands in front of the "@" of a URL, which is written down'
            )
            yield RULE.problem(url.node.place, message, HINT)
        named = [name for name in FIELD.findall(text) if is_credential(name)]
        if named and _is_fixed(url):
            message = f'the query sends "{named[0]}" as a part of the URL, which is written down'
            yield RULE.problem(url.node.place, message, HINT)
    for spot in spots(saga):
        node = spot.template.node
        if spot.part is not Part.QUERY or not isinstance(node, Map) or not _is_fixed(spot.template):
            continue
        for entry in node:
            if is_credential(entry.name) and plain(entry.value):
                message = (
                    f'the query sends "{entry.name}" as a part of the URL, which is written down'
                )
                yield RULE.problem(entry.key.place, message, HINT)


def _is_fixed(template: Template) -> bool:
    """Whether all of it is known before the saga begins, data and replies apart."""
    read = [path for hole in holes(template) for path, _, _, _ in tree_references(hole.tree)]
    return all(path[0] == "env" for path in read)


RULE = Rule(
    "url-credentials",
    "SG404",
    "a URL carries a password or a key",
    Severity.WARNING,
    check,
)
