"""A run that was never begun, so that a plan can show the very requests."""

import os

from sagactl import __version__
from sagactl.definition.model import Saga
from sagactl.definition.policy import names_under
from sagactl.machine.event import RunStarted
from sagactl.machine.run import Run, replay
from sagactl.source.node import Json


def preview(saga: Saga, value: Json) -> Run:
    """The run as it would begin with this input; a missing environment value shows as its name."""
    env = {
        name: os.environ.get(name, f"http://{name.lower()}") for name in names_under(saga, "env")
    }
    started = RunStarted(
        at=0.0,
        run_id="preview",
        saga=saga.name,
        version=saga.version,
        definition=saga.source.text,
        definition_name=saga.source.name,
        digest="",
        input=value,
        env=env,
        sandbox=False,
        faults=[],
        sagactl=__version__,
    )
    return replay([started])
