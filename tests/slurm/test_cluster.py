"""The cluster that tests run on does what a cluster does, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm.cluster import Cluster, Shape, StartFailedError, cgroups, roots, running
from slurm.cluster.cluster import clear_abandoned
from slurm.cluster.daemons import Daemon, until

BARE = Shape(accounting=False)
TESTS = Path(__file__).resolve().parent.parent
EATS_MEMORY = f"""exec {sys.executable} -c 'x = b"x" * 300_000_000'"""
OWNS_A_CLUSTER = """
from slurm.cluster import Shape, running
with running(Shape(accounting=False)) as cluster:
    print(cluster.root, flush=True)
    input()
"""


def test_every_node_is_idle(either_cluster: Cluster) -> None:
    told = either_cluster.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T")
    assert told.splitlines() == [f"{node} idle" for node in either_cluster.nodes]


def test_a_job_completes(either_cluster: Cluster, tmp_path: Path) -> None:
    job = either_cluster.submit("echo $SLURM_JOB_ID", "--output=log", cwd=tmp_path)
    assert either_cluster.wait_for_state(job, "COMPLETED", "FAILED")["ExitCode"] == "0:0"
    assert until(lambda: (tmp_path / "log").read_text() == f"{job}\n", 5)


def test_jobs_run_on_all_nodes_at_once(either_cluster: Cluster) -> None:
    told = either_cluster.ask("srun", "--nodes=3", "--ntasks-per-node=1", "bash", "-c", "echo $SLURMD_NODENAME")
    assert sorted(told.splitlines()) == list(either_cluster.nodes)


def test_the_kernel_kills_a_job_that_takes_more_memory_than_it_asked_for(
    either_cluster: Cluster, tmp_path: Path
) -> None:
    job = either_cluster.submit(EATS_MEMORY, "--mem=50", cwd=tmp_path)
    ended = either_cluster.wait_for_state(job, "OUT_OF_MEMORY", "FAILED", "COMPLETED")
    assert (ended["JobState"], ended["ExitCode"]) == ("OUT_OF_MEMORY", "0:125")


def test_without_enforcement_more_memory_may_be_taken(tmp_path: Path) -> None:
    with running(Shape(accounting=False, memory="none", nodes=1)) as cluster:
        job = cluster.submit(EATS_MEMORY, "--mem=50", cwd=tmp_path)
        cluster.wait_for_state(job, "COMPLETED", "OUT_OF_MEMORY", "FAILED")
        assert cluster.state(job) == "COMPLETED"
        assert not cgroups.of_nodes(cluster.nodes)


def test_a_node_goes_down_and_comes_back(either_cluster: Cluster, tmp_path: Path) -> None:
    node = either_cluster.nodes[2]
    job = either_cluster.submit("sleep 1000", f"--nodelist={node}", "--no-requeue", cwd=tmp_path)
    either_cluster.wait_for_state(job, "RUNNING")
    either_cluster.set_node(node, "down")
    either_cluster.wait_for_state(job, "NODE_FAIL")
    either_cluster.wait_idle()


def test_a_node_whose_slurmd_is_killed_is_missed_and_comes_back(bare_cluster: Cluster) -> None:
    node = bare_cluster.nodes[0]
    bare_cluster.kill_node(node)
    assert until(lambda: "down" in bare_cluster.ask("sinfo", "-h", "-n", node, "-p", "main", "-o", "%T"), 90)
    bare_cluster.start_node(node)
    bare_cluster.wait_idle()


def test_slurmctld_is_killed_and_comes_back(either_cluster: Cluster, tmp_path: Path) -> None:
    either_cluster.slurmctld.kill()
    assert not either_cluster.slurmctld.is_alive
    assert either_cluster.run("scontrol", "ping").returncode != 0
    either_cluster.start_slurmctld()
    either_cluster.wait_idle()
    either_cluster.wait_for_state(either_cluster.submit("true", cwd=tmp_path), "COMPLETED")


def test_everything_is_killed_and_comes_back(either_cluster: Cluster, tmp_path: Path) -> None:
    either_cluster.restart_all()
    either_cluster.wait_idle()
    either_cluster.wait_for_state(either_cluster.submit("true", cwd=tmp_path), "COMPLETED")


def test_sacct_works_while_slurmdbd_does(cluster: Cluster, tmp_path: Path) -> None:
    job = cluster.submit("exit 3", cwd=tmp_path)
    asked = ("sacct", "-D", "-P", "-n", "-j", job, "--format=JobID,State,ExitCode")
    assert until(lambda: f"{job}|FAILED|3:0" in cluster.ask(*asked).splitlines(), 30), cluster.ask(*asked)
    cluster.slurmdbd.kill()
    assert cluster.run(*asked).returncode == 1
    cluster.start_slurmdbd()
    assert f"{job}.batch|FAILED|3:0" in cluster.ask(*asked).splitlines()


def test_sacct_is_refused_without_slurmdbd(bare_cluster: Cluster) -> None:
    refused = bare_cluster.run("sacct")
    assert refused.returncode == 1
    assert "accounting storage is disabled" in refused.stderr


@pytest.mark.parametrize("memory", ["cgroup", "none"])
def test_nothing_is_left_of_a_cluster_that_was_taken_down(tmp_path: Path, memory: str) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    shape = Shape(accounting=False, memory="cgroup" if memory == "cgroup" else "none")
    script = "trap '' TERM; setsid sleep 1000 & echo $! >pid; wait; sleep 1000"
    with running(shape) as cluster:
        stubborn = cluster.submit(script, "--output=log", cwd=tmp_path)
        assert until((tmp_path / "pid").exists, 30), cluster.job(stubborn)
        cluster.kill_node(cluster.job(stubborn)["NodeList"])
        assert cluster.left()
        assert any(path.is_dir() for path in cgroups.of_nodes(cluster.nodes)) is (memory == "cgroup")
    assert cluster.left() == []
    assert not cluster.root.exists()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/fd/0").exists()
    assert Path("/proc/self/mounts").read_text() == mounts


@pytest.mark.parametrize("accounting", [False, True])
def test_a_start_that_fails_half_way_leaves_nothing(accounting: bool) -> None:  # noqa: FBT001  # a parameter of the test
    broken = Cluster.prepare(Shape(accounting=accounting, more_conf="SelectType=select/none_such"))
    with pytest.raises(StartFailedError, match="none_such"):
        broken.start()
    assert broken.left() == []
    assert not broken.root.exists()


@pytest.fixture
def abandoned() -> Iterator[Cluster]:
    """A cluster whose owner was killed."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNS_A_CLUSTER], cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout
        root = Path(owner.stdout.readline().strip())
        owner.kill()
    cluster = Cluster.found(root)
    assert cluster
    yield cluster
    if root.exists():
        cluster.stop()


def test_what_a_killed_test_left_behind_is_taken_down_by_the_next(abandoned: Cluster) -> None:
    assert abandoned.slurmctld.is_alive
    clear_abandoned()
    assert abandoned.left() == []
    assert not abandoned.root.exists()


def test_a_cluster_whose_owner_lives_is_left_alone(bare_cluster: Cluster) -> None:
    assert bare_cluster.root in roots.all_roots()
    clear_abandoned()
    bare_cluster.wait_idle()


def test_a_pid_that_is_anothers_by_now_is_not_killed(tmp_path: Path) -> None:
    for folder in ("pid", "log"):
        (tmp_path / folder).mkdir()
    daemon = Daemon(tmp_path, "sleep")
    daemon.start(["sleep", "1000"], env=dict(os.environ))
    birth = daemon.birth
    assert birth
    record = tmp_path / "pid" / "sleep"
    true = record.read_text()
    record.write_text(true.replace(birth.started, str(int(birth.started) - 1)))
    Daemon(tmp_path, "sleep").end()
    assert not record.exists()
    record.write_text(true)
    assert daemon.is_alive
    daemon.end()
    assert not daemon.is_alive
