"""What stands on a cluster and fails for a while: its daemons, a node, a host. Nothing is lost, nothing runs twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import ROOT, finish, wait_for

from runner.liveness import LEASE_EXPIRES
from slurm.cluster import Cluster, Shape, running
from slurm.desk import SlurmDesk

MARKED = ROOT / "tests" / "commands" / "marked.sh"


@pytest.fixture
def desk(tmp_path: Path, cluster: Cluster) -> Iterator[SlurmDesk]:
    desk = SlurmDesk(tmp_path, cluster)
    yield desk
    desk.clean_up()


def write_marked(desk: SlurmDesk, count: int, seconds: float, **sections: Any) -> None:
    """So many runs, each of which marks when it begins and ends."""
    (desk.folder / "side").mkdir()
    argv = ["bash", str(MARKED), str(desk.folder / "side"), "{run}", str(seconds), "well", "{out}"]
    desk.write(
        **dict.fromkeys(("tasks", "data", "train", "plugins")),
        name="marked",
        command={"argv": argv, "name": "job", "env": {"NUMBER": "{number}"}},
        success={"files": [{"path": "{out}/metrics.json", "metrics": ["mse"]}]},
        grid={"number": list(range(count))},
        **{"policy": {"wait": 0, "grace": 1}, **sections},
    )


def marks(desk: SlurmDesk, what: str) -> list[str]:
    """The runs of these marks."""
    file = desk.folder / "side" / "marks"
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return sorted(run for word, run, *_ in lines if word == what)


def require_all(desk: SlurmDesk, count: int) -> None:
    assert {row["state"] for row in desk.status()} == {"succeeded"}
    assert marks(desk, "beside") == []
    assert len(set(marks(desk, "end"))) == count


def test_a_controller_that_is_down_for_a_while(desk: SlurmDesk) -> None:
    write_marked(desk, 8, 1, resources={"slots": 2})
    sweep = desk.start_there()
    wait_for(lambda: marks(desk, "start"))
    desk.cluster.slurmctld.kill()
    told = wait_for(lambda: [line for line in desk.type("status").out.splitlines() if "does not answer" in line])
    assert told, "whoever looks is told"
    time.sleep(3)
    desk.cluster.start_slurmctld()
    assert finish(sweep).code == 0
    require_all(desk, 8)
    kinds = {row["failure_kind"] for row in desk.attempts()}
    assert kinds <= {None, "contradiction"}, "Slurm calls jobs CANCELLED that ended while its controller was down"


def test_accounting_that_is_down_for_a_while(desk: SlurmDesk) -> None:
    write_marked(desk, 4, 1, resources={"slots": 2})
    sweep = desk.start_there()
    wait_for(lambda: marks(desk, "start"))
    desk.cluster.slurmdbd.kill()
    wait_for(lambda: marks(desk, "end"))
    time.sleep(3)
    desk.cluster.start_slurmdbd()
    assert finish(sweep).code == 0
    require_all(desk, 4)


def test_what_outlives_its_node_is_not_run_beside(desk: SlurmDesk) -> None:
    """The node is cut off: Slurm gives it up, its process lives on until it is asked to end."""
    write_marked(desk, 1, 600)
    sweep = desk.start_there()
    wait_for(lambda: marks(desk, "start"))
    (job,) = desk.jobs()
    node = desk.cluster.job(job)["NodeList"]
    desk.cluster.kill_node(node)
    desk.cluster.set_node(node, "down")
    wait_for(lambda: len(marks(desk, "start")) == 2)
    assert marks(desk, "beside") == []
    first, second = sorted(desk.root.glob("*/[12]"))
    assert json.loads((first / "exit.json").read_text())["ended_by"]
    assert desk.cluster.job(desk.jobs()[1])["NodeList"] != node
    assert desk.type("cancel", "--all").code == 0
    assert finish(sweep).code == 1
    assert [row["failure_kind"] for row in desk.attempts()] == ["node_lost", "cancelled"]
    assert second.exists()


def test_what_completes_after_its_node_was_given_up_is_no_success(desk: SlurmDesk) -> None:
    """It had ended well before it could be asked to end; Slurm speaks against it, so it runs again."""
    write_marked(desk, 1, 2, policy={"wait": 0, "grace": 30})
    sweep = desk.start_there("--detach")
    assert finish(sweep).code == 0
    wait_for(lambda: marks(desk, "start"))
    (job,) = desk.jobs()
    node = desk.cluster.job(job)["NodeList"]
    desk.cluster.kill_node(node)
    desk.cluster.set_node(node, "down")
    wait_for(lambda: {row["state"] for row in desk.status()} == {"succeeded"})
    assert marks(desk, "beside") == []
    first, second = desk.attempts()
    assert (first["failure_kind"], second["verdict"]) == ("node_lost", "succeeded")


def test_what_vanished_on_another_host_is_waited_for_until_its_lease_has_run_out(
    tmp_path: Path,
) -> None:
    with running(Shape(accounting=False, nodes=1, own_host_names=True)) as cluster:
        desk = SlurmDesk(tmp_path, cluster)
        desk.write_ways("kills_its_supervisor")
        assert desk.sweep_there().code == 1
        (attempt,) = desk.attempts()
        assert attempt["failure_kind"] == "lost"
        (folder,) = desk.root.glob("*/1")
        claim = json.loads((folder / "claim.json").read_text())
        assert claim["host"] == cluster.nodes[0]
        renewed = max((folder / name).stat().st_mtime for name in ("claim.json", "lease"))
        (row,) = json.loads(desk.type("sql", "SELECT judged_at FROM verdict", "--json").out)
        assert row["judged_at"] - renewed >= LEASE_EXPIRES
