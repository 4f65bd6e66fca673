"""What is run when a sweep ends: told the truth, once, and without a say in what the sweep came to."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sweeping import Desk, carriers, finish, is_gone, kill, wait_for

from db.errors import Refused
from runner.on_end import SHOWN_BYTES, Debt, OnEnd, find_command

TELL = [sys.executable, "tell.py"]
"""Keeps what it was told, one line for each time."""
KEEP = """
import json, os, sys
summary = json.load(sys.stdin)
with open("told.jsonl", "a") as told:
    told.write(json.dumps({**summary, "cwd": os.getcwd()}) + "\\n")
print("thank you for", summary["sweep"])
"""
HANG = "import os, time; open('begun', 'w').write(str(os.getpid())); time.sleep(600)"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    (tmp_path / "tell.py").write_text(KEEP)
    made.write(on_end=TELL)
    yield made
    made.clean_up()


def told(desk: Desk) -> list[dict[str, Any]]:
    path = desk.folder / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def counted(summary: dict[str, Any]) -> dict[str, int]:
    """The states that occur."""
    return {state: count for state, count in summary["counts"].items() if count}


def wait_until_told(desk: Desk) -> int:
    """Wait until `HANG` runs; its process."""
    begun = desk.folder / "begun"
    return int(wait_for(lambda: begun.read_text() if begun.exists() else ""))


def test_told_once_how_it_ended(desk: Desk) -> None:
    before = time.time()
    done = desk.sweep()
    assert done.code == 0, done
    assert "  | thank you for probe" in done.out
    (summary,) = told(desk)
    (row,) = desk.status()
    assert summary["version"] == 1
    assert summary["cwd"] == str(desk.folder)
    assert summary["file"] == str(desk.folder / "sweep.yaml")
    assert summary["ledger"] == str(desk.root / "ledger.db")
    assert (summary["scheduler"]["ended"], summary["green"], counted(summary)) == ("settled", True, {"succeeded": 1})
    (run,) = summary["runs"]
    assert {**run, "sweep": "probe"} == row
    assert "signal_prediction.mse" in run["metrics"]
    assert summary["wasted_seconds"] == 0
    assert before < summary["scheduler"]["started_at"] < summary["scheduler"]["ended_at"] < time.time()
    (same,) = json.loads(desk.type("status", "--json").out)["sweeps"]
    assert {key: summary[key] for key in same} == same, "one shape for both"
    assert desk.sweep().code == 0
    assert len(told(desk)) == 1, "nothing was to be done, so nothing is told"


def test_told_of_failures(desk: Desk) -> None:
    desk.write(on_end=TELL, tasks=["raises"], policy={"wait": 0.1, "rehearse": False})
    done = desk.sweep()
    assert done.code == 1, done
    (summary,) = told(desk)
    (run,) = summary["runs"]
    assert (summary["scheduler"]["ended"], summary["green"], counted(summary)) == ("settled", False, {"failed": 1})
    assert (run["state"], run["metrics"]) == ("failed", {})
    assert run["failure_kind"]
    assert summary["wasted_seconds"] > 0


def test_told_of_an_interruption_and_again_of_the_end(desk: Desk) -> None:
    desk.write(on_end=TELL, grid={"backbone": ["slow"]})
    sweep = desk.start("sweep", "sweep.yaml")
    desk.wait_for_step()
    sweep.send_signal(signal.SIGINT)
    assert finish(sweep).code == 130
    assert desk.sweep().code == 0
    assert [summary["scheduler"]["ended"] for summary in told(desk)] == ["interrupted", "settled"]


def test_a_scheduler_killed_before_it_could_tell(desk: Desk) -> None:
    """The last verdict is in the ledger, and whoever wrote it dies while the end is being told."""
    (desk.folder / "tell.py").write_text(HANG)
    sweep = desk.start("sweep", "sweep.yaml")
    pid = wait_until_told(desk)
    assert desk.only()["state"] == "succeeded"
    sweep.kill()
    sweep.wait()
    kill(pid)
    (desk.folder / "tell.py").write_text(KEEP)
    again = desk.sweep()
    assert again.code == 0
    assert "started" not in again.out
    assert len(told(desk)) == 1
    assert desk.sweep().code == 0
    assert len(told(desk)) == 1


def test_interrupted_while_it_tells(desk: Desk) -> None:
    """What runs then is ended; the end is told with the next `runner sweep`."""
    (desk.folder / "tell.py").write_text(HANG)
    sweep = desk.start("sweep", "sweep.yaml")
    pid = wait_until_told(desk)
    sweep.send_signal(signal.SIGINT)
    assert finish(sweep).code == 130
    assert is_gone(pid)
    (desk.folder / "tell.py").write_text(KEEP)
    assert desk.sweep().code == 0
    assert len(told(desk)) == 1


def test_a_detached_sweep_tells_its_log(desk: Desk) -> None:
    assert desk.sweep("--detach").code == 0
    followed = desk.type("attach")
    assert followed.code == 0
    assert "  | thank you for probe" in (desk.root / "logs" / "probe.log").read_text()
    assert len(told(desk)) == 1, "whoever follows to the end comes after it was told"


def test_its_failure_changes_nothing(desk: Desk) -> None:
    desk.write(on_end=["sh", "-c", "echo oh; exit 3"])
    done = desk.sweep()
    assert done.code == 0
    assert "  | oh" in done.out
    assert "on_end: sh ended with exit code 3; the sweep stands as it is" in done.out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["no-such-program"], "there is no program `no-such-program` on PATH"),
        (["./tell.py"], "there is no program `./tell.py` in "),
        (["sh", "a\0b"], "null character"),
        ([""], "there is no program ``"),
    ],
)
def test_refused_before_anything_starts(tmp_path: Path, argv: list[str], said: str) -> None:
    (tmp_path / "tell.py").write_text("not executable")
    with pytest.raises(Refused, match=r"^s\.yaml:1:1: on_end: ") as refused:
        find_command(argv, tmp_path, "s.yaml:1:1")
    assert said in str(refused.value)


def test_a_sweep_with_a_program_that_is_not_there_starts_nothing(desk: Desk) -> None:
    desk.write(on_end=["no-such-program"])
    done = desk.sweep()
    assert done.code == 2
    assert "on_end: there is no program `no-such-program` on PATH" in done.err
    assert not desk.root.exists()


def ran(folder: Path, argv: Sequence[str], seconds: float = 30.0) -> str:
    said: list[str] = []
    command = find_command(argv, folder, "here")
    assert command is not None
    command.run({"sweep": "probe"}, said.append, seconds)
    return "\n".join(said)


def test_a_program_of_the_sweeps_folder(tmp_path: Path) -> None:
    program = tmp_path / "notify"
    program.write_text("#!/bin/sh\npwd; cat\n")
    program.chmod(0o755)
    assert ran(tmp_path, ["./notify"]) == (
        f'on_end: ./notify said:\n  | {tmp_path}\n  | {{\n  |  "sweep": "probe"\n  | }}'
    )


def test_it_has_its_time_and_no_more(tmp_path: Path) -> None:
    """With all that it started; something in it that will not be asked."""
    script = 'trap "" TERM; sleep 600 & echo $! > child; echo late; wait'
    said = ran(tmp_path, ["sh", "-c", script], seconds=1.0)
    assert said.endswith("on_end: sh did not end within 1 s and was killed; the sweep stands as it is")
    assert "  | late" in said
    wait_for(lambda: is_gone(int((tmp_path / "child").read_text())))


def test_what_it_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    before = time.monotonic()
    assert "  | done" in ran(tmp_path, ["sh", "-c", "sleep 600 & echo $! > child; echo done"])
    assert time.monotonic() - before < 20.0
    kill(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -9 $$", "on_end: sh was killed by SIGKILL; the sweep stands as it is"),
        ("exec <&-", ""),
        ("true", ""),
    ],
)
def test_other_ends(tmp_path: Path, script: str, said: str) -> None:
    assert ran(tmp_path, ["sh", "-c", script]) == said


def test_one_that_cannot_be_started_after_all(tmp_path: Path) -> None:
    gone = OnEnd(argv=("gone",), program=str(tmp_path / "gone"), folder=tmp_path)
    said: list[str] = []
    gone.run({}, said.append)
    assert said == ["on_end: gone cannot be started: No such file or directory; the sweep stands as it is"]


def test_what_it_prints_is_bounded_and_moves_no_cursor(tmp_path: Path) -> None:
    script = f"printf 'a\\033[2Jb\\377\\n'; head -c {2 * SHOWN_BYTES} /dev/zero | tr '\\0' x"
    said = ran(tmp_path, ["sh", "-c", script])
    assert "  | a�[2Jb�" in said
    assert len(said) < SHOWN_BYTES + 200
    assert said.endswith(f"({SHOWN_BYTES + 8} more bytes)")


def test_a_debt_outlives_whoever_made_it(tmp_path: Path) -> None:
    Debt(tmp_path, "probe").owe()
    assert Debt(tmp_path, "probe").owed
    assert not Debt(tmp_path, "other").owed
    Debt(tmp_path, "probe").settle()
    assert not Debt(tmp_path, "probe").owed
    Debt(tmp_path, "probe").settle()
    assert os.listdir(tmp_path / "on_end") == []  # noqa: PTH208 - names, not paths


def test_it_is_no_part_of_an_attempt(desk: Desk) -> None:
    """It may outlive the sweep without being taken for a survivor of a run."""
    (desk.folder / "tell.py").write_text("import os; print('mark', os.environ.get('RUNNER_ATTEMPT'))")
    assert "  | mark None" in desk.sweep().out
    (attempt,) = desk.attempts()
    assert not carriers(attempt["nonce"])
