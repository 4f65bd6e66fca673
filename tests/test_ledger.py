"""The ledger refuses what cannot be, by hand too; its views tell the state of every run."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evidence import GOOD
from sqlalchemy.exc import IntegrityError

from db import verdicts
from db.board import Board, NoSuchRun
from db.errors import LedgerError, Refused
from db.foreseen import Foreseen
from db.ledger import Ledger, RunRow
from db.records import BatchSplit, Score
from db.sqlite import is_network_file_system
from db.verdicts import Failed, Measured, Succeeded, Unverified
from runner import show
from runner.judge import judge

WHOLE = BatchSplit(micro=8, accum=1)
SCORE = Score(
    task="classification",
    metric="accuracy",
    value=0.9,
    baseline=0.5,
    baseline_name="majority class",
    higher_is_better=True,
    windows=10,
    gain_at_least=0.3,
)
RUNS = [
    RunRow(
        run_id=f"{name}-000000000000", label=name, backbone=name, settings="{}", effective_batch=8, planned_steps=100
    )
    for name in ("dlinear", "fno")
]
DLINEAR, FNO = (run.run_id for run in RUNS)
FAILED = Failed(kind="cuda_oom", because="too large", evidence=())


class Book:
    """A ledger with a sweep of two runs in it, and a scheduler that lives."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path)
        self.sweep_id = self.sweep("probe")
        self.scheduler = self.takes_over()
        self.ledger.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff=None)
        self.opened = 0

    def sweep(self, name: str, **others: Any) -> int:
        known = {"digest": "d", "file": "f", "profile": None, "profile_reason": "none", "runs": RUNS}
        return self.ledger.record_sweep(name=name, **{**known, **others})

    def takes_over(self) -> int:
        return self.ledger.record_scheduler(sweep_id=self.sweep_id, host="h", boot_id="b", pid=1)

    def attempt(self, run_id: str = DLINEAR, batch: BatchSplit = WHOLE, **others: Any) -> int:
        self.opened += 1
        known = {
            "nonce": f"{self.opened:032x}",
            "number": self.opened,
            "scheduler_id": self.scheduler,
            "start_step": 0,
            "resumed_number": None,
            "launcher": "local",
            "device": "cpu",
            "code_id": "c",
        }
        return self.ledger.record_attempt(batch=batch, run_id=run_id, **{**known, **others})

    def state(self, run_id: str = DLINEAR) -> tuple[str, str | None, int]:
        board = Board(self.ledger.path)
        row = next(row for row in board.run_status("probe") if row["run"] == run_id)
        board.close()
        return row["state"], row["failure_kind"], row["attempts"]

    def by_hand(self, statement: str, *values: object) -> None:
        connection = sqlite3.connect(self.ledger.path)
        try:
            with connection:
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute(statement, values)
        finally:
            connection.close()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def green() -> Succeeded:
    verdict = judge(GOOD)
    assert isinstance(verdict, Succeeded)
    return verdict


COMMAND = RunRow(
    run_id="train-000000000000",
    label="train lr=0.1",
    command="train",
    settings="{}",
    effective_batch=1,
    planned_steps=None,
)
UNPROVEN = Unverified(
    because="nothing declared", evidence=(verdicts.Testimony(witness="exit", said="code 0", agrees=True),)
)


def test_a_command_may_end_unverified_which_is_no_success(book: Book) -> None:
    book.sweep_id = book.sweep("probe", digest="commands", runs=[COMMAND])
    book.scheduler = book.takes_over()
    attempt = book.attempt(COMMAND.run_id, BatchSplit(micro=1, accum=1))
    book.ledger.record_verdict(attempt, UNPROVEN, Measured(), metrics={"mse": 0.5})
    book.ledger.record_stop(COMMAND.run_id, "unverified", UNPROVEN.because)
    assert book.state(COMMAND.run_id) == ("unverified", None, 1)
    board = Board(book.ledger.path)
    assert [(row["backbone"], row["command"]) for row in board.run_status("probe")] == [(None, "train")]
    assert board.final_metrics("probe") == []
    board.close()


def test_the_numbers_a_succeeded_command_ended_with_are_shown(book: Book) -> None:
    book.sweep_id = book.sweep("probe", digest="commands", runs=[COMMAND])
    book.scheduler = book.takes_over()
    attempt = book.attempt(COMMAND.run_id, BatchSplit(micro=1, accum=1))
    book.ledger.record_verdict(attempt, green(), Measured(), metrics={"mse": 0.5, "mae": 0.25})
    board = Board(book.ledger.path)
    rows = board.final_metrics("probe")
    board.close()
    assert {row["metric"]: row["value"] for row in rows} == {"mse": 0.5, "mae": 0.25}
    assert show.final_metrics(rows).splitlines()[1].split() == ["train", "lr=0.1", "0.25", "0.5"]


@pytest.mark.parametrize("names", [{"backbone": None}, {"command": "x"}, {"planned_steps": None}])
def test_a_run_is_of_a_backbone_or_of_a_command(book: Book, names: dict[str, Any]) -> None:
    wrong = replace(RUNS[0], run_id="other-000000000000", **names)
    with pytest.raises(IntegrityError, match="CHECK"):
        book.sweep("other", runs=[wrong])


def test_a_witness_that_disagrees_leaves_nothing_unverified(book: Book) -> None:
    attempt = book.attempt()
    evidence = json.dumps([{"witness": "exit", "said": "x", "agrees": False}])
    with pytest.raises(sqlite3.IntegrityError, match="needs every witness"):
        book.by_hand(
            "INSERT INTO verdict (attempt_id, word, because, evidence, exit_code, oom_kills, judged_at) "
            "VALUES (?, 'unverified', 'x', ?, 0, 0, 0.0)",
            attempt,
            evidence,
        )


def test_a_run_through_all_its_states(book: Book) -> None:
    assert book.state() == ("waiting", None, 0)
    first = book.attempt()
    assert book.state() == ("running", None, 1)
    book.ledger.record_verdict(first, FAILED, Measured(wall=3.0))
    assert book.state() == ("retrying", "cuda_oom", 1)
    book.ledger.record_stop(DLINEAR, "failed", "gave up")
    assert book.state() == ("failed", "cuda_oom", 1)
    assert book.ledger.record_reopening(DLINEAR)
    assert book.state() == ("retrying", "cuda_oom", 1)
    second = book.attempt(batch=BatchSplit(micro=4, accum=2))
    book.ledger.record_verdict(second, green(), Measured(), [SCORE])
    assert book.state() == ("succeeded", None, 2)
    assert not book.ledger.record_reopening(DLINEAR)


def test_without_a_living_scheduler_nothing_is_running(book: Book) -> None:
    attempt = book.attempt()
    book.by_hand("UPDATE pulse SET last_seen = ?", time.time() - 60)
    assert book.state()[0] == "unobserved"
    book.ledger.record_pulse(book.scheduler)
    assert book.state()[0] == "running"
    book.ledger.record_departure(book.scheduler, "settled")
    assert book.state()[0] == "unobserved"
    book.ledger.record_verdict(attempt, FAILED, Measured())
    assert book.state()[0] == "waiting"


@pytest.mark.parametrize("hour", [-3600, 3600])
def test_a_clock_that_was_moved_makes_no_dead_scheduler_live(book: Book, hour: int) -> None:
    book.attempt()
    book.by_hand("UPDATE pulse SET last_seen = ?", time.time() + hour)
    assert book.state()[0] == "unobserved"


def test_interrupted_and_cancelled_and_unverified(book: Book) -> None:
    book.ledger.record_verdict(book.attempt(), Failed(kind="interrupted", because="told to", evidence=()), Measured())
    assert book.state() == ("waiting", "interrupted", 1)
    for kind in ("cancelled", "unverified"):
        book.ledger.record_stop(DLINEAR, kind, "somebody")
        assert book.state()[0] == kind
        book.ledger.record_reopening(DLINEAR)


def test_a_ledger_that_is_just_being_made_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch()
    making = threading.Timer(0.5, lambda: Ledger(path).close())
    making.start()
    board = Board(path)
    assert board.rows("SELECT * FROM run_status") == []
    board.close()
    making.join()


def test_an_empty_file_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    with pytest.raises(Refused, match="cannot be read as a ledger"):
        Board(tmp_path / "ledger.db")


WITNESSES = ("claim", "exit", "supervisor", "kernel", "result")
AGREED = [{"witness": name, "said": "fine", "agrees": True} for name in WITNESSES]
GREEN = (1, "succeeded", None, "all agree", json.dumps(AGREED), 0, None, 0, "0" * 64, 1.0)
INSERT_VERDICT = "INSERT INTO verdict VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (1, "green"),
        (2, "cuda_oom"),
        (3, ""),
        (4, "not json"),
        (4, "[]"),
        (4, "{}"),
        (4, '[{"agrees": true}, {"agrees": false}]'),
        (4, '[{"agrees": 2}]'),
        (4, '[{"said": "yes"}]'),
        (4, json.dumps([{**line, "agrees": line["witness"] != "result"} for line in AGREED])),
        (4, json.dumps([{"agrees": True}] * 6)),
        (4, json.dumps([{**line, "said": None} for line in AGREED])),
        *((4, json.dumps([line for line in AGREED if line["witness"] != name])) for name in WITNESSES),
        (4, json.dumps([AGREED[0]] * 9)),
        (5, None),
        (5, 1),
        (6, 9),
        (7, 1),
        (7, None),
        (8, None),
        (8, "short"),
        (8, "z" * 64),
        (8, "F" * 64),
        (0, 77),
    ],
)
def test_a_false_success_cannot_be_inserted_by_hand(book: Book, column: int, value: object) -> None:
    book.attempt()
    with pytest.raises(sqlite3.DatabaseError):
        book.by_hand(INSERT_VERDICT, *(value if place == column else given for place, given in enumerate(GREEN)))
    book.by_hand(INSERT_VERDICT, *GREEN)


@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"])
def test_the_first_verdict_stays(book: Book, verb: str) -> None:
    attempt = book.attempt()
    book.ledger.record_verdict(attempt, FAILED, Measured())
    with pytest.raises(sqlite3.IntegrityError, match="verdict refuses REPLACE"):
        book.by_hand(INSERT_VERDICT.replace("INSERT", verb), *GREEN)
    book.ledger.record_verdict(attempt, green(), Measured())
    assert book.state() == ("retrying", "cuda_oom", 1)


def test_a_success_that_somebody_wrote_meanwhile_is_told(book: Book) -> None:
    attempt = book.attempt()
    book.by_hand(INSERT_VERDICT, *GREEN)
    book.ledger.record_verdict(attempt, green(), Measured())
    with pytest.raises(LedgerError, match="somebody wrote a success of attempt 1 into it"):
        book.ledger.record_verdict(attempt, FAILED, Measured())


def test_facts_are_never_changed(book: Book) -> None:
    attempt = book.attempt(foreseen=Foreseen(shape="s", device="cpu", room=1, predicted_memory=None))
    book.ledger.record_submissions({attempt: "1:1"})
    book.ledger.record_metrics(attempt, [{"step": 1, "name": "x", "value": 1.0, "non_finite": None, "time": 1.0}])
    book.ledger.record_verdict(attempt, green(), Measured(), [SCORE], ["a note"], {"mse": 0.5})
    book.ledger.record_stop(FNO, "cancelled", "x")
    book.ledger.record_reopening(FNO)
    book.ledger.record_departure(book.scheduler, "settled")
    connection = sqlite3.connect(book.ledger.path)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    facts = tables - {"pulse", "sqlite_sequence"}
    assert len(facts) == 18
    for table in facts:
        (column, *_) = (row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
        rows = connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - the ledger's own tables
        assert rows.fetchone()[0], f"{table} is empty: nothing is tested"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):  # noqa: S608 - the same
            with pytest.raises(sqlite3.IntegrityError, match="facts are never changed"):
                connection.execute(statement)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for key in ([], *([["rowid"]] if has_rowid(connection, table) else [])):
            named = ", ".join([*key, *columns])
            statement = f"INSERT OR REPLACE INTO {table} ({named}) SELECT {named} FROM {table}"  # noqa: S608 - the same
            with pytest.raises(sqlite3.IntegrityError, match=r"facts are never changed|open attempt|stopped already"):
                connection.execute(statement)
    connection.close()


def has_rowid(connection: sqlite3.Connection, table: str) -> bool:
    try:
        connection.execute(f"SELECT rowid FROM {table}")  # noqa: S608 - the ledger's own tables
    except sqlite3.OperationalError:
        return False
    return True


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE OR REPLACE final_metric SET value = 9", "final_metric"),
        ("INSERT OR REPLACE INTO final_metric VALUES (1, 'mse', 9.0)", "final_metric"),
        (
            "REPLACE INTO run (rowid, id, backbone, settings, effective_batch, recorded_at) "  # noqa: ISC004 - one text
            "VALUES (1, 'other', 'fno', '{}', 8, 1.0)",
            "run",
        ),
        ("INSERT OR REPLACE INTO code VALUES ('c', 'g', NULL, NULL)", "code"),
        ("INSERT OR REPLACE INTO metric VALUES (1, 1, 1, 9.0, NULL, 1.0)", "metric"),
        ("INSERT OR REPLACE INTO metric_name VALUES (7, 'x')", "metric_name"),
        ("INSERT INTO final_metric VALUES (1, 'mse', 9.0) ON CONFLICT DO UPDATE SET value = 9.0", "final_metric"),
    ],
)
def test_no_fact_is_replaced_by_hand(book: Book, statement: str, table: str) -> None:
    attempt = book.attempt()
    book.ledger.record_metrics(attempt, [{"step": 1, "name": "x", "value": 1.0, "non_finite": None, "time": 1.0}])
    book.ledger.record_verdict(attempt, green(), Measured(), [SCORE], [], {"mse": 0.5})
    before = dump(book.ledger.path, table)
    with pytest.raises(sqlite3.IntegrityError, match=f"facts are never changed: {table} refuses"):
        book.by_hand(statement)
    assert dump(book.ledger.path, table) == before


def test_a_ledger_that_lacks_a_trigger_gets_it_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    what = "(SELECT type, name, tbl_name, sql FROM sqlite_schema)"
    whole = dump(path, what)
    connection = sqlite3.connect(path)
    for name in ("run_refuses_replace", "success_without_digest"):
        connection.execute(f"DROP TRIGGER {name}")
    connection.close()
    Ledger(path).close()
    assert dump(path, what) == whole


@pytest.mark.parametrize(
    "others",
    [
        {"batch": BatchSplit(micro=4, accum=1)},
        {"batch": BatchSplit(micro=16, accum=1)},
        {"number": 0},
        {"nonce": "short"},
        {"run_id": "nobody"},
        {"start_step": 5},
        {"resumed_number": 1},
        {"code_id": "unknown"},
    ],
)
def test_an_attempt_that_cannot_be(book: Book, others: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        book.attempt(**others)


def test_one_open_attempt_a_run(book: Book) -> None:
    first = book.attempt()
    with pytest.raises(IntegrityError, match="open attempt"):
        book.attempt()
    book.attempt(FNO)
    book.ledger.record_verdict(first, FAILED, Measured())
    book.attempt()


def test_a_stopped_run_is_not_tried(book: Book) -> None:
    book.ledger.record_stop(DLINEAR, "cancelled", "x")
    with pytest.raises(IntegrityError, match="stopped"):
        book.attempt()
    book.ledger.record_stop(DLINEAR, "failed", "x")
    assert book.state()[0] == "cancelled", "the first stop stays"
    with pytest.raises(sqlite3.IntegrityError, match="stopped already"):
        book.by_hand("INSERT INTO stop VALUES (9, ?, 0, 'failed', 'x', 1.0)", DLINEAR)
    book.ledger.record_reopening(DLINEAR)
    book.attempt()


def test_a_replaced_scheduler_can_open_nothing(book: Book) -> None:
    replaced, book.scheduler = book.scheduler, book.takes_over()
    with pytest.raises(IntegrityError, match="later scheduler"):
        book.attempt(scheduler_id=replaced)
    book.attempt()


def test_metrics_are_taken_in_once_and_non_finite_ones_apart(book: Book) -> None:
    attempt = book.attempt()
    points = [
        {"step": 1, "name": "loss", "value": 0.5, "non_finite": None, "time": 1.0},
        {"step": 2, "name": "loss", "value": None, "non_finite": "nan", "time": 2.0},
    ]
    book.ledger.record_metrics(attempt, points)
    book.ledger.record_metrics(attempt, points)
    board = Board(book.ledger.path)
    found = board.rows("SELECT step, value, non_finite FROM curve ORDER BY step")
    board.close()
    assert [tuple(row.values()) for row in found] == [(1, 0.5, None), (2, None, "nan")]
    for value, word in ((None, None), (1.0, "nan"), (math.inf, None)):
        with pytest.raises(IntegrityError):
            book.ledger.record_metrics(attempt, [{**points[0], "step": 3, "value": value, "non_finite": word}])


def test_an_edited_sweep_shows_its_present_runs_only(book: Book) -> None:
    book.attempt(FNO)
    book.sweep_id = book.sweep("probe", digest="e", runs=RUNS[:1])
    book.scheduler = book.takes_over()
    board = Board(book.ledger.path)
    assert [row["run"] for row in board.run_status("probe")] == [DLINEAR]
    board.close()


def test_leaderboard_and_waste(book: Book) -> None:
    book.ledger.record_verdict(book.attempt(), FAILED, Measured(wall=3.0))
    book.ledger.record_verdict(book.attempt(), FAILED, Measured(wall=4.0))
    book.ledger.record_verdict(book.attempt(), green(), Measured(wall=9.0), [SCORE])
    board = Board(book.ledger.path)
    assert board.rows("SELECT * FROM waste") == [{"failure_kind": "cuda_oom", "attempts": 2, "runs": 1, "seconds": 7.0}]
    (row,) = board.scores("probe")
    assert (row["place"], row["value"], row["baseline"], row["beats_baseline"]) == (1, 0.9, 0.5, 1)
    assert list(row)[-1] == "gain_at_least"
    assert row["gain_at_least"] == 0.3
    board.close()


@pytest.mark.parametrize(("bound", "beats"), [(0.01, 1), (0.0, 0), (-0.01, 0), (None, None)])
def test_a_better_value_beats_its_baseline_only_by_more_than_luck(
    book: Book, bound: float | None, beats: int | None
) -> None:
    score = replace(SCORE, gain_at_least=bound)
    book.ledger.record_verdict(book.attempt(), green(), Measured(), [score])
    board = Board(book.ledger.path)
    (row,) = board.scores("probe")
    board.close()
    assert (row["beats_baseline"], score.beats_baseline) == (beats, bool(beats))
    assert {1: "yes", 0: "not shown", None: "cannot tell"}[beats] in show.scores([row])


def test_at_rest_it_is_one_file_and_at_work_readers_and_writer_overlap(tmp_path: Path) -> None:
    book = Book(tmp_path / "ledger.db")
    assert book.ledger.journal_mode == "WAL"
    reader = sqlite3.connect(f"file:{book.ledger.path}?mode=ro", uri=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM attempt").fetchone()
    book.attempt()  # while the reader holds its snapshot
    assert reader.execute("SELECT count(*) FROM attempt").fetchone() == (0,)
    reader.close()
    book.ledger.close()
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]
    assert sqlite3.connect(book.ledger.path).execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_locked_ledger_is_waited_for(book: Book) -> None:
    blocker = sqlite3.connect(book.ledger.path, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    release = threading.Timer(7.0, lambda: blocker.execute("COMMIT"))  # longer than the driver itself waits
    release.start()
    book.attempt()
    assert book.state()[0] == "running"
    release.join()
    blocker.close()


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with pytest.raises(Refused, match="there is no ledger"):
        Board(path)
    path.write_text("this is not a database, however long it may be" * 100)
    with pytest.raises(Refused, match="not a database"):
        Ledger(path)
    with pytest.raises(Refused, match="not a database"):
        Board(path)
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Refused, match="version 99"):
        Ledger(path)


def test_only_reading_through_sql(book: Book) -> None:
    board = Board(book.ledger.path)
    for statement in (
        "DELETE FROM run",
        "INSERT INTO pulse VALUES (9, 9)",
        "ATTACH DATABASE 'other.db' AS other",
        "PRAGMA journal_mode = DELETE",
        "CREATE TABLE x (y)",
        "SELECT 1; DELETE FROM run",
        "SELEC",
        "",
    ):
        if statement:
            with pytest.raises(Refused):
                board.sql(statement)
    assert board.sql("SELECT count(*) AS n FROM run") == (["n"], [(2,)])
    assert board.sql("WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x + 1 FROM c WHERE x < 3) SELECT * FROM c")[1]
    board.close()


def test_runs_are_found_by_what_people_type(book: Book) -> None:
    board = Board(book.ledger.path)
    assert [board.find_run(name) for name in (DLINEAR, "dl", "fno")] == [DLINEAR, DLINEAR, FNO]
    with pytest.raises(NoSuchRun, match="did you mean `dlinear`"):
        board.find_run("dlinaer")
    with pytest.raises(NoSuchRun, match="fits 2 runs"):
        board.find_run("n")
    with pytest.raises(NoSuchRun, match="an empty name"):
        board.find_run("")
    board.close()


def test_a_network_file_system_is_told_apart(tmp_path: Path) -> None:
    assert not is_network_file_system(tmp_path)
    assert not is_network_file_system(Path("/"))


VERSION_1 = Path(__file__).parent / "fixtures" / "ledger_v1.db"
VERSION_2 = VERSION_1.with_name("ledger_v2.db")


def dump(path: Path, table: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608 - names of the test's own
    connection.close()
    return rows


def measurements(path: Path) -> list[tuple[Any, ...]]:
    """In the columns that versions 1 and 2 had."""
    return [row[:20] for row in dump(path, "measured")]


def test_a_ledger_of_version_1_is_carried_over_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    shutil.copy(VERSION_1, path)
    Ledger(path).close()
    Ledger(path).close()
    kept = ("sweep", "member", "scheduler", "attempt", "submission", "verdict", "score", "metric", "stop")
    assert {table: dump(path, table) for table in kept} == {table: dump(VERSION_1, table) for table in kept}
    assert measurements(path) == measurements(VERSION_1)
    before = [(row[0], row[1], row[2]) for row in dump(VERSION_1, "run")]
    assert [(row[0], row[1], row[3]) for row in dump(path, "run")] == before
    new = tmp_path / "new.db"
    Ledger(new).close()
    what = "(SELECT type, name, tbl_name, sql FROM sqlite_schema)"
    assert dump(path, what) == dump(new, what)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with pytest.raises(sqlite3.IntegrityError, match="facts are never changed"):
        connection.execute("UPDATE verdict SET word = 'succeeded'")
    connection.close()


def test_the_fixture_of_version_1_is_still_read() -> None:
    board = Board(VERSION_1)
    rows = {row["label"]: row for row in board.run_status()}
    assert {row["state"] for row in rows.values()} == {"succeeded", "failed"}
    halved = next(row for row in rows.values() if row["backbone"] == "timesnet_b06")
    ladder = board.attempts(halved["run"])
    assert [row["failure_kind"] for row in ladder][-1] is None
    assert {row["failure_kind"] for row in ladder[:-1]} == {"host_oom"}
    assert {row["effective_batch"] for row in ladder} == {16}
    assert json.loads(board.evidence(halved["run"], ladder[-1]["attempt"]))
    board.close()


def test_a_ledger_of_version_2_is_carried_over_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    shutil.copy(VERSION_2, path)
    Ledger(path).close()
    kept = ("run", "attempt", "verdict", "score", "metric", "departure", "final_metric", "note", "code")
    assert {table: dump(path, table) for table in kept} == {table: dump(VERSION_2, table) for table in kept}
    assert measurements(path) == measurements(VERSION_2)
    new = tmp_path / "new.db"
    Ledger(new).close()
    what = "(SELECT type, name, tbl_name, sql FROM sqlite_schema)"
    assert dump(path, what) == dump(new, what)
    board = Board(path)
    ladder = board.rows("SELECT verdict, predicted_memory, prediction_error FROM attempts WHERE run GLOB 'hungry-*'")
    board.close()
    assert [tuple(row.values()) for row in ladder] == [("failed", None, None), ("succeeded", None, None)]
