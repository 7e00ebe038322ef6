"""Where a part of a scalar stands in the source, in every style that YAML has."""

import pytest

from sagactl.source.node import Map, Scalar
from sagactl.source.place import Source
from sagactl.source.reader import read
from sagactl.source.spot import place_within


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("k: one MARK two\n", 1, 8),
        ("k: 'it''s MARK'\n", 1, 11),
        ('k: "a\\tb \\u00e9 MARK"\n', 1, 17),
        ("k: |\n  first\n  a MARK\n", 3, 5),
        ("k: >-\n  first\n  a MARK\n", 3, 5),
        ("k: first\n  a MARK\n", 2, 5),
        ('k: "first\n  a MARK"\n', 2, 5),
        ("k: |\n    deep MARK\n", 2, 10),
    ],
)
def test_the_mark_is_found_where_it_is_written(text: str, line: int, column: int) -> None:
    node, wrong = read(Source("t", text))
    assert wrong == []
    assert isinstance(node, Map)
    scalar = node.entries[0].value
    assert isinstance(scalar, Scalar)
    start = str(scalar.value).index("MARK")
    place = place_within(scalar, start, start + 4)
    assert (place.line, place.column) == (line, column)
    assert (place.end_line, place.end_column) == (line, column + 4)


def test_a_place_is_never_refused() -> None:
    node, _ = read(Source("t", "k: abc\n"))
    assert isinstance(node, Map)
    scalar = node.entries[0].value
    assert isinstance(scalar, Scalar)
    for start in range(6):
        for end in range(start, 9):
            assert place_within(scalar, start, end).line == 1
