"""A training that is asked to end keeps what it has: nothing since its last due checkpoint is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeping import BASE, Desk, finish


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.clean_up()


def long_training(desk: Desk, **sections: object) -> None:
    """No checkpoint is due before its end."""
    train = {**BASE["train"], "steps": 40, "checkpoint_every": 1000}
    desk.write(train=train, grid={"backbone": ["slow"]}, **sections)


def test_what_is_interrupted_goes_on_from_where_it_was(desk: Desk) -> None:
    long_training(desk)
    sweep = desk.start("sweep", "sweep.yaml")
    desk.wait_for_step()
    sweep.send_signal(signal.SIGINT)
    assert finish(sweep).code == 130
    assert desk.sweep().code == 0
    first, second = desk.attempts()
    assert (first["failure_kind"], first["signal"]) == ("interrupted", signal.SIGTERM)
    assert 0 < second["start_step"] < 40
    assert second["resumed_number"] == 1


def test_what_runs_out_of_time_goes_on_from_where_it_was(desk: Desk) -> None:
    long_training(desk, resources={"time": "8s"}, policy={"wait": 0, "grace": 5, "retries": {"time_limit": 20}})
    assert desk.sweep().code == 0
    starts = [row["start_step"] for row in desk.attempts()]
    assert starts == sorted(set(starts)), "each went further than the one before"
