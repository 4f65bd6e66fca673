"""Launchers by the name that an attempt is recorded with: a sweep may have attempts of several."""

from __future__ import annotations

from pathlib import Path

from db.errors import RunnerError
from runner.launchers.interface import Launcher
from runner.launchers.local import LocalLauncher
from sweeps.settings import Resources
from sweeps.slurm import Slurm


class Launchers:
    """Each is made once, when it is first needed."""

    def __init__(self, root: Path, slurm: Slurm | None = None, resources: Resources | None = None) -> None:
        self._root = root
        self._slurm = slurm or Slurm()
        self._resources = resources or Resources()
        self._made: dict[str, Launcher] = {}

    def named(self, name: str) -> Launcher:
        """The launcher of this name.

        Raises:
            RunnerError: an attempt was recorded by a version that has one more.
        """
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Launcher:
        if name == "local":
            return LocalLauncher()
        if name == "slurm":
            from runner.launchers.slurm import SlurmLauncher

            return SlurmLauncher(self._root, self._slurm, self._resources)
        raise RunnerError(f"there is no launcher `{name}` here; a later version of runner started that attempt")
