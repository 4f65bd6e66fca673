"""What every launcher keeps to, on a real cluster, with slurmdbd and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from launcher_contract import Bench, Contract, gone, submit
from supervised import QUICK, output, planned, shell

from runner.slurm import book
from slurm.cluster import Cluster


class TestSlurm(Contract):
    @pytest.fixture
    def bench(self, tmp_path: Path, either_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Bench:
        monkeypatch.setattr(book, "UNKNOWN_PATIENCE", 5.0)
        for name in ("PATH", "SLURM_CONF"):
            monkeypatch.setenv(name, either_cluster.env[name])
        return Bench("slurm", tmp_path)

    @pytest.mark.parametrize("name", ["per%jcent", "per%%cent", "a b", "ü'\"$(x)#"])
    def test_any_folder_will_do(self, bench: Bench, name: str) -> None:
        odd = Bench("slurm", bench.root / name)
        attempt = planned(odd.root / "1", shell("echo ran"), limits=QUICK)
        launcher = odd.launcher()
        (reference,) = submit(odd, launcher, attempt)
        account = gone(launcher, reference).account
        assert account is not None
        assert account.agrees
        assert output(attempt) == "ran\n"
