"""What it means how memory can be limited. Pure."""

from __future__ import annotations

from runner.doctor.finding import Finding, fine, warning
from runner.memory_limit import How


def memory_finding(check: str, where: str, how: How, *, forced_by: str | None = None) -> Finding:
    """`forced_by` is the environment variable that may have asked for it."""
    if how in ("cgroup_v2", "cgroup_v1"):
        return fine(check, f"each attempt gets a cgroup of its own {where} ({how.replace('_', ' ')})")
    asked = f", unless {forced_by}=sampled asks for it" if forced_by else ""
    return warning(
        check,
        f"no cgroup can be made {where}: resources.memory is watched ten times a second instead, which a sudden demand "
        "may outrun, and the kernel does not count whom it kills for want of memory",
        f"ask for a delegated cgroup with a memory controller{asked}; sweeps run without, with one witness less",
    )
