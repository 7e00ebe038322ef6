"""The expression language: what it gives, what it refuses, and where it says so."""

import pytest

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.template import (
    Template,
    evaluate,
    evaluate_condition,
    evaluate_text,
    header_text,
    parse_template,
)
from sagactl.source.node import Json, Map
from sagactl.source.place import Source
from sagactl.source.reader import read

SCOPE: dict[str, Json] = {
    "input": {
        "id": "o-1", "amount": 4200, "rate": 1.5, "ok": True, "none": None, "empty": "",
        "items": [{"sku": "a", "n": 2}, {"sku": "b", "n": 5}], "keys": {"items": 3, "a b": 4},
    },
    "steps": {"pay": {"result": {"id": "ch_1", "total": 9}, "status": "completed"}},
}  # fmt: skip


def template(text: str, *, bare: bool = False) -> Template:
    node, wrong = read(Source("t.yaml", text))
    assert wrong == [], wrong
    assert isinstance(node, Map)
    made, problems = parse_template(node.entries[0].value, bare=bare)
    assert problems == [], problems
    return made


def value(expression: str) -> Json:
    return evaluate(template(f"k: |-\n  ${{{{ {expression} }}}}"), SCOPE)


def failure(expression: str) -> ExpressionFailed:
    with pytest.raises(ExpressionFailed) as caught:
        value(expression)
    return caught.value


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("7 / 2", 3), ("-7 / 2", -3), ("-7 % 3", -1),
        ("150 * 1.5", 225.0), ("1 + 1.5", 2.5), ("7.0 / 2", 3.5), ("'a' + \"b\"", "ab"),
        ("[1] + [2]", [1, 2]), ("1 == 1.0", True), ("1 == true", False), ("'1' == 1", False),
        ("null == null", True), ("[1, {'a': 2}] == [1.0, {'a': 2}]", True), ("1 != 2", True),
        ("2 < 10", True), ("'b' >= 'a'", True), ("!true", False), ("!!true", True), ("-(-3)", 3),
        ("true && false || true", True), ("false ? 1 : true ? 2 : 3", 2), ("cond(true, 1, 2)", 1),
        ("2 in [1, 2]", True), ("'a' in {'a': 1}", True), ("'x' in input.items", False),
        ("input.amount > 100 && input.ok", True), ("input.items[1].sku", "b"),
        ("input.keys.items", 3), ("input.keys['a b']", 4), ("input['id']", "o-1"),
        ("has(input.id)", True), ("has(input.note)", False), ("has(input.items[7])", False),
        ("input.?note", None), ("input.?id", "o-1"), ("size(input.items)", 2), ("size('äb')", 2),
        ("input.items.map(i, i.n)", [2, 5]), ("input.items.filter(i, i.n > 2)[0].sku", "b"),
        ("input.items.exists(i, i.sku == 'a')", True), ("input.items.all(i, i.n > 2)", False),
        ("input.id.startsWith('o-')", True), ("'abc'.contains('b')", True), ("'abc'.size()", 3),
        ("string(12)", "12"), ("string(true)", "true"), ("int('42')", 42), ("int(3.9)", 3),
        ("double('1.5')", 1.5), ("json({'b': 1, 'a': [true]})", '{"a":[true],"b":1}'),
        ("fromJson('{\"a\": 1}').a", 1), ("base64('hi')", "aGk="), ("urlencode('a b/c')", "a%20b%2Fc"),
        ("hash('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("'it\\'s'", "it's"), ('"\\u00e9"', "é"), ("{'a': {'b': 1}}.a.b", 1),
        ("steps.pay.result.id", "ch_1"), ("false && input.nothing", False),
    ],
)  # fmt: skip
def test_an_expression_is_worth(expression: str, wanted: Json) -> None:
    found = value(expression)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("input.nothing", 'has no "nothing"'),
        ("input.amout", 'did you mean "amount"?'),
        (
            "steps.pay.result.payment_id",
            '"steps.pay.result" has no "payment_id" (it has id, total)',
        ),
        ("inptu.id", 'did you mean "input"?'),
        ("input.items[9]", "has 2 items, no [9]"),
        ("input.items[-1]", "no [-1]"),
        ("input.id.x", "is a text"),
        ("input.none.x", "is null"),
        ("1 && true", "true or false is wanted"),
        ("'a' ? 1 : 2", "true or false is wanted"),
        ("1 / 0", "division by zero"),
        ("1 + 'a'", "cannot take a whole number and a text"),
        ("1 < 'a'", "compares two numbers or two texts"),
        ("9223372036854775807 + 1", "64 bits"),
        ("size(1)", "size"),
        ("int('x')", "no whole number"),
        ("fromJson('{')", "not JSON"),
        ("{'a': 1, 'a': 2}", "stands twice"),
        ("[1,2,3].map(a, [1,2,3].map(b, [1,2,3].map(c, a + 'x')))", "cannot take"),
    ],
)
def test_what_cannot_be_known_is_an_error_and_never_empty(expression: str, said: str) -> None:
    assert said in failure(expression).message


def test_a_failure_has_the_place_of_the_part_that_failed() -> None:
    made = template('key: "${{ input.id + input.nothing }}"')
    with pytest.raises(ExpressionFailed) as caught:
        evaluate(made, SCOPE)
    place = caught.value.place
    assert place is not None
    assert (place.line, place.column, place.end_column) == (1, 22, 35)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("", "expression-syntax"), ("1 +", "expression-syntax"), ("a b", "expression-syntax"),
        ("(1", "expression-syntax"), ("'open", "expression-syntax"), ("a = 1", "expression-syntax"),
        ("a & b", "expression-syntax"), ("{1 2}", "expression-syntax"), ("a.", "expression-syntax"),
        ("99999999999999999999", "expression-syntax"), ("has(1)", "expression-syntax"),
        ("size()", "expression-syntax"), ("siz(a)", "unknown-function"), ("a.mapp(x, x)", "unknown-function"),
        ("now()", "not-a-function"), ("uuid()", "not-a-function"), ("random()", "not-a-function"),
        ("(" * 70 + "1" + ")" * 70, "expression-syntax"), ("!" * 5000 + "true", "expression-syntax"),
        ("a" + ".b" * 2500, "expression-syntax"), ("__import__('os')", "unknown-function"),
    ],
)  # fmt: skip
def test_what_does_not_parse_is_told_with_its_place(expression: str, code: str) -> None:
    node, _ = read(Source("t.yaml", f"k: |-\n  ${{{{ {expression} }}}}"))
    assert isinstance(node, Map)
    _, problems = parse_template(node.entries[0].value)
    assert [problem.code for problem in problems] == [code]
    assert problems[0].place.line in (1, 2)


def test_work_is_bounded() -> None:
    ten = "[1,2,3,4,5,6,7,8,9,0]"
    nested = f"{ten}.map(a, {ten}.map(b, {ten}.map(c, {ten}.map(d, {ten}.map(e, 1)))))"
    assert "steps" in failure(nested).message


def test_a_text_does_not_grow_beyond_a_mebibyte() -> None:
    doubled = "'" + "x" * 2000 + "'"
    scope = {"t": "x" * 700_000}
    made = template("k: ${{ t + t }}")
    with pytest.raises(ExpressionFailed, match="mebibyte"):
        evaluate(made, scope)
    assert len(str(value(doubled))) == 2000


@pytest.mark.parametrize(
    ("yaml", "wanted"),
    [
        ("k: ${{ input.amount }}", 4200),
        ("k: ${{ input.ok }}", True),
        ('k: "${{ input.items }}"', SCOPE["input"]["items"]),
        ("k: order-${{ input.id }}", "order-o-1"),
        ("k: ${{ input.id }}${{ input.amount }}", "o-14200"),
        ("k: is ${{ input.ok }}", "is true"),
        ("k: has ${{ input.keys }}", 'has {"items":3,"a b":4}'),
        ("k: $${{ input.id }}", "${{ input.id }}"),
        ("k: {a: '${{ input.id }}', b: [1, '${{ input.rate }}']}", {"a": "o-1", "b": [1, 1.5]}),
        ("k: plain", "plain"),
        ("k: \"${{ '}}' + 'x' }}\"", "}}x"),
    ],
)  # fmt: skip
def test_a_template_gives(yaml: str, wanted: Json) -> None:
    found = evaluate(template(yaml), SCOPE)
    assert found == wanted
    assert type(found) is type(wanted)


def test_data_is_never_parsed_as_an_expression() -> None:
    scope = {"input": {"id": "${{ secrets.token }}"}}
    assert evaluate(template("k: ${{ input.id }}"), scope) == "${{ secrets.token }}"


def test_null_has_no_text() -> None:
    with pytest.raises(ExpressionFailed, match="null has no text"):
        evaluate(template("k: a ${{ input.none }}"), SCOPE)
    with pytest.raises(ExpressionFailed, match="null has no text"):
        evaluate_text(template("k: ${{ input.none }}"), SCOPE)


def test_a_condition_is_exactly_true_or_false() -> None:
    assert evaluate_condition(template("k: input.ok && true", bare=True), SCOPE) is True
    with pytest.raises(ExpressionFailed, match="not a whole number"):
        evaluate_condition(template("k: ${{ 1 }}"), SCOPE)


@pytest.mark.parametrize("text", ["a\r\nX: 1", "a\nb", "a\x00", "é", "a\x7f"])
def test_Y18_a_header_that_would_break_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        header_text(template("k: ${{ input }}"), {"input": text})
    assert text not in str(caught.value)


def test_references_know_their_paths_and_whether_they_are_certain() -> None:
    made = template(
        "k: |-\n  ${{ input.a + steps['pay'].result.b[0] + (has(input.c) ? input.d : 1)"
        " + size(input.e.map(x, x.f + input.g)) }}"
    )
    assert [(r.path, r.certain) for r in made.references] == [
        (("input", "a"), True),
        (("steps", "pay", "result", "b", 0), True),
        (("input", "c"), False),
        (("input", "d"), False),
        (("input", "e"), True),
        (("input", "g"), False),
    ]
