"""What a code stands for: the slug that people read, the number that tools store, and its manual.

Both are kept for ever. The list of all of them is `CATALOGUE`.
"""

from dataclasses import dataclass

from sagactl.source.problem import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of problem; `manual` is a paragraph or more in Markdown.

    `is_fixable`: some of its problems come with a fix. `is_shape`: it is told while the definition
    is read, before any rule looks at it.
    """

    code: str
    number: str
    severity: Severity
    summary: str
    manual: str
    is_fixable: bool = False
    is_shape: bool = False

    @property
    def is_optional(self) -> bool:
        """Whether it can be suppressed and configured: what has no shape has no meaning either."""
        return not self.is_shape or self.severity is Severity.WARNING
