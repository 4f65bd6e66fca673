"""Config files of other people's scripts: read as they read them, some keys rewritten, written without loss."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from db.strict import Invalid
from sweeps.config_file import MAX_BYTES, canonical, read_config, suffix_of, write_config
from sweeps.config_keys import dotted_keys, with_keys

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("0123456789e-+._:xo~nulyes# '\"\n\t[]{},&*!|>%@`")
floats = st.floats(allow_nan=False)
dates = st.dates() | st.datetimes(timezones=st.none() | st.just(dt.timezone.utc))
in_json = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | floats | texts


def nested(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    inner = st.recursive(scalars, lambda one: st.lists(one) | st.dictionaries(keys, one), max_leaves=12)
    return st.dictionaries(keys, inner)


@given(nested(in_json | dates | st.binary() | st.sets(st.integers()), texts | st.integers() | st.booleans()))
def test_a_written_yaml_file_reads_as_the_same_data(data: dict[Any, Any]) -> None:
    read = yaml.safe_load(write_config(data, ".yaml"))
    assert read == data
    assert canonical(read) == canonical(data)


@given(nested(in_json, texts))
def test_a_written_json_file_reads_as_the_same_data(data: dict[str, Any]) -> None:
    assert canonical(json.loads(write_config(data, ".json"))) == canonical(data)


@given(st.text())
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    for suffix in (".yaml", ".json"):
        path = tmp_path_factory.getbasetemp() / f"any{suffix}"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        with contextlib.suppress(Invalid):
            assert isinstance(read_config(str(path)), dict)


def given_file(folder: Path, text: str, name: str = "base.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_yaml_means_what_it_means_to_the_script(tmp_path: Path) -> None:
    text = "lr: 1e-3\nsmall: 1.0e-5\nflag: no\nday: 2024-01-31\n1: one\nshared: &x [1, 2]\nagain: *x\n<<: {merged: 1}\n"
    path = given_file(tmp_path, text)
    data = read_config(path)
    assert data == yaml.safe_load(text)
    assert data["lr"] == "1e-3"
    assert data["flag"] is False
    written = write_config(data, ".yaml")
    assert "&" not in written
    assert yaml.safe_load(written) == data
    assert list(yaml.safe_load(written)) == list(data)


LIKE_VALUES = [
    "1e-3",
    "1E5",
    "0o17",
    "1_000",
    "on",
    "y",
    "N",
    ".5e3",
    "+.5",
    "12e03",
    "1e400",
    "null",
    "true",
    ".inf",
    "1:30",
]


@pytest.mark.parametrize("text", LIKE_VALUES)
def test_a_text_that_others_read_as_a_value_keeps_its_quotes(tmp_path: Path, text: str) -> None:
    data = read_config(given_file(tmp_path, f"a: '{text}'\nb: [\"{text}\"]\n'{text}': 1\n"))
    written = write_config(with_keys(data, {"c": text}, ["c"]), ".yaml")
    assert written == f"a: '{text}'\nb:\n- '{text}'\n'{text}': 1\nc: '{text}'\n"


@pytest.mark.parametrize("text", ["1e-3", "0o17", "12e03", "y"])
def test_a_text_that_others_read_as_a_value_is_not_quoted_where_it_was_not(tmp_path: Path, text: str) -> None:
    data = read_config(given_file(tmp_path, f"a: {text}\nb: 1\n"))
    assert write_config(with_keys(data, {"b": 2}), ".yaml") == f"a: {text}\nb: 2\n"
    assert canonical(data) == canonical({"a": text, "b": 1})


def test_a_float_is_one_to_yaml_1_1_too() -> None:
    written = write_config({"lr": 1e-05, "wd": 1e16, "x": 0.001, "inf": float("inf")}, ".yaml")
    assert yaml.safe_load(written) == {"lr": 1e-05, "wd": 1e16, "x": 0.001, "inf": float("inf")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: a config file must hold keys and values, this one holds nothing"),
        ("- 1\n", ":1: a config file must hold keys and values, this one holds a list of 1"),
        ("a: 1\nb: !mine x\n", ":2: the tag `!mine` is not read here"),
        ("a: 1\nb: !!python/tuple [1]\n", ":2: the tag `!!python/tuple` is not read here"),
        ("a: 1\n---\nb: 1\n", ":2: a second document begins here"),
        ("a: 1\nb: [1\n", ":3: not valid YAML: "),
        ("a: 1\nb: \x07\n", ":2: the character U+0007 cannot stand in a YAML file"),
        ("a: 2024-02-31\n", ": holds a value that PyYAML cannot read: day is out of range for month"),
        ("a: !!bool maybe\n", ": holds a value that PyYAML cannot read"),
        ("a: !!omap [{b: 1}]\n", ": the tags `!!omap` and `!!pairs` are not read here"),
        ("a: &a [*a]\n", ": nested more than 64 deep"),
        (f"a: {'[' * 70}{']' * 70}\n", ": nested more than 64 deep"),
        (f"a: {'[' * 5000}{']' * 5000}\n", ": nested more than 64 deep"),
        (
            "a0: &a0 [x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
            ": holds more than 100,000 values",
        ),
        (
            "a0: &a0 {k: 1}\n"
            + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)),
            ":6: not valid YAML: `<<` brings more than 10000 keys into one mapping",
        ),
        (
            f"a: 1\nb: [{'x, ' * 20_000}]\n",
            ":2: more than 20,000 keys and values stand before this; save it as JSON",
        ),
        (f"a: 0x{'f' * 5000}\n", ": holds an integer of thousands of digits"),
        (f"? 0x{'f' * 5000}\n: 1\n", ": holds an integer of thousands of digits"),
    ],
)
def test_what_cannot_be_copied_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = given_file(tmp_path, text)
    with pytest.raises(Invalid) as refused:
        read_config(path)
    assert str(refused.value).startswith(f"{path}{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: not valid JSON: Expecting value"),
        ('{"a": 1,\n "b": }', ":2: not valid JSON: Expecting value"),
        ('{"a": 1}\n{}', ":2: not valid JSON: Extra data"),
        ("[1]", ":1: a config file must hold keys and values, this one holds a list of 1"),
        ("[" * 100_000, ": nested more than 64 deep"),
    ],
)
def test_json_that_cannot_be_copied_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = given_file(tmp_path, text, "base.json")
    with pytest.raises(Invalid) as refused:
        read_config(path)
    assert str(refused.value).startswith(f"{path}{message}")


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    given_file(tmp_path, "a: 1\n", "timesnet.yaml")
    (tmp_path / "large.yaml").write_bytes(b" " * (MAX_BYTES + 1))
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    (tmp_path / "folder.yaml").mkdir()
    cases = {
        "timesnt.yaml": "there is no such file (did you mean `timesnet.yaml`?)",
        "configs/x.yaml": f"there is no such file, nor the folder {tmp_path}/configs",
        "large.yaml": "must be a regular file of at most",
        "folder.yaml": "must be a regular file of at most",
        "latin.yaml": "is not UTF-8",
        "x.toml": "must end with .yaml, .yml or .json",
        "x\0.yaml": "cannot be read",
    }
    for name, message in cases.items():
        with pytest.raises(Invalid) as refused:
            read_config(f"{tmp_path}/{name}")
        assert message in str(refused.value), name


def test_a_suffix_is_known_in_any_case() -> None:
    assert suffix_of("a/b.YML") == ".yml"


BASE: dict[str, Any] = {
    "data": {"batch_size": 128, "path": "x"},
    "model": {"layers": [{"width": 64}, {"width": 32}], "none": None},
    "optim.lr": 1e-3,
    "sched": {"warm.up": {"steps": 5}, 3: "three"},
}


def test_keys_are_replaced_in_a_copy() -> None:
    before = copy.deepcopy(BASE)
    keys = {"data.batch_size": 32, "model.layers.1.width": 8, "optim.lr": 0.1, "sched.warm.up.steps": 1, "sched.3": "x"}
    changed = with_keys(BASE, keys)
    assert before == BASE
    assert changed["data"] == {"batch_size": 32, "path": "x"}
    assert changed["model"]["layers"] == [{"width": 64}, {"width": 8}]
    assert changed["optim.lr"] == 0.1
    assert changed["sched"] == {"warm.up": {"steps": 1}, 3: "x"}
    assert list(changed) == list(BASE)


@given(nested(in_json, st.text("ab", min_size=1, max_size=2)), st.data())
def test_replacing_any_key_changes_that_key_alone(data: dict[str, Any], draw: st.DataObject) -> None:
    keys = list(dotted_keys(data))
    if not keys:
        return
    key = draw.draw(st.sampled_from(keys))
    changed = with_keys(data, {key: "NEW"})
    left = {each for each in keys if each != key and not each.startswith(f"{key}.")}
    assert {each for each in dotted_keys(changed) if each != key} == left
    at: Any = changed
    for part in key.split("."):
        at = at[int(part)] if isinstance(at, list) else at[part]
    assert at == "NEW"


def test_new_keys_are_added_where_that_is_allowed() -> None:
    keys = {"model.e_layers": 2, "trainer.gpu.n": 1, "trainer.gpu.m": 2, "model.none.deep": 3}
    changed = with_keys(BASE, keys, new=keys)
    assert changed["model"]["e_layers"] == 2
    assert changed["model"]["none"] == {"deep": 3}
    assert changed["trainer"] == {"gpu": {"n": 1, "m": 2}}
    assert with_keys(BASE, {"data.path": "y"}, new=["data.path"])["data"]["path"] == "y"


def refusals(keys: dict[str, Any], new: tuple[str, ...] = (), data: dict[Any, Any] = BASE) -> list[str]:
    with pytest.raises(Invalid) as refused:
        with_keys(data, keys, new)
    return [f"{fault.path[0]}: {fault.message}" for fault in refused.value.faults]


def test_keys_that_are_not_there_are_told_with_the_nearest() -> None:
    told = refusals({"data.batchsize": 1, "model.layers.2.width": 1, "zzz": 0})
    assert "`data.batchsize` (did you mean `data.batch_size`?)" in told[0]
    assert "`model.layers.2.width` (did you mean `model.layers.0.width`?)" in told[1] or "1.width" in told[1]
    assert "add it to `command.config.new`" in told[2]


def test_keys_that_would_be_a_guess_are_refused() -> None:
    assert "two keys that are written `a.b`" in refusals({"a.b": 1}, data={"a": {"b": 1}, "a.b": 2})[0]
    assert "two keys that are written `1`" in refusals({"1": 1}, data={"1": 1, 1: 2})[0]
    assert "`data.path` is text 'x', so no key" in refusals({"data.path.x": 1}, new=("data.path.x",))[0]
    assert "`model.layers` is a list of 2, so no key" in refusals({"model.layers.9": 1}, new=("model.layers.9",))[0]
    assert refusals({"data.path": 1, "data": {}}) == ["data.path: `data` rewrites it too; leave one of them out"]


def test_a_canonical_form_tells_different_data_apart() -> None:
    day = dt.date(2024, 1, 31)
    different = [1, 1.0, "1", True, None, [1], {"1": 1}, {1: 1}, day, str(day), b"x", {1, 2}, float("nan"), "nan"]
    forms = [json.dumps(canonical(value, "\ud800"), allow_nan=False) for value in different]
    assert len(set(forms)) == len(different)
