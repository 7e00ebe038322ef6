"""The options that many verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from sagactl.cli import completion
from sagactl.cli.form import Format, LintFormat

State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        envvar="SAGACTL_STATE",
        help="The state file (default: .sagactl/state.json).",
        show_default=False,
    ),
]
NetworkState = Annotated[
    bool,
    typer.Option(
        "--allow-network-state",
        envvar="SAGACTL_ALLOW_NETWORK_STATE",
        help="Write a state on a network file system, whose locks cannot be relied on.",
        show_default=False,
    ),
]
Output = Annotated[Format, typer.Option("-o", "--output", help="How data is printed.")]
Definition = Annotated[Path, typer.Argument(help="The definition, a YAML file.", metavar="FILE")]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "-i", "--input", metavar="NAME=VALUE", help="An input; text, or JSON where no text fits."
    ),
]
InputFile = Annotated[
    str | None, typer.Option("--input-file", metavar="FILE", help="The input as JSON; - is stdin.")
]
SecretsFile = Annotated[
    Path | None, typer.Option("--secrets-file", help="Secrets as NAME=value lines.")
]
EnvFile = Annotated[
    list[Path] | None,
    typer.Option(
        "--env-file",
        metavar="FILE",
        help="Environment variables as NAME=value lines; what is set already stays. Repeatable.",
    ),
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Tell every attempt on stderr, in one line.")
]
LogFile = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", help="Add a JSON line for every attempt to it."),
]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fail",
        metavar="STEP=FAULT",
        help="Let the sandbox misbehave: pay=422, pay=503x2, pay@2=timeout, pay=reset-after.",
    ),
]
FaultFile = Annotated[
    Path | None,
    typer.Option("--fail-file", metavar="FILE", help="Faults as YAML: pay@2: timeout."),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Exit 5 rather than wait for a retry that is due later.")
]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A saga's ID, or the beginning of one.",
        autocompletion=completion.run_ids,
    ),
]
RunIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID…",
        help="IDs, or the beginnings of them.",
        autocompletion=completion.run_ids,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="KEY=VALUE", help="A tag to find the saga by; repeatable."),
]
Statuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        help="Only sagas in this state, or in one of these.",
        autocompletion=completion.states,
    ),
]
OfSaga = Annotated[
    str | None,
    typer.Option("--saga", help="Only this saga's runs.", autocompletion=completion.sagas),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="DURATION", help="Only what began since.")
]
WithTags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag", metavar="KEY[=VALUE]", help="Only sagas with this tag; of several, with all."
    ),
]
Sandboxed = Annotated[bool, typer.Option("--sandbox", help="The sandboxed sagas.")]
Sandbox = Annotated[
    bool, typer.Option("--sandbox", help="Play the services on loopback; nothing real is sent.")
]
OwnId = Annotated[
    str | None, typer.Option("--id", help="The saga's ID; the same one goes on with it.")
]
Batch = Annotated[
    str | None,
    typer.Option("--batch", metavar="FILE", help="A saga for each line of JSON; - is stdin."),
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, help="So many sagas of a batch at once.")
]
IdFrom = Annotated[
    str | None,
    typer.Option("--id-from", metavar="FIELD", help="Where a line's input has the saga's ID."),
]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the history.")]
Rate = Annotated[
    str | None, typer.Option("--rate", metavar="N/s", help="Begin at most so many: 5/s, 30/m.")
]
Again = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="STEP",
        help="Try a failed step again; nothing undone yet.",
        autocompletion=completion.failed_steps,
    ),
]
Other = Annotated[
    Path | None, typer.Option("--definition", metavar="FILE", help="Go on with another definition.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell whether the --definition fits.")]
Golden = Annotated[
    Path | None,
    typer.Option("--check", metavar="GOLDEN", help="Tell in what it differs from a plan kept."),
]
Linted = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Files, folders to search for sagas, or - for stdin (default: .).", metavar="PATH…"
    ),
]
LintForm = Annotated[
    LintFormat | None,
    typer.Option("-o", "--format", help="How problems are printed.", show_default="text"),
]
StdinName = Annotated[
    str | None,
    typer.Option("--stdin-filename", metavar="NAME", help="What stdin is called, and lies beside."),
]
CodeToExplain = Annotated[
    str | None, typer.Option("--explain", metavar="CODE", help="The manual of a code or number.")
]
