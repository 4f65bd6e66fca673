"""After an out-of-memory a training goes on from its last checkpoint, with half the micro batch, as if nothing was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeping import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


def test_no_step_is_trained_twice_and_the_outcome_is_that_of_a_run_with_memory_enough(desk: Desk) -> None:
    desk.write(
        tasks=["classification"],
        grid={"backbone": ["hungry_later"], "backbones.hungry_later.most": [3, 1000]},
        train={"batch": 8, "steps": 5, "warmup_steps": 1, "log_every": 1, "checkpoint_every": 1},
        memory={"predict": False},
        policy={"wait": 0.1},
    )
    assert desk.sweep().code == 0
    runs = {run["label"]: run["run"] for run in desk.status()}
    starved, fed = (runs[next(label for label in runs if label.endswith(f"={most}"))] for most in (3, 1000))

    def ladder(run: str) -> list[tuple[object, ...]]:
        keys = ("micro_batch", "grad_accum", "start_step", "failure_kind")
        return [tuple(row[key] for key in keys) for row in desk.attempts() if row["run"] == run]

    assert ladder(fed) == [(8, 1, 0, None)]
    assert ladder(starved) == [(8, 1, 0, "host_oom"), (4, 2, 2, "host_oom"), (2, 4, 3, None)]

    def losses(run: str) -> list[tuple[int, float]]:
        """Of every attempt in turn, as they were reported."""
        logs = sorted(desk.root.glob(f"{run}/*/metrics.jsonl"), key=lambda log: int(log.parent.name))
        points = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
        return [(point["step"], point["value"]) for point in points if point["name"] == "train.loss"]

    assert [step for step, _ in losses(starved)] == [1, 2, 3, 4, 5]
    assert [loss for _, loss in losses(starved)] == pytest.approx([loss for _, loss in losses(fed)], rel=1e-4)
