"""Retry-After, read with suspicion (RFC 9110, 10.2.3).

What a service asks for is honoured when it makes sense; anything else is ignored with a note for
people, and never believed in part.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Later than this is a mistake or an attack; a saga would sleep through it without anybody noticing.
MAX_WAIT_S = 24 * 3600.0


def retry_after(value: str | None, date: str | None, now: float) -> tuple[float | None, str | None]:
    """How long to wait in seconds, or a note why the header was ignored.

    `date` is the reply's own Date header: a time given by a service is measured against that
    service's clock, so that a wrong clock on either side does no harm.
    """
    if value is None:
        return None, None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Nine digits are thirty years already; a longer text need not become a number.
        wait = float(text) if len(text) < 10 else float("inf")
    else:
        at = _moment(text)
        if at is None:
            return None, "its Retry-After is neither seconds nor a date and was ignored"
        begins = _moment(date.strip()) if date is not None else None
        wait = at - (now if begins is None else begins)
    if wait < 0:
        return None, "its Retry-After lies in the past and was ignored"
    if wait > MAX_WAIT_S:
        return None, "its Retry-After is more than a day and was ignored"
    return wait, None


def _moment(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date in any of its three forms."""
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
