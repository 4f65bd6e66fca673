"""Every fault of `tests/faults` as real processes: the truth is told of each, within a bounded time."""

from __future__ import annotations

import shlex
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest
from faulting import BODIES, MOMENTS, Body, Scenario, load, names
from striking import AT_MOST, Told, strike_all
from sweeping import Desk

SCENARIOS = [load(name) for name in names()]
PATIENCE = 900.0
"""Seconds for all scenarios of a body; a bound, not an expectation."""
JUDGED_WITHIN = 30.0
"""Seconds more than its limit that an attempt may take to be over and judged, on a busy machine."""
SIDE_BY_SIDE: tuple[tuple[Body, ...], ...] = (("worker",), ("command", "reporter"))
"""Bodies that mostly wait, for time limits and for leases to expire, do so together."""
CASES = [(body, one) for body in BODIES for one in SCENARIOS if body in one.expected]

Struck = Callable[[Body], Told]


def asked(session: pytest.Session, body: Body) -> list[Scenario]:
    """Those of this body that are to be tested: `-k exits` strikes no others."""
    cases: list[Any] = [item.callspec.params for item in session.items if hasattr(item, "callspec")]
    found = {case["scenario"].name: case["scenario"] for case in cases if case.get("body") == body}
    return [scenario for scenario in found.values() if possible(scenario)]


def possible(scenario: Scenario) -> bool:
    return not scenario.needs or works(scenario.needs)


@cache
def works(command: tuple[str, ...]) -> bool:
    """Whether this host has it, and lets us."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="session")
def struck(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Struck]:
    found: dict[Body, Told] = {}
    desks: list[Desk] = []

    def strike(body: Body, desk: Desk) -> Told:
        return strike_all(desk, body, asked(request.session, body), PATIENCE)

    def of(body: Body) -> Told:
        if body not in found:
            (group,) = (bodies for bodies in SIDE_BY_SIDE if body in bodies)
            bodies = [each for each in group if asked(request.session, each)]
            new = [Desk(tmp_path_factory.mktemp(each)) for each in bodies]
            desks.extend(new)
            with ThreadPoolExecutor() as threads:
                found.update(zip(bodies, threads.map(strike, bodies, new), strict=True))
        return found[body]

    yield of
    for desk in desks:
        desk.clean_up()


@pytest.mark.parametrize(
    ("body", "scenario"),
    [pytest.param(body, one, id=f"{body}-{one.name}") for body, one in CASES],
)
def test_the_truth_is_told(body: Body, scenario: Scenario, struck: Struck) -> None:
    if not possible(scenario):
        pytest.skip(f"`{shlex.join(scenario.needs)}` fails here")
    told = struck(body)
    assert scenario.name in told.runs, told.said
    run = told.runs[scenario.name]
    truth = scenario.expected[body]
    assert (run.status["state"], run.status["failure_kind"]) == (truth.state, truth.kind), (
        f"{run.status['because']}\n{told.said}"
    )
    (attempt,) = run.attempts
    assert truth.saying in attempt["because"]
    limit = scenario.resources.get("time", AT_MOST)
    assert run.took is not None
    assert run.took <= limit + JUDGED_WITHIN
    assert not run.carriers, "nothing of it lives on"


@pytest.mark.parametrize("body", ["command", "reporter"])
@pytest.mark.parametrize("scenario", [load("output/terminal_escapes")], ids=lambda one: one.name)
def test_what_a_run_printed_does_nothing_to_the_terminal(body: Body, scenario: Scenario, struck: Struck) -> None:
    told = struck(body)
    assert "completed successfully" in told.said
    why = told.desk.type("why", told.runs[scenario.name].status["run"])
    assert "completed successfully" in why.out
    for text in (told.said, told.desk.type("status").out, why.out):
        assert {sign for sign in text if ord(sign) < 32} <= {"\n"}


def test_every_scenario_is_run() -> None:
    assert len(SCENARIOS) >= 70
    assert {one.name for _, one in CASES} == set(names())


@pytest.mark.parametrize("scenario", [pytest.param(one, id=one.name) for one in SCENARIOS])
def test_a_scenario_says_what_it_is(scenario: Scenario) -> None:
    assert scenario.about.endswith(".")
    assert scenario.at in MOMENTS
    differs = len(scenario.expected) < len(BODIES) or len(set(scenario.expected.values())) > 1
    assert bool(scenario.why) == differs, "why: where the bodies differ, and only there"


def test_no_two_scenarios_share_a_name() -> None:
    count = Counter(name.rpartition("/")[2] for name in names())
    assert set(count.values()) == {1}, count.most_common(3)
