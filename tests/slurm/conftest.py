"""Clusters that all tests share: brought up when the first test asks, taken down after the last."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from slurm.cluster import Cluster, Shape, running, why_not


@pytest.fixture(scope="session", autouse=True)
def usable() -> None:
    """Skips with the reason where there can be no cluster; where one is required, that is a failure."""
    reason = why_not()
    if reason and (os.environ.get("CI") == "true" or os.environ.get("RUNNER_SLURM") == "required"):
        pytest.fail(f"no Slurm cluster can be brought up here: {reason}")
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def brought_up() -> list[Cluster]:
    return []


@pytest.fixture(scope="session")
def cluster(brought_up: list[Cluster]) -> Iterator[Cluster]:
    """With slurmdbd: `sacct` works."""
    with running(Shape()) as cluster:
        brought_up.append(cluster)
        yield cluster
        brought_up.remove(cluster)


@pytest.fixture(scope="session")
def bare_cluster(brought_up: list[Cluster]) -> Iterator[Cluster]:
    """Without slurmdbd: `sacct` refuses."""
    with running(Shape(accounting=False)) as cluster:
        brought_up.append(cluster)
        yield cluster
        brought_up.remove(cluster)


@pytest.fixture(scope="session", params=["cluster", "bare_cluster"])
def either_cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each test twice: with slurmdbd and without."""
    found: Cluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def settled(brought_up: list[Cluster]) -> Iterator[None]:
    """What a test broke is mended after it, and its jobs are cancelled; so are those of wider fixtures."""
    yield
    for cluster in brought_up:
        cluster.settle()
