"""Every way in which a job can end, for real: the verdict, the kind, and what Slurm is told to have said."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeping import finish

from slurm.cluster import Cluster
from slurm.desk import SlurmDesk

BY_ITSELF = {
    "goes_well": "succeeded",
    "raises": "crashed",
    "swallows": "no_result",
    "exits_3": "crashed",
    "late_exit_4": "crashed",
    "exits_137": "killed",
    "segfault": "crashed",
    "kills_itself": "killed",
    "kills_its_supervisor": "lost",
    "takes_memory": "host_oom",
    "child_takes_memory": "host_oom",
}
ENDS_WITH_0 = ("goes_well", "swallows")


@pytest.fixture
def desk(tmp_path: Path, either_cluster: Cluster) -> Iterator[SlurmDesk]:
    desk = SlurmDesk(tmp_path, either_cluster)
    yield desk
    desk.clean_up()


@pytest.mark.parametrize("srun", [False, True], ids=["batch", "srun"])
def test_what_ends_by_itself(desk: SlurmDesk, srun: bool) -> None:  # noqa: FBT001 - a parameter of the test
    desk.write_ways(*BY_ITSELF, slurm={"memory": "150MiB", "use_srun": srun})
    assert desk.sweep_there().code == 1
    assert desk.ends() == BY_ITSELF
    for way in ENDS_WITH_0:
        assert "step batch COMPLETED" in desk.why(way) or not desk.cluster.shape.accounting
    for way in BY_ITSELF.keys() - {*ENDS_WITH_0, "child_takes_memory"}:  # of a child the kernel tells, Slurm may not
        assert "COMPLETED" not in desk.why(way), way


def test_a_job_that_is_cancelled_by_hand_while_it_runs(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps")
    sweep = desk.start_there()
    desk.wait_until_they_began()
    desk.cluster.ask("scancel", *desk.jobs())
    assert finish(sweep).code == 1
    assert desk.ends() == {"sleeps": "cancelled"}


def test_a_job_that_is_cancelled_by_hand_while_it_waits(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"extra": {"hold": True}})
    sweep = desk.start_there()
    (job,) = desk.wait_until_submitted()
    desk.cluster.ask("scancel", job)
    assert finish(sweep).code == 1
    # Of a task of an array that never began, Slurm seldom keeps a trace, and never without accounts.
    told = {"cancelled": "CANCELLED by", "launch_refused": "cancelled before it began, or forgotten"}
    (kind,) = desk.ends().values()
    assert told[kind] in desk.why("goes_well")
    assert kind == "launch_refused" or desk.cluster.shape.accounting


def test_a_run_that_is_cancelled_while_its_job_waits(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"extra": {"hold": True}})
    sweep = desk.start_there()
    desk.wait_until_submitted()
    assert desk.type("cancel", "--all").code == 0
    assert finish(sweep).code == 1
    assert desk.ends() == {"goes_well": "cancelled"}
    desk.cluster.wait_idle()


def test_a_sweep_that_is_interrupted_takes_its_jobs_with_it(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps", "goes_well")
    sweep = desk.start_there()
    desk.wait_until_they_began()
    sweep.send_signal(signal.SIGINT)
    assert finish(sweep).code == 130
    assert desk.ends()["sleeps"] in ("interrupted", "waiting")
    desk.cluster.wait_idle()


def test_a_job_whose_time_is_over(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps")
    sweep = desk.start_there()
    desk.wait_until_they_began()
    (job,) = desk.jobs()
    desk.cluster.ask("scontrol", "update", f"jobid={job}", "EndTime=now+2seconds")
    assert finish(sweep).code == 1
    assert desk.ends() == {"sleeps": "wall_time"}


def test_an_attempt_ends_in_order_before_its_job_would(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps", slurm={"time": "10s"})
    assert desk.sweep_there().code == 1
    assert desk.ends() == {"sleeps": "wall_time"}


def test_the_limit_of_an_attempt_is_not_that_of_its_job(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps", resources={"time": "2s"}, slurm={"time": "10min"})
    assert desk.sweep_there().code == 1
    assert desk.ends() == {"sleeps": "time_limit"}


@pytest.mark.parametrize("partition", ["low", "lowcancel"])
def test_what_is_preempted_is_tried_again_and_goes_well(desk: SlurmDesk, partition: str) -> None:
    cluster = desk.cluster
    every = len(cluster.nodes)
    desk.write_ways(
        "sleeps",
        slurm={"partition": partition},
        resources={"cpus": 4},
        policy={"wait": 0, "grace": 1, "retries": {"preempted": 0}},
    )
    sweep = desk.start_there()
    desk.wait_until_they_began()
    urgent = cluster.submit(
        "#!/bin/sh\nsleep 1\n", "--partition=main", f"--nodes={every}", "--exclusive", "--mem=100", cwd=desk.folder
    )
    assert finish(sweep).code == 1
    assert desk.ends() == {"sleeps": "preempted"}
    cluster.wait_for_state(urgent, "COMPLETED")


def test_a_node_that_fails(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps")
    sweep = desk.start_there()
    desk.wait_until_they_began()
    node = desk.cluster.job(desk.jobs()[0])["NodeList"]
    desk.cluster.set_node(node, "down")
    assert finish(sweep).code == 1
    assert desk.ends() == {"sleeps": "node_lost"}


def test_a_job_that_is_put_back_by_an_administrator_does_not_run_twice(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps")
    sweep = desk.start_there()
    (attempt,) = desk.wait_until_they_began()
    (job,) = desk.jobs()
    desk.cluster.run("scontrol", "update", f"jobid={job}", "requeue=1")
    desk.cluster.ask("scontrol", "requeue", job)
    assert finish(sweep).code == 1
    assert len(list(attempt.parent.iterdir())) == 1
    assert desk.ends() == {"sleeps": "preempted"}


def test_what_sbatch_will_not_take(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"partition": "nowhere"})
    assert desk.sweep_there().code == 1
    assert desk.ends() == {"goes_well": "launch_refused"}
    assert "invalid partition" in desk.why("goes_well")
