"""`runner status` while attempts are with Slurm: what is queued and why, what will not start, where it runs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sweeping import finish, wait_for
from test_status_schema import fitting
from ways_desk import WAYS

from slurm.cluster import Cluster
from slurm.desk import SlurmDesk

OFTEN = {"argv": [sys.executable, str(WAYS), "{way}", "{out}"], "name": "way", "env": {"SEED": "{seed}"}}
"""A run for each seed."""


@pytest.fixture
def desk(tmp_path: Path, bare_cluster: Cluster) -> Iterator[SlurmDesk]:
    desk = SlurmDesk(tmp_path, bare_cluster)
    yield desk
    desk.clean_up()


def queue(desk: SlurmDesk) -> list[dict[str, Any] | None]:
    told = fitting(desk.type("status", "--json").out)
    return [run["queue"] for sweep in told["sweeps"] for run in sweep["runs"]]


def wait_to_stand(desk: SlurmDesk, stands: str, reason: str) -> Mapping[str, Any]:
    """Until the only attempt stands so."""

    def seen() -> dict[str, Any] | None:
        (found,) = queue(desk)
        return found if found and (found["stands"], found["reason"]) == (stands, reason) else None

    return wait_for(seen)


def test_what_runs_and_what_waits_for_it(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps", command=OFTEN, seeds=4, resources={"cpus": 4})
    sweep = desk.start_there()
    began = desk.wait_until_they_began(3)
    assert len(began) == 3
    wait_for(lambda: [one["reason"] for one in queue(desk) if one and one["stands"] == "queued"] == ["Resources"])
    found = [one for one in queue(desk) if one]
    assert sorted(str(one["nodes"]) for one in found if one["stands"] == "running") == list(desk.cluster.nodes)
    page = desk.type("status").out
    assert page.startswith("ways: 4 running of 4; with slurm: 1 queued, 3 running\n")
    assert "queued: Resources; attempt 1" in page
    assert f"on {desk.cluster.nodes[0]}; attempt 1" in page
    sweep.kill()
    unobserved = wait_for(lambda: page if "unobserved" in (page := desk.type("status").out) else None)
    assert "queued: Resources; " in unobserved, "whoever watches it"


def test_a_job_that_is_held_is_told_apart(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"extra": {"hold": True}})
    sweep = desk.start_there()
    (job,) = desk.wait_until_submitted()
    found = wait_to_stand(desk, "stuck", "JobHeldUser")
    assert found["advice"] == f"`scontrol release {job}` lets it go"
    assert f"will not start by itself: JobHeldUser; {found['advice']}; attempt 1" in desk.type("status").out
    desk.cluster.ask("scontrol", "release", job)
    assert finish(sweep).code == 0
    assert queue(desk) == [None]


def test_one_that_somebody_holds_while_it_waits(desk: SlurmDesk) -> None:
    desk.cluster.ask("scontrol", "update", "partitionname=low", "state=down")
    try:
        desk.write_ways("goes_well", slurm={"partition": "low"})
        desk.start_there()
        (job,) = desk.wait_until_submitted()
        wait_to_stand(desk, "queued", "PartitionDown")
        desk.cluster.ask("scontrol", "hold", job)
        wait_to_stand(desk, "stuck", "JobHeldAdmin")
        desk.cluster.ask("scontrol", "release", job)
    finally:
        desk.cluster.ask("scontrol", "update", "partitionname=low", "state=up")


def test_one_whose_dependency_is_never_satisfied(desk: SlurmDesk) -> None:
    """Sweeps ask for none, but whoever may change a job can give it one."""
    desk.write_ways("goes_well", slurm={"extra": {"hold": True}})
    desk.start_there()
    (job,) = desk.wait_until_submitted()
    failed = desk.cluster.submit("false", "--output=/dev/null", cwd=desk.folder)
    desk.cluster.wait_for_state(failed, "FAILED")
    desk.cluster.ask("scontrol", "update", f"jobid={job}", f"dependency=afterok:{failed}")
    desk.cluster.ask("scontrol", "release", job)
    wait_to_stand(desk, "stuck", "DependencyNeverSatisfied")
    assert desk.type("cancel", "--all").code == 0
    assert wait_for(lambda: [row["state"] for row in desk.status()] == ["cancelled"])


def test_one_that_asks_for_longer_than_its_partition_grants(desk: SlurmDesk) -> None:
    desk.cluster.ask("scontrol", "update", "partitionname=low", "maxtime=5")
    try:
        desk.write_ways("goes_well", slurm={"partition": "low", "time": "1h"})
        desk.start_there()
        desk.wait_until_submitted()
        assert "slurm.time" in wait_to_stand(desk, "stuck", "PartitionTimeLimit")["advice"]
    finally:
        desk.cluster.ask("scontrol", "update", "partitionname=low", "maxtime=infinite")


def test_slurm_that_does_not_answer_is_told_and_everything_else_too(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well", slurm={"extra": {"hold": True}})
    sweep = desk.start_there()
    desk.wait_until_submitted()
    desk.cluster.slurmctld.kill()
    begun = time.monotonic()
    done = desk.type("status")
    assert time.monotonic() - begun < 15, "3 s for squeue, and what a busy machine takes besides"
    assert done.code == 0
    assert "ways: 1 running of 1\n" in done.out
    assert "slurm does not answer; attempt 1" in done.out
    assert "slurm does not answer: `squeue` " in done.out.splitlines()[-1]
    assert queue(desk) == [{**dict.fromkeys(("reason", "nodes", "advice")), **unheard(desk)}]
    desk.cluster.start_slurmctld()
    assert wait_for(lambda: fitting(desk.type("status", "--json").out)["slurm"]["answers"])
    sweep.kill()


def unheard(desk: SlurmDesk) -> dict[str, str]:
    return {"launcher": "slurm", "stands": "unheard", "job": desk.jobs()[0]}


def test_a_job_that_slurm_does_not_know(desk: SlurmDesk) -> None:
    """Its scheduler was killed, and its controller has lost all that it knew."""
    desk.write_ways("goes_well", slurm={"extra": {"hold": True}})
    sweep = desk.start_there()
    (job,) = desk.wait_until_submitted()
    sweep.kill()
    sweep.wait()
    desk.cluster.slurmctld.kill()
    for file in (path for path in (desk.cluster.root / "state").rglob("*") if path.is_file()):
        file.unlink()
    desk.cluster.start_slurmctld()
    assert f"slurm does not know job {job}; attempt 1" in desk.type("status").out


def test_without_an_attempt_of_its_own_slurm_is_not_asked(desk: SlurmDesk) -> None:
    desk.write_ways("goes_well")
    assert desk.sweep_there().code == 0
    bin_ = desk.folder / "bin"
    bin_.mkdir()
    (bin_ / "squeue").write_text(f"#!/bin/sh\ntouch {desk.folder}/asked\n")
    (bin_ / "squeue").chmod(0o755)
    facts = json.loads(desk.type("status", "--json", PATH=f"{bin_}:{desk.cluster.env['PATH']}").out)
    assert facts["slurm"] is None
    assert not (desk.folder / "asked").exists()


def test_a_sweep_says_what_is_queued_and_why(desk: SlurmDesk) -> None:
    desk.write_ways("sleeps", "goes_well", command=OFTEN, seeds=4, slurm={"extra": {"hold": True}})
    sweep = desk.start_there()
    desk.wait_until_submitted(8)
    log = desk.root / "logs" / "ways.log"
    told = wait_for(lambda: text if "queued" in (text := log.read_text()) else None)
    assert "0 succeeded, 0 not, 0 running, 8 queued, 0 waiting of 8\n" in told
    assert " and 5 more: will not start by itself: JobHeldUser; `runner status` tells what helps\n" in told
    desk.cluster.slurmctld.kill()
    wait_for(lambda: "waiting of 8; slurm does not answer: " in log.read_text())
    desk.cluster.start_slurmctld()
    sweep.terminate()
    finish(sweep)
