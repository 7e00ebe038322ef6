"""secret-in-env: an environment variable that is called like a secret is read as `env`.

`env` is read once and kept with the run, in the state and its history, and an `export` shows it.
`secrets` are read each time and written nowhere; they come from `SAGACTL_SECRET_<NAME>` or a
secrets file.

    wrong:  headers: {Authorization: "Bearer ${{ env.SHOP_TOKEN }}"}
    right:  headers: {Authorization: "Bearer ${{ secrets.SHOP_TOKEN }}"}
"""

from collections.abc import Iterator

from sagactl.definition.model import Saga
from sagactl.lint.credential import is_credential_variable
from sagactl.lint.rule import Rule
from sagactl.lint.spot import Part, reads
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for spot, reference in reads(saga):
        match reference.path:
            case ("env", str(name), *_) if is_credential_variable(name):
                hint = f'read it as "secrets.{name}", from SAGACTL_SECRET_{name}'
                if spot.part not in (Part.HEADERS, Part.AUTH):
                    hint += ", and send it in a header"
                message = f'"env.{name}" is kept with the run, and it is called like a secret'
                yield RULE.problem(reference.place, message, hint)


RULE = Rule(
    "secret-in-env",
    "SG405",
    "an environment variable that is called like a secret is read as `env`",
    Severity.WARNING,
    check,
)
