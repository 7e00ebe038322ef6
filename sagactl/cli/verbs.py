"""The verbs as they are typed: their options, their help, and nothing else.

What a verb does is imported when it is called, because `--help` and completion must not wait for
libraries that they do not need.
"""

from pathlib import Path
from typing import Annotated

import typer

from sagactl.cli import option
from sagactl.cli.form import Format


def init(
    folder: Annotated[Path, typer.Argument(help="Where to.", metavar="DIR")] = Path(),
) -> None:
    """Write a definition, its tests, schemas for the editor, and a CI job to start from.

    Example: sagactl init orders
    """
    from sagactl.cli import defining

    defining.init(folder)


def lint(
    paths: option.Linted = None,
    form: option.LintForm = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can only be meant.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would change.")] = False,
    stdin_filename: option.StdinName = None,
    rules: Annotated[bool, typer.Option("--rules", help="List every code.")] = False,
    explain: option.CodeToExplain = None,
) -> None:
    """Find every mistake in definitions, with its place, its code and what would be right.

    A comment "# sagactl: ignore[CODE]" behind a line says that it is meant. On GitHub Actions
    annotations are printed too, unless a --format is named.

    Example: sagactl lint definitions --strict
    """
    from sagactl.cli import linting

    if rules or explain is not None:
        linting.tell_rules(explain, form)
        return
    wish = linting.Wish(
        paths or [Path()], form, strict, fix or diff, only_shows=diff, stdin_name=stdin_filename
    )
    raise typer.Exit(linting.lint(wish))


def plan(
    file: option.Definition,
    inputs: option.Inputs = None,
    input_file: option.InputFile = None,
    env_file: option.EnvFile = None,
    output: option.Output = Format.TABLE,
    check: option.Golden = None,
) -> None:
    """Show what would be sent, in which order, and what is undone at each point of failure.

    Sends nothing. --check tells what an edit does to a plan that was kept with -o json: exit 1
    where it does anything.

    Example: sagactl plan order.yaml -i order_id=42
    """
    from sagactl.cli import defining
    from sagactl.cli.env_file import add_environment
    from sagactl.cli.refusal import Refused

    add_environment(env_file or [])
    if check is None:
        defining.plan(file, inputs or [], input_file, output)
        return
    if inputs or input_file:
        raise Refused("--check compares definitions: leave out the input")
    raise typer.Exit(defining.check_plan(file, check, output))


def schema(
    of_tests: Annotated[bool, typer.Option("--test", help="That of files of tests.")] = False,
) -> None:
    """Print the JSON Schema of definitions, or of files of tests, for editors.

    Example: sagactl schema > saga.schema.json
    """
    from sagactl.cli.printing import print_lines
    from sagactl.definition.schema import NAME, TEST_NAME, schema_text

    print_lines(schema_text(TEST_NAME if of_tests else NAME).splitlines())


def run(
    file: option.Definition,
    inputs: option.Inputs = None,
    input_file: option.InputFile = None,
    run_id: option.OwnId = None,
    tag: option.Tags = None,
    batch: option.Batch = None,
    concurrency: option.Concurrency = 16,
    id_from: option.IdFrom = None,
    sandbox: option.Sandbox = False,
    fail: option.Faults = None,
    fail_file: option.FaultFile = None,
    no_wait: option.NoWait = False,
    verbose: option.Verbose = False,
    log_file: option.LogFile = None,
    env_file: option.EnvFile = None,
    secrets_file: option.SecretsFile = None,
    state: option.State = None,
    allow_network_state: option.NetworkState = False,
    output: option.Output = Format.TABLE,
) -> None:
    """Run a saga to its end.

    With --batch one saga per line of JSON, and one result per line: run it again, and it finishes
    what is left and starts nothing twice.

    Example: sagactl run order.yaml -i order_id=42 -i amount=4200
    """
    from sagactl.cli import running
    from sagactl.cli.attempt_log import attempt_log
    from sagactl.cli.env_file import add_environment
    from sagactl.cli.refusal import Refused
    from sagactl.cli.state_file import state_files

    if batch is not None and (inputs or input_file or run_id):
        raise Refused("--batch brings inputs and IDs: it goes without -i, --input-file and --id")
    if batch is None and id_from is not None:
        raise Refused("--id-from says where a line of --batch has its ID")
    add_environment(env_file or [])
    files = state_files(state, allow_network=allow_network_state)
    log = attempt_log(log_file, files, verbose=verbose)
    start = running.Start(
        file, fail or [], tag or [], secrets_file, files, sandbox, not no_wait, log, fail_file
    )
    if batch is not None:
        raise typer.Exit(running.run_batch(start, batch, id_from, concurrency))
    raise typer.Exit(running.run(start, inputs or [], input_file, run_id, output))


def list_runs(
    status: option.Statuses = None,
    saga: option.OfSaga = None,
    since: option.Since = None,
    tag: option.WithTags = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    sandbox: option.Sandboxed = False,
    state: option.State = None,
    output: option.Output = Format.TABLE,
) -> None:
    """List sagas, newest first.

    Example: sagactl list --status stuck --since 1d --tag channel=web
    """
    from sagactl.cli import looking
    from sagactl.cli.selection import selection

    wanted = selection(status or [], saga, since, tag or [])
    looking.list_runs(wanted, limit, state, output, sandbox=sandbox)


def show(
    run_id: option.RunId, state: option.State = None, output: option.Output = Format.TABLE
) -> None:
    """Show where a saga stands.

    Example: sagactl show 3fk2 -o json
    """
    from sagactl.cli import looking

    looking.show(run_id, state, output)


def history(
    run_id: option.RunId, state: option.State = None, output: option.Output = Format.TABLE
) -> None:
    """Show everything that happened to a saga, oldest first.

    Example: sagactl history 3fk2
    """
    from sagactl.cli import looking

    looking.history(run_id, state, output)


def resume(
    ids: option.RunIds = None,
    every: Annotated[bool, typer.Option("--all", help="Every saga that has not ended.")] = False,
    extend: Annotated[
        str | None, typer.Option("--extend", metavar="DURATION", help="More time, from now on.")
    ] = None,
    rate: option.Rate = None,
    again: option.Again = None,
    definition: option.Other = None,
    dry_run: option.DryRun = False,
    reason: option.Why = "",
    fail: option.Faults = None,
    no_wait: option.NoWait = False,
    verbose: option.Verbose = False,
    log_file: option.LogFile = None,
    env_file: option.EnvFile = None,
    secrets_file: option.SecretsFile = None,
    state: option.State = None,
    allow_network_state: option.NetworkState = False,
    output: option.Output = Format.TABLE,
) -> None:
    """Go on from where a saga stands, forwards or backwards.

    A sandboxed saga stays in the sandbox, with the faults it began with; --fail gives others, and
    --fail none lets the sandbox behave.

    --from tries a failed step again, where nothing was undone yet. --definition goes on with
    another definition, where it fits what was done; --dry-run tells whether it does.

    Example: sagactl resume 3fk2
    """
    from sagactl.cli import resuming, running
    from sagactl.cli.attempt_log import attempt_log
    from sagactl.cli.env_file import add_environment
    from sagactl.cli.state_file import state_files

    add_environment(env_file or [])
    files = state_files(state, allow_network=allow_network_state)
    log = attempt_log(log_file, files, verbose=verbose)
    wish = running.Wish(files, fail or [], secrets_file, not no_wait, log)
    going = resuming.going(extend, again or [], definition, reason)
    if dry_run:
        raise typer.Exit(resuming.compare(ids or [], wish, going, output))
    raise typer.Exit(resuming.resume(ids or [], wish, going, output, every=every, rate=rate))


def compensate(
    run_id: option.RunId,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the history.")] = "",
    fail: option.Faults = None,
    no_wait: option.NoWait = False,
    verbose: option.Verbose = False,
    log_file: option.LogFile = None,
    env_file: option.EnvFile = None,
    secrets_file: option.SecretsFile = None,
    state: option.State = None,
    allow_network_state: option.NetworkState = False,
    output: option.Output = Format.TABLE,
) -> None:
    """Stop going forwards and undo what was done.

    Example: sagactl compensate 3fk2 --reason "the customer called"
    """
    from sagactl.cli import resuming, running
    from sagactl.cli.attempt_log import attempt_log
    from sagactl.cli.env_file import add_environment
    from sagactl.cli.state_file import state_files

    add_environment(env_file or [])
    files = state_files(state, allow_network=allow_network_state)
    log = attempt_log(log_file, files, verbose=verbose)
    wish = running.Wish(files, fail or [], secrets_file, not no_wait, log)
    raise typer.Exit(resuming.compensate(run_id, reason, wish, output))


def export(
    ids: option.RunIds = None,
    status: option.Statuses = None,
    saga: option.OfSaga = None,
    since: option.Since = None,
    tag: option.WithTags = None,
    sandbox: option.Sandboxed = False,
    state: option.State = None,
) -> None:
    """Print sagas with all their events, as JSON Lines; list, show and history read such a file.

    Example: sagactl export --status stuck > sagas.jsonl
    """
    from sagactl.cli import exporting
    from sagactl.cli.selection import selection

    wanted = selection(status or [], saga, since, tag or [])
    exporting.export(ids or [], wanted, state, sandbox=sandbox)


def prune(
    older_than: Annotated[
        str,
        typer.Option("--older-than", metavar="DURATION", help="Only what ended before, as 30d."),
    ],
    status: option.Statuses = None,
    saga: option.OfSaga = None,
    sandbox: option.Sandboxed = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; else they are shown.")] = False,
    state: option.State = None,
    allow_network_state: option.NetworkState = False,
    output: option.Output = Format.TABLE,
) -> None:
    """Remove sagas that have ended. Without --yes it only shows which.

    Example: sagactl prune --older-than 30d --status completed --yes
    """
    from sagactl.cli import pruning
    from sagactl.cli.state_file import state_files

    wanted = pruning.ended(status or [], saga, older_than)
    pruning.prune(
        wanted,
        state_files(state, allow_network=allow_network_state),
        output,
        sandbox=sandbox,
        yes=yes,
    )


def doctor(
    salvage: Annotated[
        Path | None,
        typer.Option("--salvage", metavar="NEW.json", help="Save what is whole into a new file."),
    ] = None,
    compact: Annotated[
        bool, typer.Option("--compact", help="Make the log a part of the state now.")
    ] = False,
    state: option.State = None,
    output: option.Output = Format.TABLE,
) -> None:
    """Look at the state files, and tell everything that is wrong with them. Changes nothing.

    Exit 7 where they are damaged. --salvage writes every saga that is whole into a new state; the
    old one stays as it is.

    Example: sagactl doctor --salvage .sagactl/saved.json
    """
    from sagactl.cli import checkup
    from sagactl.cli.state_file import state_files

    raise typer.Exit(checkup.doctor(state_files(state), salvage, output, compacts=compact))


def sandbox(
    file: option.Definition,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
    fail: option.Faults = None,
    fail_file: option.FaultFile = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="Keep the ledger in this file.")
    ] = None,
    output: option.Output = Format.TABLE,
) -> None:
    """Play the services of a definition on loopback until Ctrl-C.

    Says on stderr what to export for whoever calls them, and on stdout a line for each call; with
    -o json as JSON. What was called is at /_ledger, what is left in the world at /_ledger/left.

    Example: sagactl sandbox order.yaml --fail process_payment=503x2
    """
    from sagactl.cli import playing

    playing.sandbox(playing.Wish(file, port, fail or [], fail_file, ledger, output))


def version() -> None:
    """Print the version.

    Example: sagactl version
    """
    from sagactl import __version__

    print(f"sagactl {__version__}")
