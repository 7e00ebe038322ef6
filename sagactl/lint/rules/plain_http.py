"""plain-http: a request leaves this machine without TLS.

Whoever is on the way reads the headers, secrets among them, and can answer in the service's place.
Loopback addresses (localhost, 127.0.0.0/8, ::1) stay on this machine, and nothing is said of them.
Nor of names that only mean something within a network of one's own: one word, as containers call
each other, `.svc`, `.cluster.local` and `.internal`. A URL that comes from env is not known here.

    wrong:  url: http://payments.example
    right:  url: https://payments.example
"""

import re
from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.address import HOLE, literal, urls
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity

HOST = re.compile(r"(?i)http://(?:[^/?#@]*@)?(\[[^\]\s]*\]|[^/?#:\s]+)")
LOOPBACK = re.compile(r"(?i)(?:.*\.)?localhost|127(?:\.[0-9]+){3}|\[::1\]")
# Kubernetes and Docker name services so; `internal` is for private use (ICANN, 2024).
WITHIN = re.compile(r"(?i)[^.:\[]+|.*\.(?:svc|cluster\.local|internal)")


def check(saga: Saga) -> Iterator[Problem]:
    for url in urls(saga):
        found = HOST.match(literal(url))
        if found is None or HOLE in found[1]:
            continue
        if LOOPBACK.fullmatch(found[1]) or WITHIN.fullmatch(found[1]):
            continue
        message = f'requests go to "{found[1]}" over plain http, for anybody on the way to read'
        yield RULE.problem(url.node.place, message, 'write "https://", or read the URL from env')


RULE = Rule(
    "plain-http",
    "SG406",
    "a request leaves this machine without TLS",
    Severity.WARNING,
    check,
)
