"""Patterns: the same answers as the engines people know, in time that the text bounds."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagactl.definition.pattern import PatternTooCostly, matches
from sagactl.definition.pattern_text import PatternRejected, parse_pattern

PIECES = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", r"\s", "a?", "b*", "^", "$", ""]),
    lambda below: st.one_of(
        st.tuples(below, below).map("".join),
        st.tuples(below, below).map(lambda p: f"(?:{p[0]}|{p[1]})"),
        below.map(lambda p: f"(?:{p})*"),
        below.map(lambda p: f"({p})+?"),
        below.map(lambda p: f"(?:{p}){{1,3}}"),
        below.map(lambda p: f"(?={p})"),
        below.map(lambda p: f"(?!{p})"),
    ),
    max_leaves=6,
)


@given(PIECES, st.text("ab1 _", max_size=8))
@settings(max_examples=1500, deadline=None)
def test_the_answer_is_that_of_the_usual_engine(pattern: str, text: str) -> None:
    usual = re.search(pattern, text, re.ASCII)
    assert matches(pattern, text) == (usual is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^[a-z]+(-[a-z]+)*$", "a-slug-of-words", True),
        ("^[a-z]+(-[a-z]+)*$", "a--b", False),
        (r"^\d{3}-\d{2,}$", "123-45678", True),
        (r"^\d+$", "١٢٣", False),
        ("^[a-z]+$", "abc\n", False),
        (r"^[\w.+-]+@[\w-]+\.[\w.]+$", "a.b+c@x-y.org", True),
        (r"^é\x41\u{1F600}$", "éA😀", True),
        (r"^[\]\\^-]+$", "]\\^-", True),
        ("[^]", "x", True),
        ("[]", "x", False),
        (r"^(?<year>\d{4})$", "2026", True),
        (r"\bend\b", "the end.", True),
        (r"\Bnd", "end", True),
        (r"^\S+\s\S+$", "a\u00a0b", True),
        ("^.$", "\u2028", False),
    ],
)
def test_what_ecma_262_says_is_what_counts(pattern: str, text: str, found: bool) -> None:
    assert matches(pattern, text) is found


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "a)", "*", "a**", "a{2}{3}", "^*", r"(a)\1", r"\k<n>", "(?<=a)b", "(?<!a)b",
     "(?>a)", "[z-a]", r"[a-\d]", "a{2", "a{3,2}", "a{9999}", r"\p{L}", r"\q", r"\x4",
     r"\u{110000}", "a\\", "(" * 30 + ")" * 30, "a" * 1001],
)  # fmt: skip
def test_what_is_not_offered_is_refused(pattern: str) -> None:
    with pytest.raises(PatternRejected):
        parse_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(a*)*$", "^(.*a){12}$", "^(([a-z])+.)+[A-Z]$"]
)
def test_no_pattern_tries_anything_twice(pattern: str) -> None:
    # Each takes the usual engine longer than the age of the universe on this text.
    assert matches(pattern, "a" * 500 + "!") is False


def test_a_pattern_that_multiplies_repeats_gives_up() -> None:
    with pytest.raises(PatternTooCostly):
        matches("^((a?){1000}){1000}$", "a" * 5000)
