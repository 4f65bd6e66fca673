"""A folder with a sweep of `slurm/ways.py`, for a cluster, real or scripted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sweeping import ROOT, Desk

WAYS = ROOT / "tests" / "slurm" / "ways.py"


class AnyCluster(Protocol):
    """`env` is what its clients need."""

    @property
    def env(self) -> Mapping[str, str]: ...


class WaysDesk(Desk):
    """Sweeps of one command; all that is typed reaches the cluster."""

    def __init__(self, folder: Path, cluster: AnyCluster) -> None:
        super().__init__(folder)
        self._cluster_env = cluster.env

    def write_ways(self, *ways: str, **sections: Any) -> None:
        """A run for each way; `sections` take the place of these."""
        base: dict[str, Any] = {
            **dict.fromkeys(("tasks", "data", "train", "plugins")),
            "name": "ways",
            "command": {"argv": [sys.executable, str(WAYS), "{way}", "{out}"], "name": "way"},
            "success": {"files": [{"path": "{out}/m.json", "metrics": ["mse"]}]},
            "grid": {"way": list(ways)},
            "policy": {"wait": 0, "grace": 1, "stop_after": 0},
        }
        self.write(**{**base, **sections})

    def start(self, *arguments: str, around: Sequence[str] = (), **env: str) -> subprocess.Popen[str]:
        return super().start(*arguments, around=around, **{**self._cluster_env, **env})

    def start_there(self, *arguments: str) -> subprocess.Popen[str]:
        return self.start("sweep", "sweep.yaml", "--launcher", "slurm", *arguments)
