"""The codes of findings: each has a meaning, and each is what somebody finds."""

from pathlib import Path

import pytest

from sagactl.machine import finding_code
from sagactl.machine.finding_code import MEANINGS, OF_THE_MACHINE, RIGHTLY_STUCK, FindingCode
from sagactl.machine.rehearsed import Judgement

PROOF = Path(finding_code.__file__).parent.parent / "rehearsal" / "proof"
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in PROOF.glob("*.py"))


@pytest.mark.parametrize("code", FindingCode)
def test_every_code_is_found_by_somebody_and_has_a_meaning(code: FindingCode) -> None:
    assert f"FindingCode.{code.name}" in SOURCE
    assert code == code.name.lower().replace("_", "-")
    assert code.meaning == MEANINGS[code]
    assert not code.meaning.endswith(".")


def test_what_a_person_is_rightly_needed_for_is_no_hole() -> None:
    stuck = {code for code in FindingCode if code.judgement is Judgement.STUCK}
    assert stuck == set(RIGHTLY_STUCK)
    assert stuck.isdisjoint(OF_THE_MACHINE)
