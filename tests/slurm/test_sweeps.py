"""Whole sweeps on a real cluster: memory that runs out, nodes and schedulers that go away in the middle."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeping import ROOT, Desk, finish, wait_for

from slurm.cluster import Cluster
from slurm.desk import SlurmDesk

MARKED = ROOT / "tests" / "commands" / "marked.sh"
SHORT = {"time": "20s", "memory": "1500MiB"}


@pytest.fixture
def desk(tmp_path: Path, cluster: Cluster) -> Iterator[SlurmDesk]:
    desk = SlurmDesk(tmp_path, cluster)
    yield desk
    desk.clean_up()


def foundation(desk: SlurmDesk) -> subprocess.Popen[str]:
    file = str(ROOT / "sweeps" / "foundation.yaml")
    given = ("--launcher", "slurm", "--profile", "debug", "slurm.memory=1500MiB", "resources.slots=3")
    return desk.start("sweep", file, *given, "train.steps=30", "train.checkpoint_every=5")


def starts(desk: Desk) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in desk.attempts():
        found.setdefault(row["run"], []).append(row["start_step"])
    return found


def test_the_foundation_on_three_nodes_one_of_which_goes_down(desk: SlurmDesk) -> None:
    sweep = foundation(desk)
    wait_for(lambda: list(desk.root.glob("*/1/checkpoints/[0-9]*")))
    (claim, *_) = (path.parent.parent / "claim.json" for path in desk.root.glob("*/1/checkpoints/[0-9]*"))
    job = json.loads(claim.read_text())["slurm_job"]
    desk.cluster.set_node(desk.cluster.job(job)["NodeList"], "down")
    done = finish(sweep)
    assert done.code == 0, done
    assert {row["state"] for row in desk.status()} == {"succeeded"}
    lost = [row for row in desk.attempts() if row["failure_kind"] == "node_lost"]
    assert lost
    for row in lost:
        later = [one for one in desk.attempts() if one["run"] == row["run"] and one["attempt"] > row["attempt"]]
        assert later[0]["node"] != row["node"]
    assert all(steps == sorted(steps) for steps in starts(desk).values())


def test_out_of_memory_under_the_limit_of_a_job_is_halved(desk: SlurmDesk) -> None:
    desk.write(
        grid={"backbone": ["hungry"]},
        backbones={"hungry": {"each": 64 * 2**20}},
        memory={"predict": False},
        slurm={"memory": "900MiB"},
        train={"batch": 16, "steps": 3, "warmup_steps": 1},
    )
    done = desk.sweep_there()
    assert done.code == 0, done
    *failed, last = desk.attempts()
    assert {row["failure_kind"] for row in failed} == {"host_oom"}
    assert (last["verdict"], last["micro_batch"] * last["grad_accum"]) == ("succeeded", 16)
    assert last["micro_batch"] < 16


def test_more_memory_is_asked_for_where_it_may_be(desk: SlurmDesk) -> None:
    desk.write_ways("takes_memory", slurm={"memory": "150MiB", "memory_up_to": "600MiB"})
    assert desk.sweep_there().code == 0
    assert [row["failure_kind"] for row in desk.attempts()] == ["host_oom", "host_oom", None]
    given = [desk.cluster.job(job)["MinMemoryNode"] for job in desk.jobs()]
    assert given == ["150M", "300M", "600M"]


def test_a_training_whose_job_is_too_short_goes_on_in_others(desk: SlurmDesk) -> None:
    train = {"batch": 8, "steps": 40, "warmup_steps": 1, "log_every": 1, "checkpoint_every": 1000}
    desk.write(train=train, grid={"backbone": ["slow"]}, slurm=SHORT, policy={"wait": 0, "grace": 5})
    assert desk.sweep_there().code == 0
    *cut, last = desk.attempts()
    assert {row["failure_kind"] for row in cut} == {"wall_time"}
    assert last["verdict"] == "succeeded"
    starts = [row["start_step"] for row in desk.attempts()]
    assert starts == sorted(set(starts)), "each went further than the one before"


def test_a_scheduler_that_is_killed_ten_times_loses_and_doubles_nothing(desk: SlurmDesk) -> None:
    side = desk.folder / "side"
    side.mkdir()
    count = 200
    desk.write(
        **dict.fromkeys(("tasks", "data", "train", "plugins")),
        name="storm",
        command={
            "argv": ["bash", str(MARKED), str(side), "{run}", "0.2", "well", "{out}"],
            "name": "job",
            "env": {"NUMBER": "{number}"},
        },
        success={"files": [{"path": "{out}/metrics.json", "metrics": ["mse"]}]},
        grid={"number": list(range(count))},
        policy={"wait": 0, "retries": {"lost": 1000, "killed": 1000}},
    )
    moments = random.Random(7)  # noqa: S311 - no secret
    for _ in range(10):
        sweep = desk.start_there()
        time.sleep(moments.uniform(0.5, 6.0))
        sweep.send_signal(signal.SIGKILL)
        sweep.communicate()
    last = desk.start_there()
    last.communicate(timeout=600)
    assert last.returncode == 0
    rows = desk.status()
    assert len(rows) == count
    assert {row["state"] for row in rows} == {"succeeded"}
    marks = [line.split() for line in (side / "marks").read_text().splitlines()]
    ended = [run for what, run, _ in marks if what == "end"]
    assert not [mark for mark in marks if mark[0] == "beside"], "two bodies of one run at once"
    assert len(ended) == len(set(ended)) == count
