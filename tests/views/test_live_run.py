"""The table that moves: frame by frame, and in a real terminal."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from conftest import DEFINITIONS, Cli
from rich.console import Console
from views.story import (
    FORK,
    NOT_SENT,
    REJECTED,
    START,
    UNKNOWN,
    Story,
    applied,
    completed,
    failed,
    ordered,
)

from sagactl.definition.model import OutcomeKind
from sagactl.machine.command import Outcome, Phase
from sagactl.machine.run import apply
from sagactl.views.glyph import SPINNER
from sagactl.views.lines import LineWatcher
from sagactl.views.live import LiveRun, is_live, make_watcher

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)


def live(story: Story, now: float) -> LiveRun:
    """The view of one who watched the whole story, looking at `now`."""
    view = LiveRun(story.plan, Terminal(), lambda: now)
    run = None
    for event in story.events:
        run = apply(run, event)
        view.watch(event, run)
    return view


def frame(story: Story, *, after: float = 0.0, width: int = 100) -> list[str]:
    """The lines of the frame that is drawn so long after the last event."""
    out = io.StringIO()
    console = Console(file=out, width=width, markup=False, highlight=False, emoji=False)
    console.print(live(story, story.at + after).frame())
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return [
        line.replace(line[0], "*", 1) if line[:1] in SPINNER else line for line in lines if line
    ]


def test_what_is_in_flight_spins_and_what_is_to_come_is_listed() -> None:
    story = ordered(sandbox=True).tries("reserve", applied()).begins("charge")
    assert frame(story, after=1.5) == [
        "order  r-1  SANDBOX  pending  1.8s",
        "✓ reserve  0.1s",
        "* charge   1.5s POST /v1/charges",
        "· ship",
    ]


def test_a_spinner_turns_with_the_clock() -> None:
    story = ordered().begins("reserve")
    marks = set()
    for tick in range(len(SPINNER)):
        out = io.StringIO()
        Console(file=out, width=80).print(live(story, START + 1 + tick / 10 + 0.05).frame())
        marks.add(out.getvalue().splitlines()[1][0])
    assert marks == set(SPINNER)


def test_a_back_off_counts_down() -> None:
    story = ordered().tries("reserve", NOT_SENT)
    due_at = story.run.step("reserve").action.due_at
    assert due_at is not None
    for left in (0.1, 0.0):
        row = frame(story, after=due_at - left - story.at)[1]
        assert f" again in {left:.1f}s, attempt 2: connection refused" in row
    assert " again in 0.0s" in frame(story, after=60)[1]


def test_a_lookup_that_waits_for_a_late_request_says_how_long() -> None:
    story = ordered().tries("reserve", applied())
    for _ in range(4):
        story.tries("charge", UNKNOWN)
    assert "? charge" in frame(story)[2]
    assert "asked about in 10.0s: read timed out" in frame(story)[2]
    story.begins("charge", Phase.LOOKUP)
    assert "asking: GET /v1/charges?key=sg1-" in frame(story)[2]


def test_undoing_counts_its_own_time() -> None:
    story = ordered().tries("reserve", applied()).later(60).tries("charge", REJECTED)
    story.begins("reserve", Phase.COMPENSATION)
    assert frame(story, after=2)[1:3] == [
        "* reserve  2.0s undoing: DELETE /holds/r-1",
        "✗ charge   0.1s 422 Unprocessable Content",
    ]
    story.ends("reserve", NOT_SENT, Phase.COMPENSATION)
    assert frame(story)[1].startswith("↶ reserve  0.1s undo in ")


def test_what_waits_for_more_than_the_step_above_says_for_what() -> None:
    story = Story(FORK).begins("flight").begins("hotel")
    assert frame(story)[1:] == [
        "* flight  0.1s PUT /f",
        "* hotel   0.0s PUT /h",
        "· pay          after flight, hotel",
    ]


def test_steps_that_will_never_start_wait_for_nothing() -> None:
    story = Story(FORK).tries("flight", REJECTED)
    assert frame(story)[3] == "· pay"


def test_a_completed_run_ends_in_a_verdict() -> None:
    assert frame(completed(), after=99)[-1] == "completed in 0.6s"


def test_a_failed_run_ends_in_a_verdict() -> None:
    assert frame(failed())[1:] == [
        "↺ reserve  0.1s undone",
        "↺ charge   0.1s undone",
        "✗ ship     0.1s 422 Unprocessable Content",
        "failed, and everything that was done is undone: ship: 422 Unprocessable Content",
    ]


@pytest.mark.parametrize("width", [20, 30, 40, 60])
def test_on_a_narrow_terminal_every_step_keeps_its_line_its_mark_and_its_name(width: int) -> None:
    long = Outcome(OutcomeKind.NOT_SENT, "no route to the host " * 20)
    story = ordered().tries("reserve", applied()).tries("charge", long)
    lines = frame(story, width=width)
    assert len(lines) == 4
    assert [line[:9].rstrip() for line in lines[1:]] == ["✓ reserve", "→ charge", "· ship"]
    assert lines[2].endswith("…")
    assert max(map(len, lines)) <= width


def test_a_head_that_is_too_long_gives_up_the_id_and_keeps_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "18")
    assert frame(ordered().begins("reserve"), width=18)[0] == "order  pending  0…"


def many(count: int) -> Story:
    text = "saga: many\nversion: 1\nservices: {w: {url: 'http://w', idempotency: key}}\nsteps:\n"
    for number in range(count):
        text += f"  - {{name: s{number}, service: w, action: PUT /{number}, compensation: none}}\n"
    return Story(text)


def test_more_steps_than_lines_are_shown_around_what_moves() -> None:
    story = many(100)
    for number in range(50):
        story.tries(f"s{number}", applied())
    lines = frame(story.begins("s50"))
    assert len(lines) <= 24
    assert lines[1] == "… 41 above"
    assert any(line.startswith("* s50") for line in lines)
    assert lines[-1] == "… 40 below"


def test_what_is_left_behind_has_every_step() -> None:
    story = many(100)
    stream = Terminal()
    with LiveRun(story.plan, stream, lambda: START) as view:
        view.watch(story.events[0], story.run)
    left = ESCAPE.sub("", stream.getvalue())
    assert [
        f"· s{n}" for n in (0, 50, 99) if f"· s{n} " not in left and f"· s{n}\n" not in left
    ] == []


def test_what_is_left_behind_does_not_spin() -> None:
    story = ordered().begins("reserve")
    stream = Terminal()
    with LiveRun(story.plan, stream, lambda: START) as view:
        for event in story.events:
            view.watch(event, story.run)
    last = ESCAPE.sub("", stream.getvalue()).splitlines()[-4:]
    assert last[1].startswith("→ reserve")


def test_the_cursor_is_left_on_the_screen_in_case_the_process_is_killed() -> None:
    stream = Terminal()
    with LiveRun(completed().plan, stream, lambda: START):
        seen = stream.getvalue()
        assert seen.rindex("\x1b[?25h") > seen.rfind("\x1b[?25l")


@pytest.mark.parametrize("through_stderr", [False, True])
def test_what_else_is_told_meanwhile_goes_above_the_table(
    monkeypatch: pytest.MonkeyPatch, through_stderr: bool
) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    story = ordered().begins("reserve")
    with LiveRun(story.plan, stream, lambda: START) as view:
        for event in story.events:
            view.watch(event, story.run)
        view.say("one")  # draws the table below itself
        if through_stderr:
            print("stop\x1b[2Jping", file=sys.stderr)
        else:
            view.say("stop\x1b[2Jping")
    before, after = re.split(r"stop(?:\\x1b\[2J)?ping", stream.getvalue())
    assert re.search(r"\x1b\[1A\x1b\[2K(\x1b\[2m)?$", before), "the table is taken away first"
    assert "reserve" in after, "and drawn again"


def test_X5_a_reply_is_neither_markup_nor_an_escape() -> None:
    evil = "[bold red]x[/] [link=http://evil]y[/link] :boom: \x1b[2J\x9b1m\u202e"
    story = ordered().tries("reserve", Outcome(OutcomeKind.REJECTED, evil, 400))
    row = frame(story)[1]
    assert "[bold red]x[/] [link=http://evil]y[/link] :boom: \\x1b[2J\\x9b1m\\u202e" in row


def test_the_table_hides_what_is_sensitive() -> None:
    story = ordered("4000-1234").tries(
        "reserve", Outcome(OutcomeKind.REJECTED, "no 4000-1234", 400)
    )
    assert not [line for line in frame(story) if "4000" in line]
    assert "no ***" in frame(story)[1]


def test_a_terminal_that_has_gone_stops_nothing() -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

        def flush(self) -> None:
            raise OSError(5, "Input/output error")

    story = completed()
    with LiveRun(story.plan, Gone(), lambda: START) as view:
        view.watch(story.events[0], story.run)


def test_a_terminal_that_can_gets_the_table_and_any_other_stream_gets_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = completed().plan
    assert isinstance(make_watcher(plan, Terminal(), lambda: 0.0), LiveRun)
    assert isinstance(make_watcher(plan, io.StringIO(), lambda: 0.0), LineWatcher)
    plain = Terminal()
    plain.encoding = "ascii"
    assert not is_live(plain)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_live(Terminal())
    monkeypatch.delenv("TERM")
    assert not is_live(Terminal())


def test_only_a_live_view_waits_for_rich() -> None:
    code = (
        "import sys; from sagactl.views import diagram, document, lines, live, plan_text, summary;"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def spawn(cli: Cli, *more: str, **env: str) -> str:
    """All that a real terminal is sent by a sandboxed order whose shipment fails."""
    arguments = ["-m", "sagactl", "run", str(DEFINITIONS / "order.yaml"), "--sandbox", *more]
    child = pexpect.spawn(
        sys.executable,
        [*arguments, "--fail", "create_shipment=422"],
        cwd=str(cli.folder),
        env={**cli.environment, "COLUMNS": "", "TERM": "xterm-256color", **env},
        dimensions=(30, 100),
        encoding="utf-8",
        timeout=60,
        use_poll=True,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    seen = child.before
    assert isinstance(seen, str)
    return seen


def test_a_real_terminal_is_left_with_the_table_and_the_verdict(cli: Cli) -> None:
    seen = spawn(cli)
    assert "\x1b[31m" in seen or "\x1b[1;31m" in seen
    left = ESCAPE.sub("", seen).replace("\r", "")
    lines = left[left.rindex("order-fulfillment") :].splitlines()
    assert "SANDBOX" in lines[0]
    assert [line[:19].rstrip() for line in lines[1:5]] == [
        "↺ reserve_inventory",
        "↺ process_payment",
        "✗ create_shipment",
        "· send_confirmation",
    ]
    assert lines[5].startswith("failed, and everything that was done is undone")


def test_the_table_is_drawn_on_stderr_alone(cli: Cli) -> None:
    out = Path(cli.folder) / "out.txt"
    code = (
        "import sys, subprocess; sys.exit(subprocess.call([sys.executable, '-m', 'sagactl', 'run', "
        f"{str(DEFINITIONS / 'order.yaml')!r}, '--sandbox'], stdout=open({str(out)!r}, 'w')))"
    )
    child = pexpect.spawn(
        sys.executable,
        ["-c", code],
        cwd=str(cli.folder),
        env={**cli.environment, "TERM": "xterm-256color"},
        encoding="utf-8",
        timeout=60,
        use_poll=True,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "✓ send_confirmation" in ESCAPE.sub("", child.before or "")
    told = out.read_text(encoding="utf-8")
    assert told.startswith("order-fulfillment order-1001  (sandbox): completed")
    assert "\x1b" not in told
