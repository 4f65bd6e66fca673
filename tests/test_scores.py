"""What each task scores, and the trivial baseline beside it, on rows made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from toy_windows import build, loss_of, tokens, windows

from db.errors import DataError, ShapeError
from tasks.interface import Array, LabelTable


def labels(*known: tuple[int, int, float], **uses: list[bool]) -> LabelTable:
    """Rows of system, label and rul."""
    system, label, rul = (np.array(column) for column in zip(*known, strict=True))
    return LabelTable(system=system, label=label, rul=rul, **{key: np.array(use) for key, use in uses.items()})


def arrays(**columns: list[Any]) -> dict[str, Array]:
    return {key: np.array(values) for key, values in columns.items()}


def test_accuracy_stands_beside_the_majority_of_each_system_s_training_windows() -> None:
    training = labels((1, 0, 0.0), (1, 2, 0.0), (1, 2, 0.0), (2, 1, 0.0), (2, 0, 0.0), (2, 0, 0.0), (2, -1, 0.0))
    rows = arrays(predicted=[2, 0, 0, 1], label=[2, 1, 1, 0], system=[1, 1, 2, 2])
    score = build("classification").score(rows, training)
    assert (score.value, score.baseline) == (0.25, 0.5)


def test_a_system_that_training_lacks_has_no_majority() -> None:
    rows = arrays(predicted=[0, 0], label=[0, 0], system=[1, 3])
    assert build("classification").score(rows, labels((1, 0, 0.0))).baseline == 0.5


def test_labels_not_meant_for_classification_are_left_out() -> None:
    training = labels((1, 0, 0.0), (1, 2, 0.0), (1, 2, 0.0), diagnosis=[True, False, False], detection=[True] * 3)
    assert build("classification").labelled(training).tolist() == [True, False, False]
    assert build("anomaly_detection").labelled(training).tolist() == [True, True, True]


def test_one_class_alone_cannot_be_learned() -> None:
    with pytest.raises(DataError, match="classification: in the training split every system has one class only"):
        build("classification").require_labels(labels((1, 0, 0.0), (2, 1, 0.0), (2, 1, 0.0)), "train")
    build("classification").require_labels(labels((1, 0, 0.0), (2, 1, 0.0), (2, 0, 0.0)), "train")


@pytest.mark.parametrize("split", ["train", "test"])
def test_anomalies_need_both_classes_within_a_system(split: str) -> None:
    with pytest.raises(DataError, match=f"no system of the {split} split has both"):
        build("anomaly_detection").require_labels(labels((1, 0, 0.0), (2, 1, 0.0), (2, -1, 0.0)), split)
    build("anomaly_detection").require_labels(labels((1, 0, 0.0), (1, 3, 0.0)), split)


def test_auroc_is_averaged_over_systems_with_both_classes() -> None:
    rows = arrays(
        logit=[0.0, 1.0, 1.0, 0.0, 9.0],
        rms=[1.0, 2.0, 3.0, 3.0, 9.0],
        faulty=[False, True, False, True, True],
        system=[1, 1, 2, 2, 3],
    )
    score = build("anomaly_detection").score(rows, labels((1, 0, 0.0)))
    assert (score.value, score.baseline, score.windows) == (0.5, 0.75, 4)
    assert score.baseline_name == "RMS of the window alone"


def test_chance_is_the_baseline_where_amplitude_is_worse() -> None:
    rows = arrays(logit=[0.0, 1.0], rms=[2.0, 1.0], faulty=[False, True], system=[1, 1])
    score = build("anomaly_detection").score(rows, labels((1, 0, 0.0)))
    assert (score.value, score.baseline, score.baseline_name) == (1.0, 0.5, "chance")


def test_the_rms_of_a_window_is_over_samples_and_channels() -> None:
    task = build("anomaly_detection")
    some = windows(task)
    rms = task.rows(torch.zeros(4), task.target(some), some)["rms"]
    np.testing.assert_allclose(rms, np.sqrt(np.square(some.x_BLC.numpy()).mean((1, 2))), rtol=1e-6)


def test_life_left_stands_beside_the_mean_of_each_system_s_training_windows() -> None:
    training = labels((1, 0, 0.2), (1, 0, 0.4), (2, 0, 0.9), (2, 0, math.nan))
    rows = arrays(predicted=[0.3, 0.8], rul=[0.5, 0.5], system=[1, 2])
    score = build("rul_prediction").score(rows, training)
    assert score.value == pytest.approx(math.sqrt((0.2**2 + 0.3**2) / 2))
    assert score.baseline == pytest.approx(math.sqrt((0.2**2 + 0.4**2) / 2))


def test_every_window_has_its_own_life_left() -> None:
    task = build("rul_prediction")
    some = windows(task)
    assert task.target(some).tolist() == some.rul_B.tolist()


def test_a_forecast_stands_beside_the_best_naive_one() -> None:
    rows = arrays(error=[1.0, 2.0], last=[4.0, 6.0], mean=[3.0, 4.0], zero=[0.5, 9.0])
    score = build("signal_prediction").score(rows, labels((1, 0, 0.0)))
    assert (score.value, score.baseline, score.baseline_name) == (1.5, 3.5, "mean of the context")


def test_naive_forecasts_are_computed_from_the_window() -> None:
    task = build("signal_prediction", horizon=2)
    x_BLC = torch.tensor([[[0.0], [1.0], [5.0]]])
    some = replace(windows(task, 1, 1), x_BLC=x_BLC, future_BHC=torch.tensor([[[4.0], [6.0]]]))
    rows = task.rows(torch.full((1, 2, 1), 4.0), task.target(some), some)
    assert {key: values.tolist() for key, values in rows.items()} == {
        "error": [2.0],
        "last": [1.0],
        "mean": [10.0],
        "zero": [26.0],
    }


def test_a_forecast_starts_from_the_mean_of_the_context() -> None:
    task = build("signal_prediction")
    torch.nn.init.zeros_(task.deviation.weight)  # type: ignore[arg-type, union-attr] # a layer
    torch.nn.init.zeros_(task.deviation.bias)  # type: ignore[arg-type, union-attr] # a layer
    some = windows(task)
    expected = some.x_BLC.mean(1, keepdim=True).expand(-1, task.future, -1)
    torch.testing.assert_close(task(tokens(some), some), expected)


def test_a_longer_future_than_the_horizon_is_cut_and_a_shorter_one_refused() -> None:
    task = build("signal_prediction", horizon=5)
    longer = windows(task, spare=3)
    assert task.target(longer).tolist() == longer.future_BHC[:, :5].tolist()
    shorter = replace(longer, future_BHC=longer.future_BHC[:, :4])
    with pytest.raises(ShapeError):
        loss_of(task, shorter)
