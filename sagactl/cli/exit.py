"""The exit codes, in the one place that knows them."""

from enum import IntEnum


class Exit(IntEnum):
    """What the process says when it ends; the README's table is tested against this."""

    OK = 0
    FAILED = 1
    USAGE = 2
    STUCK = 3
    BUG = 4
    PENDING = 5
    HELD = 6
    STATE = 7
    INTERRUPTED = 130
    TERMINATED = 143


MEANING: dict[Exit, str] = {
    Exit.OK: "completed, or nothing found",
    Exit.FAILED: "the saga failed and is fully compensated, or lint or a check found something",
    Exit.USAGE: "usage, an unreadable file, an invalid definition or input; nothing was sent",
    Exit.STUCK: "stuck, or abandoned: a person is needed",
    Exit.BUG: "a bug of sagactl, with a report to paste",
    Exit.PENDING: "still pending: `resume` goes on with it",
    Exit.HELD: "another process has this saga",
    Exit.STATE: "the state cannot be read or written",
    Exit.INTERRUPTED: "interrupted by Ctrl-C, resumable",
    Exit.TERMINATED: "terminated by SIGTERM or SIGHUP, resumable",
}

# Several sagas at once: the worst of them speaks, in this order.
WORST_FIRST = (
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.BUG,
    Exit.STATE,
    Exit.STUCK,
    Exit.HELD,
    Exit.PENDING,
    Exit.USAGE,
    Exit.FAILED,
    Exit.OK,
)


def worst(codes: "list[Exit]") -> Exit:
    """The one exit code for several sagas."""
    return next((code for code in WORST_FIRST if code in codes), Exit.OK)
