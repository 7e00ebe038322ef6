"""The whole matrix: every behaviour of a participant, crossed with all it can strike at.

Behaviour × before or after the effect × step × phase × what the service keeps × once or always.
The default run takes a sample in which every two of these meet; `pytest -m long
tests/faults/test_zoo.py` takes all of them.
"""

import asyncio

import pytest
from zoo import ANIMALS, DOORS, TLS_DOORS
from zoo_table import OUTCOMES, Case, cases, pairwise
from zoo_trip import EARLY, travel

EVERY = list(cases())
SAMPLE = pairwise(EVERY, seed=20261123)
AT_ONCE = 48


def disagreements(some: list[Case]) -> list[str]:
    """What became of those cases that did not end as the table says; all in one loop."""
    broken: list[str] = []

    async def take(turn: asyncio.Semaphore, case: Case) -> None:
        async with turn:
            try:
                await travel(case)
            except AssertionError as error:
                broken.append(str(error))

    async def story() -> None:
        turn = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(take(turn, case) for case in some))

    asyncio.run(story())
    return broken


def demand_agreement(some: list[Case]) -> None:
    broken = disagreements(some)
    shown = "\n\n".join(broken[:5])
    assert not broken, f"{len(broken)} of {len(some)} disagree with the table:\n{shown}"


def test_the_table_knows_a_hundred_behaviours_and_each_of_them_exists() -> None:
    assert len(OUTCOMES) >= 100
    made = {"refused", "late", "tls-elsewhere", "tls-expired", "tls-stranger", *EARLY}
    assert set(OUTCOMES) <= {*ANIMALS, *DOORS, *TLS_DOORS, *made}


def test_G5_every_pair_of_causes_ends_as_the_table_says_and_leaves_nothing_behind() -> None:
    assert len(SAMPLE) > 400
    demand_agreement(SAMPLE)


@pytest.mark.long
@pytest.mark.parametrize("block", range(10))
def test_G5_the_whole_matrix_ends_as_the_table_says(block: int) -> None:
    assert len(EVERY) > 10_000
    demand_agreement(EVERY[block::10])
