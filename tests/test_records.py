"""What the records of an attempt refuse to hold."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.records import BatchSplit, Score
from db.strict import Invalid
from sweeps.settings import TrainSettings


def score(**changes: Any) -> Score:
    usual: dict[str, Any] = {
        "task": "classification",
        "metric": "accuracy",
        "value": 0.9,
        "baseline": 0.5,
        "baseline_name": "chance",
        "higher_is_better": True,
        "windows": 10,
    }
    return Score(**{**usual, **changes})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"windows": 0}, "windows: must be above 0"),
        ({"windows": -3}, "windows: must be above 0"),
        ({"value": math.nan}, "value: must be finite"),
        ({"baseline": math.inf}, "baseline: must be finite"),
        ({"gain_at_least": -math.inf}, "gain_at_least: must be finite"),
    ],
)
def test_a_score_of_nothing_or_that_is_no_number_is_refused(change: dict[str, Any], words: str) -> None:
    assert score().windows == 10
    with pytest.raises(Invalid, match=words):
        score(**change)


@given(st.integers(1, 400), st.integers(1, 400))
def test_a_batch_is_halved_to_the_largest_divisor_that_is_at_most_half(micro: int, accum: int) -> None:
    fits = [each for each in range(1, micro // 2 + 1) if micro * accum % each == 0]
    halved = BatchSplit(micro=micro, accum=accum).halved()
    expected = BatchSplit(micro=fits[-1], accum=micro * accum // fits[-1]) if fits else None
    assert halved == expected


@pytest.mark.parametrize(("effective", "expected"), [(10**9, 5 * 10**8), (999_999_937, 1)])
def test_a_huge_batch_is_halved_at_once(effective: int, expected: int) -> None:
    begun = time.monotonic()
    halved = BatchSplit(micro=effective, accum=1).halved()
    assert halved
    assert (halved.micro, halved.effective) == (expected, effective)
    assert time.monotonic() - begun < 1


def test_a_batch_beyond_all_measure_is_refused() -> None:
    assert TrainSettings(batch=1_000_000).batch == 1_000_000
    with pytest.raises(Invalid, match="batch: must be at most 1,000,000 windows"):
        TrainSettings(batch=1_000_001)
