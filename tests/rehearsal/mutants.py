"""Plausible bugs of the machine, each one edit of one file, for the rehearsal to find.

`why` says what the bug does to one of `definitions/`: there is a definition that turns red for each.
None of them makes the machine raise; it goes on and does the wrong thing, as real bugs do.
`is_quick`: in every run of the tests; the others are `long`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    path: str  # below the package
    old: str  # stands in that file exactly once
    new: str
    why: str
    is_quick: bool = True


OUTSTANDING = "machine/outstanding.py"
VERDICT = "machine/verdict.py"

MUTANTS = (
    Mutant(
        "needs are ignored forwards",
        OUTSTANDING,
        "    return all(run.step(name).state in THROUGH for name in planned.needs)\n",
        "    return True\n",
        "an order is shipped before it is paid, with the id of a payment that nobody has",
    ),
    Mutant(
        "needs are ignored backwards",
        OUTSTANDING,
        "        may_undo = planned.is_undoable and drained and dependents_clear\n",
        "        may_undo = planned.is_undoable and drained\n",
        "an order's stock is released before its payment is refunded",
    ),
    Mutant(
        "an unknown outcome is taken for a no",
        VERDICT,
        "        case OutcomeKind.REJECTED:\n            return end.of(e.ActionFailed)\n",
        "        case OutcomeKind.REJECTED | OutcomeKind.UNKNOWN if not step.action.doubted:\n"
        "            return end.of(e.ActionFailed)\n",
        "a reservation whose reply was lost stands in a saga that has failed",
    ),
    Mutant(
        "a lost result is taken for a no",
        VERDICT,
        "        case OutcomeKind.REJECTED:\n            return end.of(e.ActionFailed)\n",
        "        case OutcomeKind.REJECTED | OutcomeKind.RESULT_LOST if not step.action.doubted:\n"
        "            return end.of(e.ActionFailed)\n",
        "a charge whose reply was cut is never refunded",
    ),
    Mutant(
        "a lookup does not wait until a late request has landed",
        OUTSTANDING,
        "        return _call(planned, run, Phase.LOOKUP, step.lookup.due_at or settled_at)\n",
        "        return _call(planned, run, Phase.LOOKUP, step.lookup.due_at)\n",
        "a debit that is still under way is looked up, counts as never made, and lands",
    ),
    Mutant(
        "a lookup without an answer is taken for a no",
        VERDICT,
        "    if outcome.found is False and not step.happened:\n",
        "    if not outcome.found and not step.happened:\n",
        "a debit that took place counts as never made while the bank cannot be asked",
    ),
    Mutant(
        "each attempt has a key of its own",
        OUTSTANDING,
        "        key=idempotency_key(run.id, planned.name, phase),\n",
        '        key=f"{idempotency_key(run.id, planned.name, phase)}-{attempts.count}",\n',
        "a charge whose reply was lost is made once more, and one of the two is never refunded",
    ),
    Mutant(
        "an undo has the key of its action",
        OUTSTANDING,
        "        key=idempotency_key(run.id, planned.name, phase),\n",
        "        key=idempotency_key(run.id, planned.name, Phase.ACTION),\n",
        "the service has seen the key of the undo with another request, and refuses it",
        is_quick=False,
    ),
    Mutant(
        "what was in flight in a crash is taken for a no",
        OUTSTANDING,
        "ORPHANED = Outcome(OutcomeKind.UNKNOWN, ",
        "ORPHANED = Outcome(OutcomeKind.REJECTED, ",
        "a charge that went through while sagactl died is never refunded",
    ),
    Mutant(
        "what was in flight in a crash counts as never sent",
        OUTSTANDING,
        "ORPHANED = Outcome(OutcomeKind.UNKNOWN, ",
        "ORPHANED = Outcome(OutcomeKind.NOT_SENT, ",
        "a debit at a bank that knows no keys is made again after a crash",
        is_quick=False,
    ),
    Mutant(
        "what was in flight in a crash is forgotten",
        "engine/rounds.py",
        "    return (*began, *recorded(standing, orphans))\n",
        "    return began\n",
        "nobody ever says how the request ended, and the saga never does",
        is_quick=False,
    ),
    Mutant(
        "a request without a key is sent again",
        VERDICT,
        "    if not request.may_repeat:\n        return False\n",
        "    if request is None:\n        return False\n",
        "a debit at a bank that knows no keys is made twice",
    ),
    Mutant(
        "a refused undo counts as undone",
        VERDICT,
        "    if outcome.kind is OutcomeKind.REJECTED or not outcome.retriable:\n"
        "        return end.of(e.CompensationFailed)\n",
        "    if outcome.kind is OutcomeKind.REJECTED or not outcome.retriable:\n"
        "        return end.of(e.CompensationSucceeded)\n",
        "a refund that the bank refused is taken for done",
    ),
    Mutant(
        "an undo that was given up counts as undone",
        VERDICT,
        "    if due is None:\n        return end.of(e.CompensationFailed)\n",
        "    if due is None:\n        return end.of(e.CompensationSucceeded)\n",
        "a refund that was never answered is taken for done",
        is_quick=False,
    ),
    Mutant(
        "a refusal past the pivot is a failure",
        VERDICT,
        "        case OutcomeKind.REJECTED if planned.past_pivot:\n"
        "            return end.of(e.ActionRefused)\n",
        "        case OutcomeKind.REJECTED if planned.past_pivot and not step.action.doubted:\n"
        "            return end.of(e.ActionFailed)\n",
        "the entry in the books is refused, nobody is told, and the transfer never ends",
    ),
    Mutant(
        "the pivot does not keep a saga from turning back",
        "machine/state.py",
        "    if is_past_pivot(plan, run):\n        return False\n    if run.cancelled",
        "    if run.cancelled",
        "the time is up while the credit is made: the debit is reversed, and the credit stands",
        is_quick=False,
    ),
    Mutant(
        "what is taken as done is never undone",
        OUTSTANDING,
        "            case S.UNKNOWN if may_undo:\n",
        "            case S.UNKNOWN if may_undo and not step.assumed:\n",
        "a reservation that nobody knows of is left as it is, and the saga never ends",
        is_quick=False,
    ),
    Mutant(
        "instances are undone in the order they were made in",
        "machine/plan.py",
        "        is_last = index + 1 == count\n"
        "        # What completed is undone one by one, the last first.\n"
        '        needed_by = planned.needed_by if is_last else (f"{planned.name}[{index + 1}]",)\n',
        "        is_last = index == 0\n"
        '        needed_by = planned.needed_by if is_last else (f"{planned.name}[{index - 1}]",)\n',
        "the first parcel of a basket is called back before the last",
        is_quick=False,
    ),
    Mutant(
        "a skipped step is never clear",
        "machine/state.py",
        "    if step.state in (S.PENDING, S.FAILED, S.SKIPPED, S.COMPENSATED):\n",
        "    if step.state in (S.PENDING, S.FAILED, S.COMPENSATED):\n",
        "a trip without a car is undone, and never ends",
        is_quick=False,
    ),
)
