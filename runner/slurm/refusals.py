"""Why sbatch would not take an array, in its own words, and what that means. Pure.

Source: https://slurm.schedmd.com/resource_limits.html, and slurm_errno.c of Slurm 22.05.
"""

from __future__ import annotations

import re

BY_SBATCH = "sbatch would not take it"
_FULL = re.compile(
    r"\w*(?:Max|Grp)Submit\w*|Resource temporarily unavailable|temporarily unable to accept"
    r"|job submit limit|reached its job limit",
    re.IGNORECASE,
)
_NOWHERE = re.compile(r"node configuration is not available|Invalid node name", re.IGNORECASE)


def is_full(said: str) -> bool:
    """Whether the cluster takes no more jobs of this user now; later it will."""
    return said.startswith(BY_SBATCH) and _FULL.search(said) is not None


def is_nowhere(said: str) -> bool:
    """Whether no node is left that would do."""
    return said.startswith(BY_SBATCH) and _NOWHERE.search(said) is not None
