"""What a cluster says of itself: asked once, and judged by `runner.doctor.cluster_checks`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.doctor.offers import FORMAT, Offer, read_config, read_offers
from runner.doctor.request import Request
from runner.placement import Placement
from runner.slurm.array import parameters
from runner.slurm.commands import NoAccounting, NoAnswer, ask
from runner.slurm.reading import Unreadable

NEEDED = ("sbatch", "srun", "squeue", "scancel", "scontrol")
HELPFUL = ("sacct", "sinfo")
_PLAIN = ("partition", "account", "qos", "constraint", "gres", "exclude")
_SIZES = ("time", "mem", "cpus_per_task")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """`missing` are commands that are not on PATH. What begins with `why` is nothing where all is well.

    `why_refused`: sbatch would not take a job of this kind. `keeps_accounts` is whether there is a sacct that knows
    anything.
    """

    request: Request
    missing: tuple[str, ...]
    why_silent: str | None = None
    config: Mapping[str, str]
    offers: tuple[Offer, ...] = ()
    why_no_offers: str | None = None
    why_refused: str | None = None
    keeps_accounts: bool = True
    why_no_accounts: str | None = None


def look_at_cluster(request: Request) -> Cluster:
    missing = tuple(name for name in (*NEEDED, *HELPFUL) if shutil.which(name) is None)
    if set(missing) & set(NEEDED):
        return Cluster(request=request, missing=missing, config={})
    try:
        config = read_config(ask("scontrol", "show", "config"))
    except NoAnswer as fault:
        return Cluster(request=request, missing=missing, config={}, why_silent=str(fault))
    offers, why_no_offers = _offers()
    keeps_accounts, why_no_accounts = _accounts()
    return Cluster(
        request=request,
        missing=missing,
        config=config,
        offers=offers,
        why_no_offers=why_no_offers,
        why_refused=_why_refused(request),
        keeps_accounts=keeps_accounts,
        why_no_accounts=why_no_accounts,
    )


def _offers() -> tuple[tuple[Offer, ...], str | None]:
    try:
        return tuple(read_offers(ask("sinfo", "-h", "-a", "-o", FORMAT))), None
    except (NoAnswer, Unreadable) as fault:
        return (), str(fault)


def _accounts() -> tuple[bool, str | None]:
    try:
        ask("sacct", "-n", "-X", "-P", "--format=JobID", "--starttime=now-1hours")
    except NoAccounting as fault:
        return False, str(fault)
    except NoAnswer as fault:
        return True, str(fault)
    return True, None


def _why_refused(request: Request) -> str | None:
    """Nothing is submitted: sbatch only says whether it would take it."""
    try:
        ask("sbatch", "--test-only", *options(request), given="#!/bin/sh\n")
    except NoAnswer as fault:
        return str(fault)
    return None


def options(request: Request, *, tiny: bool = False) -> Sequence[str]:
    """Those of sbatch that an attempt is submitted with; of something tiny, without its size. Pure."""
    given: dict[str, Any] = parameters(request.slurm, request.resources, "runner-doctor", Placement())
    plain = _PLAIN if tiny else (*_PLAIN, *_SIZES)
    named = [f"--{key.replace('_', '-')}={given[key]}" for key in plain if given[key] is not None]
    extra = given["additional_parameters"].items()
    return [*named, *(f"--{key}" if value is True else f"--{key}={value}" for key, value in extra)]
