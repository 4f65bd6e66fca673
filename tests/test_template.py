"""Placeholders in texts: what is filled, what stays as it is, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.strict import Invalid
from sweeps.template import fill, fill_argv, fill_text, placeholders, spelled

VALUES: dict[str, Any] = {"lr": 1e-3, "model": "timesnet", "amp": True, "optim.lr": 1e-5, "n": 3}
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
data = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{lr}", "0.001"),
        ("--lr={lr},{optim.lr}", "--lr=0.001,1e-05"),
        ("{model}_{n}_{amp}", "timesnet_3_true"),
        ("{{lr}}", "{lr}"),
        ("${{HOME}}", "${HOME}"),
        ('{"lr": {lr}}', '{"lr": 0.001}'),
        ("{{lr},{n}}", "{0.001,3}"),
        ("{{{lr}}}", "{{lr}}"),
        *(
            (text, text)
            for text in ("", "{}", "{0}", "{ lr }", "{lr", "lr}", "{a-b}", "{.lr}", "{lr.}", "${X:-1}", "$lr")
        ),
    ],
)
def test_only_a_name_in_braces_is_replaced(text: str, filled: str) -> None:
    assert fill_text(text, VALUES) == filled


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in texts_in(item))]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list) else [str(value)]


@given(data)
def test_what_holds_no_brace_is_filled_with_itself(value: Any) -> None:
    if not any("{" in text for text in texts_in(value)):
        assert fill(value, {}) == value


@given(st.text(), st.text())
def test_a_value_is_never_read_as_a_template(before: str, value: str) -> None:
    escaped = before.replace("{", "(").replace("$", "S")
    assert fill_text(f"{escaped}{{x}}{{x}}", {"x": value}) == escaped + value + value
    assert fill({"k": ["{x}"]}, {"x": value}) == {"k": [value]}


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}(\.[a-z0-9_]{1,3})?", fullmatch=True))
def test_doubled_braces_are_single_ones_afterwards(name: str) -> None:
    assert placeholders(f"a{{{{{name}}}}}b") == frozenset()
    assert fill_text(f"a{{{{{name}}}}}b", {}) == f"a{{{name}}}b"
    assert placeholders(f"a{{{name}}}b") == {name}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_in_a_text_is_exactly_that_number(number: float) -> None:
    assert float(fill_text("{x}", {"x": number})) == number
    assert spelled(number) == repr(number)


def test_names_are_found_in_nested_data_and_keys() -> None:
    assert placeholders({"{a}": ["{b}", {"c": "{d.e} {{f}}"}], "g": 1}) == {"a", "b", "d.e"}


def test_a_whole_text_takes_the_value_with_its_type() -> None:
    values = {"n": 3, "amp": False, "layers": [1, 2], "none": None}
    assert fill({"a": "{n}", "b": ["{amp}", "{layers}"], "c": "{none}", "d": "x{n}", "{n}": 1.5}, values) == {
        "a": 3,
        "b": [False, [1, 2]],
        "c": None,
        "d": "x3",
        "3": 1.5,
    }


def test_a_list_that_is_a_part_of_its_own_is_spliced() -> None:
    parts = ("train", "{flags}", "--x={n}", "{none}")
    assert fill_argv(parts, {"flags": ["--amp", 2, 0.5], "none": [], "n": 1}) == ("train", "--amp", "2", "0.5", "--x=1")


def faults(text: Any, values: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as refused:
        fill_argv(text, values) if isinstance(text, tuple) else fill(text, values)
    return [str(fault) for fault in refused.value.faults]


def test_an_unknown_name_is_told_with_the_nearest_and_how_to_write_it_literally() -> None:
    assert faults({"k": ["{modle}"]}, VALUES) == [
        "k.0: `{modle}` stands for nothing (did you mean `model`?); write `{{modle}}` for a literal `{modle}`"
    ]
    assert faults(["{a} {b} {a}", "{c}"], {}) == [
        "0: `{a}` stands for nothing; write `{{a}}` for a literal `{a}`",
        "0: `{b}` stands for nothing; write `{{b}}` for a literal `{b}`",
        "1: `{c}` stands for nothing; write `{{c}}` for a literal `{c}`",
    ]


def test_a_variable_of_a_shell_is_no_placeholder() -> None:
    assert faults("${HOME}/x", VALUES) == [
        "`${HOME}` is not replaced, a shell's variables are not known here: write `${{HOME}}` for a literal `${HOME}`"
    ]
    assert faults("${lr}", VALUES) == [
        "`${lr}` is not replaced: write `{lr}` for its value, or `${{lr}}` for a literal `${lr}`"
    ]


def test_what_no_text_can_hold_is_refused() -> None:
    values = {"none": None, "layers": [1, 2], "section": {"a": 1}, "deep": ["x", ["y"]], "nul": "a\0b"}
    assert "`{none}` is nothing" in faults("x{none}", values)[0]
    assert "for no argument at all give it an empty list" in faults(("{none}",), values)[0]
    assert "`{layers}` is a list of 2, which cannot stand inside a text" in faults("x{layers}", values)[0]
    assert "`{section}` is keys and values" in faults("x{section}", values)[0]
    assert faults(("run", "{deep}"), values) == ["1: `{deep}` holds a list of 1, which cannot be an argument"]
    assert faults(("run", "{nul}"), values) == ["1: an argument must not hold the character NUL"]
    assert faults({"{layers}": 1}, values)[0].startswith("{layers}: `{layers}` is a list of 2")
    assert faults({"{a}": 1, "x": 2}, {"a": "x"}) == ["x: becomes `x`, which stands there already"]
