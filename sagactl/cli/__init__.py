"""VERBS: parse options, wire the rooms, choose a view, return an exit code."""

# Both are there before any program begins, at no cost.
import os
import sys


def main() -> None:
    """The console script. `version` is answered before anything else is imported."""
    _open_streams()
    if sys.argv[1:] in (["version"], ["--version"], ["-V"]):
        from sagactl import __version__

        print(f"sagactl {__version__}")
        return
    try:
        from sagactl.cli.app import run

        code = run()
    except MemoryError:
        os.write(2, b"sagactl: there is not enough memory\n")
        os._exit(7)
    sys.exit(code)


def _open_streams() -> None:
    """See to it that 0, 1 and 2 are open: what we opened next would be what we print to."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            stream = open(fd, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
