"""A folder with a sweep of `ways.py` for a cluster, and the commands typed in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sweeping import Done, wait_for
from ways_desk import WaysDesk

from slurm.cluster import Cluster

AGAIN = ("killed", "lost", "launch_refused", "node_lost", "preempted", "contradiction", "wall_time", "stalled")
"""What would be tried again, and is not here: each run ends with its first failure."""


class SlurmDesk(WaysDesk):
    """Sweeps of one command, for a cluster."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder, cluster)
        self.cluster = cluster

    def write_ways(self, *ways: str, **sections: Any) -> None:
        policy = {"wait": 0, "grace": 1, "stop_after": 0, "retries": dict.fromkeys(AGAIN, 0)}
        super().write_ways(*ways, **{"policy": policy, **sections})

    def sweep_there(self, *arguments: str) -> Done:
        return self.type("sweep", "sweep.yaml", "--launcher", "slurm", *arguments)

    def ends(self) -> dict[str, str]:
        """By way, the kind of its failure, or its state."""
        ways = {run: way for way, run in self.runs().items()}
        return {ways[row["run"]]: row["failure_kind"] or row["state"] for row in self.status()}

    def why(self, way: str) -> str:
        return self.type("why", self.runs()[way]).out

    def runs(self) -> dict[str, str]:
        """By way, the id of its run."""
        rows = json.loads(self.type("sql", "SELECT id, settings FROM run", "--json").out)
        return {json.loads(row["settings"])["argv"][2]: row["id"] for row in rows}

    def wait_until_they_began(self, count: int = 1) -> list[Path]:
        """Until so many commands have begun; their attempts' folders."""

        def begun() -> list[Path] | None:
            found = sorted(path.parent.parent for path in self.root.glob("*/*/out/began"))
            return found if len(found) >= count else None

        return wait_for(begun)

    def jobs(self) -> list[str]:
        """What Slurm calls the tasks, in the order in which they were submitted."""
        rows = self.type("sql", "SELECT reference FROM submission ORDER BY attempt_id", "--json").out
        return [row["reference"].partition(":")[0] for row in json.loads(rows or "[]")]  # before there is a ledger

    def wait_until_submitted(self, count: int = 1) -> list[str]:
        def submitted() -> list[str] | None:
            return jobs if len(jobs := self.jobs()) >= count else None

        return wait_for(submitted)
