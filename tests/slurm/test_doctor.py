"""`runner doctor --launcher slurm` on a real cluster: all that is well, and each thing that is not, brought about."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import ROOT, Done, finish
from test_status_schema import fitting

from slurm.cluster import Cluster
from slurm.desk import SlurmDesk

UNASKED = {"memory": "warning"}
"""Where no memory is asked for: this cluster has a default."""
OF_A_NODE = ["job", "shared folder", "node's python", "clock", "node's memory"]
MAY_MOUNT = shutil.which("unshare") and not subprocess.run(["unshare", "--mount", "true"], check=False).returncode


@pytest.fixture
def desk(tmp_path: Path, cluster: Cluster) -> Iterator[SlurmDesk]:
    desk = SlurmDesk(tmp_path, cluster)
    yield desk
    desk.clean_up()


def examined(desk: SlurmDesk, *arguments: str, code: int, **env: str) -> dict[str, dict[str, Any]]:
    return judged(desk.type("doctor", "--launcher", "slurm", "--json", *arguments, **env), code)


def judged(done: Done, code: int) -> dict[str, dict[str, Any]]:
    told = fitting(done.out, "doctor")
    assert (done.code, told["ok"]) == (code, code == 0), done.out + done.err
    return {one["check"]: one for one in told["checks"]}


def levels(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Of all that is not ok."""
    return {name: one["level"] for name, one in found.items() if one["level"] != "ok"}


def test_a_cluster_where_all_is_well(tmp_path: Path, either_cluster: Cluster) -> None:
    desk = SlurmDesk(tmp_path, either_cluster)
    desk.write_ways("goes_well", slurm={"memory": "256MiB"})
    found = examined(desk, "sweep.yaml", code=0)
    accounts = either_cluster.shape.accounting
    assert levels(found) == ({} if accounts else {"accounting": "warning"})
    assert list(found)[-len(OF_A_NODE) :] == OF_A_NODE
    assert any(node in found["job"]["said"] for node in either_cluster.nodes)
    assert not desk.root.exists(), "it leaves nothing behind"
    assert not either_cluster.ask("squeue", "-h")
    assert ("limits" in found) == accounts
    told = desk.type("doctor", "sweep.yaml", "--launcher", "slurm", "--no-job").out
    assert "all is well" in told or not accounts


def test_a_step_of_srun_is_tried_where_attempts_are_steps(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"use_srun": True})
    assert levels(examined(desk, "sweep.yaml", code=0)) == UNASKED


def test_variables_of_the_shell_that_attempts_do_not_see_are_not_seen_here(desk: SlurmDesk) -> None:
    given = {"SBATCH_GRES": "gpu:9", "SBATCH_MEM_PER_CPU": "900G", "SBATCH_PARTITION": "low"}
    found = examined(desk, code=0, **given)
    assert levels(found) == {"shell": "warning", **UNASKED}
    assert "left out: SBATCH_GRES, SBATCH_MEM_PER_CPU; heeded: SBATCH_PARTITION=low" in found["shell"]["said"]
    assert found["partition"]["said"].startswith("`low` is up")
    assert examined(desk, "--no-job", code=1, SBATCH_PARTITION="none")["request"]["level"] == "fails"


def test_what_a_job_gets_where_no_memory_is_asked_for(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", resources={"cpus": 2})
    assert "gets 200 MiB" in examined(desk, "sweep.yaml", "--no-job", code=0)["memory"]["said"]


def test_a_time_that_the_partition_does_not_grant(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"partition": "low"}, resources={"time": "2h"})
    desk.cluster.ask("scontrol", "update", "partitionname=low", "maxtime=2:00:00")
    try:
        found = examined(desk, "sweep.yaml", "--no-job", code=1)
        assert "resources.time asks for 2 h 02 min" in found["partition"]["said"]
        assert examined(desk, "sweep.yaml", "slurm.time=2h", "--no-job", code=0)["partition"]["level"] == "ok"
    finally:
        desk.cluster.ask("scontrol", "update", "partitionname=low", "maxtime=UNLIMITED")


def test_without_a_job_nothing_is_submitted(desk: SlurmDesk) -> None:
    before = desk.cluster.ask("squeue", "-h", "-t", "all", "-o", "%i")
    assert "job" not in examined(desk, "--no-job", code=0)
    assert desk.cluster.ask("squeue", "-h", "-t", "all", "-o", "%i") == before


def test_what_the_sweep_file_asks_for_and_the_cluster_has_not(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"partition": "mein"})
    found = examined(desk, "sweep.yaml", code=1)
    assert levels(found) == {"partition": "fails", "request": "fails", **UNASKED}
    assert "did you mean `main`" in found["partition"]["said"]
    found = examined(desk, "sweep.yaml", "slurm.partition=main", "slurm.gres=gpu:1", code=1)
    assert levels(found) == {"partition": "fails", "request": "fails", **UNASKED}
    assert "gres" in found["request"]["said"]
    assert levels(examined(desk, "sweep.yaml", "slurm.partition=main", "slurm.memory=900GiB", code=1)) == {
        "request": "fails"
    }
    assert levels(examined(desk, "sweep.yaml", "slurm.partition=low", code=0)) == UNASKED


def test_a_partition_that_is_down_and_nodes_that_take_no_jobs(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"partition": "low"})
    desk.cluster.ask("scontrol", "update", "partitionname=low", "state=down")
    try:
        assert examined(desk, "sweep.yaml", "--no-job", code=1)["partition"]["said"].startswith("`low` is not up")
    finally:
        desk.cluster.ask("scontrol", "update", "partitionname=low", "state=up")
    for node in desk.cluster.nodes:
        desk.cluster.set_node(node, "drain")
    assert (
        "no node of `low` takes jobs: 3 drained"
        in examined(desk, "sweep.yaml", "--no-job", code=1)["partition"]["said"]
    )


def test_a_cluster_that_is_busy_is_a_warning_and_the_job_is_cancelled(desk: SlurmDesk) -> None:
    for node in desk.cluster.nodes:
        desk.cluster.submit("sleep 600", f"--nodelist={node}", "--exclusive", "--output=/dev/null", cwd=desk.folder)
    found = examined(desk, "--within", "3s", code=0)
    assert levels(found) == {"job": "warning", **UNASKED}
    assert "(queued: " in found["job"]["said"]
    assert len(desk.cluster.ask("squeue", "-h").splitlines()) == len(desk.cluster.nodes)


def test_a_job_that_would_wait_for_ever_is_told_at_once(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"extra": {"hold": True}})
    found = examined(desk, "sweep.yaml", "--within", "10min", code=1)
    assert levels(found) == {"job": "fails", **UNASKED}
    assert "JobHeldUser" in found["job"]["said"]
    assert not desk.cluster.ask("squeue", "-h")


def test_a_controller_that_is_down(desk: SlurmDesk) -> None:
    desk.cluster.slurmctld.kill()
    found = examined(desk, code=1)
    assert levels(found) == {"controller": "fails"}
    assert "slurm does not answer: " in found["controller"]["said"]


def test_an_accounting_that_is_down_is_a_warning(desk: SlurmDesk) -> None:
    desk.cluster.slurmdbd.kill()
    found = examined(desk, "--no-job", code=0)
    assert levels(found) == {"accounting": "warning", **UNASKED}
    assert "limits" not in found, "nobody tells"


@pytest.mark.skipif(not MAY_MOUNT, reason="only who may mount can hide a folder from the nodes")
def test_a_root_that_nodes_do_not_see(desk: SlurmDesk) -> None:
    """A disk that is mounted for the doctor's eyes only."""
    desk.root.mkdir()
    around = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs tmpfs "{desk.root}" && exec "$@"', "-")
    done = finish(desk.start("doctor", "--launcher", "slurm", "--json", around=around))
    found = judged(done, 1)
    assert levels(found) == {"job": "fails", **UNASKED}
    assert f"nothing that it wrote below {desk.root} is to be seen here" in found["job"]["said"]


@pytest.mark.skipif(not MAY_MOUNT, reason="only who may mount can hide a folder from the nodes")
def test_a_python_that_nodes_do_not_have(desk: SlurmDesk) -> None:
    there = desk.folder / "venv"
    there.mkdir()
    program = f'mount --bind "{sys.prefix}" "{there}" && exec "{there}/bin/python" -c "$@"'
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from runner.cli import main; sys.exit(main())"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", program, "-", code, "doctor", "--launcher", "slurm", "--json"],
        cwd=desk.folder,
        env=desk.cluster.env,
        capture_output=True,
        text=True,
        check=False,
    )
    found = judged(Done(done.returncode, done.stdout, done.stderr), 1)
    assert levels(found) == {"job": "fails", **UNASKED}
    assert f"{there}/bin/python: not found" in found["job"]["said"]
