"""Thousands of definitions that are nearly right, and what lint says of each."""

import gc
import time
from pathlib import Path

import pytest
from fuzz.definitions import definitions
from fuzz.judging import judge
from hypothesis import HealthCheck, given, seed, settings

from sagactl.cli.loading import check_text

BLOCKS, PER_BLOCK = 4, 500
LONG_BLOCKS, PER_LONG_BLOCK = 100, 10_000

usual = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def _a_folder_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_is_wrong_is_told_with_its_place_and_with_bounded_work(block: int) -> None:
    @seed(block)
    @settings(usual, max_examples=PER_BLOCK)
    @given(definitions())
    def holds(text: str) -> None:
        judge(text)

    holds()


@pytest.mark.long
@pytest.mark.parametrize("block", range(LONG_BLOCKS))
def test_a_million_definitions_are_told_of_none_in_more_than_a_second(block: int) -> None:
    @seed(1000 + block)
    @settings(usual, max_examples=PER_LONG_BLOCK)
    @given(definitions())
    def holds(text: str) -> None:
        began = time.process_time()
        judge(text)
        if time.process_time() - began > 1.0:
            assert min(seconds(text) for _ in range(3)) < 1.0

    holds()


def seconds(text: str) -> float:
    """The processor's time for one look at a text, by itself: nothing is counted or collected."""
    content = text.encode("utf-8", "surrogatepass")
    gc.collect()
    began = time.process_time()
    check_text(content, "x.yaml")
    return time.process_time() - began
