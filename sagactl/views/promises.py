"""What services keep of their contract, as people read it, a table for each, and for programs."""

from collections.abc import Iterable, Iterator

from sagactl.machine.contract import PROMISES, Contract, Forecast, Tried, Verdict
from sagactl.machine.moves import StepState as S
from sagactl.source.node import Json
from sagactl.views.carets import visible
from sagactl.views.glyph import painted
from sagactl.views.veil import Veil

MARKS = {Verdict.KEPT: "✓", Verdict.BROKEN: "✗", Verdict.UNTOLD: "?", Verdict.UNASKED: "–"}
WORDS = {
    Verdict.KEPT: "kept",
    Verdict.BROKEN: "broken",
    Verdict.UNTOLD: "cannot be told",
    Verdict.UNASKED: "not asked",
}
LOOKS = {
    Verdict.KEPT: S.COMPLETED,
    Verdict.BROKEN: S.FAILED,
    Verdict.UNTOLD: S.UNKNOWN,
    Verdict.UNASKED: S.SKIPPED,
}


def forecast_lines(saga: str, forecast: Forecast) -> list[str]:
    """What is going to be asked of whom, for the one who is to say yes."""
    width = _width(forecast.services)
    requests, steps = _count(forecast.requests, "request"), _count(forecast.steps, "step")
    lines = [f"what {saga} relies on is going to be asked, with about {requests} for {steps}:"]
    lines += [f"  {name:<{width}}  {url}" for name, url in forecast.services.items()]
    lines.append("nobody else is contacted, and what is done is undone again")
    if forecast.staying:
        names = ", ".join(forecast.staying)
        lines.append(f"but what these do stays, for they have no compensation: {names}")
    return [visible(line) for line in lines]


def contract_lines(contract: Contract, veil: Veil, *, colour: bool) -> list[str]:
    """A table for each service, and then what was not asked and what is left."""
    return list(_lines(contract, veil, colour))


def contract_document(contract: Contract, veil: Veil) -> dict[str, Json]:
    """The same as a JSON value."""
    return {
        "saga": contract.saga,
        "definition": contract.name,
        "id": contract.saga_id,
        "kept": contract.is_kept,
        "interrupted": contract.is_interrupted,
        "requests": contract.requests,
        "services": [
            {
                "name": name,
                "url": url,
                "promises": [
                    _tried(tried, veil) for tried in contract.tried if tried.service == name
                ],
            }
            for name, url in contract.services.items()
        ],
        "not_asked": [
            {"step": passed.step, "reason": veil.text(passed.why), "fault": passed.is_fault}
            for passed in contract.passed_over
        ],
        "left": [
            {
                "step": left.step,
                "correlation_id": left.saga_id,
                "reason": veil.text(left.why),
                "foreseen": left.is_foreseen,
            }
            for left in contract.left
        ],
    }


def _tried(tried: Tried, veil: Veil) -> Json:
    return {
        "step": tried.step,
        "promise": str(tried.promise),
        "verdict": str(tried.verdict),
        "statuses": list(tried.statuses),
        "reason": veil.text(tried.why),
    }


def _lines(contract: Contract, veil: Veil, colour: bool) -> Iterator[str]:
    for name, url in contract.services.items():
        rows = [tried for tried in contract.tried if tried.service == name]
        if rows:
            yield f"{visible(name)}  {visible(url)}"
            yield from _table(rows, veil, colour)
            yield ""
    steps = {passed.step: veil.text(passed.why) for passed in contract.passed_over}
    if steps:
        yield "steps passed over:"
        width = _width(steps)
        yield from (visible(f"  {step:<{width}}  {why}") for step, why in steps.items())
        yield ""
    if contract.left:
        yield "left in the world:"
        for left in contract.left:
            yield visible(f"  {left.step} of {left.saga_id}: {veil.text(left.why)}")
    else:
        yield "left in the world: nothing"
    yield _summary(contract)


def _table(rows: list[Tried], veil: Veil, colour: bool) -> Iterator[str]:
    step_width = _width(tried.step for tried in rows)
    promise_width = _width(PROMISES[tried.promise] for tried in rows)
    status_width = _width(_statuses(tried) for tried in rows)
    shown = ""
    for tried in rows:
        step = "" if tried.step == shown else tried.step
        shown = tried.step
        words = f"{MARKS[tried.verdict]} {WORDS[tried.verdict]:<14}"
        promise = f"{PROMISES[tried.promise]:<{promise_width}}"
        statuses = f"{_statuses(tried):<{status_width}}"
        verdict = painted(words, LOOKS[tried.verdict], colour=colour)
        why = visible(veil.text(tried.why))
        yield f"  {step:<{step_width}}  {promise}  {verdict}  {statuses}  {why}".rstrip()


def _statuses(tried: Tried) -> str:
    return ", ".join("none" if status is None else str(status) for status in tried.statuses)


def _summary(contract: Contract) -> str:
    counts = ", ".join(
        f"{contract.count(verdict)} {WORDS[verdict]}"
        for verdict in (Verdict.KEPT, Verdict.BROKEN, Verdict.UNTOLD, Verdict.UNASKED)
        if contract.count(verdict) or verdict is Verdict.KEPT
    )
    cut = "interrupted: " if contract.is_interrupted else ""
    return visible(f"{cut}{contract.saga}: {counts}; {_count(contract.requests, 'request')}")


def _width(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
