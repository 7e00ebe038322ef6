"""What is thought of a saga whose time is up when there is nothing to undo."""

import pytest
from rehearsal.play import saga_of

from sagactl.machine.rehearsed import Judgement, Trouble
from sagactl.rehearsal.proof.explore import Bounds
from sagactl.rehearsal.proof.rehearse import rehearse

HEAD = """\
saga: told
version: 1
timeout: 1m
input: {type: object, properties: {too: {type: boolean}}, examples: [{too: true}]}
services:
  mail: {url: "http://mail.example", idempotency: key}
steps:
"""
TELL = """\
  - name: tell
    service: mail
    action: POST /messages
    compensation: none
"""
TELL_TOO = """\
  - name: tell_too
    when: ${{ input.too }}
    service: mail
    action: POST /more-messages
    compensation: none
"""


@pytest.mark.parametrize("steps", [TELL, TELL + TELL_TOO, TELL_TOO])
def test_a_saga_with_nothing_to_undo_may_fail_although_all_of_it_is_done(steps: str) -> None:
    rehearsed = rehearse(saga_of(HEAD + steps), "told.yaml", Bounds(depth=1))
    assert [f for f in rehearsed.findings if f.judgement is Judgement.HOLE] == []
    overtime = [cell for cell in rehearsed.cells if cell.trouble is Trouble.OVERTIME]
    assert overtime
    for cell in overtime:
        assert cell.judgement is Judgement.SOUND
        assert cell.story[-1].startswith("the saga ends failed; ")
        assert f'"{cell.step}"' in cell.story[-1]
