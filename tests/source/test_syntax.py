"""What is said of a text that is no YAML: the place that people can mend, in words that say how."""

import pytest

from sagactl.source.place import Source
from sagactl.source.problem import Problem
from sagactl.source.reader import read


def told(text: str) -> Problem:
    (problem,) = read(Source("t.yaml", text))[1]
    return problem


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("saga: @order\n", (1, 7), 'no value begins with "@"'),
        ("saga: `order`\n", (1, 7), 'no value begins with "`"'),
        ("a: b: c\n", (1, 5), "a second key stands in one line"),
        ("a:\n  b: 1\n   c: 2\n", (3, 5), "belongs to none above"),
        ("a:\n  - b\n c: 1\n", (3, 2), "belongs to no line above"),
        ("a: 'x' y\n", (1, 8), "behind the end of a value"),
        ("a: 1\nb: \"x\nc: 1\n", (2, 4), "this quote is not closed"),
        ("a: [1, 2\nb: 3\n", (2, 2), '"," or "]" is missing before this'),
        ("a: {x: 1\nb: 3\n", (2, 2), '"," or "}" is missing before this'),
        ('a: "\\q"\n', (1, 6), "begins an escape"),
        ("a: 1\nkey\nb: 1\n", (3, 1), 'neither a key with a ":"'),
        ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", (2, 1), "a merge left its marks"),
        ("a:\n\tb: 1\n", (2, 1), "a tab cannot indent YAML"),
        ("a: |x\n  b\n", (1, 5), "expected chomping or indentation indicators"),
    ],
)  # fmt: skip
def test_a_mistake_of_syntax_is_told_where_it_was_made(
    text: str, place: tuple[int, int], said: str
) -> None:
    problem = told(text)
    assert problem.code == "yaml-syntax"
    assert (problem.place.line, problem.place.column) == place
    assert said in problem.message


def test_where_an_open_bracket_stands_is_told_too() -> None:
    (related,) = told("a: [1, 2\nb: 3\n").related
    assert (related.place.line, related.place.column) == (1, 4)


def test_an_expression_behind_one_in_quotes_is_told_as_the_mistake() -> None:
    problem = told("do: [a, 'b ${{ c }}', d-${{ e }}]\n")
    assert (problem.code, problem.place.column) == ("quote-expression", 25)
