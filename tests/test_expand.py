"""From a sweep file to candidates: what holds, how many, what they are called, and where each setting came from."""

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.errors import Refused
from sweeps.expand import Candidate
from sweeps.spec import SweepSpec, read_sweep


def sweep(
    folder: Path, text: str, *overrides: str, profile: str | None = None, has_gpu: bool = False, tasks: bool = True
) -> SweepSpec:
    path = folder / "x.yaml"
    path.write_text(("tasks: [classification]\n" if tasks else "") + text, encoding="utf-8")
    return read_sweep(path, overrides, profile=profile, gpus=int(has_gpu))


def labels(spec: SweepSpec) -> list[str]:
    return [one.label for one in spec.candidates]


def only(spec: SweepSpec) -> Candidate:
    assert len(spec.candidates) == 1
    return spec.candidates[0]


def test_the_grid_is_a_product_and_axes_of_a_backbone_are_its_own(tmp_path: Path) -> None:
    text = """
grid:
  backbone: [dlinear, timesnet]
  seed: [0, 1]
  train.lr: [1e-3, 3e-4]
  backbones.timesnet.d_model: [16, 32]
runs:
  - {backbone: fno, train.lr: 1e-2}
"""
    spec = sweep(tmp_path, text)
    assert len(spec.candidates) == 4 + 8 + 1
    assert labels(spec)[0] == "dlinear lr=0.001 seed=0"
    assert labels(spec)[4] == "timesnet lr=0.001 d_model=16 seed=0"
    assert labels(spec)[-1] == "fno lr=0.01"
    assert {one.backbone_config.get("d_model") for one in spec.candidates if one.backbone == "timesnet"} == {16, 32}
    assert all(one.backbone_config == {} for one in spec.candidates if one.backbone != "timesnet")


axis = st.lists(st.integers(1, 10**6), unique=True, min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    backbones=st.lists(st.sampled_from(["dlinear", "fno", "timesnet"]), unique=True, min_size=1),
    seeds=axis,
    axes=st.dictionaries(st.sampled_from(["train.batch", "data.window", "data.max_windows"]), axis),
    own=st.none() | axis,
)
def test_the_count_is_the_product_and_labels_are_unique(
    tmp_path: Path, backbones: list[str], seeds: list[int], axes: dict[str, list[int]], own: list[int] | None
) -> None:
    grid = {"backbone": f"[{', '.join(backbones)}]", "seed": seeds, **axes}
    grid |= {"backbones.fno.modes": own} if own else {}
    spec = sweep(tmp_path, "grid:\n" + "".join(f"  {key}: {values}\n" for key, values in grid.items()))
    shared = len(list(itertools.product(seeds, *axes.values())))
    assert len(spec.candidates) == sum(shared * len(own or [0] if name == "fno" else [0]) for name in backbones)
    assert len(set(labels(spec))) == len(spec.candidates)
    assert {one.seed for one in spec.candidates} == set(seeds)


PRECEDENCE = {
    "train: {lr: 1}": (1.0, "x.yaml:3:9"),
    "profiles: {p: {train: {lr: 2}}}": (2.0, "x.yaml:4:24"),
    "backbones: {fno: {train: {lr: 3}}}": (3.0, "x.yaml:5:27"),
    "grid: {backbone: fno, train.lr: [4]}": (4.0, "x.yaml:6:34"),
}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_later_layers_win_and_are_where_the_setting_came_from(tmp_path: Path, count: int) -> None:
    grid = "grid: {backbone: fno}"
    lines = list(PRECEDENCE)[:count]
    lines += ["profiles: {p: {}}"] * (count == 1) + ["#"] * (3 - max(count, 2)) + [grid] * (count < 4)
    spec = sweep(tmp_path, "\n" + "\n".join(lines), profile="p")
    value, place = list(PRECEDENCE.values())[count - 1]
    one = only(spec)
    assert one.train.lr == value
    assert spec.place(one, ("train", "lr")) == f"{tmp_path}/{place}"
    spec = sweep(tmp_path, "\n" + "\n".join(lines), "train.lr=5", profile="p")
    assert only(spec).train.lr == 5.0
    assert spec.place(only(spec), ("train", "lr")) == "command line"


def test_a_section_for_one_backbone_is_not_for_others(tmp_path: Path) -> None:
    text = "backbones: {fno: {modes: 8, train: {lr: 0.5}}, timesnet: {top_k: 2}}\ngrid: {backbone: [fno, dlinear]}"
    fno, dlinear = sweep(tmp_path, text).candidates
    assert (fno.backbone_config, fno.train.lr) == ({"modes": 8}, 0.5)
    assert (dlinear.backbone_config, dlinear.train.lr) == ({}, 1e-3)


def test_names_without_settings_set_nothing(tmp_path: Path) -> None:
    text = "tasks: {classification: }\nbackbones: {fno: , dlinear: {}}\nruns: [{backbone: fno, backbones: {fno: {}}}]"
    one = only(sweep(tmp_path, text, "backbones.fno=", tasks=False))
    assert (one.label, one.backbone_config, one.tasks) == ("fno", {}, {"classification": {}})


def test_a_setting_of_an_axis_goes_before_its_section(tmp_path: Path) -> None:
    text = "backbones: {fno: {modes: 8}}\ngrid: {backbone: fno, backbones.fno: {modes: [8, 16], train.lr: [0.1]}}"
    assert [(one.backbone_config["modes"], one.train.lr) for one in sweep(tmp_path, text).candidates] == [
        (8, 0.1),
        (16, 0.1),
    ]


def test_places_for_what_a_child_finds_later(tmp_path: Path) -> None:
    text = (
        "tasks:\n  classification: {}\n  signal_prediction: {horizn: 3}\n"
        "backbones:\n  timesnet: {e_layer: 2}\ngrid: {backbone: [timesnet, fno]}\n"
    )
    spec = sweep(tmp_path, text, tasks=False)
    timesnet, fno = spec.candidates
    places = {
        ("backbones", "timesnet", "e_layer"): "5:14",
        ("tasks", "signal_prediction", "horizn"): "3:23",
        ("tasks", "signal_prediction", "missing"): "3:3",
        ("tasks", "classification"): "2:3",
        ("backbone",): "6:19",
    }
    for path, place in places.items():
        assert spec.place(timesnet, path) == f"{tmp_path}/x.yaml:{place}"
    assert spec.place(fno, ("backbones", "fno", "missing")) == f"{tmp_path}/x.yaml:6:29"
    overridden = sweep(tmp_path, text, "backbones.timesnet.e_layer=4", tasks=False)
    assert overridden.place(overridden.candidates[0], ("backbones", "timesnet", "e_layer")) == "command line"


def test_tasks_are_selected_by_a_list_and_changed_by_their_keys(tmp_path: Path) -> None:
    text = """
tasks: {classification: {}, signal_prediction: {horizon: 32}}
grid: {backbone: [fno], tasks: [[signal_prediction], [classification, signal_prediction]]}
runs: [{backbone: dlinear, tasks: {signal_prediction: {horizon: 8}}}]
"""
    found = [one.tasks for one in sweep(tmp_path, text, tasks=False).candidates]
    assert found == [
        {"signal_prediction": {"horizon": 32}},
        {"classification": {}, "signal_prediction": {"horizon": 32}},
        {"classification": {}, "signal_prediction": {"horizon": 8}},
    ]
    chosen = sweep(tmp_path, "grid: {backbone: fno}", "tasks=[rul_prediction]", "tasks.rul_prediction.x=1")
    assert only(chosen).tasks == {"rul_prediction": {"x": 1}}


def test_seeds_repeat_the_grid_and_every_run_without_its_own(tmp_path: Path) -> None:
    text = "seeds: 3\ngrid: {backbone: fno}\nruns: [{backbone: dlinear}, {backbone: dlinear, seed: 7}]"
    assert labels(sweep(tmp_path, text)) == [
        *(f"fno seed={seed}" for seed in range(3)),
        *(f"dlinear seed={seed}" for seed in (0, 1, 2, 7)),
    ]
    assert [one.seed for one in sweep(tmp_path, "seeds: [5, 4]\ngrid: {backbone: fno}").candidates] == [5, 4]


GRID = (
    "grid: {backbone: [fno, dlinear], train.lr: [0.1, 0.2], seed: [0, 1]}\nruns: [{backbone: timesnet, train.lr: 0.3}]"
)


@pytest.mark.parametrize(
    ("overrides", "count", "rates", "seeds"),
    [
        ((), 9, {0.1, 0.2, 0.3}, {0, 1}),
        (("train.lr=0.5",), 5, {0.5}, {0, 1}),
        (("train.lr=[0.5, 0.6, 0.7]",), 13, {0.3, 0.5, 0.6, 0.7}, {0, 1}),
        (("backbone=fno",), 4, {0.1, 0.2}, {0, 1}),
        (("backbone=timesnet",), 5, {0.1, 0.2, 0.3}, {0, 1}),
        (("seed=7",), 5, {0.1, 0.2, 0.3}, {7}),
        (("seeds=3",), 15, {0.1, 0.2, 0.3}, {0, 1, 2}),
        (("backbone=[fno, dlinear]", "train.lr=0.5", "seed=3"), 2, {0.5}, {3}),
    ],
)
def test_overrides(tmp_path: Path, overrides: tuple[str, ...], count: int, rates: set[float], seeds: set[int]) -> None:
    found = sweep(tmp_path, GRID, *overrides).candidates
    assert len(found) == count
    assert {one.train.lr for one in found} == rates
    assert {one.seed for one in found} == seeds


def test_runs_that_an_override_makes_equal_are_one(tmp_path: Path) -> None:
    text = "grid: {backbone: [fno, dlinear]}\nruns: [{backbone: fno, train.lr: 0.3}]"
    assert labels(sweep(tmp_path, text, "train.lr=0.5")) == ["fno", "dlinear"]
    assert labels(sweep(tmp_path, text, "backbone=[fno, fno]", "name=y")) == ["fno", "fno lr=0.3"]
    with pytest.raises(Refused, match="the same run as at"):
        sweep(tmp_path, "grid: {backbone: [fno, fno]}", "name=y", "resources.cpus=2")


def test_an_override_of_no_axis_is_set_everywhere(tmp_path: Path) -> None:
    found = sweep(tmp_path, GRID, "data.window=99", "data.systems=[1, 2]", "backbones.fno.modes=4").candidates
    assert {(one.data.window, one.data.systems) for one in found} == {(99, (1, 2))}
    assert {str(one.backbone_config) for one in found} == {"{}", "{'modes': 4}"}


def test_overrides_of_the_sweep_itself(tmp_path: Path) -> None:
    given = ("name=other", "resources.memory=2GiB", "resources.time=1h", "policy.retries.host_oom=3", "policy.wait=9")
    spec = sweep(tmp_path, "name: mine\nresources: {memory: 1GiB, cpus: 2}\n" + GRID, *given)
    assert spec.name == "other"
    assert (spec.resources.memory, spec.resources.time, spec.resources.cpus) == (2 * 2**30, 3600.0, 2)
    assert (spec.policy.retries, spec.policy.wait) == ({"host_oom": 3}, 9.0)


def test_a_backbone_that_the_explicit_runs_lack_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no run is asked for"):
        sweep(tmp_path, "runs: [{backbone: fno}]", "backbone=dlinear")


def test_folders_are_relative_to_where_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    text = "data: {folder: ../phm}\ngrid: {backbone: fno}"
    assert only(sweep(tmp_path, text)).data.folder == str(tmp_path.parent / "phm")
    assert only(sweep(tmp_path, text, "data.folder=phm")).data.folder == str(tmp_path / "here/phm")
    assert only(sweep(tmp_path, text, "data.folder=")).data.folder is None
    assert only(sweep(tmp_path, text, "data.folder=~/phm")).data.folder == str(Path.home() / "phm")
    axis = sweep(tmp_path, "grid: {backbone: fno, data.folder: [a, b]}", "data.folder=[c, d]").candidates
    assert [one.data.folder for one in axis] == [str(tmp_path / "here/c"), str(tmp_path / "here/d")]


PROFILES = (
    "profile: {gpu: standard, cpu: debug}\nprofiles: {standard: {train: {batch: 128}}, debug: {data: {window: 64}}}\n"
)


@pytest.mark.parametrize(
    ("text", "has_gpu", "profile", "name", "reason"),
    [
        (PROFILES, True, None, "standard", "a GPU is here, so the profile is standard; --profile debug insists"),
        (PROFILES, False, None, "debug", "no GPU here, so the profile is debug; --profile standard insists"),
        (PROFILES, False, "standard", "standard", "the profile is standard, as asked for with --profile"),
        (
            f"{PROFILES}resources: {{gpus: none}}\n",
            True,
            None,
            "debug",
            "resources.gpus is none, so the profile is debug",
        ),
        ("profile: p\nprofiles: {p: {}}\n", True, None, "p", "the profile is p; --profile NAME chooses another"),
        (
            "profiles: {p: {}}\n",
            True,
            None,
            None,
            "a GPU is here, and the file names no profile for that; --profile NAME",
        ),
        ("profile: {gpu: p}\nprofiles: {p: {}}\n", False, None, None, "no GPU here, and the file names no profile for"),
        ("", True, None, None, "the file has no profiles"),
    ],
)
def test_profiles(
    tmp_path: Path, text: str, *, has_gpu: bool, profile: str | None, name: str | None, reason: str
) -> None:
    spec = sweep(tmp_path, f"{text}grid: {{backbone: fno}}", has_gpu=has_gpu, profile=profile)
    assert spec.profile == name
    assert spec.profile_reason.startswith(reason)
    assert only(spec).train.batch == (128 if name == "standard" else 16)
    assert only(spec).data.window == (64 if name == "debug" else 2048)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grid: {backbone: fno, train.lr: [0.1]}", ["fno"]),
        (
            "grid: {backbone: fno, train.shuffle_labels: [true, false]}",
            ["fno shuffle_labels=true", "fno shuffle_labels=false"],
        ),
        ("grid: {backbone: fno, data.systems: [[1], [1, 2]]}", ["fno systems=[1]", "fno systems=[1,2]"]),
        (
            "grid: {backbone: fno, data.simulation.seed: [1, 2], seed: [3]}",
            ["fno simulation.seed=1", "fno simulation.seed=2"],
        ),
        (
            "grid: {backbone: fno, data.simulation.seed: [1], seed: [3, 4]}\nruns: [{backbone: fno}]",
            ["fno simulation.seed=1 seed=3", "fno simulation.seed=1 seed=4", "fno"],
        ),
        ("grid: {backbone: fno, backbones.fno.x: [1, '1']}", ["fno x=1 #1", "fno x=1 #2"]),
    ],
)
def test_labels_hold_what_varies(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert labels(sweep(tmp_path, text)) == expected


def test_a_hundred_thousand_runs_are_read_in_a_bearable_time(tmp_path: Path) -> None:
    began = time.process_time()
    spec = sweep(tmp_path, "seeds: 25000\ngrid: {backbone: [fno, dlinear], train.lr: [0.1, 0.2]}")
    assert len(set(labels(spec))) == 100_000
    assert time.process_time() - began < 60
