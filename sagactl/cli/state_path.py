"""Where the files of a state are, by their names alone."""

from pathlib import Path

DEFAULT = Path(".sagactl/state.json")
SANDBOX_NAME = "sandbox.json"
LEDGER_NAME = "sandbox.ledger.jsonl"


def sandbox_path(real: Path) -> Path:
    """Where the sandboxed runs beside the real ones are."""
    return _beside(real, SANDBOX_NAME)


def ledger_path(real: Path) -> Path:
    """Where the sandbox keeps what its services were asked."""
    return _beside(real, LEDGER_NAME)


def _beside(real: Path, name: str) -> Path:
    """The name, made this state's own where several share a folder."""
    return real.with_name(name if real.name == DEFAULT.name else f"{real.stem}.{name}")
