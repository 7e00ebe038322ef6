"""Whatever has a meaning can be rehearsed: definitions made by chance lead to no exception, ever."""

import pytest
from fuzz.definitions import definitions
from hypothesis import HealthCheck, given, seed, settings

from sagactl.cli.loading import check_text
from sagactl.machine.rehearsed import Judgement, Trouble
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.rehearse import rehearse
from sagactl.rehearsal.proof.variant import NoInput

BLOCKS, PER_BLOCK = 2, 400
LONG_BLOCKS, PER_LONG_BLOCK = 20, 5_000

usual = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def demand_a_rehearsal(text: str) -> bool:
    """Whether it could be rehearsed; half of these definitions mean nothing."""
    saga, _ = check_text(text.encode("utf-8", "surrogatepass"), "x.yaml")
    if saga is None:
        return False
    try:
        told = rehearse(saga, "x.yaml", Bounds(1, 300))
    except NoInput:
        return True
    assert len(told.cells) == len(told.steps) * len(Trouble)
    assert (told.judgement is Judgement.SOUND) is (not told.findings)
    for finding in told.findings:
        assert finding.message == finding.story[-1]
    return True


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_definition_that_means_something_is_rehearsed(block: int) -> None:
    rehearsed = 0

    @seed(block)
    @settings(usual, max_examples=PER_BLOCK)
    @given(definitions())
    def holds(text: str) -> None:
        nonlocal rehearsed
        rehearsed += demand_a_rehearsal(text)

    holds()
    assert rehearsed > 20


@pytest.mark.long
@pytest.mark.parametrize("block", range(LONG_BLOCKS))
def test_many_definitions_are_rehearsed(block: int) -> None:
    @seed(1000 + block)
    @settings(usual, max_examples=PER_LONG_BLOCK)
    @given(definitions())
    def holds(text: str) -> None:
        demand_a_rehearsal(text)

    holds()
