"""What programs read of runs: masked where the schema says so, the same value as YAML."""

import pytest
import yaml

from sagactl.source.node import Json
from sagactl.views.document import masked, to_yaml

SCHEMA = {
    "type": "object",
    "properties": {
        "card": {"type": "string", "x-sensitive": True},
        "people": {"type": "array", "items": {"properties": {"mail": {"x-sensitive": True}}}},
    },
}


def test_what_the_schema_calls_sensitive_is_masked_at_any_depth() -> None:
    value = {"card": "4242", "people": [{"mail": "a@b", "name": "Ada"}], "other": 1}
    wanted = {"card": "***", "people": [{"mail": "***", "name": "Ada"}], "other": 1}
    assert masked(SCHEMA, value) == wanted
    assert value["card"] == "4242"


def test_without_a_schema_nothing_is_masked() -> None:
    assert masked(None, {"card": 1}) == {"card": 1}


@pytest.mark.parametrize(
    "value",
    [
        {}, [], {"a": {}}, {"a": []}, [[], {}], {"a": [1, {"b": [2, [3, 4]], "c": None}], "d": "x"},
        "no", "on", "1", "1:30", "é\n\x1b", "", " x ", "- a", "a: b", "#", True, None, 1.5, -3,
        [{"a": 1, "b": [{"c": 2}]}, "text"], {"key with: colon": "~", "null": "null"},
        {"deep": [[["a", "b"], []], {"x": [{"y": {}}]}]},
    ],
)  # fmt: skip
def test_yaml_output_reads_back_as_the_same_value(value: Json) -> None:
    assert yaml.safe_load(to_yaml(value)) == value
