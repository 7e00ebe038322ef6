"""The W3C trace of a run: one trace per run, one span per attempt.

Identifiers come from a hash, so that an attempt repeated after a crash shows the same ones and
nothing has to be stored.
"""

from hashlib import sha256

from sagactl.machine.command import Call


def traceparent(call: Call) -> str:
    """The `traceparent` header of an attempt (W3C Trace Context, version 00, sampled)."""
    trace = sha256(f"trace\n{call.run_id}".encode()).hexdigest()[:32]
    attempt = "\n".join(("span", call.run_id, call.step, call.phase, str(call.attempt)))
    span = sha256(attempt.encode()).hexdigest()[:16]
    return f"00-{trace}-{span}-01"
