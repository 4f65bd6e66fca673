"""What every task keeps, for each file found."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from toy_windows import NAMES, WIDTH, build, loss_of, part, table, tokens, windows

from db.errors import DataError, ShapeError
from db.strict import Invalid, to_data, to_record
from runner.gain import gain
from tasks import registry
from tasks.interface import LabelTable

every_name = pytest.mark.parametrize("name", NAMES)


@every_name
def test_its_config_is_strict_and_a_weight_must_be_positive(name: str) -> None:
    kind: Any = registry.load(name)
    assert to_record(kind.Config, to_data(kind.Config())) == kind.Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind.Config().weight = 2.0
    with pytest.raises(Invalid, match="weight"):
        kind.Config(weight=0.0)
    assert build(name, weight=0.25).weight == 0.25


@every_name
def test_its_name_is_that_of_its_file(name: str) -> None:
    assert build(name).name == name


@every_name
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 5])
def test_one_loss_a_window_for_any_batch_and_channels(name: str, batch: int, channels: int) -> None:
    task = build(name)
    some = windows(task, batch, channels)
    prediction, target = task(tokens(some), some), task.target(some)
    assert len(prediction) == len(target) == batch
    loss_B = task.loss(prediction, target)
    assert loss_B.shape == (batch,)
    assert torch.isfinite(loss_B).all()


@every_name
def test_a_window_s_loss_does_not_depend_on_the_others(name: str) -> None:
    task = build(name)
    some = windows(task, 6)
    alone = [loss_of(task, part(some, [index])) for index in range(6)]
    torch.testing.assert_close(torch.cat(alone), loss_of(task, some))


@every_name
def test_gradients_reach_the_tokens_and_the_head(name: str) -> None:
    task = build(name)
    some = windows(task)
    h_BCND = tokens(some).clone().requires_grad_()
    torch.autograd.backward(task.loss(task(h_BCND, some), task.target(some)).sum())
    assert h_BCND.grad is not None
    assert all(h_BCND.grad[window].abs().sum() > 0 for window in range(len(some)))
    moved = [value for value in task.parameters() if value.grad is not None]
    assert moved
    assert all(torch.isfinite(value.grad).all() for value in moved if value.grad is not None)


@every_name
def test_unknown_labels_give_finite_targets_and_losses(name: str) -> None:
    task = build(name)
    some = windows(task)
    blind = replace(some, label_B=torch.full((4,), -1), rul_B=torch.full((4,), math.nan))
    assert torch.isfinite(task.target(blind)).all()
    loss_B = loss_of(task, blind)
    torch.autograd.backward((loss_B * 0.0).sum())
    assert torch.isfinite(loss_B).all()
    assert all(torch.isfinite(value.grad).all() for value in task.parameters() if value.grad is not None)


@every_name
def test_a_prediction_does_not_look_at_labels_or_future(name: str) -> None:
    task = build(name)
    some = windows(task)
    other = replace(some, label_B=some.label_B.flip(0), rul_B=some.rul_B.flip(0), future_BHC=some.future_BHC + 9)
    torch.testing.assert_close(task(tokens(some), some), task(tokens(some), other), rtol=0, atol=0)


@every_name
def test_a_target_of_another_shape_is_refused(name: str) -> None:
    task = build(name)
    some = windows(task)
    prediction, target = task(tokens(some), some), task.target(some)
    for wrong in (target[:1], target[0], target[:, None], target.float().mean()):
        with pytest.raises(ShapeError):
            task.loss(prediction, wrong)


@every_name
def test_its_head_stays_small(name: str) -> None:
    """At width 512 and a window of 4096 the head that this replaces held 3.2 billion parameters."""
    sizes = {width: sum(value.numel() for value in build(name, width).parameters()) for width in (128, 512)}
    assert sizes[512] < 0.5e6
    assert sizes[512] < 5 * sizes[128]


@every_name
@pytest.mark.parametrize("count", [1, 2, 50])
def test_any_number_of_tokens_will_do(name: str, count: int) -> None:
    task = build(name)
    some = windows(task)
    prediction = task(torch.randn(4, 2, count, WIDTH), some)
    assert prediction.shape == task(tokens(some), some).shape


@every_name
def test_it_learns_what_can_be_learned_and_scores_above_its_baseline(name: str) -> None:
    task = build(name)
    some = windows(task, batch=24)
    optimizer = torch.optim.Adam(task.parameters(), lr=1e-2)
    before = loss_of(task, some).mean().item()
    for _ in range(150):
        optimizer.zero_grad()
        torch.autograd.backward(loss_of(task, some).mean())
        optimizer.step()
    assert loss_of(task, some).mean().item() < 0.3 * before
    score = task.score(task.rows(task(tokens(some), some), task.target(some), some), table(some))
    assert gain(score) > 0
    assert (score.task, score.metric, score.windows) == (name, type(task).metric, 24)
    assert score.higher_is_better == type(task).higher_is_better
    assert math.isfinite(score.value)
    assert math.isfinite(score.baseline)


@every_name
def test_rows_hold_arrays_of_one_entry_a_window(name: str) -> None:
    task = build(name)
    some = windows(task, 5)
    rows = task.rows(task(tokens(some), some), task.target(some), some)
    assert rows
    assert {values.shape[0] for values in rows.values()} == {5}
    assert all(isinstance(values, np.ndarray) for values in rows.values())


@every_name
def test_rows_of_reduced_precision_are_understood(name: str) -> None:
    task = build(name)
    some = windows(task, 5)
    rows = task.rows(task(tokens(some), some).bfloat16(), task.target(some), some)
    assert {values.shape[0] for values in rows.values()} == {5}


@every_name
def test_a_split_without_a_label_is_refused_and_named(name: str) -> None:
    task = build(name)
    nothing = LabelTable(system=np.zeros(0, int), label=np.zeros(0, int), rul=np.zeros(0))
    with pytest.raises(DataError, match=f"{name}: none of the 0 windows of the train split"):
        task.require_labels(nothing, "train")


@every_name
def test_scoring_nothing_is_refused(name: str) -> None:
    task = build(name)
    some = windows(task)
    rows = task.rows(task(tokens(some), some), task.target(some), some)
    with pytest.raises(DataError, match=name):
        task.score({key: values[:0] for key, values in rows.items()}, table(some))
