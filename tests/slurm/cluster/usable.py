"""Whether a cluster can be had here, and getting Debian's packages for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slurm.cluster import cgroups

PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client", "slurmdbd", "mariadb-server")
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "slurmdbd", "mariadbd", "mariadb-install-db")
_POLICY = Path("/usr/sbin/policy-rc.d")
_SET_ASIDE = _POLICY.with_name("policy-rc.d.before-slurm-test")
_OURS = "#!/bin/sh\n# slurm-test: nothing is started while its packages are installed\nexit 101\n"


def why_not() -> str | None:
    """The reason that no cluster can be brought up here, before anything is installed; None if one can."""
    if os.geteuid() != 0:
        return "only root can start a Slurm cluster"
    if missing() and not shutil.which("apt-get"):
        return f"{', '.join(missing())} missing, and there is no apt-get to install them"
    for hierarchy in cgroups.NEEDED:
        if not os.access(f"/sys/fs/cgroup/{hierarchy}/cgroup.procs", os.W_OK):
            return f"no {hierarchy} hierarchy of cgroup v1 can be written, by which Slurm limits memory"
    return None


def missing() -> list[str]:
    return [program for program in _PROGRAMS if not shutil.which(program, path=PATH)]


def install() -> None:
    """Install what is missing; of daemons that packages would start, none starts.

    Raises:
        CalledProcessError: apt-get refused.
    """
    if not missing():
        return
    with _none_starts():
        if _apt("install", *_PACKAGES).returncode != 0:  # lists may be old, or not be there at all
            _apt("update").check_returncode()
            _apt("install", *_PACKAGES).check_returncode()


def _apt(*words: str) -> subprocess.CompletedProcess[bytes]:
    options = ("-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")
    return subprocess.run(
        ["apt-get", *options, *words],
        env={**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        check=False,
    )


@contextmanager
def _none_starts() -> Iterator[None]:
    """A policy that refuses every start; one that was here before stands there again afterwards."""
    if _POLICY.is_file() and _POLICY.read_text() == _OURS:  # of an installation that was killed
        _POLICY.unlink()
    if _POLICY.exists():
        _POLICY.rename(_SET_ASIDE)
    _POLICY.write_text(_OURS)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
        if _SET_ASIDE.exists():
            _SET_ASIDE.rename(_POLICY)
