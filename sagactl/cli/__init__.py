"""VERBS: parse options, wire the rooms, choose a view, return an exit code."""


def main() -> None:
    """The console script. `version` is answered before anything else is imported."""
    import sys

    if sys.argv[1:] in (["version"], ["--version"], ["-V"]):
        from sagactl import __version__

        print(f"sagactl {__version__}")
        return
    from sagactl.cli.app import run

    sys.exit(run())
