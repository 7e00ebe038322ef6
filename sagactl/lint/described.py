"""The way into services' documents, for rules: nothing of it is imported where none is named.

Most definitions name no document, and reading one takes more code than all other rules together.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagactl.definition.model import Saga

if TYPE_CHECKING:
    from sagactl.lint.documented import Call, Known
    from sagactl.lint.held import Kind, Misfit
    from sagactl.lint.reply_read import Read


def has_documents(saga: Saga) -> bool:
    """Whether any of its services names a document that could be read."""
    return any(service.document is not None for service in saga.services.values())


def described_calls(saga: Saga) -> "Iterator[Call]":
    """The requests that go to services with a document."""
    if has_documents(saga):
        from sagactl.lint.documented import documented

        yield from documented(saga)


def known_calls(saga: Saga) -> "Iterator[Known]":
    """Those of them whose operation is known."""
    if has_documents(saga):
        from sagactl.lint.documented import known

        yield from known(saga)


def known_reads(saga: Saga) -> "Iterator[Read]":
    """What is surely read of the replies of known operations."""
    if has_documents(saga):
        from sagactl.lint.reply_read import reply_reads

        yield from reply_reads(saga)


def misfits(saga: Saga, kind: "Kind") -> "Iterator[Misfit]":
    """What does not fit in this way: in bodies, and in what goes into query, headers and path."""
    for one in known_calls(saga):
        from sagactl.lint.held import body_misfits, parameter_misfits

        for misfit in (*body_misfits(saga, one), *parameter_misfits(saga, one)):
            if misfit.kind == kind:
                yield misfit
