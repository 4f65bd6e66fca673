"""What the ledger's views tell of the memory of attempts, and what they leave open."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evidence import GOOD
from sqlalchemy.exc import IntegrityError

from db.board import Board
from db.foreseen import Foreseen, Sight
from db.ledger import Ledger, RunRow
from db.records import BatchSplit
from db.strict import Invalid
from db.verdicts import Failed, Measured, Verdict
from runner.judge import judge

GIB = 2**30
STEPS = 20
WHOLE = BatchSplit(micro=8, accum=1)
FORESEEN = Foreseen(shape="s", device="cpu", room=GIB, predicted_memory=300)


class Book:
    """A ledger with as many runs as there are attempts."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path)
        names = [f"fno-{number:012d}" for number in range(10)]
        runs = [
            RunRow(run_id=name, label=name, backbone="fno", settings="{}", effective_batch=8, planned_steps=STEPS)
            for name in names
        ]
        known: dict[str, Any] = {"file": "f", "profile": None, "profile_reason": "none"}
        sweep = self.ledger.record_sweep(name="probe", digest="d", runs=runs, **known)
        self.scheduler = self.ledger.record_scheduler(sweep_id=sweep, host="h", boot_id="b", pid=1)
        self.ledger.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff=None)
        self.waiting = iter(names)

    def attempt(self, batch: BatchSplit = WHOLE, foreseen: Foreseen | None = FORESEEN, start: int = 0) -> int:
        run = next(self.waiting)
        return self.ledger.record_attempt(
            batch=batch,
            foreseen=foreseen,
            nonce=run[4:].rjust(32, "0"),
            run_id=run,
            number=1,
            scheduler_id=self.scheduler,
            start_step=start,
            resumed_number=1 if start else None,
            launcher="local",
            device="cpu",
            code_id="c",
        )

    def logs(self, attempt: int, step: int, ago: float = 0.0) -> None:
        point = {"step": step, "name": "loss", "value": 1.0, "non_finite": None, "time": time.time() - ago}
        self.ledger.record_metrics(attempt, [point])

    def ends(self, attempt: int, verdict: Verdict, peak: int | None = 200) -> None:
        self.ledger.record_verdict(attempt, verdict, Measured(peak_memory=peak))

    def came(self) -> list[str | None]:
        return [row["came"] for row in self.rows("SELECT came FROM memory ORDER BY attempt_id")]

    def rows(self, query: str) -> list[dict[str, Any]]:
        board = Board(self.ledger.path)
        rows = board.rows(query)
        board.close()
        return rows


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def failed(kind: str, exit_code: int | None = 1, signal: int | None = None) -> Failed:
    return Failed(kind=kind, because="it broke", evidence=(), exit_code=exit_code, signal=signal)


def test_what_trained_to_its_end_fits(book: Book) -> None:
    book.ends(book.attempt(), judge(GOOD))
    for kind, code, step in (("non_finite", 1, STEPS), ("crashed", 1, STEPS - 1), ("killed", None, STEPS)):
        attempt = book.attempt()
        book.logs(attempt, step)
        book.ends(attempt, failed(kind, code))
    book.ends(book.attempt(start=STEPS), judge(GOOD))
    assert book.came() == ["fits", "fits", None, "fits", None], "the last had nothing left to train"


def test_only_its_own_device_is_too_small(book: Book) -> None:
    gpu = Foreseen(shape="s", device="gpu", room=GIB, predicted_memory=None)
    for foreseen in (FORESEEN, gpu):
        for kind in ("host_oom", "cuda_oom", "device_busy", "lost"):
            attempt = book.attempt(foreseen=foreseen)
            book.logs(attempt, STEPS - 1)
            book.ends(attempt, failed(kind))
    assert book.came() == ["too_large", None, None, None, None, "too_large", None, None]


def test_what_runs_out_of_memory_after_its_training_fits(book: Book) -> None:
    """It was evaluated then, and that is cut otherwise; the attempt after it has only to be evaluated."""
    attempt = book.attempt()
    book.logs(attempt, STEPS)
    book.ends(attempt, failed("host_oom", None, 9))
    book.ends(book.attempt(start=STEPS), failed("host_oom", None, 9))
    assert book.came() == ["fits", None]


def test_killed_within_its_own_limit_others_had_the_memory(book: Book) -> None:
    for reached, code in ((False, None), (True, None), (None, None), (False, 1)):
        measured = Measured(memory_limit_reached=reached)
        book.ledger.record_verdict(book.attempt(), failed("host_oom", code), measured)
    assert book.came() == [None, "too_large", "too_large", "too_large"], "the last was refused memory, not killed"


def test_an_open_attempt_is_tried_until_its_second_step(book: Book) -> None:
    none, first, slow, second, resumed = (book.attempt(start=start) for start in (0, 0, 0, 0, 5))
    del none
    book.logs(first, 1)
    book.logs(slow, 1, ago=60.0)
    book.logs(second, 1)
    book.logs(second, 10)
    book.logs(resumed, 6)
    assert book.came() == ["tried", "tried", None, None, "tried"]


def test_writer_and_reader_tell_the_same_of_a_shape(book: Book) -> None:
    half = BatchSplit(micro=4, accum=2)
    for batch, kind in ((WHOLE, "host_oom"), (WHOLE, "host_oom"), (half, None)):
        book.ends(book.attempt(batch), failed(kind) if kind else judge(GOOD))
    tried = [book.attempt(), book.attempt()]
    book.attempt(foreseen=Foreseen(shape="s", device="cpu", room=None, predicted_memory=None))
    book.attempt(foreseen=Foreseen(shape="other", device="cpu", room=GIB, predicted_memory=None))
    board = Board(book.ledger.path)
    sights = board.sights("s", "cpu")
    board.close()
    assert sights == book.ledger.read_sights("s", "cpu")
    assert [(sight.batch, sight.came) for sight in sights] == [
        *((WHOLE, "too_large"), (half, "fits"), (WHOLE, "tried"), (WHOLE, "tried"))
    ]
    assert [sight.attempt_id for sight in sights[2:]] == tried
    assert sights[0] == Sight(
        attempt_id=1, where="attempt 1 of fno-000000000000", batch=WHOLE, room=GIB, came="too_large"
    )


def test_a_prediction_is_compared_with_a_whole_step_alone(book: Book) -> None:
    unknown = Foreseen(shape="s", device="cpu", room=GIB, predicted_memory=None)
    cases = [
        (FORESEEN, 1, "crashed", 200),
        (FORESEEN, 1, "host_oom", 200),
        (FORESEEN, None, "crashed", 200),
        (FORESEEN, 1, "crashed", None),
        (unknown, 1, "crashed", 200),
        (None, 1, "crashed", 200),
    ]
    for foreseen, step, kind, peak in cases:
        attempt = book.attempt(foreseen=foreseen)
        if step:
            book.logs(attempt, step)
        book.ends(attempt, failed(kind), peak)
    rows = book.rows("SELECT predicted_memory, prediction_error FROM attempts ORDER BY run")
    assert [row["prediction_error"] for row in rows] == [0.5, None, None, None, None, None]
    assert [row["predicted_memory"] for row in rows] == [300, 300, 300, 300, None, None]


def test_what_cannot_be_is_refused(book: Book) -> None:
    with pytest.raises(Invalid, match="room"):
        Foreseen(shape="s", device="cpu", room=0, predicted_memory=None)
    tape = Foreseen(shape="s", device="tape", room=None, predicted_memory=None)  # type: ignore[arg-type] # on purpose
    with pytest.raises(IntegrityError, match="device IN"):
        book.attempt(foreseen=tape)
    assert book.rows("SELECT * FROM attempts") == [], "nor is the attempt kept"
