"""chosen-host: scheme, host or port of a URL is made of data.

Whoever gives the input, or answers a request, would choose whom the saga talks to, with its headers
and from inside its network. Such a request is never sent, so the step fails in every run. Data in a
path or query is no such case: there it is encoded, a "/" in it too.

    wrong:  request: POST https://${{ input.region }}.example.org/charges
    right:  request: POST https://${{ env.REGION }}.example.org/charges
"""

from collections.abc import Iterator

from sagactl.definition.address import WHOLE
from sagactl.definition.expression import tree_references
from sagactl.definition.model import Saga
from sagactl.definition.template import Hole, Template, hole_place
from sagactl.lint.address import is_env, template_parts, urls
from sagactl.lint.rule import Rule
from sagactl.source.problem import Problem, Severity


def check(saga: Saga) -> Iterator[Problem]:
    for url in urls(saga):
        hole = _chosen_by(url)
        if hole is None:
            continue
        read = [".".join(map(str, path)) for path, _, _, _ in tree_references(hole.tree)]
        named = next((name for name in read if not name.startswith("env")), "this expression")
        message = f'"{named}" would choose the host: scheme, host and port come from env only'
        hint = "name a service whose url is read from env, and put the data into the path"
        yield RULE.problem(hole_place(hole), message, hint)


def _chosen_by(url: Template) -> Hole | None:
    """The first expression that surely stands in the origin of a whole URL and reads data."""
    done = ""
    for part in template_parts(url):
        if isinstance(part, Hole):
            if not is_env(part):
                return part
            if not done:
                return None  # env may hold a URL with a path, and what follows belongs to that
            part = "x"
        done += part
        # A path has no origin, and here the one of a URL is at its end.
        if done.startswith("/") or "/" in WHOLE.sub("", done, count=1) or "?" in done:
            return None
    return None


RULE = Rule(
    "chosen-host",
    "SG403",
    "scheme, host or port of a URL is made of data",
    Severity.ERROR,
    check,
)
