"""Definitions that grow with a number, each in the one way that some reader might not bear.

Most of them were slow once: work that grows with the square of a text, or with what a text says of
other parts of itself, hides until somebody generates a definition.
"""

from collections.abc import Callable

HEAD = 'saga: x\nservices: {w: {url: "http://w", idempotency: key}}\nsteps:\n'
STEP = "  - {name: a, service: w, action: PUT /a, compensation: none}\n"
INPUT = HEAD + STEP + "input: {properties: {"


def each(count: int, item: Callable[[int], str], by: str = "") -> str:
    return by.join(item(number) for number in range(count))


def step(name: str, more: str = "", service: str = "w") -> str:
    return f"  - {{name: {name}, service: {service}, action: PUT /a, compensation: none{more}}}\n"


def chain_reading_itself(n: int) -> str:
    read = "${{ steps.a%d.result.x }}"
    return HEAD + each(
        n, lambda i: f'  - {{name: a{i}, service: w, action: "PUT /a/{read % max(0, i - 1)}"}}\n'
    )


def loud_service(n: int) -> str:
    headers = each(n, lambda i: f"h{i}: a", ", ")
    head = f"saga: x\nservices: {{w: {{url: http://w, headers: {{{headers}}}}}}}\nsteps:\n"
    return head + each(n // 4, lambda i: step(f"a{i}"))


def strangers(n: int) -> str:
    services = each(min(n, 290), lambda i: f'  s{i}: {{url: "http://w"}}\n')
    return f"saga: x\nservices:\n{services}steps:\n" + each(
        n, lambda i: step(f"a{i}", service=f"t{i}")
    )


def references(n: int) -> str:
    uses = each(n, lambda i: f'p{i}: {{$ref: "#/$defs/d{i}"}}', ", ")
    return f"{INPUT}{uses}}}, $defs: {{{each(n, lambda i: f'd{i}: {{type: string}}', ', ')}}}}}\n"


def everything_reads_everything(n: int) -> str:
    names = each(n, lambda i: f'o{i}: "${{{{ steps.a{i // 2}.result.x }}}}"', ", ")
    steps = each(n // 2, lambda i: step(f"a{i}", ', when: "${{ input.x }}"'))
    return f"{HEAD}{steps}output: {{{names}}}\n"


def everyone_needs_everyone(n: int) -> str:
    count = int((2 * n) ** 0.5)
    return HEAD + each(
        count, lambda i: step(f"a{i}", f", needs: [{each(i, lambda j: f'a{j}', ', ')}]")
    )


def body_of(text: str) -> str:
    return f'{HEAD}  - {{name: a, service: w, compensation: none, action: {{request: PUT /a, body: "{text}"}}}}\n'


GROWING: dict[str, Callable[[int], str]] = {
    "unknown keys": lambda n: HEAD + STEP + each(n, lambda i: f"k{i}: 1\n"),
    "unknown keys of a step": lambda n: HEAD + step("a", each(n, lambda i: f", k{i}: 1")),
    "needs that nobody is called": lambda n: (
        HEAD + STEP + step("b", f", needs: [{each(n, lambda i: f'a{i}', ', ')}]")
    ),
    "services that do not exist": strangers,
    "services without a url": lambda n: (
        "saga: x\nservices:\n" + each(n, lambda i: f"  s{i}: {{}}\n") + "steps:\n" + STEP
    ),
    "a chain": lambda n: HEAD + each(n, lambda i: step(f"a{i}")),
    "a chain that reads what was before": chain_reading_itself,
    "a chain without compensations": lambda n: (
        HEAD + each(n, lambda i: f"  - {{name: a{i}, service: w, action: POST /a}}\n")
    ),
    "everyone needs everyone": everyone_needs_everyone,
    "every step may be skipped": everything_reads_everything,
    "expressions in one text": lambda n: body_of("${{input.a}} " * n),
    "expressions in one folded text": lambda n: body_of("${{input.a}}\n        " * n),
    "wrong expressions in one text": lambda n: body_of("${{input.}} " * n),
    "escaped line breaks": lambda n: body_of("\\\n        " * n + "${{ input. }}"),
    "literal braces": lambda n: body_of("$${{ " * n),
    "braces of others": lambda n: body_of("{{ input. ${input." * n),
    "expressions that do not end": lambda n: "saga: x\na: [ " + "${{ " * n + "\n",
    "lines to be quoted": lambda n: "saga: x\n" + "a: ${{ x # \n" * n,
    "signs that begin no comment": lambda n: (
        "saga: x # sagactl: ignore[unused-input]\nsteps: [" + each(n, lambda i: '"#"', ",") + "]\n"
    ),
    "comments above one another": lambda n: HEAD + "# sagactl: ignore[unused-input]\n" * n + STEP,
    "comments that suppress nothing": lambda n: (
        HEAD
        + STEP
        + "output:\n"
        + each(n, lambda i: f"  a{i}: 1 # sagactl: ignore[unused-input]\n")
    ),
    "a service that says much": loud_service,
    "properties": lambda n: INPUT + each(n, lambda i: f"p{i}: {{type: string}}", ", ") + "}}\n",
    "properties with a slip": lambda n: (
        INPUT + each(n, lambda i: f"p{i}: {{tipe: string}}", ", ") + "}}\n"
    ),
    "properties that are no schema": lambda n: INPUT + each(n, lambda i: f"p{i}: 1", ", ") + "}}\n",
    "references": references,
    "unevaluated properties": lambda n: (
        INPUT + each(n, lambda i: f"p{i}: {{unevaluatedProperties: false}}", ", ") + "}}\n"
    ),
    "examples": lambda n: (
        INPUT
        + 'a: {pattern: "^(a+)+$"}}, examples: ['
        + each(n, lambda i: "{a: aaaaaaaaaaaaaaaa!}", ", ")
        + "]}\n"
    ),
    "a long word": lambda n: HEAD + step("a", f", {'k' * n}: 1", service="w" * n),
    "the same key": lambda n: HEAD + STEP + f"output: {{{each(n, lambda i: 'a: 1', ', ')}}}\n",
    "tags": lambda n: HEAD + STEP + f"output: [{each(n, lambda i: '!x 1', ', ')}]\n",
    "statuses": lambda n: (
        HEAD
        + f"  - {{name: a, service: w, compensation: none, action: {{request: PUT /a, success: [{each(n, lambda i: '200', ', ')}]}}}}\n"
    ),
}
