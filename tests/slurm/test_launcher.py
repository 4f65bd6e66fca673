"""What every launcher keeps to, on a real cluster, with slurmdbd and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from launcher_contract import Bench, Contract

from runner.slurm import book
from slurm.cluster import Cluster


class TestSlurm(Contract):
    @pytest.fixture
    def bench(self, tmp_path: Path, either_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Bench:
        monkeypatch.setattr(book, "UNKNOWN_PATIENCE", 5.0)
        for name in ("PATH", "SLURM_CONF"):
            monkeypatch.setenv(name, either_cluster.env[name])
        return Bench("slurm", tmp_path)
