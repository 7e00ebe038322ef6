"""What is to go wrong in the sandbox: the faults of `--fail` and of a `--fail-file`, checked."""

from pathlib import Path

from sagactl.cli.loading import Invalid
from sagactl.cli.refusal import Refused
from sagactl.definition.model import Saga
from sagactl.rehearsal.fault import Fault, FaultRejected, check_faults, parse_fault
from sagactl.rehearsal.fault_file import MANNER, read_faults
from sagactl.source.problem import Problem
from sagactl.source.reader import decode


def ordered_faults(saga: Saga, texts: list[str], file: Path | None) -> list[Fault]:
    """The faults of the options, those of the file behind them.

    What an option says of a phase counts in place of what the file says of it. Raises Refused for
    an option, Invalid for the file.
    """
    try:
        faults = [parse_fault(text) for text in texts]
        check_faults(faults, saga)
    except FaultRejected as error:
        raise Refused(str(error)) from None
    if file is None:
        return faults
    targets = {fault.target for fault in faults}
    written, problems = _read(saga, file)
    if problems:
        raise Invalid(problems)
    return [*faults, *(fault for fault in written if fault.target not in targets)]


def _read(saga: Saga, file: Path) -> tuple[list[Fault], list[Problem]]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MANNER.max_bytes + 1)
    except OSError as error:
        raise Refused(f"{file}: cannot be read: {error.strerror}") from None
    source, problems = decode(content, str(file), MANNER)
    return ([], problems) if source is None else read_faults(source, saga)
