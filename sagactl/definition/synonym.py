"""What other tools call what is written here: for hints, and never read as the right word.

A word belongs here where somebody who comes from a CI system, an orchestrator or another language
writes it without looking, and no likeness of letters leads to ours.
"""

KEYS = {
    "after": "needs", "depends_on": "needs", "dependsOn": "needs", "requires": "needs",
    "if": "when", "condition": "when",
    "undo": "compensation", "rollback": "compensation", "revert": "compensation",
    "do": "action", "run": "action", "execute": "action", "invoke": "action", "call": "action",
    "id": "name", "loop": "for_each", "with_items": "for_each", "each": "for_each",
    "method": "request", "url": "request", "uri": "request",
    "data": "json", "payload": "json", "params": "query", "retries": "retry", "attempts": "retry",
    "base_url": "url", "baseUrl": "url", "host": "url", "endpoint": "url",
    "outputs": "output", "inputs": "input", "parameters": "input", "tasks": "steps",
    "jobs": "steps",
}  # fmt: skip

OPERATORS = {"and": "&&", "or": "||", "not": "!", "is": "=="}
CALLS = {
    "len": "size", "length": "size", "count": "size", "str": "string", "toString": "string",
    "float": "double", "number": "double", "parseInt": "int", "toJson": "json", "toJSON": "json",
    "fromJSON": "fromJson", "defined": "has", "if": "cond",
}  # fmt: skip
VALUES = {"True": "true", "False": "false", "None": "null", "nil": "null", "undefined": "null"}
