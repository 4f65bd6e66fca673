"""A sweep file that is changed while an attempt is open: who still runs is told, and can be ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import Desk, kill, wait_for


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.clean_up()


def write(desk: Desk, seconds: int) -> None:
    sections: dict[str, Any] = {
        **dict.fromkeys(("tasks", "data", "train", "plugins")),
        "command": {"argv": ["bash", "-c", 'sleep "$1"; echo done', "bash", "{seconds}"], "name": "sleeps"},
        "success": {"last_line": "done"},
        "grid": {"seconds": [seconds]},
        "resources": {"slots": 2},
    }
    desk.write(**sections)


def test_an_attempt_of_a_run_that_the_file_no_longer_names_is_told_and_can_be_ended(desk: Desk) -> None:
    write(desk, 600)
    sweep = desk.start("sweep", "sweep.yaml")
    (claim,) = wait_for(lambda: list(desk.root.glob("*/1/claim.json")))
    kill(sweep.pid)
    sweep.communicate()
    write(desk, 0)
    done = desk.sweep()
    assert done.code == 0
    run = claim.parent.parent.name
    assert f"{run}: no longer in the sweep, and its attempt 1 may still run; `runner cancel {run}` ends it" in done.out
    assert desk.type("cancel", run).code == 0
    assert {row["run"]: row["failure_kind"] for row in desk.attempts()}[run] == "cancelled"
    assert "no longer in the sweep" not in desk.sweep().out
