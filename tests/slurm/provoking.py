"""How each state of a job is provoked for real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slurm.cluster import Cluster
from slurm.cluster.daemons import until

ENDS = (
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED TIMEOUT".split()  # noqa: SIM905  # words
)
RAISES = """python3 -c 'raise ValueError("no")'"""
LEAVES = "python3 -c 'import os; os._exit(0)'"
SEGFAULTS = "python3 -c 'import os; os.kill(os.getpid(), 11)'"
EATS_MEMORY = """python3 -c 'x = b"x" * 300_000_000'"""
SLEEPS = "sleep 1000"
NAMED = ("--job-name=tried",)


@dataclass(frozen=True)
class Asked:
    """The job to ask of; `ended`: accounting is waited for; `commands` instead of the usual questions."""

    job: str = ""
    ended: bool = True
    commands: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Case:
    name: str
    about: str
    provoke: Callable[[Cluster, Path], Asked]


def ends(script: str, *options: str) -> Callable[[Cluster, Path], Asked]:
    """By itself."""

    def provoke(cluster: Cluster, folder: Path) -> Asked:
        job = cluster.submit(script, *NAMED, *options, cwd=folder)
        cluster.wait_for_state(job, *ENDS)
        return Asked(job)

    return provoke


def waits(*options: str, reason: str) -> Callable[[Cluster, Path], Asked]:
    """Pending, for this reason."""

    def provoke(cluster: Cluster, folder: Path) -> Asked:
        job = cluster.submit("true", *NAMED, *options, cwd=folder)
        assert until(lambda: cluster.job(job)["Reason"].startswith(reason), 30), cluster.job(job)
        return Asked(job, ended=False)

    return provoke


def struck(
    strike: Callable[[Cluster, str], None], *states: str, script: str = SLEEPS, options: tuple[str, ...] = ()
) -> Callable[[Cluster, Path], Asked]:
    """Runs, and something befalls it, until it is in one of these states."""

    def provoke(cluster: Cluster, folder: Path) -> Asked:
        job = cluster.submit(script, *NAMED, *options, cwd=folder)
        cluster.wait_for_state(job, "RUNNING")
        strike(cluster, job)
        cluster.wait_for_state(job, *states, within=90)
        return Asked(job, ended=states[0] in ENDS)

    return provoke


def cancel(cluster: Cluster, job: str) -> None:
    cluster.ask("scancel", job)


def use_up_its_time(cluster: Cluster, job: str) -> None:
    cluster.ask("scontrol", "update", f"jobid={job}", "EndTime=now+2seconds")


def lose_its_node(cluster: Cluster, job: str) -> None:
    cluster.set_node(cluster.job(job)["NodeList"], "down")


def prefer_another(cluster: Cluster, _job: str) -> None:
    cluster.submit("sleep 5", "--partition=main", "--nodes=3", "--exclusive", cwd=cluster.root)


def requeue(cluster: Cluster, job: str) -> None:
    cluster.ask("scontrol", "requeue", job)


def suspend(cluster: Cluster, job: str) -> None:
    cluster.ask("scontrol", "suspend", job)


def nothing(_cluster: Cluster, _job: str) -> None:
    pass


def completes_after(strike: Callable[[Cluster, str], None], *options: str) -> Callable[[Cluster, Path], Asked]:
    """A job that is started twice, and only the second time comes to its end."""

    def provoke(cluster: Cluster, folder: Path) -> Asked:
        script = f"echo >began; [ ${{SLURM_RESTART_COUNT:-0}} -gt 0 ] || {SLEEPS}"
        (folder / "began").unlink(missing_ok=True)
        job = cluster.submit(script, *NAMED, *options, cwd=folder)
        assert until((folder / "began").exists, 30), cluster.job(job)
        strike(cluster, job)
        assert until(lambda: cluster.job(job)["Restarts"] == "1", 60)
        assert until(lambda: _is_over(cluster, job), 180), cluster.job(job)
        assert cluster.state(job) == "COMPLETED", cluster.job(job)
        return Asked(job)

    return provoke


def _is_over(cluster: Cluster, job: str) -> bool:
    """Slurm waits for two minutes before it starts a job again, unless it is told to."""
    state = cluster.state(job)
    if state == "PENDING":
        cluster.run("scontrol", "update", f"jobid={job}", "StartTime=now")
    return state in ENDS and state != "NODE_FAIL"


def never(cluster: Cluster, folder: Path) -> Asked:
    failed = cluster.submit("exit 3", cwd=folder)
    cluster.wait_for_state(failed, "FAILED")
    return waits(f"--dependency=afterok:{failed}", reason="DependencyNeverSatisfied")(cluster, folder)


def too_many_nodes(cluster: Cluster, folder: Path) -> Asked:
    cluster.set_node(cluster.nodes[2], "drain")
    return waits("--nodes=3", reason="ReqNodeNotAvail")(cluster, folder)


def resources(cluster: Cluster, folder: Path) -> Asked:
    cluster.submit(SLEEPS, "--nodes=3", "--exclusive", cwd=folder)
    return waits("--nodes=3", "--exclusive", reason="Resources")(cluster, folder)


def array(cluster: Cluster, folder: Path) -> Asked:
    job = cluster.submit("exit $SLURM_ARRAY_TASK_ID", *NAMED, "--array=0-3", cwd=folder)
    asked = ("squeue", "-h", "-r", "-t", "all", "-o", "%T", f"--jobs={job}")
    assert until(lambda: set(cluster.ask(*asked).split()) <= set(ENDS), 60)
    return Asked(job)


def part_of_an_array(cluster: Cluster, folder: Path) -> Asked:
    job = cluster.submit(f"[ $SLURM_ARRAY_TASK_ID != 1 ] || exit 3; {SLEEPS}", *NAMED, "--array=1-9%3", cwd=folder)
    asked = ("squeue", "-h", "-r", "-t", "all", "-o", "%T", f"--jobs={job}")
    expected = ["FAILED", *["PENDING"] * 5, *["RUNNING"] * 3]
    assert until(lambda: sorted(cluster.ask(*asked).split()) == expected, 30), cluster.ask(*asked)
    return Asked(job, ended=False)


def scattered_array(cluster: Cluster, folder: Path) -> Asked:
    indexes = ",".join(str(number * number) for number in range(2, 40))
    return waits("--hold", f"--array={indexes}", reason="JobHeldUser")(cluster, folder)


def unknown(_cluster: Cluster, _folder: Path) -> Asked:
    return Asked("999999", ended=False)


def refused(*options: str) -> Callable[[Cluster, Path], Asked]:
    """By sbatch."""
    return lambda _cluster, folder: Asked(
        ended=False, commands=(("sbatch", "--parsable", f"--chdir={folder}", *options, "--wrap=true"),)
    )


def without_slurmdbd(cluster: Cluster, folder: Path) -> Asked:
    cluster.slurmdbd.kill()
    return Asked(cluster.submit("true", cwd=folder), ended=False)


def without_slurmctld(cluster: Cluster, folder: Path) -> Asked:
    job = cluster.submit("true", cwd=folder)
    cluster.wait_for_state(job, "COMPLETED")
    cluster.slurmctld.kill()
    return Asked(job)


CASES = (
    Case("ok", "exit 0", ends("true")),
    Case("ok_srun", "exit 0 under srun", ends("srun true")),
    Case("raise", "Python raised", ends(RAISES)),
    Case("exit_3", "exit 3", ends("exit 3")),
    Case("exit_3_srun", "exit 3 under srun", ends("srun bash -c 'exit 3'")),
    Case("exit_137", "exit 137", ends("exit 137")),
    Case("exit_0_early", "os._exit(0) before anything was done", ends(LEAVES)),
    Case("segfault", "a segmentation fault", ends(SEGFAULTS)),
    Case("segfault_srun", "a segmentation fault under srun", ends(f"srun {SEGFAULTS}")),
    Case("out_of_memory", "more memory than --mem, in the cgroup", ends(EATS_MEMORY, "--mem=50")),
    Case("out_of_memory_srun", "the same under srun", ends(f"srun {EATS_MEMORY}", "--mem=50")),
    Case("out_of_memory_child", "only a child was killed, exit 0", ends(f"{EATS_MEMORY}; exit 0", "--mem=50")),
    Case("bad_folder", "a working folder that is not there", ends("true", "--chdir=/none/such")),
    Case("bad_log", "a log path that is not there", ends("true", "--output=/none/such/log")),
    Case("no_name", "no name was given", ends("true", "--job-name=sbatch")),
    Case("odd_name", "a name with the sign that separates fields", ends("true", "--job-name=a|b c")),
    Case("running", "while it runs", struck(nothing, "RUNNING")),
    Case("suspended", "scontrol suspend", struck(suspend, "SUSPENDED")),
    Case("cancelled", "scancel while it ran", struck(cancel, "CANCELLED")),
    Case("cancelled_srun", "the same under srun", struck(cancel, "CANCELLED", script=f"srun {SLEEPS}")),
    Case("timeout", "its time was used up", struck(use_up_its_time, "TIMEOUT")),
    Case("timeout_srun", "the same under srun", struck(use_up_its_time, "TIMEOUT", script=f"srun {SLEEPS}")),
    Case(
        "node_fail", "its node went down, --no-requeue", struck(lose_its_node, "NODE_FAIL", options=("--no-requeue",))
    ),
    Case("node_fail_pending", "its node went down, and it is requeued", struck(lose_its_node, "PENDING")),
    Case("node_fail_completed", "the same, once it has run again", completes_after(lose_its_node)),
    Case(
        "preempted_pending",
        "preempted and requeued",
        struck(prefer_another, "PENDING", options=("--partition=low", "--exclusive")),
    ),
    Case(
        "preempted_completed",
        "the same, once it has run again",
        completes_after(prefer_another, "--partition=low", "--exclusive"),
    ),
    Case(
        "preempted",
        "preempted and cancelled",
        struck(prefer_another, "PREEMPTED", options=("--partition=lowcancel", "--exclusive")),
    ),
    Case("requeued", "scontrol requeue, once it has run again", completes_after(requeue)),
    Case("pending_never", "depends on a job that failed", never),
    Case("pending_nodes", "asks for a node that is drained", too_many_nodes),
    Case("pending_many_nodes", "more nodes than there are", waits("--nodes=4", reason="PartitionConfig")),
    Case("pending_held", "sbatch --hold", waits("--hold", reason="JobHeldUser")),
    Case("pending_begin", "sbatch --begin", waits("--begin=now+1hour", reason="BeginTime")),
    Case("pending_resources", "no node is free", resources),
    Case("array", "four tasks that exit with 0, 1, 2, 3", array),
    Case("array_part", "nine tasks, three at a time", part_of_an_array),
    Case("array_scattered", "38 tasks with scattered indexes, held", scattered_array),
    Case("unknown", "no such job", unknown),
    Case("refused_partition", "no such partition", refused("--partition=none")),
    Case("refused_memory", "more memory than any node has", refused("--mem=1T")),
    Case("slurmdbd_down", "slurmdbd killed, then a job", without_slurmdbd),
    Case("slurmctld_down", "a job, then slurmctld killed", without_slurmctld),
)
BARE_CASES = (
    Case("bare_ok", "exit 0, without slurmdbd", ends("true")),
    Case("bare_exit_3", "exit 3, without slurmdbd", ends("exit 3")),
    Case("bare_out_of_memory", "more memory than --mem, without slurmdbd", ends(EATS_MEMORY, "--mem=50")),
)
