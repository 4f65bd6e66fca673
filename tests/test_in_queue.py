"""Where attempts stand with a cluster, and how it is said: what squeue prints in, words out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner import show
from runner.launchers.looks import Queued
from runner.queue_words import Stand, Stands, counts, said
from runner.slurm.accounts import standing
from runner.slurm.live import ask_stands, stand_of
from runner.slurm.reading import Queue
from runner.slurm.reasons import advice


def row(word: str, reason: str = "None", nodes: str = "") -> Queue:
    return Queue(job="12_3", name="runner-a", submitted="2024-01-01T00:00:00", word=word, nodes=nodes, reason=reason)


@pytest.mark.parametrize(
    ("seen", "stands", "words"),
    [
        ([row("PENDING", "Priority")], "queued", "queued: Priority"),
        ([row("PENDING", "QOSMaxCpuPerUserLimit")], "queued", "queued: QOSMaxCpuPerUserLimit"),
        (
            [row("PENDING", "JobHeldUser")],
            "stuck",
            "will not start by itself: JobHeldUser; `scontrol release 12_3` lets it go",
        ),
        (
            [row("PENDING", "QOSMaxWallDurationPerJobLimit")],
            "stuck",
            f"will not start by itself: QOSMaxWallDurationPerJobLimit; {advice('QOSMaxWallDurationPerJobLimit', '')}",
        ),
        ([row("RUNNING", nodes="n1")], "running", "on n1"),
        ([row("COMPLETING", nodes="n1")], "running", "on n1"),
        ([row("OUT_OF_MEMORY", "OutOfMemory", "n1")], "ended", "job 12_3 has ended: OUT_OF_MEMORY, on n1"),
        ([row("PONDERING")], "unknown", "slurm calls the state of job 12_3 `PONDERING`, which is no word we know"),
        ([], "unknown", "slurm does not know job 12_3"),
    ],
)
def test_where_a_job_stands(seen: list[Queue], stands: Stands, words: str) -> None:
    found = stand_of("12_3", seen)
    assert (found.stands, said(found)) == (stands, words)


def test_a_look_of_the_launcher_says_the_same_of_what_will_not_start() -> None:
    assert standing([row("PENDING", "Resources")]) == Queued(reason="Resources")
    held = standing([row("PENDING", "JobHeldUser")])
    assert isinstance(held, Queued)
    assert held.hopeless
    assert held.advice == advice("JobHeldUser", "12_3")


def test_counts() -> None:
    stuck, queued, running = (Stand(stands=stands) for stands in ("stuck", "queued", "running"))
    assert counts([stuck, queued, running, queued]) == "2 queued, 1 will not start by itself, 1 running"
    assert counts([stuck, stuck]) == "2 will not start by themselves"
    assert counts([Stand(stands="unheard")]) == ""


def test_what_nobody_recorded_is_not_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_stands({"a": None}) == ({"a": Stand(stands="unrecorded")}, None)
    stands, trouble = ask_stands({"a": None, "b": "12_3:runner-a"})
    assert {run: stand.stands for run, stand in stands.items()} == {"a": "unrecorded", "b": "unheard"}
    assert trouble == "`squeue` is not on PATH"


def test_the_page_of_status_tells_it() -> None:
    run = {
        "label": "a",
        "state": "running",
        "failure_kind": None,
        "attempts": 1,
        "run": "job-1",
        "because": "attempt 1",
    }
    stand = {
        "launcher": "slurm",
        "stands": "queued",
        "job": "1_0",
        "reason": "Resources",
        "nodes": None,
        "advice": None,
    }
    scheduler: dict[str, Any] = {"alive": True, "pid": 1, "host": "h", "last_seen": 9.0}
    sweep: dict[str, Any] = {
        "sweep": "s",
        "scheduler": scheduler,
        "counts": {"running": 2, **dict.fromkeys(show.STATES, 0)},
    }
    sweep["runs"] = [{**run, "queue": stand}, {**run, "queue": None}]
    facts = {"sweeps": [sweep], "hidden_runs": 0, "read_at": 9.0, "slurm": {"answers": True, "trouble": None}}
    page = show.status(facts)
    assert page.startswith("s: 2 running of 2; with slurm: 1 queued\n")
    assert "queued: Resources; attempt 1\n" in page
    silent = show.status({**facts, "slurm": {"answers": False, "trouble": "it\x1b is down"}})
    assert silent.endswith(
        "\n\nslurm does not answer: it\N{REPLACEMENT CHARACTER} is down; the rest is told by the ledger"
    )
