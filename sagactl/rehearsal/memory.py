"""Which of the things done before a call is about, and what was answered then.

A saga's own headers say it exactly. Whoever calls without them names a thing as any client does: by
an id in the path or query, or in the body, that stood in the path or the reply when it was made.
"""

from urllib.parse import parse_qsl, unquote

from sagactl.rehearsal.ledger import Effect, Ledger, PlayedCall
from sagactl.rehearsal.operation import Match
from sagactl.rehearsal.recall import json_body, text_leaves
from sagactl.rehearsal.wire import JSON_TYPE, Received, Reply
from sagactl.source.node import Json


def as_kept(reply: Reply) -> Json:
    """A reply as the ledger keeps it."""
    kept: Json = {"status": reply.status, "headers": dict(reply.headers)}
    if reply.content_type != JSON_TYPE:
        kept["content_type"] = reply.content_type
    return kept if reply.is_empty else {**kept, "body": reply.body}


def kept_reply(call: PlayedCall) -> Reply:
    """The reply that the ledger kept, to be sent again as it was."""
    kept = call.reply
    return Reply(
        kept["status"],
        kept.get("body"),
        kept["headers"],
        is_empty="body" not in kept,
        content_type=kept.get("content_type", JSON_TYPE),
    )


def undoable_effects(
    ledger: Ledger, match: Match, received: Received, saga: str | None, action_key: str | None
) -> list[Effect]:
    """What an undo is about, undone or not, the likeliest first."""
    effects = ledger.effects(match.operation.path)
    if action_key is not None:
        effects = [effect for effect in effects if effect.key == action_key]
        return _named_first(effects, _names(match, received))
    if saga is not None:
        effects = [effect for effect in effects if effect.saga == saga]
        effects = _of_instance(effects, match)
        return _named_first(effects, _names(match, received))
    names = _names(match, received)
    # The latest: that is the one which somebody without a key or an id would mean.
    return _named(effects, names) if names else effects[::-1]


def found_effects(
    ledger: Ledger, match: Match, received: Received, saga: str | None
) -> list[Effect]:
    """What a lookup is about, of that which still stands."""
    effects = [
        effect for effect in ledger.effects(match.operation.path) if not ledger.is_undone(effect)
    ]
    names = set(match.named)
    if saga is not None:
        effects = _of_instance([effect for effect in effects if effect.saga == saga], match)
        return _named_first(effects, names)
    return _named(effects, names) if names else effects


def _of_instance(effects: list[Effect], match: Match) -> list[Effect]:
    """Where the caller says which one of several it is, that one's only."""
    if match.instance == match.operation.path:
        return effects
    return [effect for effect in effects if effect.step == match.instance]


def _names(match: Match, received: Received) -> set[str]:
    """The texts by which a request can name a thing."""
    if match.named:
        return set(match.named)
    return {*text_leaves(json_body(received)), *_form_values(received)}


def _form_values(received: Received) -> list[str]:
    if "urlencoded" not in received.headers.get("content-type", ""):
        return []
    return [value for _, value in parse_qsl(received.body.decode("latin-1"))]


def _named(effects: list[Effect], names: set[str]) -> list[Effect]:
    return [effect for effect in _named_first(effects, names) if _known_as(effect) & names]


def _named_first(effects: list[Effect], names: set[str]) -> list[Effect]:
    return sorted(effects, key=lambda effect: -len(_known_as(effect) & names))


def _known_as(effect: Effect) -> set[str]:
    """The texts by which a thing that was done can be named."""
    path, _, query = effect.call.path.partition("?")
    segments = [unquote(part) for part in path.split("/") if part]
    values = [value for _, value in parse_qsl(query)]
    told = kept_reply(effect.call).body
    return {*segments, *values, *text_leaves(told), *filter(None, (effect.key, effect.saga))}
