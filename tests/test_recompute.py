"""Activations that are computed anew: the same experiment in less memory, before the micro batch gets tiny."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sweeping import Desk
from test_cut_batches import apart, gradient_of, training_of
from tiny_runs import Memory, parameters
from torch import Tensor, nn

from backbones.interface import Backbone
from backbones.registry import names
from db.records import BatchSplit
from runner.predicted import Line, Place, StepMemory, needed
from runner.random_state import seed_everything
from runner.recompute import FEW, fit, recompute_up_to
from runner.training import train
from runner.training_work import Training, allocator_settings
from sweeps import settings
from sweeps.settings import Recompute, RunSettings, TrainSettings

SEGMENTED = [name for name in names() if name != "dlinear"]
BARE = Place(device="cpu", context=0, slack=1.0)
MIB = 2**20


# The mathematics


@pytest.mark.parametrize("backbone", SEGMENTED)
def test_gradients_are_the_same(backbone: str) -> None:
    training = training_of(backbone, "all")
    kept = gradient_of(training, (64,))
    training.model.backbone.recompute = True
    for sizes in ((64,), (32, 32), (1, 19, 3, 7, 2, 23, 9)):
        assert apart(kept, gradient_of(training, sizes)) < 1e-9, sizes


@pytest.mark.parametrize("backbone", SEGMENTED)
def test_with_dropout_the_same_masks_are_drawn(backbone: str) -> None:
    def learned(*, recompute: bool) -> Tensor:
        training = training_of(backbone, "classification", micro=32, dropout=0.4)
        training.model.backbone.recompute = recompute
        seed_everything(1)
        train(replace(training, settings=replace(training.settings, steps=3)), 0, Memory())
        return torch.cat([parameters(training.model), torch.rand(1)])

    assert apart(learned(recompute=False), learned(recompute=True)) < 1e-9, "and generators end in the same state"


class Watched(Backbone):
    """Counts how often its only part is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 1
        self.norm = nn.BatchNorm1d(3)
        self.times = 0

    def part(self, h: Tensor) -> Tensor:
        self.times += 1
        out: Tensor = self.norm(h)
        return out.exp()

    def forward(self, x_BLC: Tensor) -> Tensor:
        return self.segment(self.part, x_BLC)


@pytest.mark.parametrize(
    ("backbone", "times"),
    [
        ({}, 1),
        ({"recompute": True}, 2),
        ({"recompute": True, "couples_samples": True}, 1),  # running statistics would move twice
    ],
)
def test_it_is_computed_anew_only_where_that_is_asked_for_and_harmless(backbone: dict[str, bool], times: int) -> None:
    watched = Watched()
    vars(watched).update(backbone)
    torch.autograd.backward(watched(torch.randn(4, 3)).sum())
    assert watched.times == times


def test_in_evaluation_nothing_is_kept_and_nothing_computed_anew() -> None:
    watched = Watched()
    watched.recompute = True
    with torch.inference_mode():
        watched(torch.randn(4, 3))
    assert watched.times == 1


# The choice


STEP = StepMemory(state=0, gradients=0, moments=(Line(fixed=0.0, each=10.0),), recomputed=(Line(fixed=4.0, each=2.0),))


@pytest.mark.parametrize(
    ("asked", "effective", "limit", "micro", "up_to"),
    [
        ("auto", 64, 640, 64, 7),  # all fits
        ("auto", 64, 100, 8, 7),  # few enough are left to keep
        ("auto", 64, 79, 32, 32),  # 4, or 32 computed anew
        ("auto", 64, 13, 4, 7),  # not even one would fit, but for that
        ("auto", 64, 5, None, None),
        ("auto", 4, 40, 4, 3),  # a small batch is not tiny
        ("auto", 4, 39, 4, 4),
        ("never", 64, 79, 4, 0),
        ("never", 64, 9, None, None),
        ("always", 64, 640, 64, 64),
        ("always", 64, 79, 32, 64),
    ],
)
def test_what_fits(asked: Recompute, effective: int, limit: int, micro: int | None, up_to: int | None) -> None:
    found = fit(STEP, effective, limit, BARE, asked)
    assert (found and found.batch.micro, found and found.recompute_up_to) == (micro, up_to)


@given(
    st.integers(1, 300),
    st.integers(1, 4000),
    st.sampled_from(("auto", "always", "never")),
    st.tuples(st.integers(1, 20), st.integers(0, 20), st.integers(0, 100)),
)
def test_what_is_said_to_fit_fits_and_never_is_less_than_without(
    effective: int, limit: int, asked: Recompute, lines: tuple[int, int, int]
) -> None:
    each, anew, fixed = lines
    memory = replace(
        STEP,
        moments=(Line(fixed=0.0, each=float(each)),),
        recomputed=(Line(fixed=float(fixed), each=float(anew)),),
    )
    found, plain = (fit(memory, effective, limit, BARE, each) for each in (asked, "never"))
    if found is not None:
        recompute = found.batch.micro <= found.recompute_up_to
        assert needed(memory, found.batch, BARE, recompute=recompute) <= limit
        assert asked != "auto" or plain is None or found.batch.micro >= plain.batch.micro
        assert not (asked == "auto" and recompute and plain and plain.batch.micro >= min(FEW, effective))


def work_of(memory: StepMemory | None, recompute: Recompute = "auto", predicted: int | None = None) -> Training:
    run = RunSettings(backbone="fno", backbone_config={}, tasks={"x": {}}, train=TrainSettings(batch=64))
    return Training(
        run=run,
        required_metrics=(),
        parameters=1,
        couples_samples=False,
        shape="s",
        code_fingerprint="c",
        data_digest=None,
        memory=memory,
        recompute=recompute,
        predicted_up_to=predicted,
    )


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (work_of(STEP), {64: False, 8: False, 4: True, 1: True}),
        (work_of(None), {8: False, 4: True}),
        (work_of(replace(STEP, recomputed=())), {8: False, 4: False}),
        (work_of(STEP, predicted=32), {64: False, 32: True, 16: True, 1: True}),
        (work_of(STEP, "always"), {64: True, 1: True}),
        (work_of(STEP, "never"), {64: False, 1: False}),
    ],
)
def test_on_the_way_down_it_is_computed_anew_from_few_windows_on(work: Training, expected: dict[int, bool]) -> None:
    assert {micro: work.recomputes(BatchSplit(micro=micro, accum=64 // micro)) for micro in expected} == expected


def test_where_nothing_is_predicted() -> None:
    assert [recompute_up_to(asked, 64) for asked in ("auto", "always", "never")] == [FEW - 1, 64, 0]


# torch's allocator


@pytest.mark.parametrize(
    ("asked", "environment", "told"),
    [
        (True, {}, {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}),
        (False, {}, {}),
        (True, {"PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:64"}, {}),
        (True, {"PYTORCH_ALLOC_CONF": ""}, {}),
    ],
)
def test_what_the_allocator_is_told(asked: bool, environment: dict[str, str], told: dict[str, str]) -> None:  # noqa: FBT001 - a case
    assert allocator_settings(settings.Memory(expandable_segments=asked), environment) == told


# Sweeps


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


def write(desk: Desk, **memory: Any) -> None:
    desk.write(
        tasks=["classification"],
        grid={"backbone": ["stacked"]},
        train={"batch": 8, "steps": 2, "warmup_steps": 1},
        resources={"memory": "480MiB"},
        memory=memory,
        policy={"wait": 0.1},
    )


def planned(desk: Desk) -> dict[str, Any]:
    done = desk.type("plan", "sweep.yaml", "--json", MALLOC_MMAP_THRESHOLD_="65536")
    assert done.code == 0, done
    (run,) = json.loads(done.out)["runs"]
    return dict(run)


def test_a_run_computes_anew_rather_than_cut_its_batch_to_pieces(desk: Desk) -> None:
    write(desk, recompute="never")
    kept = planned(desk)
    assert (kept["micro_batch"], kept["recompute"]) == (4, False)
    write(desk)
    anew = planned(desk)
    assert (anew["run"], anew["micro_batch"], anew["recompute"]) == (kept["run"], 8, True), "the same run"
    assert anew["predicted_bytes"] < 480 * MIB < anew["predicted_peak_bytes"] == kept["predicted_peak_bytes"]

    assert desk.sweep(MALLOC_MMAP_THRESHOLD_="65536").code == 0
    (attempt,) = desk.attempts()
    assert (attempt["micro_batch"], attempt["verdict"]) == (8, "succeeded")
    (folder,) = (path.parent for path in desk.root.glob("*/*/plan.json"))
    assert json.loads((folder / "plan.json").read_text())["settings"]["recompute"] is True
    assert "activations of its segments were computed anew" in desk.type("why", anew["run"]).out
    assert "anew" in desk.type("plan", "sweep.yaml", MALLOC_MMAP_THRESHOLD_="65536").out
