"""other-server: a service's URL lacks the path that its document's servers have.

A document whose server is `https://api.example.com/v1` means `/charges` below that `/v1`. With a
URL that is written out without it, requests would miss the service. A URL from `env` may have any
path, so nothing is said about it.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.described import described_calls
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Related, Severity


def check(saga: Saga) -> Iterator[Problem]:
    told: set[str] = set()
    for call in described_calls(saga):
        service = call.request.service
        if service is None or service.name in told or not service.url.is_constant:
            continue
        if call.operation is None or call.is_below_a_server:
            continue
        told.add(service.name)
        shown = " or ".join(dict.fromkeys(f'"{path}"' for _, path in call.document.servers))
        yield RULE.problem(
            service.url.node.place,
            f'the url of service "{service.name}" has not the path of its document\'s servers',
            f"they stand below {shown}",
            (Related(call.document.servers_place, "the servers are listed here"),),
        )


RULE = Rule(
    "other-server",
    "SG510",
    "a service's url lacks the path that its document's servers have",
    Severity.WARNING,
    check,
)
