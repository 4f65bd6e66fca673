"""From a sweep file of a command to its runs: what holds in each, what they are called, what is refused and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.errors import Refused
from sweeps.command import command_run_id
from sweeps.expand_commands import CommandCandidate
from sweeps.spec import SweepSpec, read_sweep

COMMAND = 'command: ["{python}", train.py, --lr, "{lr}"]\n'
CONFIGURED = """command:
  argv: ["{python}", train.py, --config, "{config}", --lr, "{lr}"]
  config:
    base: "{model}.yaml"
    set: {data.batch_size: "{batch}", trainer.accum: "{accum}"}
settings: {batch: 128, lr: 0.1, model: a}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").touch()
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(
            f"data: {{batch_size: 1}}\ntrainer: {{accum: 1}}\nmodel: {{name: {name}}}\n"
        )
    return tmp_path


def sweep(folder: Path, text: str, *overrides: str, profile: str | None = None) -> SweepSpec:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return read_sweep(path, overrides, profile=profile, gpus=0)


def labels(folder: Path, text: str, *overrides: str) -> list[str]:
    return [one.label for one in sweep(folder, text, *overrides).commands]


def only(spec: SweepSpec) -> CommandCandidate:
    assert len(spec.commands) == 1
    return spec.commands[0]


def refusal(folder: Path, text: str, *overrides: str, profile: str | None = None) -> list[str]:
    with pytest.raises(Refused) as refused:
        sweep(folder, text, *overrides, profile=profile)
    return str(refused.value).replace(f"{folder}/", "").split("\n")


def test_a_command_alone_is_one_run(folder: Path) -> None:
    spec = sweep(folder, "command: ['{python}', train.py]\non_end: [notify, me]")
    one = only(spec)
    assert (one.label, one.settings.name, one.settings.cwd) == ("train", "train", str(folder))
    assert (one.settings.settings, one.settings.batch, one.settings.steps, one.settings.seed) == ({}, None, None, None)
    assert spec.name == "x"
    assert spec.on_end == ("notify", "me")
    assert spec.candidates == ()


def test_the_whole_language_makes_runs_of_a_command(folder: Path) -> None:
    text = f"""{CONFIGURED}grid: {{config.model.name: [x, y]}}
zip: {{model: [a, b], lr: [0.1, 0.2]}}
when: [{{if: {{model: a, config.model.name: x}}, set: {{batch: 64}}}}]
exclude: [{{model: b, config.model.name: x, batch: 128}}]
runs: [{{lr: 7}}]
"""
    spec = sweep(folder, text)
    assert [one.label for one in spec.commands] == [
        "train name=x model=a lr=0.1 batch=64",
        "train name=y model=a lr=0.1",
        "train name=y model=b lr=0.2",
        "train lr=7",
    ]
    first, *_, last = (one.settings for one in spec.commands)
    assert first.config is not None
    assert last.config is not None
    assert first.config.set == {"data.batch_size": "{batch}", "trainer.accum": "{accum}"}
    assert first.config.held == {"model.name": "x"}
    assert (first.batch, first.settings) == (64, {"lr": 0.1, "model": "a"})
    assert (last.batch, last.settings) == (128, {"lr": 7, "model": "a"})
    assert first.config.base == str(folder / "a.yaml")
    assert last.config.content["model"] == {"name": "a"}


def test_draws_and_seeds(folder: Path) -> None:
    text = 'command: ["{python}", train.py, "{lr}", "{seed}"]\nseeds: 2\n'
    text += "sample: {runs: 3, draw: {lr: {log_uniform: [1e-5, 1e-2]}}}\n"
    found = [one.settings for one in sweep(folder, text).commands]
    assert [one.seed for one in found] == [0, 1] * 3
    assert len({one.settings["lr"] for one in found}) == 3


PRECEDENCE = ["settings: {lr: 1}", "profiles: {p: {settings: {lr: 2}}}", "grid: {lr: [3]}"]


@pytest.mark.parametrize(("count", "place"), [(1, "x.yaml:2:12"), (2, "x.yaml:3:27"), (3, "x.yaml:4:13")])
def test_later_layers_win(folder: Path, count: int, place: str) -> None:
    lines = [*PRECEDENCE[:count], *(["profiles: {p: {}}"] if count == 1 else [])]
    text = COMMAND + "\n".join(lines)
    spec = sweep(folder, text, profile="p")
    assert only(spec).settings.settings == {"lr": count}
    assert spec.place(only(spec), ("lr",)) == f"{folder}/{place}"
    spec = sweep(folder, text, "lr=9", profile="p")
    assert only(spec).settings.settings == {"lr": 9}
    assert spec.place(only(spec), ("settings", "lr")) == "command line"


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        ("grid: {lr: [1, 2]}", ("lr=3",), ["train"]),
        ("grid: {lr: [1, 2]}", ("lr=[3, 4, 5]",), ["train lr=3", "train lr=4", "train lr=5"]),
        ("settings: {lr: 1}", ("lr=[3, 4]",), ["train lr=3", "train lr=4"]),
        ("settings: {lr: [1, 2]}", ("lr=[3, 4]",), ["train"]),
        ("settings: {lr: 1}", ("resources.cpus=2", "name=other", "policy.wait=1"), ["train"]),
        ("runs: [{lr: 1}, {lr: 2}]", ("lr=3",), ["train"]),
    ],
)
def test_overrides(folder: Path, text: str, overrides: tuple[str, ...], expected: list[str]) -> None:
    assert labels(folder, f"{COMMAND}{text}", *overrides) == expected


@pytest.mark.parametrize(
    ("text", "override", "expected"),
    [
        ("grid: {lr: [[64], [128, 64]]}", "lr=[32, 16]", [[32, 16]]),
        ("grid: {lr: [[64], [128, 64]]}", "lr=[[32, 16]]", [[32, 16]]),
        ("grid: {lr: [[64], [128, 64]]}", "lr=[[32], [16]]", [[32], [16]]),
        ("grid: {lr: [[64], [128, 64]]}", "lr=[]", [[]]),
        ("grid: {lr: [[], x]}", "lr=[a, b]", [["a", "b"]]),
        ("settings: {lr: [1]}", "lr=[[1, 2], [3]]", [[1, 2], [3]]),
        ("settings: {lr: 1}\nwhen: [{if: {lr: 2}, set: {lr: [3]}}]", "lr=[2, 4]", [[2, 4]]),
        ("zip: {lr: [[1], [2]]}", "lr=[2, 4]", [[2, 4]]),
        ("runs: [{lr: [1]}, {lr: [2]}]", "lr=[2, 4]", [[2, 4]]),
    ],
)
def test_a_list_is_one_value_of_a_setting_that_is_a_list(folder: Path, text: str, override: str, expected: Any) -> None:
    found = sweep(folder, f'command: ["{{python}}", train.py, "{{lr}}"]\n{text}', override).commands
    assert [one.settings.settings["lr"] for one in found] == expected


def test_a_list_of_the_config_file_is_no_axis_by_itself(folder: Path) -> None:
    (folder / "a.yaml").write_text("data: {batch_size: 1}\ntrainer: {accum: 1}\nlayers: [1]\n")
    lines = refusal(folder, CONFIGURED, "config.layers=[2, 3]")
    assert [line.partition(" (in an axis, one list is `[[...]]`)")[0] for line in lines] == [
        "command line: config.layers: the config file has a list there"
    ] * 2
    config = only(sweep(folder, CONFIGURED, "config.layers=[[2, 3]]")).settings.config
    assert config is not None
    assert config.held == {"layers": [2, 3]}


def test_a_batch_and_a_key_of_the_config_file_from_the_command_line(folder: Path) -> None:
    spec = sweep(folder, CONFIGURED, "batch=64", "config.model.name=z", "resources.memory=1GiB")
    one = only(spec).settings
    assert one.batch == 64
    assert one.config is not None
    assert one.config.held == {"model.name": "z"}
    assert spec.resources.memory == 2**30
    assert spec.place(only(spec), ("command", "config", "set", "model.name")) == "command line"
    assert spec.place(only(spec), ("command", "config", "set", "trainer.accum")) == f"{folder}/x.yaml:5:39"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{COMMAND}settings: {{lr: 1, momentum: 2}}", "x.yaml:2:19: momentum: nothing uses it"),
        (f"{COMMAND}grid: {{lr: [1], momentum: [2]}}", "x.yaml:2:28: momentum: nothing uses it"),
        (COMMAND, "x.yaml:1:39: command.argv.3: `{lr}` stands for nothing"),
        (f"{COMMAND}settings: {{lr: 1, out: 1}}", "x.yaml:2:19: `out` cannot be a setting"),
        (f"{COMMAND}settings: {{lr: 1, 1a: 1}}", "x.yaml:2:19: `1a` cannot be the name of a setting"),
        (f"{COMMAND}settings: {{lr: .inf}}", "x.yaml:2:12: lr: expected a finite number, found inf"),
        (f"{COMMAND}grid: {{lr: [1, .nan]}}", "x.yaml:2:16: lr: expected a finite number, found nan"),
        (f"{COMMAND}grid: {{lr: [1, 1]}}", "x.yaml:2:16: the same run as at x.yaml:2:13; leave one of them out"),
        (
            "command: ['{python}', train.py, '{batch}']\nsettings: {batch: 0}",
            "x.yaml:2:12: batch: expected an integer of 1 or more",
        ),
        (f"{COMMAND}settings: {{lr: 1, batch: 8}}", "x.yaml:2:19: batch: nothing uses it"),
        (f"{COMMAND}settings: {{lr: 1}}\nseeds: 2", "x.yaml:3:1: seed: nothing uses it"),
        (
            f"{COMMAND}settings: {{lr: 1}}\ntasks: [rul_prediction]",
            "x.yaml:3:1: tasks: is for backbones, and this file has",
        ),
        (
            f"{COMMAND}settings: {{lr: 1}}\nprofiles: {{p: {{train: {{lr: 1}}}}}}",
            "x.yaml:3:16: profiles.p.train: is for",
        ),
        (
            "tasks: [classification]\ngrid: {backbone: fno}\nsettings: {lr: 1}",
            "x.yaml:3:1: settings: belongs to a `command`",
        ),
        ("command: 3", "x.yaml:1:1: command: expected"),
        ("command: {argv: [python, 3]}", "x.yaml:1:26: command.argv.1: expected text, found an integer 3"),
        ("command: {argv: [python], evn: {}}", "x.yaml:1:27: command.evn: unknown key `evn` (did you mean `env`?)"),
        ("command: {argv: ['{python}'], cwd: nowhere}", "x.yaml:1:31: command.cwd: there is no folder nowhere"),
        ("command: ['{python}', trian.py]", "x.yaml:1:23: command.argv.1: there is no file trian.py"),
        (f"{COMMAND}settings: {{lr: 1}}\non_end: mail", "x.yaml:3:1: on_end: expected a list"),
        (f"{COMMAND}settings: {{lr: 1}}\nsuccess: {{fils: []}}", "x.yaml:3:11: success.fils: unknown key `fils`"),
        (f"{COMMAND}settings: {{lr: 1}}\ngrid: {{config.a: [1]}}", "x.yaml:3:19: config.a: there is no config file to"),
        (
            f"{CONFIGURED}grid: {{config.trainer.accum: [1]}}",
            "x.yaml:7:31: config.trainer.accum: `command.config.set` re",
        ),
        (
            f"{CONFIGURED}grid: {{config.model.nam: [1]}}",
            "x.yaml:7:27: config.model.nam: the config file has no key `mod",
        ),
        (f"{CONFIGURED}grid: {{model: [a, c]}}", "x.yaml:4:5: command.config.base: c.yaml: there is no such file"),
        (f"{COMMAND}zip: {{lr: [1, 2], lrr: [1]}}", "x.yaml:2:19: zip: `lr` has 2 values, `lrr` has 1"),
        (
            f"{COMMAND}grid: {{lr: [1, 2]}}\nexclude: [{{lrr: 1}}]",
            "x.yaml:3:12: lrr: nothing before this sets it (did you",
        ),
        (f"{COMMAND}settings: {{lr: 1}}\nexclude: [{{lr: 1}}]", "x.yaml:3:11: exclude: leaves out every run"),
        (
            f"{COMMAND}grid: {{lr: [1, 2]}}\nsuccess: {{files: [{{path: all.json}}]}}",
            "x.yaml:3:20: success.files.0.path: 2 runs share",
        ),
    ],
)
def test_what_is_refused(folder: Path, text: str, message: str) -> None:
    lines = refusal(folder, text)
    assert any(line.startswith(message) for line in lines), lines
    assert len(lines) == 1 or "momentum" in text or "lrr" in text, lines


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rl=1", "command line: unknown setting `rl` (did you mean `lr`?)"),
        ("tasks=[a]", "command line: unknown setting `tasks` (known: batch, lr, seed, steps)"),
        ("python=python2", "command line: `python` cannot be a setting"),
        ("seed=1", "command line: seed: nothing uses it"),
        ("resources.memory=1", "command line: resources.memory: expected a size with its unit"),
        ("lr=[1, 2]", "command line: lr: varies no explicit run in the file; give one value, or change the file"),
    ],
)
def test_what_is_refused_on_the_command_line_of_explicit_runs(folder: Path, override: str, message: str) -> None:
    lines = refusal(folder, f"{COMMAND}runs: [{{lr: 1}}]", override)
    assert len(lines) == 1
    assert lines[0].startswith(message)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lr=[]", "command line: lr: the list is empty, so there would be no run"),
        (
            "lr=a #b",
            """command line: lr=a #b: `#` begins a comment, so the rest would be lost; where text is meant, """,
        ),
        ("lr=[a, b", "command line: lr=[a, b: not valid YAML: "),
        ("lr=*.csv", "command line: lr=*.csv: not valid YAML: "),
        (
            "lr={out}",
            """command line: lr: give keys one by one, as in lr.KEY=VALUE; where text is meant, write 'lr="{out}"'""",
        ),
    ],
)
def test_a_value_that_would_be_lost_is_told_in_quotes(folder: Path, override: str, message: str) -> None:
    [line] = refusal(folder, f"{COMMAND}grid: {{lr: [1, 2]}}", override)
    assert line.startswith(message)
    assert "[]" in override or """where text is meant, write 'lr=""" in line


@pytest.mark.parametrize("text", ['"a #b"', "a#b", "'#'"])
def test_a_sign_that_begins_no_comment_is_a_sign(folder: Path, text: str) -> None:
    assert only(sweep(folder, COMMAND, f"lr={text}")).settings.settings["lr"] == text.strip("\"'")


def test_the_same_script_in_another_folder_is_another_run(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.py").touch()
        found.append(only(sweep(tmp_path / name, f"{COMMAND}settings: {{lr: 1}}")).settings)
    (tmp_path / "link").symlink_to("one")
    found.append(only(sweep(tmp_path / "link", f"{COMMAND}settings: {{lr: 1}}")).settings)
    ids = [command_run_id(one) for one in found]
    assert ids[0] != ids[1]
    assert ids[0] == ids[2]


def test_a_text_where_the_config_file_has_true_is_told_where_it_stands(folder: Path) -> None:
    (folder / "a.yaml").write_text("data: {batch_size: 1}\ntrainer: {accum: 1}\nuse_amp: yes\n")
    lines = refusal(folder, f"{CONFIGURED}grid: {{config.use_amp: [yes, no]}}")
    assert [line.split(": the config")[0] for line in lines] == [
        "x.yaml:7:25: config.use_amp",
        "x.yaml:7:30: config.use_amp",
    ]
    assert labels(folder, f"{CONFIGURED}grid: {{config.use_amp: [true, false]}}") == [
        "train use_amp=true",
        "train use_amp=false",
    ]


UNQUOTED = "command: {argv: [x, '{config}'], config: {base: a.yaml, set: {data.batch_size: {batch}}}}"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "command: [python, t.py, --out, {out}]",
            ['x.yaml:1:32: command.argv.3: expected text, found keys and values; put it in quotes: "{out}"'],
        ),
        ("command: [python, 3]", ["x.yaml:1:19: command.argv.1: expected text, found an integer 3; put it in quotes"]),
        (
            "command: {argv: [python], env: {OMP_NUM_THREADS: 2}, cwd: {out}, confg: 1}",
            [
                "x.yaml:1:33: command.env.OMP_NUM_THREADS: expected text, found an integer 2; put it in quotes",
                'x.yaml:1:54: command.cwd: expected text, found keys and values; put it in quotes: "{out}"',
                "x.yaml:1:66: command.confg: unknown key `confg` (did you mean `config`?)",
            ],
        ),
        (
            "command: {argv: [x], config: {bse: a}}",
            ["missing key `base`", "x.yaml:1:31: command.config.bse: unknown key"],
        ),
        (
            UNQUOTED,
            ["x.yaml:1:63: command.config.set.data.batch_size: `{batch}` without quotes is keys and values; put it"],
        ),
        (f"{COMMAND}success: {{files: [{{path: {{out}}}}]}}", ["x.yaml:2:20: success.files.0.path: `{out}` without"]),
        ("command: [x, {out}/y]", ["x.yaml:1:19: not valid YAML: ", "; text with braces goes in quotes, as in"]),
    ],
)
def test_what_lacks_quotes_is_told_where_it_stands(folder: Path, text: str, messages: list[str]) -> None:
    lines = refusal(folder, text)
    for message in messages:
        assert [line for line in lines if message in line], lines


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            f"{COMMAND}grid: {{lr: [1, '1']}}",
            ["x.yaml:2:16: the same run as at x.yaml:2:13 once everything is filled in"],
        ),
        (
            "command: {argv: ['{python}', train.py], cwd: '{out}'}",
            ["x.yaml:1:41: command.cwd: takes no placeholders; it is one folder for the whole sweep"],
        ),
        (
            "command: ['{python}', train.py, '{lr:.1e}', '{ lr}', '{lr!r}']\nsettings: {lr: 1}",
            [
                "x.yaml:1:33: command.argv.2: `{lr:.1e}` is not replaced; write `{lr}`",
                "x.yaml:1:45: command.argv.3: `{ lr}` is not replaced; write `{lr}`",
                "x.yaml:1:54: command.argv.4: `{lr!r}` is not replaced; write `{lr}`",
                "x.yaml:2:12: lr: nothing uses it",
            ],
        ),
    ],
)
def test_what_people_may_take_for_something_else(folder: Path, text: str, messages: list[str]) -> None:
    lines = refusal(folder, text)
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages, strict=True):
        assert line.startswith(message)


def test_equal_commands_that_were_drawn_are_run_once(folder: Path) -> None:
    text = f"{COMMAND}sample: {{runs: 40, draw: {{lr: {{choice: [1, '1']}}}}}}"
    assert len(sweep(folder, text).commands) == 1


def test_a_declared_file_may_be_its_path_alone(folder: Path) -> None:
    text = 'command: ["{python}", train.py, "{out}"]\nsuccess: {files: ["{out}/x.json"]}'
    short = only(sweep(folder, text)).settings
    assert short.success == {"files": [{"path": "{out}/x.json"}]}
    [line] = refusal(folder, text.replace("{out}/x.json", "{oot}/x.json"))
    assert line.startswith("x.yaml:2:19: success.files.0.path: `{oot}` stands for nothing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{COMMAND}grid: {{lr: []}}\nexclude: [{{lr: 1}}]", "x.yaml:2:8: lr: an axis needs at least one value"),
        (f"{COMMAND}zip: {{lr: [1, 2], model: [1]}}", "x.yaml:2:19: zip: `lr` has 2 values, `model` has 1"),
        (
            f"{COMMAND}sample: {{runs: 1, draw: {{lr: {{uniform: 3}}}}}}",
            "x.yaml:2:31: sample.draw.lr.uniform: uniform needs",
        ),
        (
            f"{COMMAND}sample: {{runs: 1, draw: {{lr: {{law: [1, 3]}}}}}}",
            "x.yaml:2:31: sample.draw.lr.law: expected KEY",
        ),
        (
            CONFIGURED.replace(", model: a", "") + "grid: {model: []}",
            "x.yaml:7:8: model: an axis needs at least one value",
        ),
    ],
)
def test_one_mistake_is_told_once(folder: Path, text: str, message: str) -> None:
    [line] = refusal(folder, text)
    assert line.startswith(message)


def test_every_fault_is_told_at_once_in_order_of_place(folder: Path) -> None:
    text = (
        'command: {argv: ["{python}", train.py, "{rate}"], env: {A: "{b}"}}\nsettings: {lr: 1}\nresources: {cpus: 0}\n'
    )
    text += "success: {last_line: '('}\n"
    places = [line.split(": ")[0] for line in refusal(folder, text, "x=1")]
    assert places == ["x.yaml:1:40", "x.yaml:1:57", "x.yaml:2:12", "x.yaml:3:13", "command line"]


def test_profiles_of_a_command(folder: Path) -> None:
    text = f"{COMMAND}settings: {{lr: 1}}\nprofile: {{cpu: small, gpu: big}}\n"
    text += "profiles: {small: {settings: {lr: 2}, resources: {cpus: 2}}, big: {settings: {lr: 3}}}"
    spec = sweep(folder, text)
    found: Any = spec.profile, only(spec).settings.settings, spec.resources.cpus
    assert found == ("small", {"lr": 2}, 2)
