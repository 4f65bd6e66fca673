"""The ledger's only writer: a scheduler inserts facts through this and never changes one.

SQLite (https://sqlite.org/lang.html) through SQLAlchemy Core. Every method is one transaction that takes the write
lock at its start; a locked ledger is waited for, however long a reader holds it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from db.errors import LedgerError
from db.file import identity, open_file, put_to_rest, trouble
from db.foreseen import Device, Foreseen, Sight
from db.inserting import encodable, insert, insert_missing, patiently
from db.records import BatchSplit, Score
from db.schema import bring_up_to_date
from db.sights import SIGHTS, sight
from db.strict import to_data
from db.verdicts import Departure, Failed, History, Measured, PastAttempt, Succeeded, Unverified, Verdict


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run as a sweep names it: of a backbone or of a command. `settings` is JSON text."""

    run_id: str
    label: str
    backbone: str | None = None
    command: str | None = None
    settings: str
    effective_batch: int
    planned_steps: int | None


@dataclass(frozen=True, kw_only=True)
class OpenAttempt:
    """An attempt without a verdict. `reference` is None where no submission was recorded; `sweep` is its opener's."""

    id: int
    nonce: str
    run_id: str
    number: int
    launcher: str
    reference: str | None
    opened_at: float
    sweep: str
    device: str


class Ledger:
    """An open ledger. Close it, so that it lies at rest as one file in journal mode DELETE."""

    def __init__(self, path: Path) -> None:
        """Open or create the ledger at `path`.

        Raises:
            Refused: the file is no ledger, one of another version, or this SQLite is too old.
        """
        self.path = path
        self._engine, self.journal_mode = open_file(path)
        self._identity = identity(path)
        with self._write() as connection:
            bring_up_to_date(connection)

    def close(self) -> None:
        """Leave one file in journal mode DELETE, unless another sweep still writes."""
        if identity(self.path) == self._identity:
            put_to_rest(self._engine)
        else:
            self._engine.dispose()  # what lies under its name now is not ours to touch

    def record_sweep(
        self, *, name: str, digest: str, file: str, profile: str | None, profile_reason: str, runs: Sequence[RunRow]
    ) -> int:
        """Record a sweep, its runs and who belongs to whom; what is known already stays as it is. Returns its id."""
        now = time.time()
        key = {"name": name, "digest": digest, "profile_reason": profile_reason}
        run_keys = ("backbone", "command", "settings", "effective_batch", "planned_steps")
        with self._write() as connection:
            insert_missing(connection, "sweep", [{**key, "file": file, "profile": profile, "recorded_at": now}])
            found = "SELECT id FROM sweep WHERE name = :name AND digest = :digest AND profile_reason = :profile_reason"
            sweep_id = int(connection.execute(sa.text(found), key).scalar_one())
            rows = [
                {"id": run.run_id, "recorded_at": now, **{key: getattr(run, key) for key in run_keys}} for run in runs
            ]
            insert_missing(connection, "run", rows)
            members = [
                {"sweep_id": sweep_id, "run_id": run.run_id, "position": position, "label": run.label}
                for position, run in enumerate(runs)
            ]
            insert_missing(connection, "member", members)
        return sweep_id

    def record_scheduler(self, *, sweep_id: int, host: str, boot_id: str, pid: int) -> int:
        """Record that a scheduler takes the sweep. Returns its fencing number."""
        now = time.time()
        row = {"sweep_id": sweep_id, "host": host, "boot_id": boot_id, "pid": pid, "opened_at": now}
        with self._write() as connection:
            scheduler_id = insert(connection, "scheduler", row)
            insert_missing(connection, "pulse", [{"scheduler_id": scheduler_id, "last_seen": now}])
        return scheduler_id

    def record_pulse(self, scheduler_id: int) -> None:
        """The scheduler lives."""
        with self._write() as connection:
            update = "UPDATE pulse SET last_seen = :now WHERE scheduler_id = :id"
            connection.execute(sa.text(update), {"now": time.time(), "id": scheduler_id})

    def record_departure(self, scheduler_id: int, how: Departure) -> None:
        """The scheduler ends, and says so: its pulse is taken back."""
        row = {"scheduler_id": scheduler_id, "how": how, "recorded_at": time.time()}
        with self._write() as connection:
            insert_missing(connection, "departure", [row])
            connection.execute(sa.text("DELETE FROM pulse WHERE scheduler_id = :id"), {"id": scheduler_id})

    def record_code(self, *, code_id: str, fingerprint: str, git_commit: str | None, git_diff: str | None) -> None:
        row = {"id": code_id, "fingerprint": fingerprint, "git_commit": git_commit, "git_diff": git_diff}
        with self._write() as connection:
            insert_missing(connection, "code", [row])

    def record_attempt(self, *, batch: BatchSplit, foreseen: Foreseen | None = None, **row: Any) -> int:
        """Open an attempt, with what is known of its memory. Returns its id.

        Raises:
            sqlalchemy.exc.IntegrityError: the run has an open attempt, is stopped, or a later scheduler has the sweep.
        """
        batches = {"effective_batch": batch.effective, "micro_batch": batch.micro, "grad_accum": batch.accum}
        with self._write() as connection:
            attempt_id = insert(connection, "attempt", {**row, **batches, "opened_at": time.time()})
            if foreseen is not None:
                insert(connection, "foreseen", {"attempt_id": attempt_id, **asdict(foreseen)})
            return attempt_id

    def record_submissions(self, references: Mapping[int, str]) -> None:
        """What launchers call the attempts of these ids."""
        now = time.time()
        rows = [{"attempt_id": id_, "reference": name, "submitted_at": now} for id_, name in references.items()]
        with self._write() as connection:
            insert_missing(connection, "submission", rows)

    def record_verdict(
        self,
        attempt_id: int,
        verdict: Verdict,
        measured: Measured,
        scores: Iterable[Score] = (),
        notes: Iterable[str] = (),
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Close an attempt. The first verdict stays: whoever judges the same evidence again changes nothing.

        A success lifts a stop that came too late to prevent it.

        Raises:
            LedgerError: the ledger holds a success of the attempt, and its witnesses speak against one.
        """
        with self._write() as connection:
            judged = "SELECT word FROM verdict WHERE attempt_id = :attempt"
            there = connection.execute(sa.text(judged), {"attempt": attempt_id}).scalar()
            if there == "succeeded" and not isinstance(verdict, Succeeded):
                raise LedgerError(
                    f"{self.path}: somebody wrote a success of attempt {attempt_id} into it, whose witnesses say: "
                    f"{verdict.because}. Nothing in it can be believed: restore a copy, or begin with another --root"
                )
            if there is not None:
                return
            insert(connection, "verdict", {"attempt_id": attempt_id, **_verdict_row(verdict)})
            insert_missing(connection, "measured", [{"attempt_id": attempt_id, **asdict(measured)}])
            final = [
                {"attempt_id": attempt_id, "name": name, "value": value} for name, value in (metrics or {}).items()
            ]
            insert_missing(connection, "final_metric", final)
            insert_missing(connection, "score", [{"attempt_id": attempt_id, **asdict(score)} for score in scores])
            said = [
                {"attempt_id": attempt_id, "position": position, "note": note} for position, note in enumerate(notes)
            ]
            insert_missing(connection, "note", said)
            if isinstance(verdict, Succeeded):
                run = "SELECT run_id FROM attempt WHERE id = :attempt"
                _lift_stop(connection, connection.execute(sa.text(run), {"attempt": attempt_id}).scalar_one())

    def record_metrics(self, attempt_id: int, points: Iterable[Mapping[str, Any]]) -> None:
        """Record `{step, name, value, non_finite, time}`; points recorded before stay as they are."""
        points = list(points)
        if not points:
            return
        with self._write() as connection:
            insert_missing(
                connection, "metric_name", [{"name": name} for name in sorted({point["name"] for point in points})]
            )
            names = connection.execute(sa.text("SELECT name, id FROM metric_name")).all()
            known = {row.name: row.id for row in names}
            keys = ("step", "value", "non_finite", "time")
            rows = [
                {
                    "attempt_id": attempt_id,
                    "name_id": known[encodable(point["name"])],
                    **{key: point[key] for key in keys},
                }
                for point in points
            ]
            insert_missing(connection, "metric", rows)

    def record_stop(self, run_id: str, kind: str, because: str) -> None:
        """The run is not tried again. A stop that is in force already stays."""
        with self._write() as connection:
            if connection.execute(sa.text(_OPEN_STOP), {"run": run_id}).first():
                return
            count = "SELECT coalesce(max(number), 0) FROM attempt WHERE run_id = :run"
            number = connection.execute(sa.text(count), {"run": run_id}).scalar_one()
            row = {"run_id": run_id, "after_number": number, "kind": kind, "because": because}
            insert(connection, "stop", {**row, "recorded_at": time.time()})

    def record_reopening(self, run_id: str) -> bool:
        """Lift the run's stop; False where none is in force."""
        with self._write() as connection:
            return _lift_stop(connection, run_id)

    def read_history(self, run_id: str) -> History:
        with self._read() as connection:
            rows = connection.execute(sa.text(_ATTEMPTS), {"run": run_id}).all()
            stop = connection.execute(sa.text(_OPEN_STOP), {"run": run_id}).first()
            forgiven = connection.execute(sa.text(_FORGIVEN), {"run": run_id}).scalar_one()
        return History(
            attempts=tuple(_past(row) for row in rows), stopped=stop.kind if stop else None, forgiven=forgiven
        )

    def read_sights(self, shape: str, device: Device) -> tuple[Sight, ...]:
        """What became of attempts of this shape on devices of this kind, where a limit of its memory was known."""
        with self._read() as connection:
            rows = connection.execute(sa.text(SIGHTS), {"shape": shape, "device": device}).mappings().all()
        return tuple(sight(dict(row)) for row in rows)

    def read_open_attempts(self, *, sweep_id: int | None = None, run_id: str | None = None) -> tuple[OpenAttempt, ...]:
        """Attempts without a verdict, of a sweep's runs, of one run, or all there are."""
        with self._read() as connection:
            wanted = {"sweep": sweep_id, "run": run_id}
            rows = connection.execute(sa.text(_OPEN_ATTEMPTS), wanted).mappings().all()
        return tuple(OpenAttempt(**row) for row in rows)

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        self._require_same_file()
        with self._engine.connect() as connection, self._told():
            patiently(connection, "BEGIN IMMEDIATE")
            try:
                yield connection
                patiently(connection, "COMMIT")
            except BaseException:
                with contextlib.suppress(sa.exc.OperationalError):  # after some errors SQLite has rolled back already
                    connection.exec_driver_sql("ROLLBACK")
                raise

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with self._engine.connect() as connection, self._told():
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What keeps SQLite from working with the file becomes a sentence."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise trouble(error, self.path) or error from None

    def _require_same_file(self) -> None:
        """Nothing is written into a file that nobody can find any more."""
        if identity(self.path) != self._identity:
            raise LedgerError(
                f"the ledger {self.path} was removed or replaced by another file while it was in use; attempts run on, "
                "and what they leave remains in their folders"
            )


def _lift_stop(connection: sa.Connection, run_id: str) -> bool:
    stop = connection.execute(sa.text(_OPEN_STOP), {"run": run_id}).first()
    if stop is None:
        return False
    insert(connection, "reopening", {"stop_id": stop.id, "recorded_at": time.time()})
    return True


def _verdict_row(verdict: Verdict) -> dict[str, Any]:
    row = {
        "because": verdict.because,
        "evidence": json.dumps(to_data(verdict.evidence)),
        "result_sha256": None if isinstance(verdict, Unverified) else verdict.result_sha256,
        "judged_at": time.time(),
    }
    match verdict:
        case Succeeded():
            return {**row, "word": "succeeded", "failure_kind": None, "exit_code": 0, "signal": None, "oom_kills": 0}
        case Unverified():
            return {**row, "word": "unverified", "failure_kind": None, "exit_code": 0, "signal": None, "oom_kills": 0}
        case Failed():
            seen = {"exit_code": verdict.exit_code, "signal": verdict.signal, "oom_kills": verdict.oom_kills}
            return {**row, "word": "failed", "failure_kind": verdict.kind, **seen}


def _past(row: sa.Row[Any]) -> PastAttempt:
    return PastAttempt(
        number=row.number,
        batch=BatchSplit(micro=row.micro_batch, accum=row.grad_accum),
        code_fingerprint=row.fingerprint,
        verdict=row.word,
        failure_kind=row.failure_kind,
        because=row.because or "",
        judged_at=row.judged_at,
        node=row.node,
        start_step=row.start_step,
    )


_ATTEMPTS = """
SELECT a.number, a.micro_batch, a.grad_accum, a.start_step, c.fingerprint,
       v.word, v.failure_kind, v.because, v.judged_at, m.node
FROM attempt a JOIN code c ON c.id = a.code_id LEFT JOIN verdict v ON v.attempt_id = a.id
LEFT JOIN measured m ON m.attempt_id = a.id
WHERE a.run_id = :run ORDER BY a.number
"""
_OPEN_STOP = """
SELECT id, kind FROM stop WHERE run_id = :run AND id NOT IN (SELECT stop_id FROM reopening)
"""
_FORGIVEN = """
SELECT coalesce(max(s.after_number), 0) FROM stop s JOIN reopening r ON r.stop_id = s.id WHERE s.run_id = :run
"""
_OPEN_ATTEMPTS = """
SELECT a.id, a.nonce, a.run_id, a.number, a.launcher, s.reference, a.opened_at, opener.name AS sweep, a.device
FROM attempt a LEFT JOIN submission s ON s.attempt_id = a.id
JOIN scheduler c ON c.id = a.scheduler_id JOIN sweep opener ON opener.id = c.sweep_id
WHERE NOT EXISTS (SELECT 1 FROM verdict v WHERE v.attempt_id = a.id)
AND (:run IS NULL OR a.run_id = :run)
AND (:sweep IS NULL OR a.run_id IN (SELECT run_id FROM member WHERE sweep_id = :sweep))
ORDER BY a.id
"""
