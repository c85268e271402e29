"""Retry-After in both forms, and what is neither."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay_core.errors.http import LONGEST_PAUSE, from_http_status, http_date, retry_after

SECOND = 1_000_000_000
NOW = 784_111_777 * SECOND  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("00010", 10),
        ("9" * 12, LONGEST_PAUSE),
        ("9" * 90, LONGEST_PAUSE),
        ("9" * 5000, None),
        ("-1", None),
        ("+1", None),
        ("1e3", None),
        ("1_000", None),
        ("0x10", None),
        ("1.", 1),
        (".5", None),
        ("1.5.2", None),
        ("²", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10),
        ("Sun Nov  6 08:49:47 1994", 10),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_PAUSE),
        ("Sun, 06 Nov 1994 08:49:47 CET", None),
        ("Sun, 31 Feb 1994 08:49:47 GMT", None),
        ("Sun, 00 Nov 1994 08:49:47 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:60:47 GMT", None),
        ("Sun, 06 Nov 1994 08:49 GMT", None),
        ("Sun, 06 Nux 1994 08:49:47 GMT", None),
        ("Sun, xx Nov 1994 08:49:47 GMT", None),
    ],
)
def test_both_forms_and_neither(value: str, seconds: float | None):
    assert retry_after(value, NOW) == (None if seconds is None else int(seconds * SECOND))


def test_a_date_says_nothing_without_a_clock():
    assert retry_after("Sun, 06 Nov 1994 08:49:47 GMT") is None
    assert http_date("Sunday, 06-Nov-94 08:49:37 GMT") is None


@pytest.mark.parametrize(
    ("year", "now", "meant"),
    [("94", 1994, 1994), ("01", 1994, 2001), ("44", 1994, 2044), ("45", 1994, 1945), ("75", 2024, 1975)],
)
def test_the_two_digit_year(year: str, now: int, meant: int):
    clock = int(datetime(now, 7, 1, tzinfo=UTC).timestamp()) * SECOND
    date = http_date(f"Sunday, 06-Nov-{year} 08:49:37 GMT", clock)
    assert date == int(datetime(meant, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()) * SECOND


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_dates_agree_with_the_standard_library(moment: datetime):
    moment = moment.replace(microsecond=0)
    assert http_date(format_datetime(moment, usegmt=True)) == int(moment.timestamp()) * SECOND


@given(st.text(max_size=60), st.one_of(st.none(), st.integers(0, 1 << 62)))
def test_any_text_is_a_pause_or_nothing(text: str, now: int | None):
    pause = retry_after(text, now)
    assert pause is None or 0 <= pause <= LONGEST_PAUSE * SECOND


class Headers:
    """As httpx has them: items in lower case."""

    def items(self):
        return [("content-type", "text/html"), ("retry-after", "3")]


class Broken:
    def items(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3),
        ({"RETRY-AFTER": 3}, 3),
        ({"retry-after": ["3", "4"]}, 3),
        ([("x", "y"), ("Retry-After", "3")], 3),
        ([(b"retry-after", b"3")], 3),
        (Headers(), 3),
        ({"Retry-After": "3", "Retry-After-Ms": "2500"}, 2.5),
        ({"retry-after-ms": "garbage", "retry-after": "3"}, 3),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": None}, None),
        ({7: "3", None: 1}, None),
        (Broken(), None),
        ("Retry-After: 3", None),
        (7, None),
        ({}, None),
        ({f"x{i}": "" for i in range(1000)} | {"retry-after": "3"}, None),
    ],
)
def test_headers_of_all_kinds(headers: object, seconds: float | None):
    failure = from_http_status(429, headers, NOW)
    assert failure.retry_after == (None if seconds is None else int(seconds * SECOND))
