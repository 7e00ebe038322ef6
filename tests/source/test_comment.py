"""Which `#` begins a comment, and which is text."""

from sagactl.source.comment import comments
from sagactl.source.place import Source
from sagactl.source.reader import read

TEXT = """\
# yes 1
block: | # yes 2
  x # no
  y

  # no
# yes 3
folded: >-
   text # no
   more
  # yes 4
quoted: "x # no
   y # no"   # yes 5
single: 'it''s # no' # yes 6
plain: one#no # yes 7
long: words
  go on # yes 8
flow: {a: "# no", b: [1, 2]} # yes 9
"key # no": 1 # yes 10
deep:
  text: |2
      # no

  # yes 11
list:
  - |
   text # no
  - a#no
  - # yes 12
    b
last: |
  # no"""


def found(text: str) -> list[tuple[int, str, bool]]:
    source = Source("saga.yaml", text)
    root, problems = read(source)
    assert root is not None, problems
    return [(c.place.line, c.text, c.is_alone) for c in comments(source, root)]


def test_a_comment_is_told_from_a_text() -> None:
    lines = TEXT.split("\n")
    wanted = [
        (number, line[line.index("# yes") :], line.lstrip().startswith("#"))
        for number, line in enumerate(lines, start=1)
        if "# yes" in line
    ]
    assert len(wanted) == 12
    assert found(TEXT) == wanted


def test_a_comment_has_its_columns_whatever_ends_the_lines() -> None:
    source = Source("saga.yaml", 'a: "ä😀" # one\r\nb: 1 # two\r\n')
    root, _ = read(source)
    assert root is not None
    places = [c.place for c in comments(source, root)]
    assert [(p.line, p.column, p.end_column) for p in places] == [(1, 9, 14), (2, 6, 11)]
