"""The identity of a run: what is part of it, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.strict import to_data, to_record
from sweeps.expand import Candidate
from sweeps.settings import RunSettings, run_id
from sweeps.spec import read_sweep

TEXT = "tasks: [signal_prediction]\ngrid: {backbone: [dlinear]}\n"


def resolved(one: Candidate, plugins: tuple[Path, ...] = ()) -> RunSettings:
    """With the defaults of the backbone's and the tasks' Configs, as a child process that builds them does it."""
    from backbones import registry as backbones
    from tasks import registry as tasks

    return RunSettings(
        backbone=one.backbone,
        backbone_config=to_data(to_record(backbones.load(one.backbone).Config, one.backbone_config)),
        tasks={name: to_data(to_record(tasks.load(name).Config, config)) for name, config in one.tasks.items()},
        data=one.data,
        train=one.train,
        seed=one.seed,
        plugins=tuple(map(str, plugins)),
    )


def identity(folder: Path, text: str, *overrides: str, digest: str | None = None) -> str:
    path = folder / "x.yaml"
    path.write_text(text)
    spec = read_sweep(path, overrides, gpus=0)
    assert len(spec.candidates) == 1
    return run_id(resolved(spec.candidates[0], spec.plugins), digest)


def test_an_identity_is_the_backbone_and_twelve_digits(tmp_path: Path) -> None:
    name, digits = identity(tmp_path, TEXT).split("-")
    assert name == "dlinear"
    assert len(digits) == 12
    assert int(digits, 16) >= 0


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "train: {lr: 1e-3, batch: 16}\ndata: {window: 2048}\nseeds: 1",
        TEXT + "data: {window: 2048}\ntrain: {batch: 16, lr: 0.001}",
        TEXT + "backbones: {dlinear: {kernel: DEFAULT}}",
        "grid: {seed: 0, backbone: dlinear}\ntasks: {signal_prediction: {}}",
        "tasks: [signal_prediction]\nruns: [{backbone: dlinear, train.weight_decay: 1e-2}]",
        TEXT + "train: {weight_decay: 0.01, clip_norm: 1}",
        TEXT + "name: other",
        TEXT + "resources: {memory: 4GiB, time: 1h, slots: 2}",
        TEXT + "policy: {retries: {host_oom: 3}, wait: 1s}",
        TEXT + "plugins: [.]",
        TEXT + "profile: p\nprofiles: {p: {train: {lr: 1e-3}}}",
    ],
)
def test_what_is_the_same_run(tmp_path: Path, text: str) -> None:
    from backbones.registry import load

    default = to_data(load("dlinear").Config())["kernel"]
    assert identity(tmp_path, text.replace("DEFAULT", str(default))) == identity(tmp_path, TEXT)


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "train.lr=2e-3",
        "train.batch=8",
        "train.shuffle_labels=true",
        "data.window=1024",
        "data.systems=[1]",
        "data.simulation.seed=1",
        "backbone=fno",
        "backbones.dlinear.kernel=13",
        "tasks=[classification]",
        "tasks=[classification,signal_prediction]",
        "tasks.signal_prediction.horizon=7",
    ],
)
def test_what_is_another_run(tmp_path: Path, override: str) -> None:
    assert identity(tmp_path, TEXT, override) != identity(tmp_path, TEXT)


def test_where_data_lies_does_not_matter_and_what_is_in_it_does(tmp_path: Path) -> None:
    here = identity(tmp_path, TEXT, "data.folder=here", digest="a")
    assert here == identity(tmp_path, TEXT, "data.folder=there", "data.metadata=m.csv", digest="a")
    assert here != identity(tmp_path, TEXT, "data.folder=here", digest="b")
    assert here != identity(tmp_path, TEXT)


def test_the_order_of_keys_does_not_matter() -> None:
    configs: list[dict[str, Any]] = [{"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}]
    first, second = (
        run_id(RunSettings(backbone="x", backbone_config=config, tasks={"t": config, "u": {}}), None)
        for config in configs
    )
    assert first == second
    tasks: list[dict[str, dict[str, Any]]] = [{"t": {}, "u": {}}, {"u": {}, "t": {}}]
    assert len({run_id(RunSettings(backbone="x", backbone_config={}, tasks=both), None) for both in tasks}) == 1
