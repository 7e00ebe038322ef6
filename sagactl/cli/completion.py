"""What a shell offers when somebody presses Tab: IDs, steps, states.

A shell asks anew for every Tab, so nothing is imported that is not needed for the answer. Looking
takes no lock and writes nothing; whatever is wrong with a state, a line that is being typed is no
place to say so.
"""

import os
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sagactl.cli.state_path import DEFAULT, sandbox_path

if TYPE_CHECKING:
    from sagactl.journal.document import Document
    from sagactl.journal.volume import Volume
    from sagactl.machine.moves import StepState

Offer = str | tuple[str, str]
# So many get a help text: some shells take a third of a millisecond to make one ready.
EXPLAINED = 50
DEFINITIONS = (".yaml", ".yml")


def _silent(
    offers: "Callable[[typer.Context, str], Iterator[Offer]]",
) -> "Callable[[typer.Context, str], list[Offer]]":
    @wraps(offers)
    def listed(ctx: typer.Context, incomplete: str) -> list[Offer]:
        try:
            return list(offers(ctx, incomplete))
        except Exception:
            return []

    return listed


@_silent
def run_ids(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """IDs, the newest first, with type and state."""
    given = ctx.params.get("ids") or ()
    runs = [
        run
        for volume in _volumes(ctx)
        for run in volume.runs().values()
        if str(run["run_id"]).startswith(incomplete) and run["run_id"] not in given
    ]
    runs.sort(key=lambda run: float(run["started_at"]), reverse=True)
    for number, run in enumerate(runs):
        run_id = str(run["run_id"])
        yield (run_id, f"{run['saga']}, {run['state']}") if number < EXPLAINED else run_id


@_silent
def sagas(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """The types of sagas that there are runs of."""
    yield from sorted({str(r["saga"]) for v in _volumes(ctx) for r in v.runs().values()})


@_silent
def doubtful_steps(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """Steps of the run on the line about which a person may have something to tell."""
    from sagactl.machine.moves import RESOLUTIONS

    yield from _steps(ctx, {state for state, _ in RESOLUTIONS})


@_silent
def failed_steps(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """Steps of the run on the line that could be tried again."""
    from sagactl.machine.moves import FAILED

    yield from _steps(ctx, {FAILED})


@_silent
def states(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """The states of a saga."""
    from sagactl.machine.state import SagaState

    yield from map(str, SagaState)


@_silent
def resolutions(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """What a person can tell about a step."""
    from sagactl.machine.moves import Resolution

    yield from map(str, Resolution)


@_silent
def files_and_run_ids(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """Definitions, folders in which there may be some, and IDs."""
    folder, slash, _ = incomplete.rpartition("/")
    with os.scandir(folder + slash or ".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir() and not entry.name.startswith("."):
                yield f"{folder}{slash}{entry.name}/"
            elif entry.name.endswith(DEFINITIONS):
                yield f"{folder}{slash}{entry.name}"
    if not slash:
        yield from run_ids(ctx, incomplete)


def _volumes(ctx: typer.Context) -> "Iterator[Volume]":
    """The states that the line is about, those that are there and can be read."""
    from sagactl.journal.refusal import StoreRefused
    from sagactl.journal.volume import Volume

    real = Path(ctx.params.get("state") or os.environ.get("SAGACTL_STATE") or DEFAULT)
    # Where a verb has the option, it is about one of the two; else an ID is looked for in both.
    is_said = any(parameter.name == "sandbox" for parameter in ctx.command.params)
    sandboxed = bool(ctx.params.get("sandbox"))
    for path in (real, sandbox_path(real)):
        if is_said and (path == real) is sandboxed:
            continue
        volume = Volume(path)
        try:
            volume.refresh()
            yield volume
        except StoreRefused:
            continue
        finally:
            volume.forget()


def _steps(ctx: typer.Context, wanted: "set[StepState]") -> Iterator[Offer]:
    import json

    from sagactl.journal.codec import decode
    from sagactl.machine.run import replay

    # Behind an option that still lacks its value the parser stops, and leaves the IDs unnamed.
    ids = (ctx.params.get("run_id"), *(ctx.params.get("ids") or ()), *ctx.args)
    given = next(filter(None, ids), "")
    for volume in _volumes(ctx):
        found: list[tuple[int, Document]] = volume.find(given, exact=False) if given else []
        if len(found) == 1:
            texts = volume.events(str(found[0][1]["run_id"])).values()
            run = replay(decode(json.loads(text)["event"]) for text in texts)
            for name, step in run.steps.items():
                if step.state in wanted:
                    yield name, str(step.state)
            return
