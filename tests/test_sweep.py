"""Whole sweeps as real processes: killed, interrupted, starved of memory, cancelled, and told truthfully."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeping import Desk, carriers, finish, is_gone, kill, supervisor_of, wait_for

SLOW = {"grid": {"backbone": ["slow"]}}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.write()
    yield made
    made.clean_up()


def test_green_and_never_repeated(desk: Desk) -> None:
    desk.write(
        profile={"gpu": "a", "cpu": "b"}, profiles={"a": {}, "b": {}}, grid={"backbone": ["tiny"], "seed": [0, 1]}
    )
    first = desk.sweep()
    assert first.code == 0, first
    assert first.out.splitlines()[0].startswith("no GPU here, so the profile is b")
    assert "2 succeeded of 2" in first.out
    again = desk.sweep()
    assert again.code == 0
    assert "started" not in again.out
    assert [row["attempts"] for row in desk.status()] == [1, 1]
    assert sorted(path.name for path in desk.root.glob("ledger.db*")) == ["ledger.db"]
    (attempt, _) = desk.attempts()
    known = ("git_commit", "python", "torch", "host", "device", "code_fingerprint", "data_fingerprint", "peak_memory")
    assert all(attempt[key] for key in known), attempt
    assert all(attempt[key] >= 0 for key in ("queue", "start", "data", "train", "evaluate"))


def test_the_same_run_in_another_sweep_is_done_already(desk: Desk) -> None:
    assert desk.sweep().code == 0
    desk.write(name="other", resources={"cpus": 2})
    done = desk.sweep()
    assert done.code == 0
    assert "started" not in done.out
    assert {row["sweep"]: row["state"] for row in desk.status()} == {"probe": "succeeded", "other": "succeeded"}


def test_killed_scheduler(desk: Desk) -> None:
    desk.write(grid={"backbone": ["slow", "tiny"]}, resources={"slots": 1})
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.wait_for_step()
    scheduler.kill()
    scheduler.wait()
    assert not is_gone(supervisor_of(attempt)), "an attempt outlives its scheduler"
    done = desk.sweep()
    assert done.code == 0, done
    assert [(row["state"], row["attempts"]) for row in desk.status()] == [("succeeded", 1), ("succeeded", 1)]


def test_killed_scheduler_whose_attempt_ends_unwatched(desk: Desk) -> None:
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: list(desk.root.glob("*/1/claim.json")))
    scheduler.kill()
    scheduler.wait()
    wait_for(lambda: list(desk.root.glob("*/1/exit.json")))
    assert desk.only()["state"] in ("running", "unobserved"), "nobody has judged it yet"
    assert desk.sweep().code == 0
    assert desk.only()["attempts"] == 1


def test_killed_supervisor(desk: Desk) -> None:
    desk.write(**SLOW)
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.wait_for_step()
    nonce = json.loads((attempt / "plan.json").read_text())["attempt_id"]
    wait_for(lambda: list((attempt / "checkpoints").glob("[0-9]*")))
    assert len(carriers(nonce)) == 1
    kill(supervisor_of(attempt))
    wait_for(lambda: not carriers(nonce))
    assert finish(scheduler).code == 0
    first, second = desk.attempts()
    assert (first["verdict"], first["failure_kind"]) == ("failed", "lost")
    assert second["verdict"] == "succeeded"
    assert second["start_step"] > 0, "it goes on from the checkpoint"


@pytest.mark.parametrize("way", ["", "sampled"])
def test_out_of_memory_is_halved_and_the_effective_batch_stays(desk: Desk, way: str) -> None:
    desk.write(
        grid={"backbone": ["hungry"]},
        resources={"memory": "640MiB"},
        train={"batch": 8, "steps": 2, "warmup_steps": 1},
        memory={"predict": False},
    )
    done = desk.sweep(RUNNER_MEMORY_LIMIT=way)
    assert done.code == 0, done
    *failed, last = desk.attempts()
    assert failed
    assert {row["failure_kind"] for row in failed} == {"host_oom"}
    assert last["verdict"] == "succeeded"
    assert [(row["micro_batch"], row["grad_accum"]) for row in [*failed, last]] == [(8, 1), (4, 2), (2, 4)][
        : len(failed) + 1
    ]
    assert {row["memory_limited_by"] for row in failed} == ({"sampled"} if way else {failed[0]["memory_limited_by"]})
    assert all(row["memory_limit"] == 640 * 2**20 for row in failed)


def test_out_of_memory_at_one_stops_clearly(desk: Desk) -> None:
    desk.write(
        grid={"backbone": ["hungry"]},
        backbones={"hungry": {"each": 2**30}},
        resources={"memory": "512MiB"},
        memory={"predict": False},
        train={"batch": 2, "steps": 2, "warmup_steps": 1},
    )
    done = desk.sweep()
    assert done.code == 1
    row = desk.only()
    assert (row["state"], row["failure_kind"], row["attempts"]) == ("failed", "host_oom", 2)
    assert "even with a micro batch of 1" in row["because"]


def test_interrupted_and_continued(desk: Desk) -> None:
    desk.write(**SLOW)
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.wait_for_step()
    wait_for(lambda: list((attempt / "checkpoints").glob("[0-9]*")))
    scheduler.send_signal(signal.SIGINT)
    done = finish(scheduler)
    assert done.code == 130
    assert f"interrupted: what ran was ended; `runner sweep {desk.folder / 'sweep.yaml'}` goes on" in done.out
    row = desk.only()
    assert (row["state"], row["failure_kind"]) == ("waiting", "interrupted")
    assert desk.sweep().code == 0
    assert [row["start_step"] > 0 for row in desk.attempts()] == [False, True]


def test_two_schedulers(desk: Desk) -> None:
    desk.write(**SLOW)
    first = desk.start("sweep", "sweep.yaml")
    desk.wait_for_step()
    second = desk.sweep()
    assert second.code == 4
    assert f"process {first.pid}" in second.err
    assert finish(first).code == 0
    assert desk.only()["attempts"] == 1


def test_cancel_and_retry_with_a_living_scheduler(desk: Desk) -> None:
    desk.write(**SLOW)
    scheduler = desk.start("sweep", "sweep.yaml")
    desk.wait_for_step()
    assert "the running scheduler was asked to cancel it" in desk.type("cancel", "slow").out
    assert finish(scheduler).code == 1
    assert (desk.only()["state"], desk.only()["failure_kind"]) == ("cancelled", "cancelled")
    assert desk.sweep().code == 1, "cancelled stays until retry"
    assert "open again" in desk.type("retry", "slow").out
    assert desk.sweep().code == 0
    assert desk.only()["attempts"] == 2


def test_cancel_without_a_scheduler(desk: Desk) -> None:
    desk.write(**SLOW, backbones={"slow": {"seconds": 30}})
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = wait_for(lambda: next(desk.root.glob("*/1/claim.json"), None)).parent
    scheduler.kill()
    scheduler.wait()
    assert desk.type("cancel", "--all").out.strip().endswith("cancelled")
    assert (desk.only()["state"], desk.only()["failure_kind"]) == ("cancelled", "cancelled")
    assert not carriers(json.loads((attempt / "plan.json").read_text())["attempt_id"])


def test_cancel_that_comes_too_late(desk: Desk) -> None:
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: list(desk.root.glob("*/1/claim.json")))
    scheduler.kill()
    scheduler.wait()
    wait_for(lambda: list(desk.root.glob("*/1/exit.json")))
    assert desk.type("cancel", "tiny").out.strip().endswith("it had completed before it could be cancelled")
    assert desk.only()["state"] == "succeeded"
    assert desk.type("retry", "tiny").out.strip().endswith("there is nothing to retry")
    assert desk.sweep().code == 0
    assert desk.only()["attempts"] == 1


def test_two_sweeps_share_their_runs_side_by_side(desk: Desk) -> None:
    (desk.folder / "other.yaml").write_text((desk.folder / "sweep.yaml").read_text().replace("probe", "other"))
    first, second = desk.start("sweep", "sweep.yaml"), desk.start("sweep", "other.yaml")
    assert [finish(first).code, finish(second).code] == [0, 0]
    assert [(row["state"], row["attempts"]) for row in desk.status()] == [("succeeded", 1)] * 2


def test_attempt_that_was_never_launched_is_fenced(desk: Desk) -> None:
    """As if the scheduler had been killed between the attempt's row and its submission."""
    assert desk.sweep("--dry-run").code == 0
    first = desk.start("sweep", "sweep.yaml")
    claim = wait_for(lambda: next(desk.root.glob("*/1/claim.json"), None))
    first.kill()
    first.wait()
    kill(supervisor_of(claim.parent))
    (claim.parent / "lease").unlink(missing_ok=True)
    claim.unlink()
    done = desk.sweep()
    assert done.code == 0, done
    assert [row["failure_kind"] for row in desk.attempts()] == ["interrupted", None]


def test_folder_full_of_names_like_ours(desk: Desk) -> None:
    for name in ("runner.py", "json.py", "tasks/__init__.py", "db/__init__.py", "backbones/__init__.py", "torch.py"):
        path = desk.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise SystemExit('the wrong file was imported')\n")
    done = desk.sweep()
    assert done.code == 0, done


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.lrr=1"], "did you mean `train.lr`"),
        (["backbone=tinny"], "did you mean `tiny`"),
        (["backbones.tiny.widht=3"], "did you mean `width`"),
        (["train.steps=many"], "expected an integer"),
        (["data.folder=nowhere"], "there is no folder"),
    ],
)
def test_refused_before_anything_starts(desk: Desk, overrides: list[str], said: str) -> None:
    done = desk.sweep(*overrides)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not desk.root.exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('raise RuntimeError("no licence")', "RuntimeError: no licence ("),
        ("import sys; sys.exit(0)", "SystemExit: 0 ("),
        ("import os; os._exit(0)", "without an answer"),
        ("def broken(:", "odd.py"),
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
        ("x = 1", "defines 0 subclasses of Backbone"),
    ],
)
def test_a_plugin_that_breaks_is_told_in_a_sentence(desk: Desk, code: str, said: str) -> None:
    plugin = desk.folder / "plugins" / "backbones" / "odd.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(code + "\n")
    desk.write(plugins=[str(plugin.parent.parent)], grid={"backbone": ["odd"]})
    done = desk.sweep()
    assert done.code == 2, done
    assert said in done.err
    assert "Traceback" not in done.err
    assert not desk.root.exists()


def test_a_root_that_cannot_be_made(desk: Desk) -> None:
    done = desk.sweep("--root", "/proc/nowhere")
    assert done.code == 2
    assert "the root /proc/nowhere cannot be used" in done.err


def test_commands_about_what_is_not_there(desk: Desk) -> None:
    for words in (["status"], ["why", "x"], ["logs", "x"], ["sql", "SELECT 1"], ["cancel", "x"], ["retry", "x"]):
        done = desk.type(*words)
        assert done.code == 2, words
        assert "there is no ledger" in done.err
        assert "Traceback" not in done.err
    assert desk.type("sweep", "swep.yaml").code == 2


def test_lost_while_nobody_watched(desk: Desk) -> None:
    """Scheduler and supervisor both killed: the next sweep finds it lost, and tries again."""
    desk.write(**SLOW)
    scheduler = desk.start("sweep", "sweep.yaml")
    attempt = desk.wait_for_step()
    scheduler.kill()
    scheduler.wait()
    kill(supervisor_of(attempt))
    time.sleep(0.2)
    assert desk.sweep().code == 0
    assert [row["failure_kind"] for row in desk.attempts()] == ["lost", None]
