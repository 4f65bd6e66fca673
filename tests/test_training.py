from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_runs import CPU, FOUR_TASKS, FUTURE, PLUGINS, Memory, TinyData, parameters, tiny_settings, tiny_training

from db.errors import ConfigError, DataError, NonFiniteError, NothingLearnedError, ShapeError
from runner.evaluation import evaluate
from runner.metrics_log import MetricsLog
from runner.optimizer import learning_rate
from runner.splits import Split, chunks, shuffled_owner
from runner.step import unsolved
from runner.training import Training, accumulate, train
from sweeps.settings import TrainSettings


def trained(micro: int, **train_settings: Any) -> torch.Tensor:
    training = tiny_training(tiny_settings(FOUR_TASKS, **train_settings), micro)
    train(training, 0, Memory())
    return parameters(training.model)


@pytest.mark.parametrize("micro", [8, 5, 4, 3, 1])
def test_the_micro_batch_does_not_change_what_is_learned(micro: int) -> None:
    start = parameters(tiny_training(tiny_settings(FOUR_TASKS), 16).model)
    whole = trained(16, steps=12)
    assert (whole - start).abs().max() > 1e-3
    torch.testing.assert_close(trained(micro, steps=12), whole, rtol=1e-4, atol=1e-5)


def test_each_task_is_weighed_by_its_labelled_windows_of_the_whole_batch() -> None:
    training = tiny_training(tiny_settings(FOUR_TASKS), 5)
    indices = training.sampler.step(1)
    windows = training.split.load(indices)
    losses = accumulate(training, list(chunks(indices, 5)))
    known = torch.from_numpy(training.labelled["classification"][indices])
    task = training.model.tasks["classification"]
    expected = task.loss(task(training.model.backbone(windows.x_BLC), windows), task.target(windows))[known].mean()
    assert 0 < known.sum() < len(known)
    torch.testing.assert_close(losses["classification"], expected.detach())


def test_a_task_without_labels_in_a_step_is_left_out_of_it() -> None:
    training = tiny_training(tiny_settings(FOUR_TASKS), 16)
    assert "rul_prediction" not in accumulate(training, [training.sampler.step(0)])
    assert "rul_prediction" in accumulate(training, [training.sampler.step(1)])


def test_the_observer_hears_of_the_first_the_last_and_every_other_step() -> None:
    training = tiny_training(tiny_settings(FOUR_TASKS, steps=7, log_every=3, checkpoint_every=2), 16)
    memory = Memory()
    train(training, 0, memory)
    assert memory.taken == [1, 2, 3, 4, 5, 6, 7]
    assert [step for step, _ in memory.logged] == [1, 3, 6, 7]
    assert memory.saved == [2, 4, 6, 7]
    names = set(memory.logged[-1][1])
    assert {"train.loss", "train.classification.loss", "train.lr", "train.grad_norm", "memory"} <= names


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    settings = TrainSettings(steps=100, warmup_steps=10, lr=1.0)
    rates = [learning_rate(settings, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.001


def test_the_gradient_is_clipped() -> None:
    loose = tiny_training(tiny_settings(FOUR_TASKS, steps=2, warmup_steps=0, clip_norm=1e-3), 16)
    train(loose, 0, Memory())
    norms = [parameter.grad.norm() for parameter in loose.model.parameters() if parameter.grad is not None]
    assert torch.stack(norms).norm() <= 1.001e-3


def test_the_optimizer_moves_parameters_as_torchs_own_does() -> None:
    settings = tiny_settings(FOUR_TASKS, weight_decay=0.1)
    ours, theirs = tiny_training(settings, 16), tiny_training(settings, 16)
    trained_parameters = list(theirs.model.parameters())
    groups = [
        {"params": [it for it in trained_parameters if it.dim() > 1], "weight_decay": 0.1},
        {"params": [it for it in trained_parameters if it.dim() <= 1], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, lr=1e-2)
    ours.optimizer.rate = 1e-2
    for step in range(5):
        for training, optimizer in ((ours, ours.optimizer), (theirs, reference)):
            optimizer.zero_grad()
            accumulate(training, [training.sampler.step(step)])
            optimizer.step()
    torch.testing.assert_close(parameters(ours.model), parameters(theirs.model), rtol=0, atol=0)


def test_making_the_optimizer_does_not_import_the_compiler() -> None:
    code = (
        "import sys; import tiny_runs as t; from runner.training import train;"
        "train(t.tiny_training(t.tiny_settings(t.FOUR_TASKS), 16), 0, t.Memory());"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (PLUGINS.parent, PLUGINS.parent.parent)))}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=60, check=False).returncode == 0


def test_reduced_precision_trains_too() -> None:
    full, reduced = trained(16), trained(16, precision="bfloat16")
    assert reduced.dtype is torch.float32
    assert 0 < (full - reduced).abs().max() < 0.05


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        ("nan_at_third", NonFiniteError, "nan_at_third: the loss of step 3 is nan"),
        ("infinite_gradient", NonFiniteError, "gradient norm of step 1 is"),
        ("mean_loss", ShapeError, r"mean_loss: the loss has shape \[\], not one value for each of 16"),
        ("one_target", ShapeError, r"one_target: the target has shape \[\]"),
        ("broadcast_loss", ShapeError, "broadcast_loss: Using a target size"),
        ("raises", ValueError, "no loss for"),
        ("constant", NothingLearnedError, "constant: its loss depends on no parameter"),
    ],
)
def test_a_broken_task_fails_the_run_whatever_the_others_do(task: str, error: type[Exception], words: str) -> None:
    training = tiny_training(tiny_settings({task: {}, "signal_prediction": {}}), 16)
    memory = Memory()
    with pytest.raises(error, match=words):
        train(training, 0, memory)
    assert memory.saved == []


def test_a_loss_that_is_not_finite_is_refused_before_the_update_and_logged() -> None:
    training = tiny_training(tiny_settings({"nan_at_third": {}}), 16)
    before: list[torch.Tensor] = []

    class Watching(Memory):
        def took(self, step: int, values: Mapping[str, float]) -> None:
            super().took(step, values)
            before.append(parameters(training.model))

    memory = Watching()
    with pytest.raises(NonFiniteError):
        train(training, 0, memory)
    assert memory.taken == [1, 2]
    assert torch.equal(parameters(training.model), before[-1])
    step, values = memory.logged[-1]
    assert step == 3
    assert math.isnan(values["train.nan_at_third.loss"])


def test_a_task_without_any_label_is_refused_before_training() -> None:
    with pytest.raises(DataError, match="unlabelled: none of the 40 windows of the train split"):
        tiny_training(tiny_settings({"unlabelled": {}, "signal_prediction": {}}), 16)


def test_a_task_that_no_step_would_train_is_refused_before_training() -> None:
    training = tiny_training(tiny_settings(FOUR_TASKS, steps=1, warmup_steps=0), 16)
    memory = Memory()
    with pytest.raises(DataError, match="rul_prediction: none of the 1 training steps"):
        train(training, 0, memory)
    assert memory.taken == []


def test_a_model_with_nothing_to_train_is_refused() -> None:
    settings = tiny_settings({"frozen": {}})
    frozen = type(settings)(**{**vars(settings), "backbone_config": {"frozen": True}})
    with pytest.raises(ConfigError, match="no parameter"):
        tiny_training(frozen, 16)


def test_shuffled_labels_stay_within_their_system_and_move_together() -> None:
    data = TinyData()
    labels = data.labels("train")
    owner = shuffled_owner(labels, 1)
    split = Split(data, "train", CPU, owner)
    assert sorted(owner) == list(range(40))
    assert (owner != np.arange(40)).sum() > 30
    assert np.array_equal(labels.system[owner], labels.system)
    windows, own, others = (it.load(np.arange(20, 30)) for it in (split, Split(data, "train", CPU), split))
    assert torch.equal(windows.x_BLC, own.x_BLC)
    assert not torch.equal(windows.future_BHC, own.future_BHC)
    assert np.array_equal(windows.label_B.numpy(), split.labels.label[20:30])
    assert np.array_equal(windows.rul_B.numpy(), split.labels.rul[20:30])
    assert torch.equal(windows.label_B, others.label_B)


def test_the_whole_test_split_is_scored_at_once_whatever_the_micro_batch() -> None:
    training = tiny_training(tiny_settings(FOUR_TASKS, dropout=0.5), 16)
    test = Split(TinyData(), "test", CPU)
    scores = [evaluate(training.model, test, test.labels, micro, "float32") for micro in (16, 3, 1)]
    assert [score.name for score in scores[0]] == [
        "anomaly_detection.auroc",
        "classification.accuracy",
        "rul_prediction.rmse",
        "signal_prediction.mse",
    ]
    assert [score.windows for score in scores[0]] == [32, 32, 20, 40]
    for others in scores[1:]:
        assert [score.value for score in others] == pytest.approx([score.value for score in scores[0]], rel=1e-5)


def test_predictions_that_are_not_finite_fail_the_evaluation() -> None:
    training = tiny_training(tiny_settings({"nan_in_test": {}}), 16)
    with pytest.raises(NonFiniteError, match="nan_in_test: predictions"):
        evaluate(training.model, training.split, training.split.labels, 16, "float32")


def test_no_head_is_shown_what_it_is_to_predict() -> None:
    training = tiny_training(tiny_settings(FOUR_TASKS), 16)
    windows = training.split.load(training.sampler.step(1))
    asked = unsolved(windows)
    assert torch.equal(asked.x_BLC, windows.x_BLC)
    assert asked.future_BHC.shape == windows.future_BHC.shape
    assert set(asked.label_B.tolist()) == {-1}
    assert not asked.future_BHC.any()
    assert asked.rul_B.isnan().all()


def test_a_head_that_hands_on_its_target_fails_training_and_evaluation() -> None:
    training = tiny_training(tiny_settings({"copies_target": {}, "signal_prediction": {"horizon": FUTURE}}), 16)
    with pytest.raises(NonFiniteError, match="copies_target: the loss of step 2 is nan"):
        train(training, 0, Memory())
    with pytest.raises(NonFiniteError, match="copies_target: predictions"):
        evaluate(training.model, training.split, training.split.labels, 16, "float32")


def test_a_head_that_learns_nothing_fails_the_run_beside_one_that_learns() -> None:
    training = tiny_training(tiny_settings({"deaf": {}, "signal_prediction": {}}), 16)
    with pytest.raises(NothingLearnedError, match=r"^the head of deaf: no step gave a gradient"):
        train(training, 0, Memory())


def test_a_backbone_that_swallows_its_errors_fails_the_run() -> None:
    settings = replace(tiny_settings({"signal_prediction": {}}), backbone="swallows", backbone_config={})
    with pytest.raises(NothingLearnedError, match=r"^the backbone: no step"):
        train(tiny_training(settings, 16), 0, Memory())


def test_what_an_earlier_attempt_learned_counts_and_what_it_did_not_does_not() -> None:
    settings = tiny_settings({"deaf": {}, "signal_prediction": {}})
    training = tiny_training(settings, 16)
    with pytest.raises(NothingLearnedError):
        train(training, 0, Memory())
    with pytest.raises(NothingLearnedError, match=r"^the head of deaf: no"):
        train(training, settings.train.steps, Memory())
    healthy = tiny_training(tiny_settings(FOUR_TASKS), 16)
    train(healthy, 0, Memory())
    train(healthy, settings.train.steps, Memory())


def test_what_a_score_says_of_its_windows_is_counted_not_believed() -> None:
    training = tiny_training(tiny_settings({"overstates": {}}), 16)
    (score,) = evaluate(training.model, training.split, training.split.labels, 16, "float32")
    assert score.windows == 40
    assert (type(score.value), score.value) == (float, 0.5)


def test_metrics_are_written_line_by_line_and_stay_json(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append(3, {"a": math.nan, "b": -math.inf, "c": 0.5})
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    log.close()
    assert [line.split('"value": ')[1].split(",")[0] for line in lines] == ['"nan"', '"-inf"', "0.5"]


def test_memory_is_sampled() -> None:
    training: Training = tiny_training(tiny_settings(FOUR_TASKS, steps=2, warmup_steps=0), 16)
    train(training, 0, Memory())
    assert training.memory.sample() > 10 * 2**20
