"""What may happen next to a rehearsed saga: the deeds, and the ways in which a call can end."""

from dataclasses import dataclass
from typing import TypeAlias

from sagactl.machine.command import Call, Phase
from sagactl.machine.event import Event
from sagactl.machine.rehearsed import Struck, Trouble
from sagactl.rehearsal.proof.answer import How
from sagactl.rehearsal.proof.stand import Plague, Stand
from sagactl.rehearsal.proof.world import Breach


@dataclass(frozen=True, slots=True)
class Ended:
    """A call in flight ends. `arrives`: it reaches its service; `late`: when nobody waits any more.

    `plague` is set where this goes on befalling its conversation.
    """

    call: Call
    how: How
    arrives: bool
    plague: Plague | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Woken:
    """The time comes that it waits for: `at`. `lasting`: nobody had answered for all that time."""

    at: float
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The saga's time is up while calls are in flight."""

    at: float
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Crashed:
    """sagactl dies and is resumed; `arrived` are the calls in flight that reached their service."""

    calls: tuple[Call, ...]
    arrived: tuple[Call, ...]
    late: tuple[Call, ...] = ()


Deed: TypeAlias = Ended | Woken | Overtaken | Crashed


@dataclass(frozen=True, slots=True)
class Pace:
    """A deed, the troubles that it is, what was recorded because of it, and where it leads.

    `breach` is set where something was done that never may be; then it leads nowhere.
    """

    deed: Deed
    struck: tuple[Struck, ...]
    events: tuple[Event, ...]
    stand: Stand
    breach: Breach | None = None


HEARD = (None, How.HEARD, True, None, False)
Way: TypeAlias = tuple[Trouble | None, How, bool, Plague | None, bool]
# Every way in which a call can end, by its phase; those of a trouble side by side are its forms.
WAYS: dict[Phase, tuple[Way, ...]] = {
    Phase.ACTION: (
        HEARD,
        (Trouble.REJECTED, How.REFUSED, False, None, False),
        (Trouble.REJECTED, How.HIDDEN, False, None, False),
        (Trouble.NOT_SENT, How.UNREACHED, False, Plague.UNREACHED, False),
        (Trouble.DONE, How.UNHEARD, True, None, False),
        (Trouble.DONE, How.UNHEARD, True, Plague.DONE, False),
        (Trouble.DONE, How.GATEWAY, True, None, False),
        (Trouble.NOT_DONE, How.UNHEARD, False, None, False),
        (Trouble.NOT_DONE, How.UNHEARD, False, Plague.NOT_DONE, False),
        (Trouble.DONE, How.UNHEARD, False, Plague.NOT_DONE, True),
        (Trouble.LOST, How.CUT, True, None, False),
        (Trouble.LOST, How.CUT, True, Plague.CUT, False),
    ),
    Phase.LOOKUP: (
        HEARD,
        (Trouble.LOOKUP_SILENT, How.UNHEARD, False, Plague.NOT_DONE, False),
    ),
    Phase.COMPENSATION: (
        HEARD,
        (Trouble.UNDO_FALTERS, How.UNREACHED, False, None, False),
        (Trouble.UNDO_FALTERS, How.UNHEARD, True, None, False),
        (Trouble.UNDO_FALTERS, How.UNHEARD, False, None, False),
        (Trouble.UNDO_FAILS, How.REFUSED, False, None, False),
        (Trouble.UNDO_FAILS, How.HIDDEN, False, None, False),
        (Trouble.UNDO_FAILS, How.UNHEARD, False, Plague.NOT_DONE, False),
    ),
}
PLAGUED: dict[Plague, tuple[How, bool]] = {
    Plague.UNREACHED: (How.UNREACHED, False),
    Plague.NOT_DONE: (How.UNHEARD, False),
    Plague.DONE: (How.UNHEARD, True),
    Plague.CUT: (How.CUT, True),
}
