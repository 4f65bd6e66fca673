"""Sweeps within a real memory limit: halved until they fit, predicted to fit, or started as others were seen to fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sweeping import Desk

MIB = 2**20
TIDY = {"MALLOC_MMAP_THRESHOLD_": "65536"}
FITS_HALF: Mapping[str, Any] = {
    "grid": {"backbone": ["hungry"]},
    "backbones": {"hungry": {"each": 64 * MIB}},
    "resources": {"memory": "600MiB", "slots": 2},
    "train": {"batch": 8, "steps": 2, "warmup_steps": 1, "log_every": 1},
}
"""The whole batch takes 512 MiB beside what Python and torch do, half of it 256."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


def ladders(desk: Desk) -> list[list[tuple[int, str | None]]]:
    """The micro batch and the failure of each attempt, run by run in the order in which they began."""
    rows = sorted(desk.attempts(), key=lambda row: row["opened_at"])
    runs = dict.fromkeys(row["run"] for row in rows)
    return [[(row["micro_batch"], row["failure_kind"]) for row in rows if row["run"] == run] for run in runs]


def test_without_prediction_or_learning_each_run_halves_until_it_fits(desk: Desk) -> None:
    desk.write(**FITS_HALF, seeds=2, memory={"predict": False, "learn": False})
    assert desk.sweep().code == 0
    assert ladders(desk) == [[(8, "host_oom"), (4, None)]] * 2


def test_with_prediction_memory_never_runs_out(desk: Desk) -> None:
    desk.write(**FITS_HALF, seeds=2, memory={"predict": True, "learn": False})
    assert desk.sweep(**TIDY).code == 0
    assert ladders(desk) == [[(4, None)]] * 2
    for row in desk.attempts():
        assert row["predicted_memory"] > 256 * MIB
        assert row["prediction_error"] == pytest.approx(row["predicted_memory"] / row["peak_memory"] - 1)
        assert abs(row["prediction_error"]) < 0.4


def test_with_the_ledger_alone_memory_runs_out_once(desk: Desk) -> None:
    """Side by side, for other seeds and another learning rate, and again for those of a later sweep."""
    desk.write(**FITS_HALF, seeds=3, memory={"predict": False})
    done = desk.sweep()
    assert done.code == 0
    assert ladders(desk) == [[(8, "host_oom"), (4, None)], [(4, None)], [(4, None)]]
    (failed,) = (row for row in desk.attempts() if row["failure_kind"])
    assert failed["prediction_error"] is None, "its step was cut short"
    assert failed["predicted_memory"] > 512 * MIB
    assert "first attempt; micro batch 8 did not fit in attempt 1 of hungry-" in done.out
    assert desk.sweep("train.lr=1e-2", "seeds=1", "name=later").code == 0
    assert ladders(desk)[3:] == [[(4, None)]]
