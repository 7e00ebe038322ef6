"""Secrets never come out again."""

from sagactl.participants.redaction import Redaction


def test_every_secret_is_replaced_in_texts_and_in_values_names_and_all() -> None:
    redaction = Redaction(["hunter2", "s3cr3t"])
    assert redaction.text("hunter2 and s3cr3t") == "*** and ***"
    value = {"s3cr3t": ["xhunter2x", 5, None, {"a": "s3cr3t"}], "b": True}
    assert redaction.value(value) == {"***": ["x***x", 5, None, {"a": "***"}], "b": True}


def test_a_secret_that_begins_with_another_leaves_no_rest() -> None:
    assert Redaction(["abcd", "abcdefgh"]).text("abcdefgh") == "***"


def test_a_secret_quoted_as_json_is_found() -> None:
    assert Redaction(['a"b\\c']).text(r'{"k": "a\"b\\c"}') == '{"k": "***"}'


def test_a_secret_is_found_however_it_comes_back() -> None:
    redaction = Redaction(['a"é &'])
    for form in (r"a\"é &", r"a\"\u00e9 &", "a%22%C3%A9%20%26", "a%22%C3%A9+%26"):
        assert redaction.text(f"<{form}>") == "<***>"


def test_half_a_character_is_a_secret_like_another() -> None:
    assert Redaction(["ab\udc80"]).text("<ab\udc80>") == "<***>"


def test_an_empty_secret_replaces_nothing() -> None:
    assert Redaction([""]).text("abc") == "abc"


def test_a_very_short_secret_is_masked_for_people_but_changes_no_result() -> None:
    redaction = Redaction(["7"])
    assert redaction.text("code 7") == "code ***"
    assert redaction.value({"id": "p-7"}) == {"id": "p-7"}


def test_a_value_without_secrets_is_not_copied_and_one_with_them_not_changed() -> None:
    value = {"a": [{"b": "c"}, {}, []], "d": 1}
    assert Redaction(["secret"]).value(value) is value
    telling = {"a": [{"b": "secret"}], "secret": {}}
    assert Redaction(["secret"]).value(telling) == {"a": [{"b": "***"}], "***": {}}
    assert telling == {"a": [{"b": "secret"}], "secret": {}}
