"""Secrets taken out again of whatever a service said.

A service may echo a header in an error or in a result; neither may reach the journal or a screen.
Deliberately not promised: to find a secret that a service has transformed.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import quote, quote_plus

from sagactl.source.node import Json

MASK = "***"
# A text of one, two or three characters occurs by chance: masking it inside results would turn
# the id of a payment into another, and no secret worth the name is that short.
MIN_LENGTH_IN_RESULTS = 4


class Redaction:
    """Replaces each of a set of secrets by `***`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # The longest first: where one secret is the beginning of another, no rest of it may stay.
        self._forms = sorted(filter(None, forms), key=lambda form: (-len(form), form))
        self._long = [form for form in self._forms if len(form) >= MIN_LENGTH_IN_RESULTS]

    def text(self, text: str) -> str:
        """A text for people."""
        return _masked(text, self._forms)

    def value(self, value: Json) -> Json:
        """A JSON value, names and all."""
        if not self._long:
            return value
        match value:
            case str():
                return _masked(value, self._long)
            case list():
                items = [self.value(item) for item in value]
                return items if _differ(items, value) else value
            case dict():
                names = [_masked(name, self._long) for name in value]
                items = [self.value(item) for item in value.values()]
                if _differ(names, value) or _differ(items, value.values()):
                    return dict(zip(names, items, strict=True))
        return value


def _forms(secret: str) -> Iterable[str]:
    """A secret as it may come back: as it is, in JSON, in a URL, in a form."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    with suppress(UnicodeEncodeError):  # half a character, as an environment may have it
        yield quote(secret, safe="")
        yield quote_plus(secret)


def _differ(masked: Iterable[Json], seen: Iterable[Json]) -> bool:
    # A reply without secrets is not copied: a mebibyte of `{}` is twenty once it is read.
    return any(one is not other for one, other in zip(masked, seen, strict=True))


def _masked(text: str, forms: list[str]) -> str:
    for form in forms:
        text = text.replace(form, MASK)
    return text
