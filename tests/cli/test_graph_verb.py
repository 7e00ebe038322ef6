"""`graph`: a definition or a saga as a picture."""

import shutil
from pathlib import Path

from conftest import DEFINITIONS, Cli

ORDER = DEFINITIONS / "order.yaml"


def test_a_definition_is_drawn_as_it_is_and_nothing_is_written(cli: Cli) -> None:
    told = cli("graph", ORDER)
    assert told.status == 0, told
    assert told.out.startswith("order-fulfillment version 1")
    assert "undo: DELETE inventory:/reservations/${{ saga.id }}" in told.out
    assert not list(cli.folder.iterdir())


def test_an_id_is_drawn_in_the_colours_of_what_happened(cli: Cli) -> None:
    assert cli("run", ORDER, "--sandbox", "--id", "o1", "--fail", "create_shipment=422").status == 1
    tree = cli("graph", "o1")
    assert tree.status == 0, tree
    assert "↺ reserve_inventory  compensated" in tree.out
    assert "✗ create_shipment  failed: 422" in tree.out
    assert "\x1b" not in tree.out
    cli.env |= {"FORCE_COLOR": "1", "TERM": "xterm"}
    assert "\x1b[31m✗ create_shipment" in cli("graph", "o1").out
    mermaid = cli("graph", "o1", "--format", "mermaid")
    assert "class n2 failed" in mermaid.out
    assert "digraph" in cli("graph", "o", "--format", "dot").out


def test_a_file_is_a_file_and_anything_else_an_id(cli: Cli) -> None:
    shutil.copy(ORDER, cli.folder / "order")
    assert cli("graph", "order").status == 0
    for missing, said in (("missing.yaml", "cannot be read"), ("nobody", "nobody")):
        told = cli("graph", missing)
        assert (told.status, told.out) == (2, "")
        assert said in told.err


def test_a_definition_with_mistakes_is_not_drawn(cli: Cli) -> None:
    told = cli("graph", cli.write("bad.yaml", "saga: x\nsteps: []\n"))
    assert (told.status, told.out) == (2, "")
    assert "bad.yaml:2" in told.err


def test_an_svg_without_graphviz_says_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    cli.env["PATH"] = str(tmp_path)
    told = cli("graph", ORDER, "--format", "svg")
    assert (told.status, told.out) == (2, "")
    assert "Graphviz" in told.err
