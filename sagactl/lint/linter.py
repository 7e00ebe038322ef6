"""All the rules, and what they say of a saga.

`lint` promises the same problems in the same order for the same saga, sorted by place. It reads no
file and sends nothing; what is not well formed never gets here. What a file's comments and the
configuration say about that is for `judgement` to heed.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from sagactl.definition.model import Saga, SubSaga
from sagactl.lint.rule import Rule
from sagactl.lint.rules import (
    accepted_as_done,
    broken_document,
    child_past_pivot,
    chosen_host,
    constant_condition,
    default_misfit,
    deprecated_operation,
    doubtful_status,
    duplicate_status,
    empty_for_each,
    foreign_expression,
    hidden_failure,
    key_mismatch,
    literal_secret,
    maybe_skipped,
    missing_value,
    no_compensation,
    not_before,
    other_server,
    pivot_place,
    plain_http,
    retry_cut_short,
    retry_interval,
    saga_timeout,
    secret_in_env,
    secret_misplaced,
    status_word,
    type_mismatch,
    undo_needs_reply,
    undo_needs_result,
    undo_not_found,
    undo_notifies,
    undo_only_reads,
    undo_repeats_action,
    unheeded_word,
    unknown_field,
    unknown_name,
    unknown_operation,
    unknown_parameter,
    unknown_reply_field,
    unreachable_step,
    unsaid_hold,
    unsaid_idempotency,
    unused_input,
    unused_service,
    url_credentials,
    useless_compensation,
    wrong_content,
    wrong_type_sent,
)
from sagactl.source.place import Source
from sagactl.source.problem import Problem, Related, Severity, in_order

# What cannot work first, then what is in doubt, then what is only untidy.
RULES: tuple[Rule, ...] = (
    unknown_name.RULE,
    not_before.RULE,
    maybe_skipped.RULE,
    type_mismatch.RULE,
    unreachable_step.RULE,
    secret_misplaced.RULE,
    chosen_host.RULE,
    pivot_place.RULE,
    unsaid_hold.RULE,
    child_past_pivot.RULE,
    undo_needs_result.RULE,
    foreign_expression.RULE,
    status_word.RULE,
    default_misfit.RULE,
    unsaid_idempotency.RULE,
    constant_condition.RULE,
    empty_for_each.RULE,
    no_compensation.RULE,
    undo_needs_reply.RULE,
    undo_not_found.RULE,
    undo_repeats_action.RULE,
    undo_only_reads.RULE,
    undo_notifies.RULE,
    hidden_failure.RULE,
    accepted_as_done.RULE,
    literal_secret.RULE,
    secret_in_env.RULE,
    url_credentials.RULE,
    plain_http.RULE,
    saga_timeout.RULE,
    retry_cut_short.RULE,
    retry_interval.RULE,
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
    duplicate_status.RULE,
    unheeded_word.RULE,
)


# What is left of the problems of a source, once what its author says about them is heeded.
Heed: TypeAlias = Callable[[Source, list[Problem]], list[Problem]]


def _all_of_them(source: Source, problems: list[Problem]) -> list[Problem]:
    return problems


def lint(saga: Saga, heed: Heed = _all_of_them, told: Iterable[Problem] = ()) -> list[Problem]:
    """Every problem that a rule finds, in the order in which they stand in the text.

    `told` are the warnings that reading it brought; they are heeded with the rest.
    """
    found = dict.fromkeys(told)
    # What a service says stands in each of its requests, and is told once.
    found.update(dict.fromkeys(problem for rule in RULES for problem in rule.check(saga)))
    found.update(dict.fromkeys(_of_children(saga, heed)))
    heeded = heed(saga.source, list(found))
    return in_order(heeded, saga.source)


def _of_children(saga: Saga, heed: Heed) -> Iterator[Problem]:
    """Errors of sub-sagas: each is told in its own file, and here that it cannot be carried out."""
    for step in saga.steps:
        if not isinstance(step.action, SubSaga):
            continue
        child = step.action.saga
        errors = [p for p in lint(child, heed) if p.severity is Severity.ERROR]
        if errors:
            message = f'the sub-saga "{child.source.name}" has errors'
            related = tuple(Related(problem.place, problem.message) for problem in errors)
            yield Problem("broken-saga", step.action.place, message, related=related)
