"""What `--fail` understands, and which attempts it strikes."""

import pytest
from rehearsal.play import ORDER, saga_of

from sagactl.machine.command import Phase
from sagactl.rehearsal.fault import (
    Fault,
    FaultKind,
    FaultRejected,
    check_faults,
    parse_fault,
    striking,
)

ACTION, LOOKUP, COMPENSATION = Phase.ACTION, Phase.LOOKUP, Phase.COMPENSATION
STATUS = FaultKind.STATUS


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("charge=422", Fault("charge", ACTION, STATUS, None, 422)),
        ("charge=503x2", Fault("charge", ACTION, STATUS, 2, 503)),
        ("charge.action=timeout", Fault("charge", ACTION, FaultKind.TIMEOUT)),
        ("charge.compensation=403", Fault("charge", COMPENSATION, STATUS, None, 403)),
        ("charge.lookup=timeout-beforex12", Fault("charge", LOOKUP, FaultKind.TIMEOUT_BEFORE, 12)),
        ("charge=reset-afterx1", Fault("charge", ACTION, FaultKind.RESET_AFTER, 1)),
        ("charge=slow:250msx1", Fault("charge", ACTION, FaultKind.SLOW, 1, None, 0.25)),
        (" ship-it=drop ", Fault("ship-it", ACTION, FaultKind.DROP)),
        ("charge@2=503", Fault("charge", ACTION, STATUS, None, 503, None, (2, 2))),
        ("a/b[1].lookup@2-4=cut", Fault("a/b[1]", LOOKUP, FaultKind.CUT, attempts=(2, 4))),
        ("charge@3-=oversized", Fault("charge", ACTION, FaultKind.OVERSIZED, attempts=(3, None))),
        ("charge=refusedx2", Fault("charge", ACTION, FaultKind.REFUSED, 2)),
    ],
)
def test_a_fault_is_understood(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        "charge.action=422",
        "charge.compensation=503x2",
        "charge.lookup=timeout-before",
        "charge.action=reset-afterx1",
        "charge.action=slow:1500msx3",
        "charge.action@2=cut",
        "charge.lookup@2-4=oversized",
        "charge.action@3-=refused",
    ],
)
def test_a_fault_reads_as_it_was_written(text: str) -> None:
    assert str(parse_fault(text)) == text
    assert parse_fault(str(parse_fault(text))) == parse_fault(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("charge", "a fault is STEP=KIND"),
        ("=422", "a fault is STEP=KIND"),
        ("", "a fault is STEP=KIND"),
        ("charge=", '"" in "charge=" is no way to fail'),
        ("charge=timeuot", 'did you mean "timeout"?'),
        ("charge=42", "200 to 599"),
        ("charge=100", "200 to 599"),
        ("charge=600", "200 to 599"),
        ("charge=5033", "200 to 599"),
        ("charge=422x0", "never strikes"),
        ("charge.compensate=422", 'did you mean "compensation"?'),
        ("charge.=422", "there are action, lookup, compensation"),
        ("charge=slow:2d", "is no way to fail"),
        ("charge=slow:61m", "longer than an hour"),
        ("charge@0=422", "@2 is the second one"),
        ("charge@=422", "@2- all from the second one on"),
        ("charge@two=422", "names no attempts"),
        ("charge@2.lookup=422", "names no attempts"),
        ("charge@4-2=422", "ends before it begins"),
        ("charge@2=503x3", "@2-4 names the attempts"),
        ("@2=503", "a fault is STEP=KIND"),
    ],
)
def test_what_is_no_fault_is_told_with_what_would_be(text: str, says: str) -> None:
    with pytest.raises(FaultRejected) as rejected:
        parse_fault(text)
    assert says in str(rejected.value)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["chrage=422"], 'did you mean "charge"?'),
        (["zzz=422"], "there are reserve, charge, notify"),
        (["reserve.lookup=503"], 'step "reserve" has no lookup'),
        (["notify.compensation=503"], 'step "notify" has no compensation'),
        (["charge=422", "charge=503x2"], "an earlier fault"),
        (["charge@2=422", "charge@2=503"], "for these attempts already"),
        (["charge@1-2=422", "charge@3-=503", "charge@2-9=timeout"], "for these attempts already"),
        (["charge=503x2", "charge@1-=422"], "another fault"),
        (["charge=503x2", "charge=timeoutx1", "charge@3=422"], '"charge.action=timeoutx1" never'),
    ],
)
def test_a_fault_that_can_never_strike_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(FaultRejected) as rejected:
        check_faults([parse_fault(text) for text in texts], saga_of(ORDER))
    assert says in str(rejected.value)


def test_faults_that_can_strike_pass() -> None:
    texts = ["charge=503x2", "charge=timeout", "charge.lookup=drop", "reserve.compensation=500"]
    texts += ["charge@3=cut", "charge@3-5=422", "charge.lookup@1=503", "charge@9-=422"]
    check_faults([parse_fault(text) for text in texts], saga_of(ORDER))


def test_faults_of_one_phase_take_turns() -> None:
    faults = [parse_fault(text) for text in ("charge=503x2", "charge=timeoutx1", "reserve=422")]
    words = [striking(faults, "charge", ACTION, earlier) for earlier in range(4)]
    assert [fault and fault.word for fault in words] == ["503", "503", "timeout", None]


def test_a_fault_that_names_its_attempts_goes_before_the_others() -> None:
    texts = ("charge=503x3", "charge@2=cut", "charge@5-6=422", "charge@8-=drop", "charge=timeoutx1")
    faults = [parse_fault(text) for text in texts]
    words = [striking(faults, ("charge",), ACTION, earlier) for earlier in range(9)]
    assert [fault and fault.word for fault in words] == [
        "503", "cut", "503", "timeout", "422", "422", None, "drop", "drop",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "prevents"),
    [
        ("a=200", False),
        ("a=202", False),
        ("a=303", True),
        ("a=422", True),
        ("a=503", True),
        ("a=timeout", False),
        ("a=timeout-before", True),
        ("a=reset-after", False),
        ("a=reset-before", True),
        ("a=drop", False),
        ("a=garbage", False),
        ("a=slow", False),
        ("a=cut", False),
        ("a=oversized", False),
        ("a=refused", True),
    ],
)
def test_each_fault_says_whether_the_effect_is_done(text: str, prevents: bool) -> None:
    assert parse_fault(text).prevents_effect is prevents
