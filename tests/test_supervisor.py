"""The supervisor, with real processes: how each way of ending is recorded, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from supervised import (
    MIB,
    ask_to_end,
    ended,
    output,
    planned,
    python,
    shell,
    start,
    supervise,
    until,
)

from db.records import Limits
from db.verdicts import Failed
from runner import processes
from runner.collecting import collect
from runner.entry import bare_argv
from runner.judge import judge

FOREVER = "import time\nprint('up', flush=True)\ntime.sleep(60)"
DEAF = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{FOREVER}"
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
HARMLESS = STOPPING | {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
OF_SOMEBODY = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


@pytest.mark.parametrize("code", [0, 1, 3, 137])
def test_an_exit_code_is_recorded_as_it_is(tmp_path: Path, code: int) -> None:
    left = supervise(planned(tmp_path, shell(f"exit {code}")))
    assert (left.exit_code, left.signal, left.ended_by, left.left_behind) == (code, None, None, 0)


@pytest.mark.parametrize("number", sorted(signal.valid_signals() - HARMLESS))
def test_a_signal_is_recorded_and_named_as_a_signal(tmp_path: Path, number: int) -> None:
    attempt = planned(tmp_path, ("/bin/sh", "-c", f"kill -{int(number)} $$"))  # bash would ignore SIGQUIT
    left = supervise(attempt)
    assert (left.exit_code, left.signal, left.ended_by) == (None, number, None)
    verdict = judge(collect(attempt))
    assert isinstance(verdict, Failed)
    assert verdict.kind == ("killed" if number in OF_SOMEBODY else "crashed")
    assert (number.name if isinstance(number, signal.Signals) else f"signal {number}") in verdict.because


def test_times_and_cpu_are_those_of_the_worker(tmp_path: Path) -> None:
    before = time.time()
    left = supervise(planned(tmp_path, python("import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(0.3)")))
    assert 0.6 <= left.wall < 5
    assert 0.3 <= left.usage.user + left.usage.system < 1
    assert before <= left.started_at <= left.ended_at <= time.time()


def test_argv_and_environment_reach_the_worker_unchanged(tmp_path: Path) -> None:
    words = ["a b", 'it\'s "quoted"', "$HOME `id` \\ *", "größe-微-🦊", ""]
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))"
    odd = {"WITH SPACE": "größe '\" $X", "EMPTY": ""}
    attempt = planned(tmp_path / "folder with space", (*python(code), *words), env=odd, cwd="/usr")
    supervise(attempt, env={"OUTER": "kept", "LC_ALL": "C"})
    arguments, environment, cwd = json.loads(output(attempt))
    assert (arguments, cwd) == (words, "/usr")
    assert environment["RUNNER_ATTEMPT"] == attempt.read_plan().attempt_id
    assert environment["RUNNER_ATTEMPT_DIR"] == str(attempt.path)
    assert {**odd, "OUTER": "kept"}.items() <= environment.items()


def test_the_worker_starts_clean(tmp_path: Path) -> None:
    code = """
import os, signal
print(os.getsid(0) == os.getpid(), os.read(0, 1), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])
of_python = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
of_libc = 0b11 << 31
ignored = [line.split()[1] for line in open('/proc/self/status') if line.startswith('SigIgn')]
print(int(ignored[0], 16) & ~of_python & ~of_libc)
"""
    attempt = planned(tmp_path, python(code))
    supervise(attempt)
    assert output(attempt).splitlines() == ["True b'' set()", "[0, 1, 2]", "0"]


@pytest.mark.parametrize(
    ("argv", "cwd", "why"),
    [
        (("/no/such/program",), "/", "No such file"),
        (("no-such-program-on-the-path",), "/", "No such file"),
        (("/etc/passwd",), "/", "Permission denied"),
        (("/bin/true",), "/no/such/folder", "/no/such/folder cannot be entered"),
        (("/bin/true", "nul\0byte"), "/", "null byte"),
    ],
)
def test_what_cannot_start_says_why(tmp_path: Path, argv: tuple[str, ...], cwd: str, why: str) -> None:
    left = supervise(planned(tmp_path, argv, cwd=cwd))
    assert (left.exit_code, left.signal, left.ended_by) == (None, None, "could_not_start")
    assert left.detail is not None
    assert why in left.detail


@pytest.mark.parametrize("plan", [None, "{", "another attempt"])
def test_without_its_own_plan_nothing_is_claimed(tmp_path: Path, plan: str | None) -> None:
    attempt = planned(tmp_path, shell("echo ran"))
    if plan is None:
        attempt.plan.unlink()
    elif plan == "{":
        attempt.plan.write_text(plan)
    assert start(attempt, attempt_id="other").wait(10) == 1
    assert "nothing was started" in attempt.supervisor_log.read_text()
    assert {path.name for path in tmp_path.iterdir()} <= {"plan.json", "supervisor.log"}


def test_a_pipe_of_whoever_started_it_is_not_kept_open(tmp_path: Path) -> None:
    attempt = planned(tmp_path, python(FOREVER))
    reader, writer = os.pipe()
    argv = bare_argv("runner.supervisor", str(attempt.path), attempt.read_plan().attempt_id)
    supervisor = subprocess.Popen(argv, pass_fds=[os.dup2(writer, 50)])
    os.close(writer)
    os.close(50)
    assert os.read(reader, 1) == b""  # it ends while the attempt goes on
    os.close(reader)
    assert supervisor.poll() is None
    ask_to_end(attempt)
    assert ended(supervisor, attempt).ended_by == "cancelled"


def test_an_ignored_sigterm_is_followed_by_sigkill(tmp_path: Path) -> None:
    attempt = planned(tmp_path, python(DEAF))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    ask_to_end(attempt, "interrupted")
    left = ended(supervisor, attempt)
    assert (left.exit_code, left.signal, left.ended_by) == (None, signal.SIGKILL, "interrupted")
    assert left.wall < 5


@pytest.mark.parametrize("why", ["cancelled", "interrupted", "revoked"])
def test_a_request_ends_the_attempt(tmp_path: Path, why: str) -> None:
    attempt = planned(tmp_path, python(FOREVER))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    ask_to_end(attempt, why)
    left = ended(supervisor, attempt)
    assert (left.signal, left.ended_by) == (signal.SIGTERM, why)


def test_a_request_to_another_attempt_is_ignored(tmp_path: Path) -> None:
    attempt = planned(tmp_path, shell("sleep 0.4"))
    ask_to_end(attempt, attempt_id="another")
    assert supervise(attempt).exit_code == 0


@pytest.mark.parametrize(("handler", "how"), [("signal.SIG_IGN", (None, 9)), ("lambda *_: sys.exit(7)", (7, None))])
def test_a_stopped_worker_is_woken_and_ended(tmp_path: Path, handler: str, how: tuple[int | None, int | None]) -> None:
    code = f"""
import os, signal, sys, time
signal.signal(signal.SIGTERM, {handler})
print(os.getpid(), flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(60)
"""
    attempt = planned(tmp_path, python(code))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    stat = Path("/proc") / output(attempt).strip() / "stat"
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
    ask_to_end(attempt)
    left = ended(supervisor, attempt)
    assert (left.exit_code, left.signal, left.ended_by) == (*how, "cancelled")


def test_the_time_limit_ends_the_attempt(tmp_path: Path) -> None:
    left = supervise(planned(tmp_path, python(FOREVER), limits=Limits(seconds=0.3, grace=0.3)))
    assert (left.signal, left.ended_by) == (signal.SIGTERM, "time_limit")
    assert 0.3 <= left.wall < 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_supervisor_reaches_the_worker(tmp_path: Path, number: signal.Signals) -> None:
    code = f"import signal, sys\nsignal.signal({int(number)}, lambda *_: sys.exit(5))\n{FOREVER}"
    attempt = planned(tmp_path, python(code))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    supervisor.send_signal(number)
    left = ended(supervisor, attempt)
    assert (left.exit_code, left.ended_by) == (5, "signal")


def test_a_signal_without_an_end_is_passed_on(tmp_path: Path) -> None:
    code = f"import signal, sys\nsignal.signal(signal.SIGUSR1, lambda *_: sys.exit(6))\n{FOREVER}"
    attempt = planned(tmp_path, python(code))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    supervisor.send_signal(signal.SIGUSR1)
    left = ended(supervisor, attempt)
    assert (left.exit_code, left.ended_by) == (6, None)


def test_watched_files_are_seen_before_and_after(tmp_path: Path) -> None:
    old, kept = tmp_path / "old", tmp_path / "kept"
    old.write_text("old")
    kept.write_text("kept")
    attempt = planned(
        tmp_path / "1",
        shell(f"echo more >> {old}; mkdir {tmp_path}/1/out; echo 1 > {tmp_path}/1/out/a; setsid sleep 0.2 & echo x"),
        watched=[str(old), str(kept), str(tmp_path / "never"), f"{tmp_path}/1/out/**", "nul\0byte", "/x" * 3000],
    )
    left = supervise(attempt)
    seen = {each.path: each for each in left.files}
    assert seen.keys() == {str(old), str(kept), f"{tmp_path}/1/out/a", str(attempt.stdout)}
    assert seen[str(old)].before != seen[str(old)].after
    assert seen[str(kept)].before == seen[str(kept)].after
    assert seen[f"{tmp_path}/1/out/a"].before is None
    assert left.exit_code == 0
    assert left.detail is not None  # what could not be looked at stopped nothing
    assert left.detail.count("could not be looked at") == 2


def test_what_is_written_after_the_end_is_not_seen(tmp_path: Path) -> None:
    attempt = planned(tmp_path, shell("setsid sh -c 'sleep 0.1; echo {} > $RUNNER_ATTEMPT_DIR/result.json' & exit 0"))
    assert str(attempt.result) not in {each.path for each in supervise(attempt).files}
    assert attempt.result.exists()


def test_many_files_are_not_many_records(tmp_path: Path) -> None:
    script = f"mkdir {tmp_path}/out; cd {tmp_path}/out; seq 5000 | xargs touch"
    left = supervise(planned(tmp_path, shell(script), watched=[f"{tmp_path}/out/*"]))
    assert len(left.files) == 11


def test_who_closes_everything_and_moves_away_is_still_supervised(tmp_path: Path) -> None:
    code = "import os, sys, time\nos.closerange(0, 3)\nos.chdir('/proc')\ntime.sleep(0.4)\nos._exit(4)"
    left = supervise(planned(tmp_path, python(code)))
    assert (left.exit_code, left.left_behind) == (4, 0)


def test_a_flood_of_output_is_cut_and_counted(tmp_path: Path) -> None:
    attempt = planned(
        tmp_path,
        shell("echo first; head -c 200000000 /dev/zero; echo oops >&2; echo last"),
        limits=Limits(grace=0.3, log_bytes=4 * MIB),
    )
    left = supervise(attempt)
    kept = attempt.stdout.stat().st_size
    assert kept <= 4 * MIB
    assert 180_000_000 < left.log_bytes_dropped + kept <= 200_000_011  # what comes while it is cut is not counted
    assert attempt.stdout.read_bytes().startswith(b"first\n")
    assert attempt.stdout.read_bytes().endswith(b"last\n")
    assert attempt.stderr.read_text() == "oops\n"


def test_a_removed_folder_ends_the_attempt(tmp_path: Path) -> None:
    attempt = planned(tmp_path / "attempt", python(FOREVER))
    attempt_id = attempt.read_plan().attempt_id
    supervisor = start(attempt)
    until(lambda: output(attempt))
    shutil.rmtree(attempt.path)
    assert supervisor.wait(10) == 74
    assert processes.carriers(attempt_id) == []
    assert not attempt.path.exists()


def test_another_folder_in_the_same_place_is_not_written_to(tmp_path: Path) -> None:
    attempt = planned(tmp_path / "attempt", python(FOREVER))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    attempt.path.rename(tmp_path / "moved")
    attempt.path.mkdir()
    assert supervisor.wait(10) == 74
    assert list(attempt.path.iterdir()) == []
