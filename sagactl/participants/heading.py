"""The headers of an attempt: ours, those that the definition writes, and the secrets in them.

Made anew for each attempt, because secrets are kept nowhere. Deliberately absent: the network, and
who sends (`auth`), which may take a conversation of its own.
"""

from collections.abc import Mapping
from urllib.parse import quote

from sagactl import __version__
from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.model import Idempotency
from sagactl.definition.template import header_text
from sagactl.machine.command import Call, Phase
from sagactl.participants.trace import traceparent

USER_AGENT = f"sagactl/{__version__}"
# What parts the stream, names the peer or asks for what is never decoded: not the author's to say.
OURS_ALONE = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


def headers_of(call: Call, secrets: Mapping[str, str]) -> tuple[list[tuple[str, str]], list[str]]:
    """All the headers of an attempt but for what `auth` stands for, and what of them is secret.

    Raises ExpressionFailed where one cannot be sent.
    """
    ours = _our_headers(call)
    reserved = {name.lower(): value for name, value in ours}
    headers = {
        "user-agent": ("User-Agent", USER_AGENT),
        "accept": ("Accept", "application/json"),
    }
    if call.sending.content_type is not None:
        headers["content-type"] = ("Content-Type", call.sending.content_type)
    confidential: list[str] = []
    scope = {**call.scope, "secrets": dict(secrets)}
    for name, template in call.request.headers:
        value = header_text(template, scope)
        # A definition may spell out `Idempotency-Key: ${{ step.idempotency_key }}`.
        if name.lower() in OURS_ALONE or reserved.get(name.lower(), value) != value:
            words = f'the header "{name}" is set by sagactl and cannot be another'
            raise ExpressionFailed(words, template.node.place)
        if any(reference.path[0] == "secrets" for reference in template.references):
            confidential += _told_by(value)
        if name.lower() not in reserved:
            headers[name.lower()] = (name, value)
    return [*ours, *headers.values(), ("Accept-Encoding", "identity")], confidential


def _told_by(value: str) -> list[str]:
    """A header's value made of a secret tells it as well as the secret itself: `Basic …`."""
    return [value, value.rpartition(" ")[2]]


def _our_headers(call: Call) -> list[tuple[str, str]]:
    """What every request carries, so that a service can tell a repetition and find its saga."""
    idempotency = call.request.idempotency or Idempotency(keyed=False)
    headers = [
        (idempotency.header, call.key),
        ("X-Correlation-ID", _visible(call.run_id)),
        ("traceparent", traceparent(call)),
        ("Saga-Step", _visible(call.step)),
        ("Saga-Attempt", str(call.attempt)),
    ]
    if call.phase is Phase.COMPENSATION:
        # With it a service can refuse an action that arrives after its own undo.
        headers.append(("Saga-Action-Key", call.action_key))
    return headers


def _visible(text: str) -> str:
    """The text as a header can carry it; what is no visible ASCII is percent-encoded."""
    return quote(text, safe="!#$&'()*+,-./:;<=>?@[]^_`{|}~\"\\")
