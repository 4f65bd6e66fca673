"""What `runner plan` tells of earlier attempts: how far off predictions have been, and what a run would start with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import Desk

from runner.past_errors import PastErrors, kind_of, summed_up

MIB = 2**20


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


def test_the_worst_is_furthest_from_zero() -> None:
    assert summed_up([0.1, -0.4, 0.2]) == PastErrors(median=0.1, worst=-0.4, attempts=3)
    assert str(summed_up([0.1, -0.4, 0.2])) == "+10.0%, worst -40.0% of 3"


def test_tasks_count_by_their_names() -> None:
    assert kind_of("fno", {"tasks": {"b": {"weight": 1}, "a": {}}}) == ("fno", ("a", "b"))
    assert kind_of(None, {"argv": ["true"]}) == (None, ())


def test_a_plan_tells_what_the_ledger_has_seen(desk: Desk) -> None:
    desk.write(
        grid={"backbone": ["hungry", "tiny"]},
        backbones={"hungry": {"each": 64 * MIB}},
        resources={"memory": "600MiB"},
        train={"batch": 8, "steps": 2, "warmup_steps": 1, "log_every": 1},
        memory={"predict": False},
    )

    def planned(*arguments: str) -> dict[str, Any]:
        told = json.loads(desk.type("plan", "sweep.yaml", "--json", *arguments).out)
        found: dict[str, Any] = next(run for run in told["runs"] if run["label"].startswith("hungry"))
        return found

    before = planned()
    assert (before["prediction_error"], before["first_micro_batch"], before["first_because"]) == (None, 8, "")
    assert planned("memory.predict=true")["first_micro_batch"] < 8
    assert desk.sweep().code == 0
    after = planned("train.lr=1e-2")
    error = after["prediction_error"]
    assert (error["attempts"], error["median"]) == (1, error["worst"])
    (row,) = (row for row in desk.attempts() if row["prediction_error"] and row["run"].startswith("hungry"))
    assert error["median"] == row["prediction_error"]
    assert after["first_micro_batch"] == 4
    assert after["first_because"].startswith("micro batch 8 did not fit in attempt 1 of hungry-")
    assert planned("memory.learn=false")["first_micro_batch"] == 8
    table = desk.type("plan", "sweep.yaml").out
    assert "has been off by" in table
    assert f"{error['median']:+.1%}, worst {error['worst']:+.1%} of 1" in table
    assert "hungry: would start with micro batch 4: micro batch 8 did not fit in attempt 1" in table
