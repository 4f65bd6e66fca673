"""The scenarios of `tests/faults`, struck: all of one body that ask for the same are run in one sweep."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faulting import STEPS, Body, Scenario
from sweeping import Desk, carriers

from runner.failures import FAILURE_KINDS

STRUCK = Path(__file__).resolve().parent / "struck"
AT_MOST = 60.0
"""Seconds for an attempt, unless its scenario says otherwise; nearly all are over in a few."""
RETRIES = {kind.word: 0 for kind in FAILURE_KINDS}
POLICY = {"retries": RETRIES, "wait": 0, "grace": 1.0, "stop_after": 0, "rehearse": False}
"""Nothing is rehearsed: what is found before launch would not show what is found after it."""
SLOTS: Mapping[Body, int] = {"worker": 3, "command": 4, "reporter": 4}
WORKER = {
    "plugins": [str(STRUCK), str(STRUCK.parent / "plugins")],
    "data": {"window": 256, "max_windows": 1, "systems": [102]},
    "train": {"batch": 8, "steps": STEPS, "warmup_steps": 1, "log_every": 1, "checkpoint_every": 2},
}
TOOK = "SELECT run_id, judged_at - opened_at AS took FROM attempt JOIN verdict ON attempt_id = attempt.id"
FILES = [
    {"path": "{out}/metrics.json", "metrics": ["mse"], "at_least": {"steps": STEPS}},
    {"path": "{out}/history.jsonl", "metrics": ["loss"], "rows": STEPS},
]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the ledger tells of one run and its attempts.

    `carriers` are processes of theirs that live on. `took` is the time from the opening of an attempt to its verdict,
    which is known also where nobody saw it end; nothing where there is no verdict.
    """

    status: Mapping[str, Any]
    attempts: Sequence[Mapping[str, Any]]
    carriers: Sequence[int]
    took: float | None


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is told of all runs of a body, by their scenario; `said` is what the schedulers printed."""

    desk: Desk
    said: str
    runs: Mapping[str, Run]


def strike_all(desk: Desk, body: Body, scenarios: Iterable[Scenario], patience: float) -> Told:
    """Run all of them. A scheduler that is not done in time is ended."""
    groups = _alike(scenarios)
    sweeps = []
    for number, group in enumerate(groups):
        (desk.folder / f"{number}.yaml").write_text(json.dumps(sweep_file(f"struck{number}", body, group), indent=1))
        sweeps.append(desk.start("sweep", f"{number}.yaml", around=group[0].around))
    deadline = time.monotonic() + patience
    said = [_finish(sweep, max(1.0, deadline - time.monotonic())) for sweep in sweeps]
    names = {(f"struck{n}", place): one.name for n, group in enumerate(groups) for place, one in enumerate(group)}
    attempts, took = desk.attempts(), {row["run_id"]: row["took"] for row in _sql(desk, TOOK)}
    runs = {}
    for row in desk.status():
        own = [attempt for attempt in attempts if attempt["run"] == row["run"]]
        living = [pid for attempt in own for pid in carriers(attempt["nonce"])]
        run = Run(status=row, attempts=own, carriers=living, took=took.get(row["run"]))
        runs[names[row["sweep"], row["position"]]] = run
    return Told(desk=desk, said="\n".join(said), runs=runs)


def _sql(desk: Desk, question: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(desk.type("sql", question, "--json").out)
    return answer


def _alike(scenarios: Iterable[Scenario]) -> list[list[Scenario]]:
    groups: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        asked = json.dumps([scenario.resources, scenario.before, scenario.around], sort_keys=True)
        groups.setdefault(asked, []).append(scenario)
    return list(groups.values())


def _finish(sweep: subprocess.Popen[str], within: float) -> str:
    try:
        out, err = sweep.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        sweep.kill()
        out, err = sweep.communicate()
        err += f"\nnot done after {within:.0f} s, and ended"
    return f"exit code {sweep.returncode}\n{out}\n{err}"


def sweep_file(name: str, body: Body, group: Sequence[Scenario]) -> dict[str, Any]:
    """One sweep over scenarios that ask for the same resources, and for the same before their command."""
    resources = {"slots": SLOTS[body], "time": AT_MOST, "gpus": "none", **group[0].resources}
    shared = {"name": name, "policy": POLICY, "resources": resources}
    scenarios = [one.name for one in group]
    if body == "worker":
        tasks = {"struck": {"scenario": scenarios[0]}}
        return {**shared, **WORKER, "tasks": tasks, "grid": {"backbone": ["tiny"], "tasks.struck.scenario": scenarios}}
    argv = [*group[0].before, sys.executable, str(STRUCK / "train.py"), "{scenario}", body, "{out}"]
    success = {"files": FILES} if body == "command" else {"report": True, "metrics": ["mse"]}
    more = {"settings": {"steps": STEPS}} if body == "reporter" else {}
    return {
        **shared,
        **more,
        "command": {"argv": argv, "name": "train"},
        "success": success,
        "grid": {"scenario": scenarios},
    }
