"""Runs have the same shape where their training steps need the same memory for the same micro batch."""

from __future__ import annotations

from typing import Any

import pytest

from runner.checked import Asked
from runner.preflight import check

BASE: dict[str, Any] = {
    "backbone": "dlinear",
    "backbone_config": {},
    "tasks": {"signal_prediction": {}},
    "data": {"window": 256},
    "rehearse": False,
}


def shape(**changes: Any) -> str:
    found = check(Asked(**{**BASE, **changes}))
    assert found.problems == ()
    return found.shape


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 5},
        {"train": {"lr": 0.1, "steps": 7, "warmup_steps": 0, "batch": 64}},
        {"data": {"window": 256, "max_windows": 2}},
    ],
)
def test_what_decides_no_memory_changes_no_shape(changes: dict[str, Any]) -> None:
    assert shape(**changes) == shape()


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "fno"},
        {"tasks": {"signal_prediction": {"horizon": 7}}},
        {"tasks": {"signal_prediction": {}, "anomaly_detection": {}}},
        {"data": {"window": 512}},
        {"data": {"window": 256, "systems": [102]}},
        {"train": {"precision": "bfloat16"}},
    ],
)
def test_what_decides_memory_changes_the_shape(changes: dict[str, Any]) -> None:
    assert shape(**changes) != shape()
