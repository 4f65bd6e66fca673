"""The order in which a place is looked at: what is here, then the cluster, then one of its nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from runner.doctor.finding import Finding, failing, is_well
from runner.doctor.host import look_at_ground, look_at_home
from runner.doctor.host_checks import GROUND, HOME
from runner.doctor.request import Request
from runner.room import told


def examine_here(root: Path, request: Request) -> Sequence[Finding]:
    """What attempts on this host need."""
    home, ground = look_at_home(root), look_at_ground(request.resources)
    return [*(check(home) for check in HOME), *(check(ground) for check in GROUND)]


def examine_cluster(root: Path, request: Request, *, within: float | None) -> Sequence[Finding]:
    """What attempts on a cluster need: here, where the scheduler runs, and there. Without `within` no job is tried."""
    home = look_at_home(root)
    return [*(check(home) for check in HOME), *_there(root, request, within)]


def _there(root: Path, request: Request, within: float | None) -> Iterator[Finding]:
    from runner.doctor.cluster import look_at_cluster
    from runner.doctor.cluster_checks import CLUSTER

    cluster = look_at_cluster(request)
    found = [finding for check in CLUSTER if (finding := check(cluster))]
    yield from found
    if within is not None and is_well(found):
        yield from _on_a_node(root, request, within)


def _on_a_node(root: Path, request: Request, within: float) -> Iterator[Finding]:
    from runner.doctor.trial import try_job
    from runner.doctor.trial_checks import NODE, job

    try:
        trial = try_job(root, request, within)
    except OSError as error:
        yield failing("job", f"its folder below {root} cannot be made: {told(error)}", "take another one with --root")
        return
    yield job(trial)
    if trial.answer:
        yield from (finding for check in NODE if (finding := check(trial, trial.answer)))
