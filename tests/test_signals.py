"""What each signal does to a scheduler, to one without a terminal and to a supervisor, and what people are shown then.

The table is in docs/commands.md. Real processes throughout; attempts have sessions of their own, so that what a
terminal sends reaches the scheduler only.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from signal import Signals
from typing import Any

import pytest
from sweeping import ROOT, Desk, finish, is_gone, kill, supervisor_of, wait_for

INTERRUPT = (Signals.SIGINT, Signals.SIGTERM, Signals.SIGHUP)
END_AT_ONCE = (Signals.SIGQUIT, Signals.SIGUSR1, Signals.SIGUSR2, Signals.SIGALRM, Signals.SIGKILL)
STOP = (Signals.SIGTSTP, Signals.SIGSTOP)
NOTHING = (Signals.SIGPIPE, Signals.SIGWINCH)
OWN_GROUP = "import os, sys; os.setpgid(0, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""A stop from a terminal does nothing to a group that nobody could continue."""
PROMISED = 25.0
"""Seconds within which a killed scheduler is told, as docs/ledger.md says."""


class SignalDesk(Desk):
    """A desk of one job that sleeps, and says so at its end."""

    def write(self, seconds: float = 600, **sections: Any) -> None:
        sweep = {
            "name": "signals",
            "command": {"argv": ["sh", "-c", "sleep $SECONDS_TO_SLEEP && echo done"], "name": "job"},
            "success": {"last_line": "^done$"},
            "policy": {"wait": 0.1, "grace": 0.5},
        }
        sweep["command"]["env"] = {"SECONDS_TO_SLEEP": str(seconds)}  # type: ignore[index] # a mapping
        (self.folder / "sweep.yaml").write_text(json.dumps({**sweep, **sections}))

    def begun(self, number: int = 1) -> Path:
        """Wait until an attempt's command runs; its folder."""
        found = wait_for(lambda: next(self.root.glob(f"*/{number}/lease"), None))
        return found.parent

    def told(self) -> dict[str, Any]:
        """What `why` says of the only run."""
        facts: dict[str, Any] = json.loads(self.type("why", "job", "--json").out)
        return facts


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignalDesk]:
    made = SignalDesk(tmp_path)
    made.write()
    yield made
    made.clean_up()


def test_the_table_names_every_signal_that_is_shown_here() -> None:
    section = (ROOT / "docs" / "commands.md").read_text().split("\n## Signals\n")[1].split("\n## ")[0]
    named = {name for row in section.splitlines() if row.startswith("| `") for name in re.findall("SIG[A-Z0-9]+", row)}
    assert named == {one.name for one in (*INTERRUPT, *END_AT_ONCE, *STOP, *NOTHING, Signals.SIGCONT)}


@pytest.mark.parametrize("number", INTERRUPT)
def test_an_interrupted_scheduler_ends_its_attempts(desk: SignalDesk, number: Signals) -> None:
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.begun()
    assert os.getsid(supervisor_of(attempt)) != os.getsid(scheduler.pid)
    scheduler.send_signal(number)
    assert finish(scheduler).code == 130
    told = desk.told()
    assert (told["state"], told["failure_kind"], told["scheduler"]["ended"]) == (
        "waiting",
        "interrupted",
        "interrupted",
    )
    assert is_gone(supervisor_of(attempt))


@pytest.mark.parametrize("number", INTERRUPT)
def test_told_twice_it_leaves_at_once_and_its_attempts_run_on(desk: SignalDesk, number: Signals) -> None:
    desk.write(policy={"grace": 60})
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.begun()
    scheduler.send_signal(signal.SIGSTOP)  # so that both are there before it looks
    scheduler.send_signal(number)
    scheduler.send_signal(next(other for other in INTERRUPT if other != number))
    scheduler.send_signal(signal.SIGCONT)
    assert finish(scheduler).code == 130
    told = desk.told()
    assert (told["state"], told["scheduler"]["ended"]) == ("unobserved", "broken_off")
    assert told["latest"]["lives"]
    assert not is_gone(supervisor_of(attempt))


@pytest.mark.parametrize("number", END_AT_ONCE)
def test_what_ends_a_scheduler_at_once_leaves_its_attempts_to_the_next(desk: SignalDesk, number: Signals) -> None:
    desk.write(seconds=4)
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.begun()
    scheduler.send_signal(number)
    assert finish(scheduler).code == -number
    assert not is_gone(supervisor_of(attempt))
    assert desk.told()["scheduler"]["ended"] is None
    assert desk.sweep().code == 0
    assert [row["attempts"] for row in desk.status()] == [1]


@pytest.mark.parametrize("number", STOP)
def test_a_stopped_scheduler_goes_on_where_it_was(desk: SignalDesk, number: Signals) -> None:
    desk.write(seconds=2)
    scheduler = desk.start("sweep", "sweep.yaml", around=(sys.executable, "-c", OWN_GROUP))
    attempt = desk.begun()
    scheduler.send_signal(number)
    wait_for((attempt / "exit.json").exists)  # its attempt is not stopped
    time.sleep(0.5)
    assert desk.told()["attempt_ladder"][0]["verdict"] == "open", "nobody judges it meanwhile"
    scheduler.send_signal(signal.SIGCONT)
    assert finish(scheduler).code == 0
    assert desk.only()["state"] == "succeeded"


@pytest.mark.parametrize("number", [*NOTHING, Signals.SIGCONT])
def test_what_does_nothing_to_a_scheduler(desk: SignalDesk, number: Signals) -> None:
    desk.write(seconds=1)
    scheduler = desk.start("sweep", "sweep.yaml")
    desk.begun()
    scheduler.send_signal(number)
    assert finish(scheduler).code == 0
    assert [row["attempts"] for row in desk.status()] == [1]


def detached(desk: SignalDesk) -> int:
    assert desk.sweep("--detach").code == 0
    pid: int = json.loads(desk.type("status", "--json").out)["sweeps"][0]["scheduler"]["pid"]
    return pid


@pytest.mark.parametrize("number", [Signals.SIGINT, Signals.SIGTERM])
def test_a_detached_scheduler_is_interrupted_but_not_hung_up(desk: SignalDesk, number: Signals) -> None:
    pid = detached(desk)
    attempt = desk.begun()
    os.kill(pid, signal.SIGHUP)
    time.sleep(1)
    assert not is_gone(pid)
    os.kill(pid, number)
    wait_for(lambda: is_gone(pid))
    assert desk.told()["failure_kind"] == "interrupted"
    assert is_gone(supervisor_of(attempt))


@pytest.mark.parametrize("number", END_AT_ONCE)
def test_what_ends_a_detached_scheduler_at_once(desk: SignalDesk, number: Signals) -> None:
    pid = detached(desk)
    attempt = desk.begun()
    os.kill(pid, number)
    wait_for(lambda: is_gone(pid))
    assert not is_gone(supervisor_of(attempt))
    assert desk.told()["scheduler"]["ended"] is None


@pytest.mark.parametrize("number", INTERRUPT)
def test_a_supervisor_that_is_told_to_end_ends_its_attempt(desk: SignalDesk, number: Signals) -> None:
    scheduler = desk.start("sweep", "sweep.yaml")
    os.kill(supervisor_of(desk.begun()), number)
    wait_for(lambda: desk.attempts()[0]["failure_kind"])
    first = desk.attempts()[0]
    assert (first["failure_kind"], first["signal"]) == ("killed", number)
    scheduler.kill()


@pytest.mark.parametrize("number", [Signals.SIGQUIT, Signals.SIGALRM, Signals.SIGKILL])
def test_a_supervisor_that_ends_at_once_takes_its_attempt_along(desk: SignalDesk, number: Signals) -> None:
    desk.start("sweep", "sweep.yaml")
    os.kill(supervisor_of(desk.begun()), number)
    wait_for(lambda: desk.attempts()[0]["failure_kind"])
    assert desk.attempts()[0]["failure_kind"] == "lost"
    desk.begun(2)  # it is tried again


@pytest.mark.parametrize("number", [Signals.SIGUSR1, Signals.SIGUSR2])
def test_a_supervisor_passes_a_users_signal_on(desk: SignalDesk, number: Signals) -> None:
    script = f"trap 'echo done; exit 0' {number.name.removeprefix('SIG')}; echo ready; while :; do sleep 0.1; done"
    desk.write(command={"argv": ["bash", "-c", script], "name": "job"})
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.begun()
    wait_for((attempt / "stdout.log").read_text)
    os.kill(supervisor_of(attempt), number)
    assert finish(scheduler).code == 0
    assert desk.only()["state"] == "succeeded"


@pytest.mark.parametrize("supervisor_too", [False, True])
def test_a_dead_scheduler_is_never_shown_as_a_living_one(desk: SignalDesk, supervisor_too: bool) -> None:  # noqa: FBT001 - a case
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.begun()
    assert "process" in desk.type("status").out.split("scheduler: ")[1]
    scheduler.kill()
    scheduler.wait()
    if supervisor_too:
        kill(supervisor_of(attempt))
    killed = time.monotonic()
    wait_for(lambda: desk.told()["state"] == "unobserved")
    assert time.monotonic() - killed < PROMISED
    (sweep,) = json.loads(desk.type("status", "--json").out)["sweeps"]
    assert (sweep["scheduler"]["alive"], sweep["scheduler"]["ended"]) == (False, None)
    assert (sweep["counts"]["running"], sweep["counts"]["unobserved"]) == (0, 1)
    told = desk.told()
    assert told["next"]["type"] == f"runner sweep {desk.folder / 'sweep.yaml'}"
    assert told["latest"]["lives"] is not supervisor_too
    status, why = desk.type("status").out, desk.type("why", "job").out
    for text in (status, why):
        assert f"none; process {scheduler.pid} on" in text
        assert "is gone without a word" in text
        assert "running" not in text
    assert ("it is alive" in why) is not supervisor_too


def test_what_a_terminal_sends_reaches_no_attempt(desk: SignalDesk) -> None:
    """As from a keyboard: to the whole group in the foreground."""
    scheduler = desk.start("sweep", "sweep.yaml", around=(sys.executable, "-c", OWN_GROUP))
    attempt = desk.begun()
    os.killpg(scheduler.pid, signal.SIGQUIT)
    assert finish(scheduler).code == -signal.SIGQUIT
    time.sleep(1)
    assert not is_gone(supervisor_of(attempt))


def test_a_stopped_scheduler_is_told_with_how_it_goes_on(desk: SignalDesk) -> None:
    desk.write(seconds=60)
    scheduler = desk.start("sweep", "sweep.yaml")
    desk.begun()
    scheduler.send_signal(signal.SIGSTOP)
    go_on = f"kill -CONT {scheduler.pid}"
    cancelled, again = desk.type("cancel", "--all"), desk.sweep()
    assert (cancelled.code, again.code) == (1, 4)
    assert f"nobody could be found to cancel it: sweep `{desk.told()['sweep']}` is being worked on by" in cancelled.out
    assert f"which is stopped (SIGSTOP, or Ctrl-Z): `{go_on}` lets it go on" in cancelled.out
    assert go_on in again.err
    assert list((desk.root / "requests").glob("*")) == []
    wait_for(lambda: desk.told()["next"]["type"] == go_on)
    scheduler.send_signal(signal.SIGCONT)
    assert desk.type("cancel", "--all").code == 0
    assert finish(scheduler).code == 1
    assert desk.told()["state"] == "cancelled"
