"""Rehearsals made by hand, as the room that rehearses would hand them over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sagactl.machine.event import StepResolved
from sagactl.machine.moves import MOVES, RESOLUTIONS
from sagactl.machine.rehearsed import (
    Branch,
    Cell,
    Coverage,
    Finding,
    Judgement,
    Rehearsed,
    Struck,
    Trouble,
)

HOLE, STUCK, SOUND = Judgement.HOLE, Judgement.STUCK, Judgement.SOUND

# What would end a tag, an attribute, a section, a fence, a line or a terminal's patience.
NASTY = (
    "50%\r\n::error::x ]]> <img src=//h onerror=alert(1)> \"' & &lt; \x1b[2J\x9b31m \u202e \ud800"
    " ```` | [red]x[/red] ![x](//h) @all </style></script>--> é"
)

ARROWS = [(str(before), event.__name__, str(after)) for (before, event), after in MOVES.items()]
ARROWS += [
    (str(before), StepResolved.__name__, str(after)) for (before, _), after in RESOLUTIONS.items()
]
WALKED = [arrow for arrow in ARROWS if not arrow[1].startswith(("Members", "StepR", "Sleep"))]


def rehearsed(
    saga: str,
    steps: Sequence[str],
    findings: Sequence[Finding] = (),
    *,
    missing: Mapping[str, Sequence[Trouble]] | None = None,
    branches: Sequence[Branch] = (),
    states: int = 1234,
    is_whole: bool = True,
    depth: int = 2,
) -> Rehearsed:
    """A definition whose findings stand in the cells of their troubles; the others are sound."""
    ordered = sorted(findings, key=lambda found: found.judgement is STUCK)
    cells = []
    for step in steps:
        for trouble in Trouble:
            if trouble in (missing or {}).get(step, ()):
                cells.append(Cell(step, trouble, None))
                continue
            mine = tuple(f for f in ordered if Struck(step, trouble) in f.struck)
            story = mine[0].story if mine else ends_well(step, trouble)
            cells.append(Cell(step, trouble, mine[0].judgement if mine else SOUND, mine, story))
    return Rehearsed(
        name=f"definitions/{saga}.yaml",
        saga=saga,
        depth=depth,
        steps=tuple(steps),
        cells=tuple(cells),
        findings=tuple(ordered),
        states=states,
        schedules=states * 46,
        is_whole=is_whole,
        seconds=0.4321,
        coverage=Coverage(
            tuple(WALKED), tuple(a for a in ARROWS if a not in WALKED), tuple(branches)
        ),
        variants=("the input of its first example",),
    )


def ends_well(step: str, trouble: Trouble) -> tuple[str, ...]:
    return (
        f'"{step}" is sent: {trouble}',
        "what was done is undone, the last first",
        "the saga is failed, and nothing of it is left in the world",
    )


NO_LOOKUP = (Trouble.LOOKUP_SILENT,)
NO_UNDO = (Trouble.UNDO_FALTERS, Trouble.UNDO_FAILS)
STEPS = ("reserve_inventory", "process_payment", "create_shipment", "send_confirmation")
MISSING = {
    "reserve_inventory": NO_LOOKUP,
    "create_shipment": NO_LOOKUP,
    "send_confirmation": (*NO_LOOKUP, *NO_UNDO, Trouble.LOST),
}


def undo_gives_up(step: str) -> Finding:
    return Finding(
        STUCK,
        "undo-gave-up",
        step,
        f'the compensation of "{step}" fails for good: a person has to undo it',
        "",
        (Struck("create_shipment", Trouble.REJECTED), Struck(step, Trouble.UNDO_FAILS)),
        (
            f'"{step}" takes place',
            'the service of "create_shipment" says no: 422, and the saga turns back',
            f'the compensation of "{step}" is sent 10 times, and is answered 500 each time',
            f'the saga is stuck: "{step}" took place, and is not undone',
        ),
    )


AMBER = tuple(map(undo_gives_up, STEPS[:2]))
CHARGED = Finding(
    HOLE,
    "effect-left",
    "process_payment",
    'what "process_payment" did is left in the world although the saga is failed: its compensation '
    "reads a result that nobody has when the reply is lost",
    'give "process_payment" a lookup with a result, or let its compensation use step.action_key',
    (Struck("process_payment", Trouble.LOST), Struck("create_shipment", Trouble.REJECTED)),
    (
        '"reserve_inventory" takes place',
        '"process_payment" takes place, and its reply is cut: its result is lost',
        'the service of "create_shipment" says no: 422, and the saga turns back',
        'the compensation of "process_payment" cannot be written: it reads result.payment_id',
        'the saga is failed, and the charge of "process_payment" is still in the world',
    ),
)
PIVOTED = Finding(
    HOLE,
    "undo-order",
    "reserve_inventory",
    '"reserve_inventory" is undone before "create_shipment", which was made out of it',
    'add "reserve_inventory" to the needs of "create_shipment"',
    (Struck("create_shipment", Trouble.NOT_DONE),),
    (
        '"reserve_inventory" and "process_payment" take place',
        'no reply comes to "create_shipment", which never took place; sagactl cannot know',
        '"reserve_inventory" is undone at once, and "create_shipment" after it',
        "the saga is failed; a parcel was taken back after its goods were sold again",
    ),
)


def sound() -> Rehearsed:
    return rehearsed("order-fulfillment", STEPS, AMBER, missing=MISSING)


def flawless() -> Rehearsed:
    return rehearsed("audit", STEPS[:2], missing=MISSING, states=96)


def holed() -> Rehearsed:
    branches = (
        Branch("create_shipment", "${{ input.amount > 0 }}", (True, False)),
        Branch("send_confirmation", "${{ input.customer != '' }}", (True,)),
    )
    return rehearsed(
        "order-broken", STEPS, (CHARGED, PIVOTED, *AMBER), missing=MISSING, branches=branches
    )


def unproven() -> Rehearsed:
    return replace(
        sound(), is_whole=False, states=100_000, name="definitions/trip.yaml", saga="trip"
    )


def wide() -> Rehearsed:
    """Twenty steps, some with the longest of names."""
    steps = [f"step_{number:02}" for number in range(16)]
    steps += [
        "payment/charge_the_card_of_the_customer_in_the_currency_of_the_shop",
        "ship[0]",
        "ship[1]",
    ]
    steps += ["x" * 63]
    return rehearsed("wide", steps, missing={steps[3]: NO_LOOKUP}, states=1_234_567)


def hostile() -> Rehearsed:
    """Nothing in it can be trusted but the names of steps."""
    bad = Finding(
        HOLE, "effect-left", "a", NASTY, NASTY, (Struck("a", Trouble.DONE),), (NASTY, NASTY)
    )
    one = rehearsed("audit", ["a"], (bad,), branches=(Branch("a", NASTY, (True,)),))
    return replace(one, name=f"{NASTY}.yaml", saga=NASTY, variants=(NASTY,))
