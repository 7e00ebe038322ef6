"""Which sagas a verb is about: by their state, their name, their age and their tags."""

from collections.abc import Sequence
from dataclasses import dataclass

from sagactl.cli.beginning import TAG_KEY
from sagactl.cli.refusal import Refused
from sagactl.definition.duration import parse_duration
from sagactl.engine.clock import SystemClock
from sagactl.journal.store import Summary
from sagactl.machine.state import SagaState
from sagactl.source.problem import nearest


@dataclass(frozen=True)
class Selection:
    """What a saga must be; whatever is left empty is not asked for."""

    statuses: tuple[SagaState, ...] = ()
    saga: str | None = None
    began_after: float = 0.0
    updated_before: float = float("inf")
    tags: tuple[tuple[str, str | None], ...] = ()  # None: whatever its value

    def fits(self, summary: Summary) -> bool:
        return (
            (not self.statuses or summary.state in self.statuses)
            and (self.saga is None or summary.saga == self.saga)
            and summary.started_at >= self.began_after
            and summary.updated_at < self.updated_before
            and all(
                key in summary.tags and value in (None, summary.tags[key])
                for key, value in self.tags
            )
        )


def selection(
    statuses: Sequence[str], saga: str | None, since: str | None, tags: Sequence[str]
) -> Selection:
    """What the options of that name ask for; raises Refused."""
    return Selection(
        statuses=tuple(map(parse_status, statuses)),
        saga=saga,
        began_after=0.0 if since is None else time_before("--since", since),
        tags=tuple(map(_tag, tags)),
    )


def parse_status(text: str) -> SagaState:
    try:
        return SagaState(text)
    except ValueError:
        states = [str(state) for state in SagaState]
        close = nearest(text, states)
        meant = f'; did you mean "{close}"?' if close else ""
        raise Refused(f'--status takes one of {", ".join(states)}, not "{text}"{meant}') from None


def time_before(option: str, text: str) -> float:
    """The time that lies so long before now, in seconds since 1970-01-01 UTC."""
    seconds = parse_duration(text)
    if seconds is None:
        raise Refused(f'{option} takes a duration such as 30m or 2d, not "{text}"')
    return SystemClock().now() - seconds


def _tag(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not TAG_KEY.fullmatch(key):
        raise Refused(
            f'--tag takes key=value, or a key alone, of small letters, digits, "_", "." or "-", '
            f'not "{text}"'
        )
    return key, value if equals else None
