"""Random small definitions and scripts of faults for them: the same seed, the same case.

Kept out, because the simulated services and the sandbox differ there by design:

- requests that land when nobody waits for them any more: the sandbox has none on order;
- a DELETE whose `success` has no 404: the simulated service says 404 where nothing is to be undone,
  the sandbox says so only where that is taken for done;
- the DELETE of a step taken as done on suspicion at a service that keeps no keys: told twice, the
  simulated service says 404 to the second, the sandbox that it is done;
- a lookup that is told a status which means "not there", or whose spoilt reply would be read as
  "found": on order the sandbox lies, and the simulated service never does;
- a POST to a service that says nothing of keys: the sandbox keeps them all the same;
- the time of a step being up: a simulated request takes no time, and that of a saga only where the
  simulation is told the time.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rehearsal.script import (
    DONE,
    HEARD,
    NOT_DONE,
    REFUSALS,
    SPOILT,
    TIMEOUTS,
    UNSENT,
    WELL,
    Case,
    Kill,
    Strikes,
)

from sagactl.machine.command import Phase

NAMES = "abcdef"
CHILD_NAMES = "xyz"
# Those that are struck by it wait no longer; whatever may be heard is waited for.
SHORT, LONG = "200ms", "20s"
# A timeout takes its time, and a long reply takes work.
RARE = {"timeout": 0.4, "timeout-before": 0.4, "oversized": 0.3}


@dataclass
class _Written:
    """A step that sends something: the paths under which it is run, and where it stands."""

    name: str
    paths: list[str]
    lines: list[str]
    reads: set[str] = field(default_factory=set)


def case(seed: int) -> Case:
    """The case of a seed."""
    return _Writer(random.Random(seed)).case(seed)


class _Writer:
    """Writes one definition, and the script for it as it goes: a step fits what befalls it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._strikes: dict[tuple[str, Phase], Strikes] = {}
        self._paths: list[tuple[str, Phase]] = []
        self._input: dict[str, object] = {"amount": chance.randint(1, 99)}
        self._files: dict[str, str] = {}
        self._kill_count = chance.choice([0, 0, 1, 1, 1, 2, 2])
        self._readable: set[str] = set()  # steps whose result is surely there for who needs them

    def case(self, seed: int) -> Case:
        chance = self._chance
        count = chance.randint(1, 6)
        needs = _needs(chance, NAMES[:count])
        pivot = _pivot(chance, needs)
        refused = chance.choice(NAMES[:count]) if chance.random() < 0.45 else None
        steps: list[str] = []
        for name in NAMES[:count]:
            past = pivot is not None and pivot in _before(needs, name)
            steps += self._step(
                name, needs, is_pivot=name == pivot, past=past, ends=name == refused
            )
        limit = chance.choice([60, 150, 300]) if chance.random() < 0.08 else None
        self._files["saga.yaml"] = _text("agreed", steps, sorted(self._input), limit_ms=limit)
        return Case(seed, self._files, self._input, self._strikes, self._kills())

    def _step(
        self,
        name: str,
        needs: Mapping[str, tuple[str, ...]],
        *,
        is_pivot: bool,
        past: bool,
        ends: bool,
    ) -> list[str]:
        chance = self._chance
        lines = [f"  - name: {name}", f"    needs: [{', '.join(needs[name])}]"]
        if not is_pivot and chance.random() < 0.2:
            lines.append(f"    when: ${{{{ {self._condition(name, needs[name])} }}}}")
        kind = "request" if is_pivot or ends else _kind(chance)
        match kind:
            case "sleep":
                return [*lines, f"    action: {{sleep: {chance.randint(1, 40)}ms}}"]
            case "child" if not past:
                paths = self._each(name, lines) if chance.random() < 0.25 else [name]
                return [*lines, *self._child(name, paths)]
        paths, address = [name], f"/{name}/${{{{ saga.id }}}}"
        if kind == "each":
            paths = self._each(name, lines)
            address += "/${{ index }}"
        if is_pivot:
            lines.append("    pivot: true")
        written = _Written(name, paths, lines, self._readable & _before(needs, name))
        return self._request(written, address, final=is_pivot or past, past=past, ends=ends)

    def _condition(self, name: str, needs: tuple[str, ...]) -> str:
        if needs and self._chance.random() < 0.3:
            return f'steps.{needs[0]}.status == "completed"'
        self._input[f"wants_{name}"] = self._chance.random() < 0.6
        return f"input.wants_{name}"

    def _each(self, name: str, lines: list[str]) -> list[str]:
        """Let a step be one for each of some items; the paths of its instances."""
        chance = self._chance
        items = [{"sku": f"s{n}"} for n in range(chance.randint(0, 3))]
        self._input[f"items_{name}"] = items
        lines.append(f"    for_each: ${{{{ input.items_{name} }}}}")
        lines.append(f"    max_parallel: {chance.randint(1, 3)}")
        return [f"{name}[{index}]" for index in range(len(items))]

    def _child(self, name: str, paths: list[str]) -> list[str]:
        chance, file = self._chance, f"{name}.yaml"
        names = CHILD_NAMES[: chance.randint(1, 3)]
        needs = _needs(chance, names)
        steps: list[str] = []
        for each in names:
            head = [f"  - name: {each}", f"    needs: [{', '.join(needs[each])}]"]
            written = _Written(each, [f"{path}/{each}" for path in paths], head)
            address = f"/{each}/${{{{ saga.id }}}}"
            steps += self._request(written, address, final=False, past=False, ends=False)
        self._files[file] = _text(f"child-{name}", steps, ["amount"])
        amount = "${{ input.amount }}"
        return [f'    action: {{saga: ./{file}, input: {{amount: "{amount}"}}}}']

    def _request(
        self, step: _Written, address: str, *, final: bool, past: bool, ends: bool
    ) -> list[str]:
        """A step that sends a request. `final`: nothing undoes it; `ends`: it is refused."""
        chance = self._chance
        is_put = chance.random() < 0.5
        service = chance.choice(
            ["keyed", "keyed", "narrow", "plain", "plain", "silent" if is_put else "keyed"]
        )
        has_result = chance.random() < 0.5
        has_lookup = chance.random() < 0.4
        is_list = has_lookup and chance.random() < 0.4
        undo = "none" if final else chance.choice(["none", "DELETE", "DELETE", "PUT", "POST", ""])
        doubt = chance.choice(["finish", "finish", "hold", "compensate", "compensate"])
        if doubt == "compensate" and (
            final or undo in ("", "none") or (undo == "POST" and has_result)
        ):
            doubt = "finish"
        if doubt == "compensate" and undo == "DELETE" and service != "narrow":
            service = "keyed"
        may_repeat = service != "plain"
        if doubt == "finish" and not (may_repeat or has_lookup):
            doubt = "hold"
        lasts = False
        for path in step.paths:
            lasts |= self._strike(path, Phase.ACTION, past=past, ends=ends)
            if has_lookup:
                asked = self._strike(path, Phase.LOOKUP, past=past, is_list=is_list)
                lasts = lasts or (asked and not may_repeat)
            if undo not in ("", "none"):
                self._strike(path, Phase.COMPENSATION)
        lines = [*step.lines, f"    service: {service}"]
        lines += [f"    on_unknown: {doubt}", f"    settle: {chance.randint(1, 15)}ms"]
        if doubt == "finish" and lasts:
            # A resume gives a fresh one, at a time that the simulation does not know to the hair.
            lines.append(f"    budget: {1 if self._kill_count else 60}ms")
        target = f"PUT {address}" if is_put else f"POST /{step.name}"
        action = [
            f"request: {target}",
            f"timeout: {self._patience(step, Phase.ACTION)}",
            self._retry(),
        ]
        read = "".join(
            f', {each}: "${{{{ steps.{each}.result.id }}}}"' for each in sorted(step.reads)
        )
        action.append(
            f'json: {{id: "${{{{ saga.id }}}}", amount: "${{{{ input.amount }}}}"{read}}}'
        )
        if has_result:
            if step.paths == [step.name] and not any("when:" in line for line in step.lines):
                self._readable.add(step.name)
            action.append('result: {id: "${{ response.body.id }}"}')
        lines += _part("action", action)
        if has_lookup:
            lines += self._lookup(step, address, has_result=has_result, is_list=is_list)
        if undo == "none":
            lines.append("    compensation: none")
        elif undo:
            lines += self._undo(step, undo, address, has_result=has_result)
        return lines

    def _lookup(
        self, step: _Written, address: str, *, has_result: bool, is_list: bool
    ) -> list[str]:
        patience = self._patience(step, Phase.LOOKUP)
        parts = [f"timeout: {patience}", self._retry()]
        if not is_list:
            return _part("lookup", [f"request: GET {address}", *parts])
        parts += ["found: ${{ size(response.body) > 0 }}"]
        if has_result:
            parts.append('result: {id: "${{ response.body[0].id }}"}')
        asked = f"request: GET /{step.name}?key=${{{{ step.action_key }}}}"
        return _part("lookup", [asked, *parts])

    def _undo(self, step: _Written, method: str, address: str, *, has_result: bool) -> list[str]:
        parts = [f"timeout: {self._patience(step, Phase.COMPENSATION)}", self._retry(least=2)]
        match method:
            case "DELETE":
                return _part(
                    "compensation", [f"request: DELETE {address}", *parts, "success: [2xx, 404]"]
                )
            case "PUT":
                body = 'json: {state: "void"}'
                return _part("compensation", [f"request: PUT {address}/state", *parts, body])
        named = "${{ result.id }}" if has_result else "${{ saga.id }}"
        return _part("compensation", [f"request: POST /{step.name}-undone/{named}", *parts])

    def _retry(self, least: int = 1) -> str:
        chance = self._chance
        most, first = chance.randint(least, 3), chance.randint(1, 10)
        return f"retry: {{max_attempts: {most}, initial_interval: {first}ms, max_interval: 20ms}}"

    def _patience(self, step: _Written, phase: Phase) -> str:
        found = (self._strikes.get((path, phase), Strikes()) for path in step.paths)
        return SHORT if any(word in TIMEOUTS for each in found for word in each.all) else LONG

    def _strike(
        self,
        path: str,
        phase: Phase,
        *,
        past: bool = False,
        ends: bool = False,
        is_list: bool = False,
    ) -> bool:
        """Let something befall a conversation, or nothing; whether it never ends by itself."""
        chance = self._chance
        self._paths.append((path, phase))
        if not ends and chance.random() < (0.7 if phase is Phase.COMPENSATION else 0.55):
            return False
        words = _words(phase, is_list=is_list)
        weights = [RARE.get(word, 1.0) for word in words]
        struck = chance.choices(words, weights, k=chance.choice([0, 1, 1, 1, 1, 2, 2, 3]))
        lasting = WELL
        if ends:
            struck.append(chance.choice(REFUSALS))
        elif (not struck and phase is not Phase.COMPENSATION) or (
            not past and chance.random() < 0.15
        ):
            (lasting,) = chance.choices(words, weights)
        if past:
            lasting = WELL
        self._strikes[path, phase] = Strikes(tuple(struck), lasting)
        return bool(lasting)

    def _kills(self) -> tuple[Kill, ...]:
        chance = self._chance
        count = self._kill_count if self._paths else 0
        phases = {Phase.ACTION: 4.0, Phase.LOOKUP: 1.0, Phase.COMPENSATION: 2.0}
        weights = [phases[phase] for _, phase in self._paths]
        found: dict[tuple[str, Phase, int], Kill] = {}
        for _ in range(count):
            ((path, phase),) = chance.choices(self._paths, weights)
            attempt = chance.choice([1, 1, 1, 2])
            moment = chance.choice(["before", "behind"])
            found.setdefault((path, phase, attempt), Kill(path, phase, attempt, moment))
        return tuple(found.values())


def _words(phase: Phase, *, is_list: bool) -> list[str]:
    match phase:
        case Phase.ACTION:
            return [*REFUSALS[:2], *UNSENT, *DONE, *DONE, *NOT_DONE, *SPOILT, *HEARD]
        case Phase.LOOKUP:
            return [*NOT_DONE, "timeout", "drop", "422", *UNSENT, *(SPOILT if is_list else ())]
        case Phase.COMPENSATION:
            return ["422", *UNSENT, *DONE, *NOT_DONE, *NOT_DONE, *SPOILT, *HEARD]


def _kind(chance: random.Random) -> str:
    (kind,) = chance.choices(["request", "each", "child", "sleep"], [70, 14, 9, 7])
    return kind


def _needs(chance: random.Random, names: str) -> dict[str, tuple[str, ...]]:
    """What each step needs: the one before it, or any of those before it."""
    needs: dict[str, tuple[str, ...]] = {}
    is_chain = chance.random() < 0.35
    for index, name in enumerate(names):
        earlier = names[:index]
        if is_chain or chance.random() < 0.3:
            needs[name] = tuple(earlier[-1:])
        else:
            needs[name] = tuple(sorted(chance.sample(earlier, min(index, chance.randint(0, 2)))))
    return needs


def _before(needs: Mapping[str, tuple[str, ...]], name: str) -> set[str]:
    found = set(needs[name])
    for need in needs[name]:
        found |= _before(needs, need)
    return found


def _pivot(chance: random.Random, needs: Mapping[str, tuple[str, ...]]) -> str | None:
    """A step before or behind which every other one stands, if there is one and it is wanted."""
    before = {name: _before(needs, name) for name in needs}
    fit = [
        name
        for name in needs
        if all(o == name or o in before[name] or name in before[o] for o in needs)
    ]
    return chance.choice(fit) if fit and chance.random() < 0.3 else None


def _part(name: str, entries: list[str]) -> Iterator[str]:
    yield f"    {name}:"
    for entry in entries:
        yield f"      {entry}"


def _text(name: str, steps: list[str], inputs: list[str], limit_ms: int | None = None) -> str:
    limit = "" if limit_ms is None else f"timeout: {limit_ms}ms\n"
    properties = "".join(f"    {each}: {{}}\n" for each in inputs)
    return (
        f"saga: {name}\nversion: 1\n{limit}"
        f"input:\n  type: object\n  properties:\n{properties}"
        "services:\n"
        '  keyed: {url: "http://keyed.example", idempotency: key}\n'
        '  plain: {url: "http://plain.example", idempotency: none}\n'
        '  silent: {url: "http://silent.example"}\n'
        '  narrow: {url: "http://narrow.example", idempotency: key, max_concurrency: 1}\n'
        "steps:\n" + "\n".join(steps) + "\n"
    )
