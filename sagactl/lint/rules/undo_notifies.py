"""undo-notifies: a compensation tells somebody, and takes nothing back.

A message that an order is cancelled does not cancel it: the charge, the reservation or the booking
stays, and the saga counts as compensated. Told of a POST or PUT whose path, host or service speaks
of messages, where the action is no message itself: to one that was sent, there is but an apology.

    wrong:  action: POST /charges        compensation: POST /notifications
    right:  action: POST /charges        compensation: POST /charges/${{ result.id }}/refund
"""

import re
from collections.abc import Iterator

from sagactl.definition.model import Request, Saga
from sagactl.lint.address import HOLE, literal
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity

WORDS = frozenset((
    "alert", "alerts", "email", "emails", "inform", "mail", "mailer", "mails", "message",
    "messages", "messaging", "notification", "notifications", "notifier", "notify", "push", "sms",
))  # fmt: skip
# Who does nothing else, and what a path begins with that does nothing else.
HOSTS = WORDS | {"slack", "twilio", "sendgrid", "mailgun", "postmark", "pagerduty"}
VERBS = ("alert", "inform", "notify")
ORIGIN = re.compile(r"(?i)^[a-z]+://([^/?#]*)")


def check(saga: Saga) -> Iterator[Problem]:
    for step in saga.steps:
        undo, action = step.compensation, step.request
        if undo is None or action is None or undo.method not in ("POST", "PUT"):
            continue
        if _tells(undo) and not _tells(action):
            yield RULE.problem(
                undo.place,
                f'the undo of "{step.name}" only tells somebody, so what was done stays done',
                "undo it first; tell it in a step of its own, or past the pivot",
            )


def _tells(request: Request) -> bool:
    """Whether its service, its host, or the first or last word of its path is one of messages."""
    if request.service is not None and _is_message(request.service.name):
        return True
    url = literal(request.url)
    origin = ORIGIN.match(url)
    if origin is not None and not HOSTS.isdisjoint(origin[1].lower().split(".")):
        return True
    path = ORIGIN.sub("", url).partition("?")[0]
    named = [segment for segment in path.split("/") if segment and HOLE not in segment]
    if not named:
        return False
    return named[0] in VERBS or named[-1] == "send" or _is_message(named[-1])


def _is_message(name: str) -> bool:
    return not WORDS.isdisjoint(re.split(r"[^a-z]+", name.lower()))


RULE = Rule(
    "undo-notifies",
    "SG209",
    "a compensation tells somebody, and takes nothing back",
    Severity.WARNING,
    check,
)
