"""A ledger whose disk is full, that is taken away, or that is fed odd text: a sentence, never a riddle."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.board import Board
from db.errors import LedgerError, Refused
from db.ledger import Ledger, RunRow
from db.records import BatchSplit
from db.verdicts import Failed, Measured

RUN = RunRow(
    run_id="dlinear-0", label="dlinear", backbone="dlinear", settings="{}", effective_batch=8, planned_steps=100
)
LONE = "bytes of another age: \udcff\ud800"


def sweep_of(ledger: Ledger, digest: str = "d", run: RunRow = RUN) -> int:
    """Record a sweep of one run and a scheduler for it. Returns the scheduler's id."""
    sweep_id = ledger.record_sweep(
        name="probe", digest=digest, file="f", profile=None, profile_reason="none", runs=[run]
    )
    return ledger.record_scheduler(sweep_id=sweep_id, host="h", boot_id="b", pid=1)


def attempt_of(ledger: Ledger, scheduler_id: int, run_id: str = RUN.run_id) -> int:
    ledger.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff=LONE)
    return ledger.record_attempt(
        batch=BatchSplit(micro=8, accum=1),
        nonce=os.urandom(16).hex(),
        run_id=run_id,
        number=1,
        scheduler_id=scheduler_id,
        start_step=0,
        resumed_number=None,
        launcher="local",
        device="cpu",
        code_id="c",
    )


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """What a full disk is to a process, as far as files that it makes are concerned."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["what?", "a?mode=ro", "a%3Fb", "a#b", "a b", "a&cache=shared", ":memory:", "naïve"])
def test_a_root_may_be_called_anything(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "ledger.db"
    ledger = Ledger(path)
    sweep_of(ledger)
    ledger.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["ledger.db"]
    board = Board(path)
    assert board.sweeps() == ["probe"]
    board.close()


def test_a_full_disk_is_said_and_nothing_half_written_remains(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    scheduler = sweep_of(ledger)
    with no_file_may_grow_beyond(300_000), pytest.raises(LedgerError, match=r"ledger\.db cannot be used: d"):
        ledger.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff="x" * 2**20)
    ledger.record_pulse(scheduler)
    attempt_of(ledger, scheduler)
    ledger.close()
    board = Board(tmp_path / "ledger.db")
    assert board.sql("SELECT length(git_diff) < 1000 FROM code") == (["length(git_diff) < 1000"], [(1,)])
    board.close()


@pytest.mark.parametrize("replaced", [True, False])
def test_a_ledger_that_was_taken_away_is_written_no_more(tmp_path: Path, *, replaced: bool) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    scheduler = sweep_of(ledger)
    path.rename(tmp_path / "moved.db")
    if replaced:
        Ledger(path).close()
        before = path.read_bytes()
    with pytest.raises(LedgerError, match="removed or replaced"):
        ledger.record_pulse(scheduler)
    ledger.close()
    assert path.exists() == replaced
    if replaced:
        assert path.read_bytes() == before


def test_no_text_can_make_an_insert_fail(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    attempt = attempt_of(ledger, sweep_of(ledger))
    point = {"step": 1, "name": LONE, "value": 1.0, "non_finite": None, "time": 1.0}
    ledger.record_metrics(attempt, [point, {**point, "step": 2}])
    ledger.record_verdict(attempt, Failed(kind="crash", because=LONE, evidence=()), Measured(host=LONE), (), [LONE])
    ledger.record_stop(RUN.run_id, "failed", LONE)
    ledger.close()
    board = Board(path)
    (row,) = board.run_status()
    assert row["because"] == r"bytes of another age: \udcff\ud800"
    assert len(board.rows("SELECT * FROM curve")) == 2
    board.close()


def test_runs_of_now_are_found_before_those_of_earlier_expansions(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    attempt_of(ledger, sweep_of(ledger))
    now = RunRow(
        run_id="dlinear-1", label="dlinear", backbone="dlinear", settings="{}", effective_batch=8, planned_steps=9
    )
    sweep_of(ledger, "later", now)
    ledger.close()
    board = Board(path)
    assert board.find_run("dlinear") == "dlinear-1"
    assert board.find_run("dlinear-0") == "dlinear-0"
    (former,) = board.expansions("dlinear-0")
    assert (former["sweep"], former["label"], former["current"]) == ("probe", "dlinear", 0)
    assert [row["current"] for row in board.expansions("dlinear-1")] == [1]
    board.close()


def test_queries_are_answered_or_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    board = Board(path)
    assert board.sql("SELECT 1 AS a, 2 AS a, 3 AS a") == (["a", "a:1", "a:2"], [(1, 2, 3)])
    for query in ("", " -- nothing", ";", "select \udcff", "selec", "DELETE FROM run", "SELECT 1; SELECT 2"):
        with pytest.raises(Refused, match="SQL"):
            board.sql(query)
    board.close()


def test_a_damaged_ledger_is_said(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    sweep_of(ledger)
    ledger.close()
    board = Board(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises((LedgerError, Refused), match=r"ledger\.db cannot be read"):
        Board(path).run_status()
    board.close()
