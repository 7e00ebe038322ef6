"""All the rules, and what they say of a saga.

`lint` promises the same problems in the same order for the same saga, sorted by place. It reads no
file and sends nothing; what is not well formed never gets here.
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga, SubSaga
from sagactl.lint.rule import Rule
from sagactl.lint.rules import (
    broken_document,
    deprecated_operation,
    doubtful_status,
    key_mismatch,
    maybe_skipped,
    missing_value,
    no_compensation,
    not_before,
    other_server,
    pivot_place,
    secret_misplaced,
    undo_needs_result,
    undo_not_found,
    unknown_field,
    unknown_name,
    unknown_operation,
    unknown_parameter,
    unknown_reply_field,
    unsaid_hold,
    unsaid_idempotency,
    unused_input,
    unused_service,
    useless_compensation,
    wrong_content,
    wrong_type_sent,
)
from sagactl.source.problem import Problem, Related, Severity, in_order

# What cannot work first, then what is in doubt, then what is only untidy.
RULES: tuple[Rule, ...] = (
    unknown_name.RULE,
    not_before.RULE,
    maybe_skipped.RULE,
    secret_misplaced.RULE,
    pivot_place.RULE,
    unsaid_hold.RULE,
    undo_needs_result.RULE,
    unsaid_idempotency.RULE,
    no_compensation.RULE,
    undo_not_found.RULE,
    useless_compensation.RULE,
    unused_input.RULE,
    unused_service.RULE,
    broken_document.RULE,
    unknown_operation.RULE,
    missing_value.RULE,
    wrong_type_sent.RULE,
    unknown_field.RULE,
    unknown_reply_field.RULE,
    wrong_content.RULE,
    doubtful_status.RULE,
    key_mismatch.RULE,
    other_server.RULE,
    deprecated_operation.RULE,
    unknown_parameter.RULE,
)


def lint(saga: Saga) -> list[Problem]:
    """Every problem that a rule finds, in the order in which they stand in the text."""
    # What a service says stands in each of its requests, and is told once.
    found = dict.fromkeys(problem for rule in RULES for problem in rule.check(saga))
    found.update(dict.fromkeys(_of_children(saga)))
    return in_order(found, saga.source)


def _of_children(saga: Saga) -> Iterator[Problem]:
    """Errors of sub-sagas: each is told in its own file, and here that it cannot be carried out."""
    for step in saga.steps:
        if not isinstance(step.action, SubSaga):
            continue
        errors = [p for p in lint(step.action.saga) if p.severity is Severity.ERROR]
        if errors:
            message = f'the sub-saga "{step.action.saga.source.name}" has errors'
            related = tuple(Related(problem.place, problem.message) for problem in errors)
            yield Problem("broken-saga", step.action.place, message, related=related)
