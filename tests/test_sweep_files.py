"""Sweep files: what is refused, each with its place, and that the page about them is true."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.declared import Declared
from db.errors import Refused
from sweeps.command import CommandSection, ConfigSection
from sweeps.settings import DataSettings, Memory, Policy, Resources, TrainSettings
from sweeps.spec import SweepSpec, read_sweep
from sweeps.sweep_file import Profile, ProfileChoice, SampleSection, SweepFile

REPOSITORY = Path(__file__).resolve().parent.parent
GOOD = "tasks: [classification]\ngrid: {backbone: [dlinear]}\n"


def write(folder: Path, text: str, name: str = "x.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def sweep(folder: Path, text: str, *overrides: str, profile: str | None = None, has_gpu: bool = False) -> SweepSpec:
    path = write(folder, text)
    return read_sweep(path, overrides, profile=profile, gpus=int(has_gpu), known_kinds=("host_oom", "cuda_oom"))


def lines_of_refusal(folder: Path, text: str, *overrides: str, profile: str | None = None) -> list[str]:
    """The lines of the refusal, the folder taken away."""
    with pytest.raises(Refused) as refused:
        sweep(folder, text, *overrides, profile=profile)
    return str(refused.value).replace(f"{folder}/", "").split("\n")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert len(read_sweep(tmp_path / "x.yaml", gpus=0).candidates) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bacbones: {}", "x.yaml:3:1: bacbones: unknown key `bacbones` (did you mean `backbones`?)"),
        ("train: {lr: fast}", "x.yaml:3:9: train.lr: expected a number, found text 'fast'"),
        ("train: {batch: 1.5}", "x.yaml:3:9: train.batch: expected an integer, found a number 1.5"),
        ("train: {batch: 0}", "x.yaml:3:9: train.batch: must be above 0, is 0"),
        ("train: {lr: .inf}", "x.yaml:3:9: train.lr: expected a finite number, found inf"),
        ("train: {steps: 10}", "x.yaml:3:9: train.warmup_steps: must lie between 0 and steps (10), is 20"),
        ("train: {lrr: 1}", "x.yaml:3:9: unknown setting `train.lrr` (did you mean `train.lr`?)"),
        ("train: 3", "x.yaml:3:1: train: expected keys and values, found an integer 3"),
        ("data: {simulation: {sed: 1}}", "x.yaml:3:21: unknown setting `data.simulation.sed` (did you mean"),
        ("data: {systems: [1, a]}", "x.yaml:3:8: data.systems.1: expected an integer, found text 'a'"),
        ("backbones: {timesnt: {d_model: 1}}", "x.yaml:3:13: `timesnt` is not a backbone (did you mean `timesnet`?)"),
        (
            "backbones: {fno: {train: {lr: a}}}",
            "x.yaml:3:27: backbones.fno.train.lr: expected a number, found text 'a'",
        ),
        ("backbones: {fno: {train: 3}}", "x.yaml:3:19: backbones.fno.train: expected keys and values"),
        ("backbones: {fno: {width: .nan}}", "x.yaml:3:19: backbones.fno.width: expected a finite number, found nan"),
        ("runs: [{backbone: fnoo}]", "x.yaml:3:9: `fnoo` is not a backbone (did you mean `fno`?)"),
        ("runs: [{seed: 3}]", "x.yaml:3:8: this run names no backbone; add `backbone: NAME`"),
        ("runs: [3]", "x.yaml:3:8: runs.0: expected keys and values, found an integer 3"),
        (
            "runs: [{backbone: fno, train.lr: 1, train: {lr: 2}}]",
            "x.yaml:3:45: `train.lr` is given twice, first at x.ya",
        ),
        ("runs: [{backbone: fno, lr: 1}]", "x.yaml:3:24: unknown setting `lr` (did you mean `train.lr`?)"),
        (
            "runs: [{backbone: fno, seed: -1}]",
            "x.yaml:3:24: seed: expected an integer of 0 or more, found an integer -1",
        ),
        (
            "runs: [{backbone: fno, seed: true}]",
            "x.yaml:3:24: seed: expected an integer of 0 or more, found true or false",
        ),
        ("runs: [{backbone: fno, seed.x: 1}]", "x.yaml:3:24: unknown setting `seed.x` (did you mean `seed`?)"),
        ("runs: [{backbone: fno, resources.cpus: 1}]", "x.yaml:3:24: unknown setting `resources.cpus`"),
        (
            "runs: [{backbone: fno, backbones.timesnet.k: 1}]",
            "x.yaml:3:24: backbones.timesnet.k: does nothing in this run",
        ),
        ("runs: [{backbone: fno, tasks: 3}]", "x.yaml:3:24: tasks: expected a list of names, found an integer 3"),
        ("runs: [{backbone: fno, tasks: [rul]}]", "x.yaml:3:24: `rul` is not a task (did you mean `rul_prediction`?)"),
        ("runs: [{backbone: fno, tasks.rul_prediction.k: 1}]", "x.yaml:3:24: `rul_prediction` is not among the tasks"),
        ("runs: [{backbone: dlinear}]", "x.yaml:3:8: the same run as at x.yaml:2:1; leave one of them out"),
        ("seeds: 0", "x.yaml:3:1: seeds: expected how many (3 for 0, 1, 2) or a list of integers"),
        ("seeds: [1, 2, 1]", "x.yaml:3:15: the same run as at x.yaml:3:9; leave one of them out"),
        ("seeds: [a]", "x.yaml:3:9: seeds.0: expected an integer, found text 'a'"),
        ("seeds: 100001", "x.yaml:3:1: seeds: expected how many"),
        (
            "seeds: 100000\nruns: [{backbone: fno}]",
            "x.yaml:2:1: the sweep has 200,000 runs, more than 100,000; split it",
        ),
        ("resources: {memory: 4Gb}", "x.yaml:3:13: resources.memory: `Gb` is not a unit here (did you mean `GB`?)"),
        ("resources: {memory: 4}", "x.yaml:3:13: resources.memory: expected a size with its unit, such as 4GiB"),
        ("resources: {time: 1:30}", "x.yaml:3:13: resources.time: '1:30' is not a duration"),
        ("resources: {cpus: 0}", "x.yaml:3:13: resources.cpus: must be above 0, is 0"),
        ("resources: {gpus: all}", "x.yaml:3:13: resources.gpus: text 'all' is not one of auto, none"),
        ("policy: {retries: {oom: 2}}", "x.yaml:3:20: `oom` is not a failure kind (did you mean `host_oom`?)"),
        ("policy: {retries: {host_oom: -2}}", "x.yaml:3:20: policy.retries.host_oom: must not be negative, is -2"),
        (
            "policy: {retries: {host_oom: x}}",
            "x.yaml:3:20: policy.retries.host_oom: expected an integer, found text 'x'",
        ),
        ("policy: {wait: -1s}", "x.yaml:3:10: policy.wait: '-1s' is not a duration"),
        ("policy: {grace: -1}", "x.yaml:3:10: policy.grace: must not be negative, is -1.0"),
        ("runs: [{}]", "x.yaml:3:8: this run names no backbone; add `backbone: NAME`"),
        (
            "runs: [{backbone: fno, tasks: {rul_prediction: {}}}]",
            "x.yaml:3:32: `rul_prediction` is not among the tasks",
        ),
        (
            "runs: [{backbone: fno, a: 1}]",
            "x.yaml:3:24: unknown setting `a` (known: backbone, backbones.*, data.*, seed",
        ),
        ("backbones: {nope: }", "x.yaml:3:13: `nope` is not a backbone"),
        ("name: ''", "x.yaml:3:1: name: a sweep's name begins with"),
        ("policy: {retry: {}}", "x.yaml:3:10: unknown setting `policy.retry` (did you mean `policy.retries`?)"),
        ("plugins: [nowhere]", "x.yaml:3:11: plugins: there is no folder nowhere"),
        ("name: a b", "x.yaml:3:1: name: a sweep's name begins with a letter, digit or _, and holds only these"),
        ("name: 3", "x.yaml:3:1: name: expected text, found an integer 3"),
        ("profile: debug", "x.yaml:3:1: there is no profile `debug`"),
        ("profile: {gpu: a, cpu: b}\nprofiles: {b: {}}", "x.yaml:3:11: there is no profile `a` (known: b)"),
        ("profiles: {b: {train: {lr: x}}}", "x.yaml:3:24: train.lr: expected a number, found text 'x'"),
        ("profiles: {b: {grid: {}}}", "x.yaml:3:16: profiles.b.grid: unknown key `grid`"),
    ],
)
def test_a_fault_in_a_section_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    lines = lines_of_refusal(tmp_path, f"{GOOD}{text}\n")
    assert len(lines) == 1
    assert lines[0].startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "x.yaml:1:1: expected keys and values, found an integer 3"),
        ("grid: {backbone: [fno]}", "x.yaml:1:1: no task is named; add `tasks: [NAME, ...]`"),
        ("tasks: [classification]", "x.yaml:1:1: no run is asked for; give `grid.backbone` a list of backbones"),
        ("tasks: [a]\ngrid: {backbone: [fno]}", "x.yaml:1:9: `a` is not a task"),
        (
            "tasks: {rul: {}}\ngrid: {backbone: [fno]}",
            "x.yaml:1:9: `rul` is not a task (did you mean `rul_prediction`?)",
        ),
        (
            "tasks: [classification, classification]\ngrid: {backbone: fno}",
            "x.yaml:1:25: tasks: `classification` is na",
        ),
        ("tasks: 3\ngrid: {backbone: [fno]}", "x.yaml:1:1: tasks: expected a list, found an integer 3"),
        ("tasks: [classification]\ngrid: {seed: [1]}", "x.yaml:2:1: the grid names no backbone; add `backbone: [NAME"),
        ("tasks: [classification]\ngrid: {backbone: []}", "x.yaml:2:8: backbone: an axis needs at least one value"),
        (
            "tasks: [classification]\ngrid: {backbone: [fno, [dlinear]]}",
            "x.yaml:2:24: backbone: expected a name, found a list of 1",
        ),
        (
            "tasks: [classification]\ngrid: {backbone: fno, train.lr: [1, 1.0]}",
            "x.yaml:2:37: the same run as at x.yaml:2:34",
        ),
        (
            "tasks: [classification]\ngrid: {backbone: fno, train.l: [1, 2]}",
            "x.yaml:2:23: unknown setting `train.l` (did",
        ),
        (
            "tasks: [classification]\ngrid: {backbone: fno, train.lr: [1, x]}",
            "x.yaml:2:37: train.lr: expected a number",
        ),
        (
            "tasks: [classification]\ngrid: {backbone: fno, train.lr: [], train: {lr: 1}}",
            "x.yaml:2:45: `train.lr` is give",
        ),
        (
            "tasks: [classification]\nseeds: 2\ngrid: {backbone: fno, seed: [1]}",
            "x.yaml:2:1: seeds: the grid has `seed`",
        ),
    ],
)
def test_a_fault_in_the_grid_or_the_tasks_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert lines_of_refusal(tmp_path, text)[0].startswith(message)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.lrr=1", "command line: unknown setting `train.lrr` (did you mean `train.lr`?)"),
        ("backbon=fno", "command line: unknown setting `backbon` (did you mean `backbone`?)"),
        ("backbone=fo", "command line: `fo` is not a backbone (did you mean `fno`?)"),
        ("train.lr=fast", "command line: train.lr: expected a number, found text 'fast'"),
        ("train.lr=[1, 2]", "command line: train.lr: expected a number, found a list of 2"),
        ("train.batch=0", "command line: train.batch: must be above 0, is 0"),
        ("train.lr", "command line: `train.lr` is not of the form key=value"),
        ("=3", "command line: `` is not the name of a setting"),
        ("train.lr=[1", "command line: train.lr=[1: not valid YAML"),
        (
            "data.simulation={seed: 1}",
            "command line: data.simulation: give keys one by one, as in data.simulation.KEY=VALUE",
        ),
        ("seed=[]", "command line: seed: the list is empty"),
        ("seeds=none", "command line: seeds: expected how many"),
        ("profile=debug", "command line: profile: choose one with --profile NAME"),
        ("grid.seed=[1]", "command line: grid.seed: leave `grid.` away"),
        ("name=a b", "command line: name: a sweep's name begins"),
        ("plugins=[nowhere]", "command line: plugins: there is no folder"),
        ("resources.memory=4", "command line: resources.memory: expected a size with its unit"),
        ("policy.retries.oom=4", "command line: `oom` is not a failure kind (did you mean `host_oom`?)"),
        ("tasks=[rul]", "command line: `rul` is not a task (did you mean `rul_prediction`?)"),
    ],
)
def test_a_fault_on_the_command_line_is_told(tmp_path: Path, override: str, message: str) -> None:
    lines = lines_of_refusal(tmp_path, GOOD, override)
    assert len(lines) == 1
    assert lines[0].startswith(message)


def test_an_override_given_twice_is_refused(tmp_path: Path) -> None:
    assert lines_of_refusal(tmp_path, GOOD, "seed=1", "seeds=3") == ["command line: `seeds` is given twice"]


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    lines = lines_of_refusal(tmp_path, f"{GOOD}profiles: {{debug: {{}}}}", profile="debog")
    assert lines == ["--profile: there is no profile `debog` (did you mean `debug`?)"]


def test_every_fault_is_told_at_once_in_order_of_place(tmp_path: Path) -> None:
    text = (
        "tasks: [classification, a]\nbacbones: {}\ngrid: {backbone: [fno, dlin]}\ntrain: {lr: fast, batch: 0, bat: 1}\n"
    )
    lines = lines_of_refusal(tmp_path, text, "seed=x")
    assert [line.split(": ")[0] for line in lines] == [
        "x.yaml:1:25",
        "x.yaml:2:1",
        "x.yaml:3:24",
        "x.yaml:4:9",
        "x.yaml:4:19",
        "x.yaml:4:29",
        "command line",
    ]


WORDS = [
    "name",
    "profile",
    "plugins",
    "tasks",
    "backbones",
    "grid",
    "runs",
    "seeds",
    "data",
    "train",
    "resources",
    "policy",
    "profiles",
    "backbone",
    "seed",
    "classification",
    "fno",
    "timesnet",
    "train.lr",
    "lr",
    "batch",
    "gpu",
    "backbones.fno",
    "data.folder",
    "simulation",
    "memory",
    "retries",
    "tasks.classification.x",
    ".",
    "standard",
    "zip",
    "when",
    "if",
    "set",
    "exclude",
    "sample",
    "draw",
    "uniform",
    "choice",
    "on_end",
    "settings",
    "success",
    "files",
    "path",
    "config.a.b",
    "config",
    "{out}",
    "{lr}",
]
KINDS: list[dict[str, Any]] = [
    {"tasks": ["classification"], "grid": {"backbone": ["fno"]}},
    {"tasks": ["classification"], "zip": {"backbone": ["fno", "dlinear"], "train.lr": [1, 2]}},
    {"command": ["{python}", "-m", "x", "{lr}"], "settings": {"lr": 1}},
    {"command": {"argv": ["{python}", "{config}", "{lr}"], "config": {"base": "c.json", "set": {"a": "{lr}"}}}},
]
leaves = st.none() | st.booleans() | st.integers(-1, 4) | st.floats() | st.sampled_from([*WORDS, "", "4GiB", "1h"])
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=200)
@given(
    kind=st.sampled_from(KINDS),
    data=st.dictionaries(st.sampled_from(WORDS), anything, max_size=5),
    overrides=st.lists(st.tuples(st.sampled_from(WORDS), anything), max_size=3),
)
def test_whatever_a_file_holds_it_is_read_or_refused(
    tmp_path: Path, kind: dict[str, Any], data: dict[str, Any], overrides: list[tuple[str, Any]]
) -> None:
    (tmp_path / "c.json").write_text('{"a": 1}')
    whole = {**kind, **data}
    text = json.dumps(whole).replace("Infinity", ".inf").replace("NaN", ".nan")
    with contextlib.suppress(Refused):
        spec = sweep(tmp_path, text, *(f"{key}={json.dumps(value)}" for key, value in overrides))
        names = [*(one.label for one in spec.candidates), *(one.label for one in spec.commands)]
        assert len(set(names)) == len(names) > 0


def test_plugin_folders_add_names_and_are_never_imported(tmp_path: Path) -> None:
    (tmp_path / "mine/backbones").mkdir(parents=True)
    (tmp_path / "mine/backbones/seed_story.py").write_text("raise SystemExit('imported')")
    spec = sweep(tmp_path, "tasks: [classification]\nplugins: [mine]\ngrid: {backbone: [seed_story]}\n")
    assert [one.backbone for one in spec.candidates] == ["seed_story"]
    assert spec.plugins == (tmp_path / "mine",)


PAGE = REPOSITORY / "docs/sweep_files.md"


PREFIXES = {
    SweepFile: "",
    Profile: "profiles.NAME.",
    ProfileChoice: "profile.",
    SampleSection: "sample.",
    CommandSection: "command.",
    ConfigSection: "command.config.",
    Declared: "success.",
    DataSettings: "data.",
    TrainSettings: "train.",
    Resources: "resources.",
    Policy: "policy.",
    Memory: "memory.",
}


@pytest.mark.parametrize("kind", PREFIXES)
def test_the_page_names_every_key(kind: type[Any]) -> None:
    prefix = PREFIXES[kind]
    keys = {f"{prefix}{name}" for name in kind.__dataclass_fields__}
    found = set(re.findall(r"^\| `([A-Za-z_.]+)` ", PAGE.read_text(), flags=re.MULTILINE))
    assert keys <= found
    assert {row for row in found if prefix and row.startswith(prefix) and row.count(".") == prefix.count(".")} <= keys


def test_the_examples_of_the_page_are_sweeps(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(examples) >= 3
    write(tmp_path, "", "train.py")
    (tmp_path / "configs").mkdir()
    sections = ("data: {batch_size: 1}", "trainer: {accumulate_grad_batches: 1}", "environment: {output_dir: x}")
    keys = "\n".join([*sections, "model: {d_model: 1}"])
    for name in ("timesnet", "patchtst"):
        write(tmp_path / "configs", f"{keys}\nname: {name}", f"{name}.yaml")
    for example in examples:
        spec = sweep(tmp_path, example)
        assert spec.candidates or spec.commands


@pytest.mark.parametrize("name", ["foundation", "tiny"])
def test_the_sweeps_that_come_with_the_project_are_read(name: str) -> None:
    for has_gpu in (False, True):
        spec = read_sweep(REPOSITORY / f"sweeps/{name}.yaml", gpus=int(has_gpu))
        assert spec.name == name
        assert len(spec.candidates) == {"foundation": 4, "tiny": 2}[name]
        gpu = name == "foundation" and has_gpu
        assert {one.data.window for one in spec.candidates} == {4096 if gpu else 2048 if name == "foundation" else 512}
