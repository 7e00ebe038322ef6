"""What resume --definition does: another definition for a run, where what was done allows it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sagactl.cli.beginning import digest_of, operator
from sagactl.cli.input import path_words
from sagactl.cli.loading import load_definition
from sagactl.cli.printing import note
from sagactl.cli.refusal import Refused
from sagactl.cli.secret import read_env
from sagactl.cli.state_file import Kept
from sagactl.definition.loader import texts_of
from sagactl.definition.model import Saga
from sagactl.definition.schema import check_input
from sagactl.machine.compatibility import Compatibility, compatibility
from sagactl.machine.event import DefinitionReplaced
from sagactl.machine.plan import Plan, make_plan


@dataclass(frozen=True)
class Redefinition:
    """Another definition, read and checked: what runs are to go on with."""

    saga: Saga
    staged: Callable[[Saga], Saga]

    def plan(self, kept: Kept) -> Plan:
        """Its plan, as this run needs it."""
        return make_plan(self.staged(self.saga) if kept.sandbox else self.saga)

    def verdict(self, kept: Kept) -> Compatibility:
        """What would change for the run, and all that is wrong with it."""
        found = compatibility(kept.plan, self.plan(kept), kept.run)
        if self.saga.input_schema is None:
            return found
        wrong = check_input(self.saga.input_schema, kept.run.input)
        unfit = tuple(f"its input: {path_words(p.path)}{p.message}" for p in wrong)
        return replace(found, reasons=(*found.reasons, *unfit))

    def event(self, kept: Kept, reason: str, at: float) -> DefinitionReplaced | None:
        """What gives it to the run, None where the run has it; Refused where it does not fit."""
        from sagactl.views.change import change_lines

        source = self.saga.source
        children = texts_of(self.saga)
        digest = digest_of(source.text, children)
        found = self.verdict(kept)
        note(f"saga {kept.run.id} with {source.name}:", *change_lines(found))
        if not found.is_sound:
            raise Refused(
                *found.objections, f"it does not fit saga {kept.run.id}; nothing was sent"
            )
        if digest == kept.run.digest:
            return None
        return DefinitionReplaced(
            at=at,
            definition=source.text,
            definition_name=source.name,
            digest=digest,
            version=self.saga.version,
            env=read_env(self.plan(kept).saga, kept.run.env),
            operator=operator(),
            reason=reason,
            children=children,
        )


def redefinition(file: Path) -> Redefinition:
    """The definition of a file; Invalid with all that is wrong with it."""
    from sagactl.rehearsal.stage import staged

    return Redefinition(load_definition(file), staged)
