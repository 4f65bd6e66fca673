"""What YAML means here, what of it is refused and where; sizes and durations."""

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import Refused
from sweeps.units import bytes_of, seconds_of
from sweeps.yaml_file import MAX_VALUES, parse_yaml, read_yaml
from sweeps.yaml_scalar import plain_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, word) for word in ("no", "yes", "on", "off", "No", "y", "nULL", "1_000", "0b1", "1:30", "2024-01-31")),
        *(("0o17", 15), ("0x1F", 31), ("007", 7), ("+12", 12), ("-0", 0), ("0o8", "0o8"), ("-0x1", "-0x1")),
        *(("1e-3", 1e-3), ("1E5", 1e5), (".5", 0.5), ("1.", 1.0), ("-1.5e+3", -1500.0), ("e5", "e5"), (".", ".")),
        *((".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf), ("inf", "inf"), ("nan", "nan")),
    ],
)
def test_an_unquoted_value_means_what_yaml_1_2_says(text: str, value: object) -> None:
    read = parse_yaml(f"key: {text}", "x.yaml").data["key"]
    assert read == value
    assert type(read) is type(value)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(parse_yaml("key: .nan", "x.yaml").data["key"])


characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff\u2028\u2029")
printable = st.text(characters, max_size=50)  # YAML ends a key that is not announced by `?` after 1024 characters
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.dictionaries(printable, scalars | printable, min_size=1))
def test_json_is_read_as_json_reads_it(data: dict[str, object]) -> None:
    """YAML 1.2 is a superset of JSON."""
    for text in (json.dumps(data), json.dumps(data, ensure_ascii=False), json.dumps(data, indent=2)):
        read = parse_yaml(text, "x.yaml").data
        assert read == data
        assert [type(value) for value in read.values()] == [type(value) for value in data.values()]


@given(st.dictionaries(st.text("abcdexyz_", min_size=1).map("k{}".format), scalars, min_size=1))
def test_unquoted_scalars_round_trip(data: dict[str, object]) -> None:
    text = "\n".join(f"{key}: {json.dumps(item)}" for key, item in data.items())
    read = parse_yaml(text, "x.yaml").data
    assert [repr(item) for item in read.values()] == [repr(item) for item in data.values()]


@given(st.text(st.sampled_from("0123456789+-.eExoabf_~ "), max_size=8))
def test_a_plain_value_is_never_guessed_at(text: str) -> None:
    """What begins like a number and Python reads as one is one; everything else but the constants stays as it is."""
    value = plain_value(text)
    try:
        number = float(text) if text == text.strip() and "_" not in text and text[-1:] != "f" else None
    except ValueError:
        number = None
    if text[:2] in ("0x", "0o") and isinstance(value, int):
        number = int(text, 0)
    assert value == (number if number is not None else None if text in ("", "~") else text)


def test_places_are_those_of_keys_and_items() -> None:
    located = parse_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", "x.yaml")
    assert str(located.place(("a",))) == "x.yaml:1:1"
    assert str(located.place(("b",))) == "x.yaml:2:1"
    assert str(located.place(("b", 1))) == "x.yaml:4:5"
    assert str(located.place(("b", 1, "c"))) == "x.yaml:4:6"
    assert str(located.place(("b", 1, "missing", "deeper"))) == "x.yaml:4:5"
    assert str(located.place(("missing",))) == "x.yaml:1:1"


def test_repeated_values_are_read() -> None:
    assert parse_yaml("a: &one [1, 2]\nb: *one\n", "x.yaml").data == {"a": [1, 2], "b": [1, 2]}


BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
CHAIN = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3:1: the key `a` is given twice, first in line 1"),
        ("a:\n  b: 1\n  'b': 2", "x.yaml:3:3: the key `b` is given twice, first in line 2"),
        ("a: 1\n2: 3", "x.yaml:2:1: a key must be text, `2` is not: put it in quotes"),
        ("true: 3", "x.yaml:1:1: a key must be text, `true` is not: put it in quotes"),
        ("? [a]\n: 3", "x.yaml:1:3: a key must be plain text"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: a second document begins here; give each its own file"),
        (
            "a: !!python/name:os.system",
            "x.yaml:1:4: the tag `tag:yaml.org,2002:python/name:os.system` is not read here",
        ),
        ("a: !!str 1", "x.yaml:1:4: the tag `tag:yaml.org,2002:str` is not read here"),
        ("a:\n  b: ! 1", "x.yaml:2:6: the tag `!` is not read here"),
        ("a:\n\tb: 1", "x.yaml:2:1: a tab stands here; YAML is indented and separated with spaces only"),
        ("a: 1\n b: 2", "x.yaml:2:3: not valid YAML: mapping values are not allowed here"),
        ("a: [1, 2", "x.yaml:1:9: not valid YAML: expected ',' or ']'"),
        ("a: &x [*x]", "x.yaml:1:8: `*x` repeats the value that it is part of"),
        ("a: *x", "x.yaml:1:4: `*x` repeats nothing: no `&x` comes before it"),
        ("<<: {a: 1}", "x.yaml:1:1: merge keys are not read here; use `profiles` or sections under `backbones`"),
        (BOMB, f"x.yaml:5:5: holds more than {MAX_VALUES} values, repetitions by `*` counted"),
        (f"a: 1\nb: [{'x, ' * 20_000}]", "x.yaml:2:59990: more than 20,000 keys and values stand before this"),
        (CHAIN, "x.yaml:32:12: nested more than 32 deep, repetitions by `*` counted"),
        ("[" * 100_000, "x.yaml:1:33: nested more than 32 deep"),
        ("a: 99999999999999999999", "x.yaml:1:4: the integer 99999999999999999999 does not fit 64 bits"),
        ("a: " + "9" * 5000, "x.yaml:1:4: the integer 9999999999999999999999999999999999999999 does not fit"),
        ('a: "\\ud83d"', "x.yaml:1:4: text holds half of a character, a lone surrogate"),
        ('a: "\\0"', "x.yaml:1:4: text must not hold the character NUL"),
        ("a: 1\nb: \x07", "x.yaml:2:4: the character U+0007 cannot stand in a YAML file"),
        ("", "x.yaml: holds nothing"),
        ("# nothing yet\n", "x.yaml: holds nothing"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_yaml(text, "x.yaml")
    assert str(refused.value).startswith(message)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    (tmp_path / "large.yaml").write_bytes(b"#" * (2**20 + 1))
    os.mkfifo(tmp_path / "pipe.yaml")
    expected = {
        "tyni.yaml": "tyni.yaml: there is no such file (did you mean `tiny.yaml`?)",
        "no/x.yaml": f"no/x.yaml: there is no such file, nor the folder {tmp_path}/no",
        "tiny.yaml": "tiny.yaml:2:7: is not UTF-8; save the file as UTF-8",
        "large.yaml": "large.yaml: must be a regular file of at most 1048576 bytes",
        "pipe.yaml": "pipe.yaml: must be a regular file of at most 1048576 bytes",
        ".": ": is a folder; give the sweep file in it (known: large.yaml, pipe.yaml, tiny.yaml)",
    }
    for name, message in expected.items():
        with pytest.raises(Refused) as refused:
            read_yaml(tmp_path / name)
        assert str(refused.value).removeprefix(f"{tmp_path}").removeprefix("/") == message


@pytest.mark.parametrize(
    ("text", "size"), [("4GiB", 4 * 2**30), ("500 MB", 500_000_000), ("1.5KiB", 1536), ("7B", 7), ("2kB", 2000)]
)
def test_sizes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30min", 1800), ("90s", 90), ("1h30min", 5400), ("1d 2h", 93600), ("250ms", 0.25), ("1.5h", 5400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "4", "GiB", "-4GiB", "4GiB 2GiB", "4gib", "4G", "1e3B"])
def test_what_is_not_a_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        bytes_of(text)


def test_a_size_beyond_all_measure() -> None:
    with pytest.raises(ValueError, match="is beyond all measure"):
        bytes_of("9" * 400 + "GiB")


@pytest.mark.parametrize("text", ["", "30", "30m", "30min1h", "1h1h", "1h!", "-1h", "1:30"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a|largest first"):
        seconds_of(text)
