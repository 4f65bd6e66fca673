"""What a cluster says of itself: asked once, and judged by `runner.doctor.cluster_checks`."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runner.doctor.offers import FORMAT, Offer, read_config, read_offers, read_partitions
from runner.doctor.request import Request
from runner.doctor.submit_limits import ACCOUNT_FIELDS, QOS_FIELDS, Registered, read_associations, read_qos
from runner.placement import Placement
from runner.slurm.array import overruling, parameters
from runner.slurm.commands import NoAccounting, NoAnswer, ask
from runner.slurm.reading import Unreadable

NEEDED = ("sbatch", "srun", "squeue", "scancel", "scontrol")
HELPFUL = ("sacct", "sinfo")
_PLAIN = ("partition", "account", "qos", "constraint", "gres", "exclude")
_SIZES = ("time", "mem", "cpus_per_task")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """`missing` are commands that are not on PATH. What begins with `why` is nothing where all is well.

    `variables`: those of sbatch in our environment. `details`: of each partition, in scontrol's words.
    `why_refused`: sbatch would not take a job of this kind. `keeps_accounts` is whether there is a sacct that knows
    anything. `registered`: nothing where the accounting does not tell.
    """

    request: Request
    missing: tuple[str, ...]
    why_silent: str | None = None
    config: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    offers: tuple[Offer, ...] = ()
    why_no_offers: str | None = None
    why_refused: str | None = None
    keeps_accounts: bool = True
    why_no_accounts: str | None = None
    registered: Registered | None = None

    def chosen(self, option: str) -> str | None:
        """What the sweep file says, or else the shell, which may choose what the file leaves open."""
        said: str | None = getattr(self.request.slurm, option)
        return said or self.variables.get(f"SBATCH_{option.upper()}") or None

    @property
    def partitions(self) -> Sequence[str]:
        """Those chosen, else the default one; none where there is no default."""
        asked = self.chosen("partition")
        return asked.split(",") if asked else [offer.partition for offer in self.offers if offer.default][:1]


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
        variables={name: value for name, value in os.environ.items() if name.startswith("SBATCH_")},
        details=_details(),
        offers=offers,
        why_no_offers=why_no_offers,
        why_refused=_why_refused(request),
        keeps_accounts=keeps_accounts,
        why_no_accounts=why_no_accounts,
        registered=None if why_no_accounts else _registered(config.get("ClusterName", "")),
    )


def _offers() -> tuple[tuple[Offer, ...], str | None]:
    try:
        return tuple(read_offers(ask("sinfo", "-h", "-a", "-o", FORMAT))), None
    except (NoAnswer, Unreadable) as fault:
        return (), str(fault)


def _details() -> Mapping[str, Mapping[str, str]]:
    try:
        return read_partitions(ask("scontrol", "-a", "-o", "show", "partition"))
    except NoAnswer:
        return {}


def _registered(cluster: str) -> Registered | None:
    show = ("sacctmgr", "-n", "-P", "show")
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
        user = (f"name={name}", f"cluster={cluster}", "withassoc", f"format={ACCOUNT_FIELDS}")
        return Registered(
            associations=read_associations(ask(*show, "user", "where", *user)),
            qos=read_qos(ask(*show, "qos", f"format={QOS_FIELDS}")),
        )
    except (NoAnswer, Unreadable, KeyError):  # KeyError: nobody knows how this user is called
        return None


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
        unseen = left_out(request, os.environ)
        ask("sbatch", "--test-only", *options(request), given="#!/bin/sh\n", without=unseen)
    except NoAnswer as fault:
        return str(fault)
    return None


def left_out(request: Request, environment: Mapping[str, str]) -> Sequence[str]:
    """Variables that sbatch does not see when an attempt is submitted. Pure."""
    return overruling(environment, _given(request))


def _given(request: Request) -> dict[str, Any]:
    return parameters(request.slurm, request.resources, "runner-doctor", Placement())


def options(request: Request, *, tiny: bool = False) -> Sequence[str]:
    """Those of sbatch that an attempt is submitted with; of something tiny, without its size. Pure."""
    given = _given(request)
    plain = _PLAIN if tiny else (*_PLAIN, *_SIZES)
    named = [f"--{key.replace('_', '-')}={given[key]}" for key in plain if given[key] is not None]
    extra = given["additional_parameters"].items()
    return [*named, *(f"--{key}" if value is True else f"--{key}={value}" for key, value in extra)]
