"""Sweeps that go on without their terminal, and the commands that follow them: real terminals, signals and kills."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeping import RUNNER, Desk, finish, is_gone, kill, wait_for

SLOW = {"grid": {"backbone": ["slow"]}}
STEPS = {"batch": 8, "steps": 1000, "warmup_steps": 1, "log_every": 1, "checkpoint_every": 1}
LONG = {**SLOW, "train": STEPS}


class Detached(Desk):
    """A desk that also ends the schedulers that left it."""

    def pid(self) -> int:
        """The process that holds the sweep, or held it last."""
        (found,) = re.findall(r"process (\d+)", (self.root / "locks" / "probe.lock").read_text())
        return int(found)

    def log(self) -> str:
        return (self.root / "logs" / "probe.log").read_text()

    def detach(self, *arguments: str) -> None:
        done = self.sweep("--detach", *arguments)
        assert done.code == 0, done

    def clean_up(self) -> None:
        if (self.root / "locks" / "probe.lock").exists():
            kill(self.pid())
        super().clean_up()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Detached]:
    made = Detached(tmp_path)
    made.write(**SLOW)
    yield made
    made.clean_up()


def test_it_goes_on_in_a_session_of_its_own_and_says_where(desk: Detached) -> None:
    done = desk.sweep("--detach")
    assert done.code == 0, done
    pid = desk.pid()
    assert not is_gone(pid), "it holds the sweep by the time the command is back"
    assert os.getsid(pid) == pid
    assert f"process {pid} works on it" in done.out
    assert "sweep probe: 1 run; process" in done.out
    assert str(desk.root / "logs" / "probe.log") in done.out
    assert "`runner attach probe`" in done.out
    streams = [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)]
    assert streams == [os.devnull, *2 * [str(desk.root / "logs" / "probe.log")]]
    assert finish(desk.start("attach", "probe")).code == 0
    assert "attempt 1 succeeded" in desk.log()


def test_a_pipe_that_the_command_wrote_to_ends_with_the_command(desk: Detached) -> None:
    desk.write(**LONG)
    command = desk.start("sweep", "sweep.yaml", "--detach")
    assert command.stdout is not None
    assert "works on it" in command.stdout.read()  # to its end, while the scheduler lives
    assert command.wait() == 0
    assert not is_gone(desk.pid())


def test_the_terminal_goes_and_the_sweep_does_not(desk: Detached) -> None:
    """A shell in a terminal starts it; then the terminal is closed, which hangs up all its processes."""
    desk.write(**LONG)
    shell, terminal = pty.fork()
    if shell == 0:
        os.chdir(desk.folder)
        slots = str(desk.folder / "slots")
        script = 'trap "" HUP; "$0" sweep sweep.yaml --detach; touch typed; trap - HUP; exec sleep 600'
        os.execve("/bin/sh", ["sh", "-c", script, RUNNER], {**os.environ, "RUNNER_SLOTS": slots})  # noqa: S606
    wait_for((desk.folder / "typed").exists)
    pid = desk.pid()
    os.close(terminal)
    _, status = os.waitpid(shell, 0)
    assert os.WTERMSIG(status) == signal.SIGHUP, "what stayed in the terminal's session was hung up"
    attempt = desk.wait_for_step()
    assert not is_gone(pid)
    assert desk.type("cancel", "slow").code == 0
    wait_for(lambda: is_gone(pid))
    assert (attempt / "exit.json").exists()


def test_hung_up_it_stays_and_told_to_end_it_interrupts(desk: Detached) -> None:
    desk.write(**LONG)
    desk.detach()
    desk.wait_for_step()
    follower = desk.start("attach")
    pid = desk.pid()
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGHUP)
    done = finish(follower)
    assert done.code == 130, done
    row = desk.only()
    assert (row["state"], row["failure_kind"]) == ("waiting", "interrupted")


@pytest.mark.parametrize("overrides", [["train.lrr=1"], ["backbone=tinny"]])
def test_what_is_refused_is_refused_at_once(desk: Detached, overrides: list[str]) -> None:
    done = desk.sweep("--detach", *overrides)
    assert done.code == 2
    assert "did you mean" in done.err
    assert not desk.root.exists()


def test_a_log_that_cannot_be_written_is_told_by_the_command(desk: Detached) -> None:
    (desk.root / "logs" / "probe.log").mkdir(parents=True)
    done = desk.sweep("--detach")
    assert done.code == 2
    assert "probe.log cannot be written: Is a directory" in done.err
    assert not (desk.root / "ledger.db").exists()


def test_a_dry_run_has_nothing_to_detach(desk: Detached) -> None:
    done = desk.sweep("--detach", "--dry-run")
    assert done.code == 2
    assert "not allowed with" in done.err


def test_one_scheduler_at_a_time(desk: Detached) -> None:
    desk.write(**LONG)
    desk.detach()
    second = desk.sweep("--detach")
    assert second.code == 4
    assert f"process {desk.pid()}" in second.err


def test_two_that_leave_at_once_tell_which_one_has_it(desk: Detached) -> None:
    desk.write(**LONG)
    both = [finish(process) for process in [desk.start("sweep", "sweep.yaml", "--detach") for _ in range(2)]]
    assert sorted(done.code for done in both) == [0, 4], both


def test_followed_to_a_failure(desk: Detached) -> None:
    desk.write(**{**LONG, "grid": {"backbone": ["slow", "tiny"]}})
    desk.detach()
    desk.wait_for_step()
    first, second = desk.start("attach"), desk.start("attach", "probe")
    desk.type("cancel", "slow")
    for done in (finish(first), finish(second)):
        assert done.code == 1, done
        assert done.out.startswith("probe: ")
        assert "slow cancelled" in done.out
        assert "1 succeeded, 1 cancelled of 2" in done.out, "the summary"


def test_a_foreground_sweep_is_followed_from_elsewhere(desk: Detached) -> None:
    sweep = desk.start("sweep", "sweep.yaml")
    desk.wait_for_step()
    followed = desk.type("attach")
    assert followed.code == 0, followed
    assert "slow attempt 1 succeeded" in followed.out
    assert "probe: 1 succeeded of 1" in followed.out
    assert finish(sweep).code == 0
    assert [path.name for path in desk.root.glob("ledger.db*")] == ["ledger.db"], "it came to rest all the same"


def test_whoever_follows_may_leave(desk: Detached) -> None:
    desk.write(**LONG)
    desk.detach()
    follower = desk.start("attach")
    assert follower.stdout is not None
    assert follower.stdout.readline().startswith("probe: ")
    assert "following" in follower.stdout.readline() + follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    done = finish(follower)
    assert done.code == 130
    assert "`probe` goes on; `runner attach probe` follows it again" in done.out
    assert not is_gone(desk.pid())


def test_a_scheduler_that_is_killed_while_it_is_followed(desk: Detached) -> None:
    desk.write(**LONG)
    desk.detach()
    desk.wait_for_step()
    follower = desk.start("attach")
    assert follower.stdout is not None
    follower.stdout.readline()
    kill(desk.pid())
    done = finish(follower)
    assert done.code == 1, done
    assert "was killed" in done.out
    again = desk.type("attach")
    assert again.code == 1
    assert "no scheduler works on `probe`" in again.out


def test_nobody_to_follow(desk: Detached) -> None:
    assert "there is no ledger" in desk.type("attach").err
    desk.write()
    assert desk.sweep().code == 0
    done = desk.type("attach")
    assert done.code == 0
    assert "no scheduler works on `probe`" in done.out
    assert "1 succeeded of 1" in done.out
    unknown = desk.type("attach", "prob")
    assert unknown.code == 2
    assert "did you mean `probe`" in unknown.err
    assert desk.sweep("name=other").code == 0
    several = desk.type("attach")
    assert several.code == 2
    assert "no sweep runs now, and there are several; say which one: other, probe" in several.err


def test_a_detached_sweep_is_gone_on_with(desk: Detached) -> None:
    desk.write(**SLOW)
    desk.detach()
    attempt = desk.wait_for_step()
    kill(desk.pid())
    desk.detach()
    assert desk.type("attach").code == 0
    assert [row["attempts"] for row in desk.status()] == [1], json.loads((attempt / "plan.json").read_text())
    assert desk.log().count("==> ") == 2, "the log was gone on with"


def test_following_needs_the_standard_library_only() -> None:
    code = "import sys; before = set(sys.modules); import runner.attaching; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tops = {name.split(".")[0] for name in done.stdout.split()}
    assert not tops - set(sys.stdlib_module_names) - {"runner", "db", "sweeps"}


def test_what_was_started_to_outlive_its_terminal_does_so(desk: Detached) -> None:
    """As `nohup` does: SIGHUP is ignored when the sweep begins, and stays so."""
    desk.write(**LONG)
    line = f"trap '' HUP; exec {shlex.quote(RUNNER)} sweep sweep.yaml"
    env = {**os.environ, "RUNNER_SLOTS": str(desk.folder / "slots")}
    sweep = subprocess.Popen(("bash", "-c", line), cwd=desk.folder, env=env, stdout=subprocess.DEVNULL)
    try:
        desk.wait_for_step()
        sweep.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            sweep.wait(3)
    finally:
        sweep.terminate()
        sweep.wait()
