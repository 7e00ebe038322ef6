"""What a test expects, as it is written."""

from sagactl.rehearsal.written.model import AnyCalls, Expected, ExpectedCall, Target
from sagactl.rehearsal.written.telling import Telling
from sagactl.source.node import List, Map, Node, Scalar, plain

ANYTHING = "..."


def read_expected(node: Map, telling: Telling) -> Expected:
    """The expectation written at `node`, whose shape was checked."""
    state, steps, error = node.get("state"), node.get("steps"), node.get("error")
    for entry in steps if isinstance(steps, Map) else ():
        telling.step(entry.name, entry.key.place)
    named = error.get("step") if isinstance(error, Map) else None
    if isinstance(named, Scalar):
        telling.step(str(named.value), named.place)
    left, calls = node.get("left"), node.get("calls")
    standing = tuple(item for item in _items(left) if isinstance(item, Scalar))
    for item in standing:
        telling.target(str(item.value), item.place)
    left_key, calls_key = node.key("left"), node.key("calls")
    return Expected(
        place=node.place,
        state=state if isinstance(state, Scalar) else None,
        steps=steps if isinstance(steps, Map) else None,
        calls=None if calls is None else tuple(_call(item, telling) for item in _items(calls)),
        calls_place=None if calls_key is None else calls_key.place,
        left=None if left is None else standing,
        left_place=None if left_key is None else left_key.place,
        output=node.get("output"),
        error=error,
    )


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, List) else ()


def _call(node: Node, telling: Telling) -> ExpectedCall | AnyCalls:
    if isinstance(node, Map):
        return _full_call(node, telling)
    assert isinstance(node, Scalar)  # the shape was checked
    text = str(node.value)
    if text == ANYTHING:
        return AnyCalls(node.place)
    if " " in text:
        method, _, path = text.partition(" ")
        return ExpectedCall(node.place, text, method=method, path=path)
    return ExpectedCall(node.place, text, target=telling.target(text, node.place))


def _full_call(node: Map, telling: Telling) -> ExpectedCall:
    method = path = None
    target: Target | None = None
    step, request = node.get("step"), node.get("request")
    if step is not None:
        target = telling.target(str(plain(step)), step.place)
    if request is not None:
        method, _, path = str(plain(request)).partition(" ")
    headers, body, outcome = node.get("headers"), node.get("body"), node.get("outcome")
    exact, times = node.get("exact"), node.get("times")
    bodies = [name for name in ("json", "form", "body") if node.get(name) is not None]
    if len(bodies) > 1:
        place = node.place if (key := node.key(bodies[1])) is None else key.place
        message = f'a call has one body: "{bodies[0]}" or "{bodies[1]}", not both'
        telling.tell("wrong-value", place, message)
    said = [str(plain(part)) for part in (step, request) if part is not None]
    return ExpectedCall(
        place=node.entries[0].key.place,
        text=" ".join(said) or "a call",
        target=target,
        method=method,
        path=path,
        json=node.get("json"),
        form=node.get("form"),
        body=body if isinstance(body, Scalar) else None,
        query=node.get("query"),
        headers=headers if isinstance(headers, Map) else None,
        outcome=outcome if isinstance(outcome, Scalar) else None,
        is_exact=exact is not None and bool(plain(exact)),
        times=1 if times is None else int(plain(times)),
    )
