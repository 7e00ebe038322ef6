"""The same expressions, asked of us and of Google's CEL: the answers agree, and so do the refusals.

Where they may differ is told in the head of `sagactl/definition/expression.py` and nowhere else;
`is_deviation` is that list as far as these expressions can come near it.
"""

import math
import re
from typing import Any

import pytest
from definition.expressions import scalar
from hypothesis import given, settings
from hypothesis import strategies as st

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.template import evaluate, parse_template

cel = pytest.importorskip("cel_expr_python.cel", reason="cel-expr-python is not installed")

Texts = st.SearchStrategy[str]
FAILED = object()
DATA: dict[str, Any] = {
    "n": 7, "low": -(2**63), "f": 1.5, "t": "xé", "ok": True, "none": None, "empty": {},
    "list": [1, 2, 3], "m": {"a": 1, "items": [4, 5]}, "rows": [{"k": "a", "n": 2}, {"k": "b", "n": 5}],
}  # fmt: skip


def joined(*parts: Texts) -> Texts:
    return st.tuples(*parts).map(lambda made: f"({' '.join(made)})")


def one_of(*words: str) -> Texts:
    return st.sampled_from(words)


def short(strategy: Texts) -> Texts:
    """The same strategy without its long story, which Hypothesis would write out each time."""
    return st.deferred(lambda: strategy)


WHOLES = st.one_of(
    st.integers(-50, 50).map(str),
    one_of("9223372036854775807", "-9223372036854775808", "4611686018427387904"),
    one_of("d.n", "d.low", "d.m.a", "d['n']", "d.list[1]", "d.rows[0].n"),
    one_of("d.missing", "d.list[3]", "d.m.items[2]", "d.n.a", "d.none.a"),
    one_of("size(d.list)", "d.t.size()", "size(d.m)", "int('42')", "int('x')", "int(3.9)", "int(-3.9)"),
)  # fmt: skip
wholes = short(st.recursive(WHOLES, lambda n: joined(n, one_of(*"+-*/%"), n), max_leaves=5))
fractions = short(
    st.recursive(
        one_of("0.5", "-2.25", "1e3", "d.f", "double('1.5')", "double(3)", "0.0"),
        lambda n: joined(n, one_of(*"+-*/"), n),
        max_leaves=4,
    )
)
texts = short(
    st.recursive(
        st.one_of(
            st.text("abc é", max_size=4).map(lambda text: f"'{text}'"),
            one_of("d.t", "d.rows[1].k", '"it\'s"', r"'\u00e9\n'", "string(12)", "string(true)"),
        ),
        lambda t: joined(t, one_of("+"), t),
        max_leaves=3,
    )
)
lists = short(
    st.one_of(
        one_of("d.list", "[1, 2]", "d.list + [4]", "[]", "d.m.items"),
        one_of("d.list.filter(i, i > 1)", "d.list.map(i, i * 2)", "d.rows.map(r, r.n)"),
        st.lists(wholes, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    )
)
asked = short(
    st.one_of(
        joined(wholes, one_of("<", "<=", ">", ">=", "==", "!="), wholes),
        joined(fractions, one_of("<", "<=", ">", ">=", "==", "!="), fractions),
        joined(texts, one_of("<", "<=", ">", ">=", "==", "!="), texts),
        joined(lists, one_of("==", "!="), lists),
        joined(wholes, one_of("in"), lists),
        st.tuples(texts, one_of("contains", "startsWith", "endsWith"), texts).map(
            lambda t: f"{t[0]}.{t[1]}({t[2]})"
        ),
        st.tuples(lists, one_of("exists", "all"), one_of("i > 1", "1 / i > 0", "i == d.n")).map(
            lambda t: f"({t[0]}).{t[1]}(i, {t[2]})"
        ),
        one_of(
            "true", "false", "d.ok", "d.none == null", "d.n == 7.0", "d.ok == d.n", "d.t == d.n"
        ),
        one_of(
            "has(d.n)",
            "has(d.missing)",
            "has(d.m.b)",
            "has(d.nowhere.b)",
            "'a' in d.m",
            "'b' in d.m",
        ),
        one_of("{'a': 1} == d.m", "{'a': 1, 'b': [2]} == {'b': [2], 'a': 1}"),
    )
)
bools = short(
    st.recursive(
        asked,
        lambda b: st.one_of(joined(b, one_of("&&", "||"), b), b.map(lambda text: f"!({text})")),
        max_leaves=4,
    )
)
values = st.one_of(wholes, fractions, texts, lists, bools)
expressions = st.one_of(
    values,
    st.tuples(bools, wholes, wholes).map(lambda t: f"{t[0]} ? {t[1]} : {t[2]}"),
    st.tuples(wholes, texts).map(lambda t: f"{{'a': [{t[0]}], 'b': {{'c': {t[1]}}}}}"),
    one_of(
        "d", "d.m", "d.none", "d.empty", "d.rows.filter(r, r.n > 2)[0].k", "size(d.m.map(k, k))"
    ),
)


def ours(expression: str) -> Any:
    template, problems = parse_template(scalar(f"${{{{ {expression} }}}}"))
    assert problems == [], problems
    try:
        return evaluate(template, {"d": DATA})
    except ExpressionFailed:
        return FAILED


ENV = cel.NewEnv(variables={"d": cel.Type.DYN})


def theirs(expression: str) -> Any:
    result = ENV.compile(expression).eval(data={"d": DATA})
    if result.type().name() == "ERROR":
        return FAILED
    return result.plain_value()


def alike(one: Any, other: Any) -> bool:
    """The same JSON, and true is not 1 and 1 is not 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return bool(one == other)


def is_deviation(expression: str, mine: Any, other: Any) -> bool:
    """Whether our refusal of what CEL answers is one of those that are told."""
    divides_fractions = "/" in expression and re.search(r"\d\.\d|1e3|d\.f|double", expression)
    forgives = any(word in expression for word in ("&&", "||", "exists", "all"))
    return mine is FAILED and other is not FAILED and bool(divides_fractions or forgives)


@settings(max_examples=600)
@given(expressions)
def test_our_answers_and_refusals_are_cel_s(expression: str) -> None:
    mine, other = ours(expression), theirs(expression)
    if not is_deviation(expression, mine, other):
        assert (mine is FAILED) == (other is FAILED), expression
        assert mine is FAILED or alike(mine, other), expression


@pytest.mark.parametrize(
    ("expression", "mine", "other"),
    [
        ("d.n * d.f", 10.5, FAILED),
        ("1.0 / 0.0", FAILED, math.inf),
        ("d.missing || true", FAILED, True),
        ("[0, 1].exists(i, 1 / i > 0)", FAILED, True),
        ("string(2.0)", "2.0", "2"),
        ("has(d.n.a)", False, FAILED),
    ],
)
def test_the_deviations_are_those_that_are_told(expression: str, mine: Any, other: Any) -> None:
    assert ours(expression) == mine
    assert theirs(expression) == other
