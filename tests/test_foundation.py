"""The foundation sweep: as it is in the file, in simulation and on real recordings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from folders import REAL, real
from sweeping import ROOT, Desk

from sweeps.spec import read_sweep

FOUNDATION = str(ROOT / "sweeps" / "foundation.yaml")
TASKS = {"classification", "anomaly_detection", "signal_prediction", "rul_prediction"}
BACKBONES = {"dlinear", "timesnet", "patchtst", "fno"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


@pytest.mark.parametrize(("profile", "batch", "window"), [("debug", 16, 2048), ("standard", 128, 4096)])
def test_it_is_the_original_sweep(desk: Desk, profile: str, batch: int, window: int) -> None:
    """Expanded and checked only: training it is `make sweep`."""
    done = desk.type("sweep", FOUNDATION, "--profile", profile, "--dry-run")
    assert done.code == 0, done
    assert done.out.splitlines()[0] == f"the profile is {profile}, as asked for with --profile"
    rows = [line.split() for line in done.out.splitlines()[2:-1]]
    assert {row[0] for row in rows} == BACKBONES
    assert {int(row[4]) for row in rows} == {batch}
    candidates = read_sweep(Path(FOUNDATION), profile=profile, gpus=0).candidates
    assert {candidate.data.window for candidate in candidates} == {window}
    assert all(set(candidate.tasks) == TASKS for candidate in candidates)


@real
def test_real_recordings_are_trained_on_and_reported(desk: Desk) -> None:
    done = desk.type("sweep", FOUNDATION, f"data.folder={REAL}", "backbone=dlinear", "train.steps=40")
    assert done.code == 0, done
    found = json.loads(desk.type("sql", "SELECT * FROM leaderboard", "--json").out)
    assert {row["task"] for row in found} == TASKS
    assert "note: system 1: " in done.out, "what flatters the scores is said"


@real
def test_a_task_without_labels_is_named(desk: Desk) -> None:
    """At this window the only recordings with a remaining life are too short."""
    done = desk.type(
        "sweep", FOUNDATION, f"data.folder={REAL}", "backbone=dlinear", "data.window=4096", "train.steps=40"
    )
    assert done.code == 1, done
    (row,) = desk.status()
    assert (row["state"], row["failure_kind"], row["attempts"]) == ("failed", "data", 1)
    assert "rul_prediction: none of the" in row["because"]
    assert "fewer than 4128 samples" in done.out, "the recordings left out are named"
