"""The clock is set back by an hour while a run waits to be tried again: it waits no longer than was asked."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest
from stories import StoryDesk
from sweeping import ROOT, finish, wait_for

WAIT = 3.0


def play(desk: StoryDesk) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no clock can be made here: there is no gcc")
    clock, right = desk.folder / "clock.so", desk.folder / "set"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", clock, ROOT / "tests" / "struck" / "clock.c"], check=True)
    desk.write(fates=["dies"], policy={"wait": WAIT, "grace": 0.3})
    ahead = {"LD_PRELOAD": str(clock), "CLOCK_AHEAD": "3600", "CLOCK_UNTIL": str(right)}
    sweep = desk.start("sweep", "sweep.yaml", **ahead)
    wait_for(lambda: desk.wait_for_mark("start"))
    wait_for(lambda: any(row["verdict"] == "failed" for row in desk.attempts()))
    right.touch()
    began = time.monotonic()
    done = finish(sweep)
    assert done.code == 0, done
    assert WAIT / 2 < time.monotonic() - began < 10 * WAIT
    first, second = desk.attempts()
    assert (first["failure_kind"], second["verdict"]) == ("killed", "succeeded")
    assert first["opened_at"] > second["opened_at"] + 3000, "the clock was set back in between"
