"""A live test of a saga within the test's own process, over real sockets."""

import asyncio
from collections.abc import Collection, Mapping

from sagactl.definition.model import Saga
from sagactl.definition.policy import names_under
from sagactl.engine.clock import SystemClock
from sagactl.machine.contract import Contract, Promise, Verdict
from sagactl.machine.event import RunStarted
from sagactl.machine.plan import make_plan
from sagactl.rehearsal.live.asking import Asker
from sagactl.rehearsal.live.target import Targets, fenced
from sagactl.rehearsal.live.walk import Walk, fresh_id
from sagactl.source.node import Json

SECRET = "a-secret-token"


def asked(
    saga: Saga, env: Mapping[str, str], value: Json = None, skipped: Collection[str] = ()
) -> Contract:
    """What came of asking the services of a saga."""
    return asyncio.run(_asked(saga, env, value, skipped))


async def _asked(
    saga: Saga, env: Mapping[str, str], value: Json, skipped: Collection[str]
) -> Contract:
    plan, targets, clock = make_plan(saga), Targets(saga, env), SystemClock()
    secrets = dict.fromkeys(names_under(saga, "secrets"), SECRET)
    web = fenced(targets, secrets, clock.now)
    walk = Walk(plan, Asker(plan, web, clock), targets, skipped)
    started = RunStarted(
        at=clock.now(), run_id=fresh_id(), saga=saga.name, version=saga.version,
        definition=saga.source.text, definition_name=saga.source.name, digest="", input=value,
        env=dict(env), sandbox=False, faults=[], sagactl="test",
    )  # fmt: skip
    try:
        return await walk.perform(started)
    finally:
        await web.aclose()


def verdicts(contract: Contract) -> dict[str, Verdict]:
    """`step.promise` and its verdict, for all that was asked."""
    return {
        f"{tried.step}.{tried.promise}": tried.verdict
        for tried in contract.tried
        if tried.verdict is not Verdict.UNASKED
    }


def reason(contract: Contract, step: str, promise: Promise) -> str:
    return next(t.why for t in contract.tried if (t.step, t.promise) == (step, promise))
