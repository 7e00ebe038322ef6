"""Retry-After in every form that services send it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sagactl.participants.retry_after import retry_after

NOW_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
NOW = NOW_AT.timestamp()


def date(seconds: float) -> str:
    return format_datetime(NOW_AT + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("007", 7.0),
        ("86400", 86400.0),
        (date(90), 90.0),
        (date(0), 0.0),
        ("Wednesday, 04-Mar-26 05:06:37 GMT", 30.0),
        ("Wed Mar  4 05:06:37 2026", 30.0),
    ],
)
def test_seconds_and_dates_are_honoured(value: str, wait: float) -> None:
    assert retry_after(value, None, NOW) == (wait, None)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (date(-1), "lies in the past"),
        ("86401", "more than a day"),
        ("1000000000", "more than a day"),
        ("9" * 5000, "more than a day"),
        (date(90_000), "more than a day"),
        ("-5", "neither seconds nor a date"),
        ("1.5", "neither seconds nor a date"),
        ("1e3", "neither seconds nor a date"),
        ("７", "neither seconds nor a date"),
        ("5, 7", "neither seconds nor a date"),
        ("soon", "neither seconds nor a date"),
        ("", "neither seconds nor a date"),
        ("Wed, 99 Foo 2026 99:99:99 GMT", "neither seconds nor a date"),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", "neither seconds nor a date"),
    ],
)
def test_what_makes_no_sense_is_ignored_with_a_note(value: str, why: str) -> None:
    wait, note = retry_after(value, None, NOW)
    assert wait is None
    assert note is not None
    assert why in note


def test_a_date_is_measured_against_the_clock_of_the_service() -> None:
    assert retry_after(date(1030), date(1000), NOW) == (30.0, None)


def test_a_date_header_that_is_none_leaves_our_clock() -> None:
    assert retry_after(date(30), "yesterday", NOW) == (30.0, None)


def test_no_header_asks_for_nothing() -> None:
    assert retry_after(None, None, NOW) == (None, None)
