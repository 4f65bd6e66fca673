"""A living scheduler is seen to live, whatever it is busy with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import Desk

from db.ledger import Ledger
from runner import scheduler
from runner.cli import main


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


def test_while_it_opens_many_attempts_it_pulses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        real = getattr(Ledger, name)

        def call(ledger: Ledger, *args: Any, **kwargs: Any) -> Any:
            done.append(name)
            return real(ledger, *args, **kwargs)

        return call

    for name in ("record_attempt", "record_pulse", "record_submissions"):
        monkeypatch.setattr(Ledger, name, noting(name))
    monkeypatch.setattr(scheduler, "PULSE_SECONDS", 0.0)
    desk.write(
        **dict.fromkeys(("tasks", "data", "train", "plugins")),
        command=["ls", "/", "{n}"],
        grid={"n": ["-1", "-a", "-l"]},
        resources={"slots": 3},
    )
    assert main(["sweep", str(desk.folder / "sweep.yaml"), "--root", str(desk.root)]) in (0, 1)
    opened = [at for at, name in enumerate(done) if name == "record_attempt"]
    assert len(opened) == 3
    assert "record_submissions" not in done[: opened[-1]], "they are submitted together"
    assert all("record_pulse" in done[first:second] for first, second in itertools.pairwise(opened))
