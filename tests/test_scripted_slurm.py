"""Sweeps on a cluster that does what a real one does seldom, and never when it is asked to."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_slurm import LOST_ANSWER, NO_CONTROLLER, Scripted
from sweeping import finish, wait_for
from ways_desk import WAYS, WaysDesk

NUMBERED = {"argv": [sys.executable, str(WAYS), "{way}", "{out}"], "name": "way", "env": {"NUMBER": "{number}"}}
NO_SUBMISSION = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"


class ScriptedDesk(WaysDesk):
    """Sweeps of one command, for that cluster."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Scripted(folder / "cluster")
        super().__init__(folder, self.cluster)

    def carry_out(self) -> int:
        return finish(self.start_there()).code

    def ends(self) -> list[str]:
        """How each attempt ended, in the order in which they were opened."""
        return [row["failure_kind"] or row["verdict"] or "open" for row in self.attempts()]

    def first_job(self) -> str:
        return wait_for(self.cluster.jobs)[0]

    def state(self) -> dict[str, Any]:
        facts = json.loads(self.type("status", "--json").out)
        row: dict[str, Any] = facts["sweeps"][0]["runs"][0]
        return row


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ScriptedDesk]:
    desk = ScriptedDesk(tmp_path)
    yield desk
    desk.clean_up()
    desk.cluster.clean_up()


def test_what_goes_well(desk: ScriptedDesk) -> None:
    desk.write_ways("goes_well")
    assert desk.carry_out() == 0
    assert desk.ends() == ["succeeded"]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("BOOT_FAIL", "node_lost"),
        ("NODE_FAIL", "node_lost"),
        ("PREEMPTED", "preempted"),
        ("LAUNCH_FAILED", "launch_refused"),
        ("RECONFIG_FAIL", "launch_refused"),
    ],
)
def test_what_ends_before_it_begins_is_tried_again(desk: ScriptedDesk, word: str, kind: str) -> None:
    desk.write_ways("goes_well")
    desk.cluster.tell(hold=True)
    sweep = desk.start_there()
    job = desk.first_job()
    desk.cluster.tell(words={job: word})
    wait_for(lambda: len(desk.cluster.jobs()) == 2)
    desk.cluster.tell(hold=False)
    assert finish(sweep).code == 0
    assert desk.ends() == [kind, "succeeded"]


@pytest.mark.parametrize("word", ["DEADLINE", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED", "REVOKED", "FAILED"])
def test_no_success_while_slurm_says_otherwise(desk: ScriptedDesk, word: str) -> None:
    """A word that is not known is waited for; any other speaks against it."""
    never = dict.fromkeys(("node_lost", "preempted", "host_oom", "wall_time", "contradiction"), 0)
    desk.write_ways("goes_well", policy={"wait": 0, "grace": 1, "stop_after": 0, "retries": never})
    desk.cluster.tell(hold=True)
    sweep = desk.start_there()
    job = desk.first_job()
    desk.cluster.tell(words={job: word}, hold=False)
    if word == "REVOKED":
        wait_for(lambda: list(desk.root.glob("*/1/exit.json")))
        time.sleep(3)
        assert desk.ends() == ["open"]
        desk.cluster.tell(words={})
        assert finish(sweep).code == 0
        assert desk.ends() == ["succeeded"]
    else:
        assert finish(sweep).code == 1
        assert desk.ends() != ["succeeded"]
        assert word in desk.type("why", desk.state()["run"]).out


def test_a_controller_that_is_silent_for_a_while_loses_nothing(desk: ScriptedDesk) -> None:
    desk.write_ways("sleeps", "goes_well", resources={"slots": 1})
    sweep = desk.start_there()
    wait_for(lambda: list(desk.root.glob("*/1/claim.json")))
    silent = {"squeue": NO_CONTROLLER, "sacct": NO_CONTROLLER, "scancel": NO_CONTROLLER, "sbatch": NO_SUBMISSION}
    desk.cluster.tell(silent=silent)
    assert desk.type("cancel", *[row["run"] for row in desk.status() if "sleeps" in row["label"]]).code == 0
    wait_for(lambda: list(desk.root.glob("*/1/exit.json")))
    time.sleep(3)
    assert desk.ends() == ["open"], "nobody can tell, and nothing is submitted"
    desk.cluster.tell(silent={})
    assert finish(sweep).code == 1
    assert sorted(desk.ends()) == ["cancelled", "succeeded"]


def test_a_submission_whose_answer_is_lost_runs_once(desk: ScriptedDesk) -> None:
    desk.write_ways("goes_well")
    desk.cluster.tell(lose_answers=1, hold=True)
    sweep = desk.start_there()
    wait_for(lambda: len(desk.cluster.jobs()) == 2)
    desk.cluster.tell(hold=False)
    assert finish(sweep).code == 0
    ends = desk.ends()
    assert ends[-1] == "succeeded"
    assert ends.count("succeeded") == 1
    assert len(list(desk.root.glob("*/*/out/m.json"))) == 1, "one body"
    assert LOST_ANSWER.partition("failed: ")[2] in desk.attempts()[0]["because"]


def test_without_accounts_and_with_accounts_that_fail(desk: ScriptedDesk) -> None:
    desk.write_ways("goes_well", "exits_3")
    desk.cluster.tell(accounts=False)
    assert desk.carry_out() == 1
    assert sorted(desk.ends()) == ["crashed", "succeeded"]
    assert "keeps no accounts" in desk.type("why", desk.state()["run"]).out


def test_a_controller_that_lost_its_state(desk: ScriptedDesk) -> None:
    """The next job has the same number; what runs is not known any more, and ends by itself."""
    desk.write_ways("goes_well")
    desk.cluster.tell(hold=True)
    sweep = desk.start_there()
    first = desk.first_job()
    time.sleep(1)
    desk.cluster.forget()
    again = desk.first_job()
    assert again == first
    desk.cluster.tell(hold=False)
    assert finish(sweep).code == 0
    assert desk.ends() == ["launch_refused", "succeeded"]


def test_a_command_whose_time_is_over_is_not_begun_again_for_nothing(desk: ScriptedDesk) -> None:
    desk.write_ways("sleeps", slurm={"time": "4s"})
    assert desk.carry_out() == 1
    assert desk.ends() == ["wall_time"]
    assert "would get no further" in desk.type("why", desk.state()["run"]).out


def test_a_training_whose_time_is_over_goes_on_until_it_is_complete(desk: ScriptedDesk) -> None:
    train = {"batch": 8, "steps": 120, "warmup_steps": 1, "log_every": 1, "checkpoint_every": 1000}
    desk.write(train=train, grid={"backbone": ["slow"]}, slurm={"time": "40s"}, policy={"wait": 0, "grace": 5})
    assert desk.carry_out() == 0
    *cut, last = desk.attempts()
    assert last["verdict"] == "succeeded"
    assert {row["failure_kind"] for row in cut} == {"wall_time"}
    starts = [row["start_step"] for row in desk.attempts()]
    assert starts == sorted(set(starts)), "each went further than the one before"


def test_what_waits_in_the_queue_is_told_as_waiting_and_costs_nothing(desk: ScriptedDesk) -> None:
    desk.write_ways("goes_well")
    desk.cluster.tell(hold=True)
    sweep = desk.start_there()
    job = desk.first_job()
    desk.cluster.tell(reasons={job: "JobHeldUser"})
    row = wait_for(lambda: next((row for row in [desk.state()] if row["attempts"]), None))
    told = desk.type("why", row["run"]).out
    assert "it has not begun (will not start by itself: JobHeldUser; `scontrol release" in told
    assert desk.type("cancel", "--all").code == 0
    done = finish(sweep)
    assert done.code == 1
    assert "0.0 s went into attempts that failed: cancelled 0.0 s" in done.out


def test_a_cluster_that_takes_two_at_a_time(desk: ScriptedDesk) -> None:
    desk.write_ways("goes_well", grid={"way": ["goes_well"], "number": list(range(6))}, command=NUMBERED)
    desk.cluster.tell(limit=2, hold=True)
    sweep = desk.start_there()
    desk.first_job()
    wait_for(lambda: desk.ends().count("queue_full") == 4)
    desk.cluster.tell(hold=False)
    assert finish(sweep).code == 0
    ends = desk.ends()
    assert ends.count("succeeded") == 6
    assert set(ends) == {"succeeded", "queue_full"}
    assert ends.count("queue_full") == 4, "once each, and then as many are given to it as it takes"


def test_variables_of_a_shell_overrule_nothing(desk: ScriptedDesk) -> None:
    desk.write_ways("goes_well", slurm={"partition": "main"})
    given = {"SBATCH_EXPORT": "NONE", "SBATCH_PARTITION": "low", "SBATCH_ACCOUNT": "ours", "SBATCH_JOB_NAME": "mine"}
    (sbatch,) = desk.folder.glob("cluster/bin/sbatch")
    sbatch.write_text(sbatch.read_text().replace("exec", f"env | grep ^SBATCH_ > {desk.folder}/seen; exec"))
    assert finish(desk.start("sweep", "sweep.yaml", "--launcher", "slurm", **given)).code == 0
    assert (desk.folder / "seen").read_text() == "SBATCH_ACCOUNT=ours\n"


@pytest.mark.parametrize("name", ["back\\slash", "line\nend", "cursor\x1b[2J"])
def test_a_root_that_slurm_would_read_otherwise_is_refused(desk: ScriptedDesk, name: str) -> None:
    desk.write_ways("goes_well")
    done = finish(desk.start_there("--root", name))
    assert (done.code, done.out) == (2, "")
    assert "in it otherwise; use a folder without it" in done.err
    assert "\x1b" not in done.err
    assert desk.cluster.jobs() == []
