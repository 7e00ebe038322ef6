"""Random definitions and scripts of faults: the same verdict simulated, and over real sockets.

The real side is the program itself: `sagactl run --sandbox` in processes that are killed by SIGKILL
at chosen requests, `resume` until it ends, and then what `show`, the journal and the ledger say.
Time is compressed in the definitions: what takes minutes elsewhere takes milliseconds there.
40 cases are in every run; `pytest -m long tests/rehearsal/test_agreement.py` has 1,000. One case
again, by its seed: `python tests/rehearsal/test_agreement.py SEED`.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent.parent), str(Path(__file__).parent.parent)]

from conftest import Cli
from invariants import CLOCKS_S, check, deeds_of
from rehearsal.agreeing import SHORT, case
from rehearsal.retraced import ENDS, Astray, Death, Simulation, TooSlow, Verdict, alone, followed
from rehearsal.script import WELL, Case, Strikes

from sagactl.cli.loading import load_definition
from sagactl.definition.model import Saga
from sagactl.journal.tinydb_store import TinyDBStore
from sagactl.machine import event as e
from sagactl.machine.command import Phase
from sagactl.machine.moves import StepState as S
from sagactl.machine.plan import expanded, make_plan
from sagactl.machine.run import replay
from sagactl.rehearsal.ledger import EffectKind, Ledger, PlayedCall

MORTAL = Path(__file__).with_name("mortal.py")
ID = "agreed"
PER_TEST = 10
# The cases of every run, ten from each of these on: of each ten sagactl dies in so many at least.
FIRSTS, LEAST_KILLED = (0, 20, 30, 70), 3
# So often a case is tried again in which the machine was too slow for a short timeout.
TRIES = 5


class Mortal:
    """The program, started quickly and dying on order."""

    def __init__(self, cli: Cli) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(MORTAL)],
            env=cli.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, folder: Path, deaths: list[Any], *argv: str) -> tuple[int, int | None, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        out = folder / "out.txt"
        order = {"argv": argv, "cwd": str(folder), "out": str(out), "deaths": deaths}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return told["status"], told["died"], out.read_text(encoding="utf-8")

    def close(self) -> None:
        self._process.communicate(timeout=60)


@dataclass
class Told:
    """What a real run left behind."""

    saga: Saga
    shown: Any
    events: list[e.Event]
    ledger: Ledger
    status: int
    deaths: list[Death] = field(default_factory=list)

    @property
    def calls(self) -> list[PlayedCall]:
        return self.ledger.calls()


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    mortal = Mortal(Cli(tmp_path_factory.mktemp("mortal")))
    yield mortal
    mortal.close()


def really(case: Case, folder: Path, mortal: Mortal) -> Told:
    """The case over real sockets, with real kills."""
    for name, text in case.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "in.json").write_text(json.dumps(case.input), encoding="utf-8")
    faults = "".join(f'"{target}": "{word}"\n' for target, word in case.orders)
    verb = ["run", "saga.yaml", "--sandbox", "--id", ID, "--input-file", "in.json"]
    if case.seed % 2 and faults:
        (folder / "faults.yaml").write_text(faults, encoding="utf-8")
        verb += ["--fail-file", "faults.yaml"]
    else:
        verb += [f"--fail={target}={word}" for target, word in case.orders]
    path, armed = folder / ".sagactl/sandbox.ledger.jsonl", list(case.kills)
    deaths: list[Death] = []
    while True:
        orders = [[kill.step, kill.phase, kill.attempt, kill.moment] for kill in armed]
        status, died, out = mortal(folder, orders, *verb)
        if died is None:
            break
        assert status == -9, out
        deaths.append(Death(armed.pop(died), len(Ledger(path).calls())))
        verb = ["resume", ID]
    assert status in (0, 1, 3), out
    shown, _, text = mortal(folder, [], "show", ID, "-o", "json")
    assert shown == 0, text
    store = TinyDBStore(folder / ".sagactl/sandbox.json", create=False)
    saga = load_definition(folder / "saga.yaml")
    return Told(saga, json.loads(text), list(store.read(ID)), Ledger(path), status, deaths)


def verdict_of(told: Told) -> tuple[Verdict, str]:
    """What came of it in the world, by what the program and its services say; what was broken."""
    plan, why = make_plan(told.saga), ""
    try:
        check(plan, told.events, deeds_of(told.calls), status=told.status, slack_s=CLOCKS_S)
    except AssertionError as broken:
        why = str(broken)
    done = Counter(str(c.step) for c in told.calls if c.effect is EffectKind.APPLIED)
    undone = Counter(str(c.step) for c in told.calls if c.effect is EffectKind.UNDONE)
    standing = frozenset(effect.step for effect in told.ledger.left())
    calls = Counter(f"{call.step}.{call.phase}" for call in told.calls)
    verdict = Verdict(
        state=told.shown["state"],
        steps={step["name"]: step["status"] for step in told.shown["steps"]},
        standing=standing,
        effects={step: (done[step], undone[step]) for step in sorted({*done, *undone})},
        calls=dict(sorted(calls.items())),
        accused=frozenset(_accused(told, standing)),
        broken=bool(why),
    )
    return verdict, why


def _accused(told: Told, standing: frozenset[str]) -> Iterator[tuple[str, str]]:
    run, state = replay(told.events), told.shown["state"]
    for name, planned in expanded(make_plan(told.saga), run).steps.items():
        is_left = name in standing
        if state == "failed" and is_left and not planned.step.compensation_none:
            yield "effect-left", name
        sends = not (planned.is_group or planned.is_sleep)
        if state == "completed" and sends and is_left != (run.step(name).state is S.COMPLETED):
            yield "effect-left" if is_left else "effect-lost", name


def disagreement(case: Case, told: Told) -> str | None:
    """What one side of a case says and the other does not, and both stories; None: they agree."""
    real, broken = verdict_of(told)
    simulated: Simulation | None = None
    try:
        simulated = followed(case, told.saga, told.events, told.deaths, told.calls)
        found = _differences("", simulated.verdict(), real)
        started = told.events[0]
        assert isinstance(started, e.RunStarted)
        blind = None if found else alone(case, told.saga, started)
        if blind is not None:
            found = _differences(" by itself", blind.verdict(), real, but=("calls",))
            simulated = blind
    except Astray as astray:
        found = [str(astray)]
    if not found:
        return None
    return "\n".join([*found, broken, str(case), *_stories(told, simulated)])


def _differences(
    how: str, simulated: Verdict, real: Verdict, but: tuple[str, ...] = ()
) -> list[str]:
    names = [field.name for field in fields(Verdict) if field.name not in but]
    if simulated.broken and real.broken:
        return []  # the simulation ends where a rule is broken
    return [
        f"{name}: simulated{how} {getattr(simulated, name)}, really {getattr(real, name)}"
        for name in names
        if getattr(simulated, name) != getattr(real, name)
    ]


def _stories(told: Told, simulated: Simulation | None) -> Iterator[str]:
    yield "--- really"
    for event in told.events:
        words = [type(event).__name__, getattr(event, "step", ""), getattr(event, "detail", "")]
        yield f"{event.at:.3f} {' '.join(words)}"
    for call in told.calls:
        yield f"{call.at:.3f} {call.step}.{call.phase}@{call.attempt} {call.fault}: {call.effect} {call.status}"
    yield f"died: {[f'{death.kill} at {death.calls}' for death in told.deaths]}"
    yield "--- simulated"
    yield from simulated.story if simulated is not None else ("it went astray",)


def judged(case: Case, folder: Path, mortal: Mortal) -> tuple[Told, str | None]:
    """What a case came to, and in what its sides disagree, on a machine that is quick enough."""
    for attempt in range(TRIES):
        place = folder / f"{case.seed}-{attempt}"
        place.mkdir()
        told = really(case, place, mortal)
        with suppress(TooSlow):
            return told, disagreement(case, told)
    raise AssertionError(f"seed {case.seed}: this machine is too busy for a timeout of {SHORT}")


def agree(seeds: Iterable[int], folder: Path, mortal: Mortal) -> int:
    """Demand that both sides agree on these cases; in how many of them sagactl was killed."""
    killed, found = 0, []
    for seed in seeds:
        told, words = judged(case(seed), folder, mortal)
        killed += bool(told.deaths)
        found.append(words)
    wrong = [words for words in found if words is not None]
    assert not wrong, f"{len(wrong)} disagree\n" + "\n\n".join(wrong)
    return killed


@pytest.mark.parametrize("first", FIRSTS)
def test_a_case_ends_alike_simulated_and_in_the_world(
    first: int, tmp_path: Path, mortal: Mortal
) -> None:
    assert agree(range(first, first + PER_TEST), tmp_path, mortal) >= LEAST_KILLED


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 1000, PER_TEST))
def test_a_thousand_cases_end_alike_simulated_and_in_the_world(
    first: int, tmp_path: Path, mortal: Mortal
) -> None:
    agree(range(first, first + PER_TEST), tmp_path, mortal)


def test_a_simulation_of_another_script_is_found_to_disagree(
    tmp_path: Path, mortal: Mortal
) -> None:
    """What the comparison would not notice, no seed would show."""
    noticed = 0
    for seed in range(PER_TEST):
        # Of a call that sagactl dies over nobody hears how it would have ended.
        honest = replace(case(seed), kills=())
        told, words = judged(honest, tmp_path, mortal)
        assert words is None, words
        for call in told.calls:
            other = replace(honest, strikes=_otherwise(honest, call))
            with suppress(TooSlow):  # which is as good as noticed, of what nothing was to keep
                assert disagreement(other, told) is not None, f"seed {seed}: {call}"
            noticed += 1
    assert noticed > 2 * PER_TEST


def _otherwise(case: Case, call: PlayedCall) -> dict[tuple[str, Phase], Strikes]:
    """The script with another end for one call: refused where it did something, else well."""
    assert call.step is not None
    assert call.phase is not None
    assert call.attempt is not None
    place = (call.step, call.phase)
    before = case.strikes.get(place, Strikes())
    words = [before.of(attempt) for attempt in range(1, call.attempt)]
    _, acts = ENDS[before.of(call.attempt)]
    words.append("422" if acts else WELL)
    return {**case.strikes, place: Strikes(tuple(words), before.lasting)}


def main(seeds: list[str]) -> None:
    for seed in map(int, seeds):
        with tempfile.TemporaryDirectory() as name:
            mortal = Mortal(Cli(Path(name)))
            _, words = judged(case(seed), Path(name), mortal)
            print(words or f"seed {seed}: both sides agree")
            mortal.close()


if __name__ == "__main__":
    main(sys.argv[1:])
