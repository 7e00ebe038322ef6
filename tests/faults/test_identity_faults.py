"""Who did what, and what was agreed: the same keys and undos after a crash, nobody believed for a
pid, and a saga that stays what it began as (rows P10 to P12 and S18 of the catalogue)."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, Told
from faults.process import (
    GIVEN,
    ON_THE_WAY,
    PATIENCE_S,
    TRIP,
    Service,
    demand_all_in_state,
    demand_one_request_per_key,
    ended,
    launch,
)
from tinydb import TinyDB

ALL_APPLIED = ["reserve applied", "charge applied", "ship applied"]


@pytest.fixture
def trip(cli: Cli) -> Path:
    return cli.write("trip.yaml", TRIP)


def killed(service: Service, cli: Cli, call: str, *arguments: str | Path) -> None:
    """The program, killed at a call."""
    service.strike(call, service.kill)
    assert ended(service.start(cli, *arguments)).status == -signal.SIGKILL


# P10: dead between the effect and the record of it.


@pytest.mark.parametrize("call", ON_THE_WAY)
def test_P10_killed_after_an_effect_it_asks_again_with_the_same_key_and_bytes(
    cli: Cli, trip: Path, call: str
) -> None:
    with Service() as service:
        killed(service, cli, call, "run", trip, "--id", "p10", *GIVEN)
        demand_all_in_state(service, cli, "p10")
        resumed = ended(service.start(cli, "resume", "p10"))
        assert resumed.status == 0, resumed
        at = ON_THE_WAY.index(call)
        assert service.calls == [*ON_THE_WAY[: at + 1], *ON_THE_WAY[at:]]
        demand_one_request_per_key(service)
        assert service.effects == ALL_APPLIED


def test_P10_killed_again_and_again_it_leaves_one_effect(cli: Cli, trip: Path) -> None:
    with Service() as service:
        killed(service, cli, "charge action", "run", trip, "--id", "p10", *GIVEN)
        for _ in range(2):
            killed(service, cli, "charge action", "resume", "p10")
        assert ended(service.start(cli, "resume", "p10")).status == 0
        assert service.calls.count("charge action") == 4
        demand_one_request_per_key(service)
        assert service.effects == ALL_APPLIED


def test_P10_the_bytes_are_those_of_the_first_attempt_whatever_has_changed(
    cli: Cli, trip: Path
) -> None:
    with Service() as service:
        # The body of the charge has a variable and the number of its attempt in it.
        killed(service, cli, "charge action", "run", trip, "--id", "p10", *GIVEN)
        trip.write_text(TRIP.replace('amount: "${{ input.amount }}"', "amount: 1"))
        cli.env["NOTE"] = "second"
        assert ended(service.start(cli, "resume", "p10")).status == 0
        demand_one_request_per_key(service)


def test_P10_killed_with_two_effects_in_flight_both_are_asked_for_again(cli: Cli) -> None:
    text = TRIP.replace("  - name: charge\n", "  - name: charge\n    needs: []\n")
    trip = cli.write("trip.yaml", text)
    with Service(text, ["reserve=timeoutx1"]) as service:
        killed(service, cli, "charge action", "run", trip, "--id", "p10", *GIVEN)
        assert ended(service.start(cli, "resume", "p10")).status == 0
        demand_one_request_per_key(service)
        assert sorted(service.effects) == sorted(ALL_APPLIED)


LOOKED_UP = TRIP.replace(
    "request: POST /charges\n", "request: POST /charges\n      idempotency: none\n"
).replace(
    "    compensation: POST /charges",
    """\
    on_unknown: hold
    lookup:
      request: GET /charges?key=${{ step.action_key }}
      found: ${{ size(response.body) > 0 }}
      result: {charge_id: "${{ response.body[0].id }}"}
    compensation: POST /charges""",
)


def test_P10_what_may_not_be_sent_again_is_asked_about_instead(cli: Cli) -> None:
    trip = cli.write("trip.yaml", LOOKED_UP)
    with Service(LOOKED_UP) as service:
        killed(service, cli, "charge action", "run", trip, "--id", "p10", *GIVEN)
        resumed = ended(service.start(cli, "resume", "p10"))
        assert resumed.status == 0, resumed
        assert service.calls == ["reserve action", "charge action", "charge lookup", "ship action"]
        assert service.effects == ALL_APPLIED


# P11: dead on the way back.

UNDOS = ["ship", "charge", "reserve"]
TURNED = (
    TRIP
    + """\
  - name: confirm
    service: shop
    action: PUT /confirmations/${{ saga.id }}
    compensation: none
"""
)
ALL_UNDONE = [*ALL_APPLIED, *(f"{step} undone" for step in UNDOS)]


def undos(service: Service) -> list[str]:
    return [call.split()[0] for call in service.calls if call.endswith(" compensation")]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", UNDOS)
def test_P11_killed_at_an_undo_it_goes_on_at_the_same_one(cli: Cli, step: str, moment: str) -> None:
    trip = cli.write("trip.yaml", TURNED)
    faults = ["confirm=422"]
    if moment == "before":
        faults.append(f"{step}.compensation=timeout-beforex1")
    with Service(TURNED, faults) as service:
        killed(service, cli, f"{step} compensation", "run", trip, "--id", "p11", *GIVEN)
        at = UNDOS.index(step)
        assert len(service.effects) == 3 + at + (moment == "after")
        demand_all_in_state(service, cli, "p11")
        resumed = ended(service.start(cli, "resume", "p11"))
        assert resumed.status == 1, resumed
        assert undos(service) == [*UNDOS[: at + 1], *UNDOS[at:]]
        demand_one_request_per_key(service)
        assert service.effects == ALL_UNDONE


def test_P11_killed_at_every_undo_it_skips_none_and_doubles_none(cli: Cli) -> None:
    trip = cli.write("trip.yaml", TURNED)
    with Service(TURNED, ["confirm=422", "charge.compensation=timeout-beforex1"]) as service:
        killed(service, cli, "ship compensation", "run", trip, "--id", "p11", *GIVEN)
        for step in UNDOS:
            killed(service, cli, f"{step} compensation", "resume", "p11")
        resumed = ended(service.start(cli, "resume", "p11"))
        assert resumed.status == 1, resumed
        demand_one_request_per_key(service)
        assert service.effects == ALL_UNDONE


def test_P11_killed_with_two_undos_in_flight_both_are_gone_on_with(cli: Cli) -> None:
    text = (
        TURNED.replace("  - name: charge\n", "  - name: charge\n    needs: []\n")
        .replace("  - name: ship\n", "  - name: ship\n    needs: [charge]\n")
        .replace("  - name: confirm\n", "  - name: confirm\n    needs: [reserve, charge, ship]\n")
    )
    trip = cli.write("trip.yaml", text)
    faults = ["confirm=422", "reserve.compensation=timeout-beforex1"]
    with Service(text, faults) as service:
        killed(service, cli, "ship compensation", "run", trip, "--id", "p11", *GIVEN)
        resumed = ended(service.start(cli, "resume", "p11"))
        assert resumed.status == 1, resumed
        demand_one_request_per_key(service)
        assert sorted(service.effects) == sorted(ALL_UNDONE)


# P12: what a lock's text says is for messages, and may be anything.


@dataclass(frozen=True)
class Forgery:
    """A lock's text; `of_size` makes a file of that many bytes of it."""

    text: bytes
    of_size: int | None = None

    def onto(self, lock: Path) -> None:
        with lock.open("r+b") as file:  # the very file: its inode is what is locked
            file.truncate(0)
            file.write(self.text)
            if self.of_size is not None:
                file.truncate(self.of_size)


def holder(pid: Any, host: Any = "here", since: Any = 1.5) -> Forgery:
    return Forgery(json.dumps({"pid": pid, "host": host, "since": since}).encode())


FORGERIES = {
    "a living process": holder(os.getppid()),
    "whoever reads this": holder(os.getpid()),
    "init": holder(1),
    "nobody": holder(2**22 + 1),
    "every process of a group": holder(-1),
    "no number": holder("1", 2, "3"),
    "nothing": Forgery(b""),
    "rubbish": Forgery(b"\x00\xff\xfe rubbish \x1b[2J"),
    "a list": Forgery(b"[1]"),
    "deep": Forgery(b"[" * 4096),
    "huge": Forgery(b'{"pid": 1', of_size=1 << 40),
}
OVERFLOWING = {
    "since the end of time": holder(1, since=1e300),
    "since no time": Forgery(b'{"pid": 1, "since": NaN}'),
    "since before all time": holder(1, since=-1e300),
}
ESCAPING = holder(1, host="\x1b[2J\nsagactl: all is well")


def locks(cli: Cli) -> list[Path]:
    return [path for path in cli.folder.glob(".sagactl/**/*lock*") if path.is_file()]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A saga that a living process has, which stands still."""
    cli = Cli(tmp_path_factory.mktemp("held"))
    trip = cli.write("trip.yaml", TRIP)
    with Service() as service:
        stopped = service.strike("charge action", service.stop)
        process = service.start(cli, "run", trip, "--id", "p12", *GIVEN)
        assert stopped.wait(PATIENCE_S)
        yield cli
        assert service.calls == ON_THE_WAY[:2]
        process.send_signal(signal.SIGCONT)
        assert ended(process).status == 0
        assert service.effects == ALL_APPLIED


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A saga that nobody has, and that gets no further: it is still pending after each resume."""
    cli = Cli(tmp_path_factory.mktemp("free"))
    trip = cli.write("trip.yaml", TRIP.replace("max_attempts: 4", "max_attempts: 1000"))
    with Service(faults=["charge=429"]) as service:
        told = ended(service.start(cli, "run", trip, "--id", "p12", "--no-wait", *GIVEN))
        assert told.status == 5
        yield cli


def forged(cli: Cli, forgery: Forgery) -> Told:
    assert locks(cli)
    for lock in locks(cli):
        forgery.onto(lock)
    return cli("resume", "p12", "--no-wait")


@pytest.mark.parametrize("name", FORGERIES)
def test_P12_a_saga_that_is_held_stays_so_whatever_its_lock_says(held: Cli, name: str) -> None:
    told = forged(held, FORGERIES[name])
    assert told.status == 6, told


@pytest.mark.parametrize("name", OVERFLOWING)
def test_P12_a_lock_that_says_an_impossible_time_is_still_a_lock(held: Cli, name: str) -> None:
    told = forged(held, OVERFLOWING[name])
    assert told.status == 6, told


def test_P12_what_a_lock_says_moves_no_cursor_and_forges_no_line(held: Cli) -> None:
    told = forged(held, ESCAPING)
    assert told.status == 6, told
    assert "\x1b" not in told.err
    assert len(told.err.splitlines()) == 1


@pytest.mark.parametrize("name", [*FORGERIES, *OVERFLOWING])
def test_P12_a_saga_that_nobody_holds_is_free_whatever_its_lock_says(free: Cli, name: str) -> None:
    told = forged(free, {**FORGERIES, **OVERFLOWING}[name])
    assert told.status == 5, told


@pytest.mark.parametrize("fixture", ["held", "free"])
def test_P12_a_pid_that_was_given_again_to_ourselves_means_nothing(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    cli: Cli = request.getfixturevalue(fixture)
    # exec keeps the pid: the process that resumes finds its own in the lock.
    script = 'for lock in $LOCKS; do printf \'{"pid": %d, "host": "%s", "since": 1.5}\' $$ "$(uname -n)" > "$lock"; done; exec "$@"'
    cli.env["LOCKS"] = " ".join(str(lock) for lock in locks(cli))
    told = ended(launch(cli, "resume", "p12", "--no-wait", via=("sh", "-c", script, "sh")))
    assert told.status == {"held": 6, "free": 5}[fixture], told


# S18: the definition or the state edited under a saga that is under way.

EDITS = {
    "another path": lambda text: text.replace("/shipments/", "/parcels/"),
    "another body": lambda text: text.replace('amount: "${{ input.amount }}"}', "amount: 1}"),
    "a step less": lambda text: text[: text.index("  - name: ship")],
    "no definition at all": lambda text: "kind: Deployment\n",
}


def interrupted(service: Service, cli: Cli, trip: Path, run_id: str = "s18") -> None:
    """A saga with its shipment still before it."""
    service.strike("charge action", service.interrupt)
    assert ended(service.start(cli, "run", trip, "--id", run_id, *GIVEN)).status == 130


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> set[str | None]:
    """The requests of a saga that nobody meddled with."""
    cli = Cli(tmp_path_factory.mktemp("agreed"))
    trip = cli.write("trip.yaml", TRIP)
    with Service() as service:
        assert ended(service.start(cli, "run", trip, "--id", "s18", *GIVEN)).status == 0
        return {call.digest for call in service.told}


@pytest.mark.parametrize("edit", EDITS)
def test_S18_a_saga_keeps_to_the_definition_it_began_with(
    cli: Cli, trip: Path, agreed: set[str | None], edit: str
) -> None:
    with Service() as service:
        interrupted(service, cli, trip)
        trip.write_text(EDITS[edit](TRIP))
        resumed = ended(service.start(cli, "resume", "s18"))
        assert resumed.status == 0, resumed
        assert f"{trip} has changed" in resumed.err
        assert {call.digest for call in service.told} == agreed


def test_S18_a_definition_that_is_gone_is_not_needed(
    cli: Cli, trip: Path, agreed: set[str | None]
) -> None:
    with Service() as service:
        interrupted(service, cli, trip)
        trip.unlink()
        assert ended(service.start(cli, "resume", "s18")).status == 0
        assert {call.digest for call in service.told} == agreed


def test_S18_what_was_done_is_undone_as_it_was_agreed(cli: Cli, trip: Path) -> None:
    with Service() as service:
        interrupted(service, cli, trip)
        trip.write_text(TRIP.replace("compensation: POST /charges", "compensation: POST /gifts"))
        undone = ended(service.start(cli, "compensate", "s18"))
        assert undone.status == 1, undone
        assert "has changed" in undone.err
        assert service.effects[2:] == ["charge undone", "reserve undone"]


def test_S18_an_edited_definition_does_not_take_over_a_saga_by_its_id(cli: Cli, trip: Path) -> None:
    with Service() as service:
        interrupted(service, cli, trip)
        trip.write_text(TRIP.replace("/shipments/", "/parcels/"))
        told = ended(service.start(cli, "run", trip, "--id", "s18", *GIVEN))
        assert told.status == 2, told
        assert "another definition" in told.err
        assert service.calls == ON_THE_WAY[:2]


@pytest.mark.parametrize("spelling", ["as it is", "CRLF"])
def test_S18_a_definition_that_is_as_it_was_is_not_told_as_changed(cli: Cli, spelling: str) -> None:
    text = {"as it is": TRIP, "CRLF": TRIP.replace("\n", "\r\n")}[spelling]
    trip = cli.folder / "trip.yaml"
    trip.write_bytes(text.encode())
    with Service() as service:
        interrupted(service, cli, trip)
        resumed = ended(service.start(cli, "resume", "s18"))
        assert resumed.status == 0, resumed
        assert "changed" not in resumed.err


def replaced(value: Any, old: str, new: str) -> Any:
    """A document with each `old` in it, in numbers too, made `new`; whatever its shape."""
    match value:
        case str():
            return value.replace(old, new)
        case dict():
            return {key: replaced(inner, old, new) for key, inner in value.items()}
        case list():
            return [replaced(inner, old, new) for inner in value]
        case int() if str(value) == old:
            return int(new)
    return value


def replace_in(db: TinyDB, table: str, old: str, new: str) -> None:
    for document in db.table(table).all():
        altered = replaced(dict(document), old, new)
        db.table(table).update(altered, doc_ids=[document.doc_id])


def lose_last_event(db: TinyDB) -> None:
    table = db.table("events")
    table.remove(doc_ids=[max(document.doc_id for document in table.all())])


Edit = Callable[[TinyDB], None]
BY_HAND: dict[str, Edit] = {
    "the input": lambda db: replace_in(db, "events", "4200", "9900"),
    "the definition it began with": lambda db: replace_in(db, "events", "/shipments/", "/parcels/"),
    "where it stands": lambda db: replace_in(db, "runs", "pending", "completed"),
    "an event less": lose_last_event,
}


@pytest.fixture
def state(cli: Cli) -> Callable[[Edit], Path]:
    """Puts all of a state where the stock TinyDB reads it, and edits it there."""

    def edited(edit: Edit) -> Path:
        told = cli("doctor", "--compact")
        assert told.status == 0, told
        path = cli.folder / ".sagactl/state.json"
        before = path.read_bytes()
        with TinyDB(path) as db:
            assert {"meta", "runs", "events"} <= db.tables()
            edit(db)
        assert path.read_bytes() != before
        return path

    return edited


@pytest.mark.parametrize("edit", BY_HAND)
def test_S18_a_state_edited_by_hand_is_not_believed_for_what_is_sent_next(
    state: Callable[[Edit], Path], cli: Cli, trip: Path, agreed: set[str | None], edit: str
) -> None:
    with Service() as service:
        interrupted(service, cli, trip)
        path = state(BY_HAND[edit])
        content = path.read_bytes()
        examined = cli("doctor")
        assert examined.status == 7, examined
        assert f"damage: {Path('.sagactl') / path.name}" in examined.out
        assert "concerns s18" in examined.out
        told = ended(service.start(cli, "resume", "--all"))
        if told.status == 7:
            assert path.name in told.err
            assert service.calls == ON_THE_WAY[:2]
            assert path.read_bytes() == content
        else:  # it knew better, which is as good
            assert told.status == 0, told
            assert {call.digest for call in service.told} == agreed


def test_S18_a_state_edited_by_hand_is_not_believed_for_what_is_sent_again(
    state: Callable[[Edit], Path], cli: Cli, trip: Path, agreed: set[str | None]
) -> None:
    with Service() as service:
        killed(service, cli, "reserve action", "run", trip, "--id", "s18", *GIVEN)
        path = state(BY_HAND["the input"])
        told = ended(service.start(cli, "resume", "s18"))
        assert {call.digest for call in service.told} <= agreed
        assert (told.status == 7 and path.name in told.err) or told.status == 0, told


def test_S18_a_state_that_stock_tinydb_wrote_unchanged_is_read_on(
    state: Callable[[Edit], Path], cli: Cli, trip: Path, agreed: set[str | None]
) -> None:
    with Service() as service:
        interrupted(service, cli, trip)
        state(lambda db: replace_in(db, "events", "", ""))
        assert ended(service.start(cli, "resume", "s18")).status == 0
        assert {call.digest for call in service.told} == agreed
