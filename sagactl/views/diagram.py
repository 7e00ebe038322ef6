"""Pictures as text: sagas for Mermaid and Graphviz, the table of moves, the sandbox's world."""

import json
from collections.abc import Iterator, Sequence
from typing import Protocol

from sagactl.machine.event import StepResolved
from sagactl.machine.moves import MOVES, RESOLUTIONS, StepState
from sagactl.machine.request import path_as_written
from sagactl.views.carets import visible
from sagactl.views.glyph import COLOURS, MARKS
from sagactl.views.members import FEW
from sagactl.views.picture import Node, Picture

# What would end a label, begin an entity, a tag, a comment or a formula, or be taken for Markdown.
MERMAID_ESCAPED = str.maketrans({char: f"#{ord(char)};" for char in '"#%&<>$`*~\\;'})
LONGEST_LABEL = 60


class Effect(Protocol):
    """Something that was done and not undone."""

    @property
    def step(self) -> str: ...


def mermaid_lines(picture: Picture) -> list[str]:
    """The picture as a Mermaid flowchart."""
    # The title is YAML, and JSON is YAML.
    lines = ["---", f"title: {json.dumps(visible(picture.title))}", "---", "flowchart TB"]
    for node in picture.nodes:
        lines.extend(_mermaid_node(node, "    "))
    lines.extend(f"    {before} --> {after}" for before, after in picture.forwards)
    for node in picture.walk():
        if node.undo is not None:
            lines.append(f"    {node.id} -. undo .-> {node.undo.id}")
    lines.extend(f"    {before} -.-> {after}" for before, after in picture.backwards)
    for state, ids in _by_state(picture).items():
        fill, line = COLOURS[state]
        lines.append(f"    classDef {state} fill:{fill},stroke:{line},color:#1f2328")
        lines.append(f"    class {','.join(ids)} {state}")
    return lines


def _mermaid_node(node: Node, pad: str) -> Iterator[str]:
    label = "<br/>".join(map(_mermaid_text, _label(node)))
    if node.members:
        yield f'{pad}subgraph {node.id}["{label}"]'
        for member in node.members:
            yield from _mermaid_node(member, f"{pad}    ")
        yield f"{pad}end"
    elif node.is_pivot:
        yield f'{pad}{node.id}{{{{"{label}"}}}}'
    else:
        yield f'{pad}{node.id}[["{label}"]]' if node.is_each else f'{pad}{node.id}["{label}"]'
    if node.undo is not None:
        yield f'{pad}{node.undo.id}(["{_mermaid_text(_cut(node.undo.request))}"])'


def _mermaid_text(text: str) -> str:
    escaped = visible(text).translate(MERMAID_ESCAPED)
    # Mermaid takes the last semicolon from a line with a style of its own, and so from an entity.
    return escaped.replace(":", "#58;") if "style" in text or "classDef" in text else escaped


def dot_lines(picture: Picture) -> list[str]:
    """The picture as a graph for Graphviz."""
    lines = [
        "digraph saga {",
        f"    graph [label={_dot_text(picture.title)}, labelloc=t, fontname=Helvetica];",
        '    node [shape=box, style="rounded,filled", fillcolor=white, fontname=Helvetica];',
        "    edge [fontname=Helvetica];",
    ]
    for node in picture.nodes:
        lines.extend(_dot_node(node, "    "))
    lines.extend(f"    {before} -> {after};" for before, after in picture.forwards)
    for node in picture.walk():
        if node.undo is not None:
            lines.append(f"    {node.id} -> {node.undo.id} [label=undo, style=dashed];")
    lines.extend(
        f"    {before} -> {after} [style=dashed, constraint=false];"
        for before, after in picture.backwards
    )
    return [*lines, "}"]


def _dot_node(node: Node, pad: str) -> Iterator[str]:
    label = _dot_text(*_label(node))
    fill, line = ("white", "black") if node.state is None else COLOURS[node.state]
    if node.members:
        yield f"{pad}subgraph cluster_{node.id} {{"
        yield f'{pad}    graph [label={label}, color="{line}", style=rounded];'
        for member in node.members:
            yield from _dot_node(member, f"{pad}    ")
        yield f"{pad}}}"
    else:
        shape = "octagon" if node.is_pivot else "box"
        sides = 2 if node.is_each else 1
        yield (
            f"{pad}{node.id} [label={label}, shape={shape}, peripheries={sides}, "
            f'fillcolor="{fill}", color="{line}"];'
        )
    if node.undo is not None:
        state = node.undo.state
        fill, line = ("white", "black") if state is None else COLOURS[state]
        said = _dot_text(_cut(node.undo.request))
        yield f'{pad}{node.undo.id} [label={said}, fillcolor="{fill}", color="{line}"];'


def _dot_text(*lines: str) -> str:
    # Inside quotes a backslash begins an escape, and an ampersand an entity.
    escaped = (
        visible(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
        for line in lines
    )
    return '"{}"'.format("\\n".join(escaped))


def _label(node: Node) -> list[str]:
    """What stands in a node, line by line."""
    head = node.name if node.state is None else f"{MARKS[node.state]} {node.name} · {node.state}"
    notes = [note for note in node.notes if not note.startswith(("needs ", "starts "))]
    return [head, *map(_cut, (node.does, *notes, *filter(None, [node.told])))]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _by_state(picture: Picture) -> dict[StepState, list[str]]:
    found: dict[StepState, list[str]] = {}
    for node in picture.walk():
        for part in (node, node.undo):
            if part is not None and part.state is not None:
                found.setdefault(part.state, []).append(part.id)
    return found


def moves_mermaid() -> str:
    """The tables of moves as a Mermaid state diagram, drawn from the tables themselves."""
    labels: dict[tuple[StepState, StepState], list[str]] = {}
    for (before, event), after in MOVES.items():
        labels.setdefault((before, after), []).append(event.__name__)
    for (before, _), after in RESOLUTIONS.items():
        labels.setdefault((before, after), []).append(StepResolved.__name__)
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    for (before, after), names in labels.items():
        if before is not after:
            lines.append(f"    {before} --> {after}: {', '.join(names)}")
    for state in StepState:
        if all(before is not state for before, after in labels if before is not after):
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines)


def ledger_lines(left: Sequence[Effect], calls: Sequence[object]) -> list[str]:
    """What the sandbox's services were asked, and what of it is left in the world."""
    asked = "1 request was played" if len(calls) == 1 else f"{len(calls)} requests were played"
    if not left:
        return [f"sandbox: {asked}; left in the world: nothing"]
    instances: dict[str, set[str]] = {}  # of a step, by its path as it is written
    for effect in left:
        instances.setdefault(path_as_written(effect.step), set()).add(effect.step)
    steps = ", ".join(
        f"{written} ({len(paths)}x)" if len(paths) > FEW else ", ".join(sorted(paths))
        for written, paths in instances.items()
    )
    return [visible(f"sandbox: {asked}; left in the world: what {steps} did")]
