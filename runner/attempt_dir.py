"""The attempt folder: the contract between the scheduler's side and the worker's. Standard library only.

`<root>/<run>/<attempt number>/`, never reused. Every file is written whole (temporary file, fsync, rename, fsync of the
folder) or appended; every record is read strictly, and what cannot be read is never guessed at.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from db.legible import legible
from db.records import VERSION, Claim, EndRequest, Exit, Plan, Result
from db.strict import Invalid, describe, to_data, to_record
from runner.regular_file import NotRegular, open_regular

T = TypeVar("T")
MAX_RECORD_BYTES = 4 * 2**20


class BadRecord(ValueError):  # noqa: N818 - evidence, not an accident: it is collected and judged
    """A file of the folder is there but cannot be believed; the message says why."""


@dataclass(frozen=True)
class AttemptDir:
    """The paths of one attempt, and how its records are read and written."""

    path: Path

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def claim(self) -> Path:
        return self.path / "claim.json"

    @property
    def end_request(self) -> Path:
        return self.path / "end.json"

    @property
    def lease(self) -> Path:
        return self.path / "lease"

    @property
    def stdout(self) -> Path:
        return self.path / "stdout.log"

    @property
    def stderr(self) -> Path:
        return self.path / "stderr.log"

    @property
    def supervisor_log(self) -> Path:
        return self.path / "supervisor.log"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def out(self) -> Path:
        """What a command writes, where its sweep file says `{out}`."""
        return self.path / "out"

    @property
    def left(self) -> Path:
        """Declared files from elsewhere that it left behind, by their absolute paths, once a later attempt began."""
        return self.path / "left"

    @property
    def batch_asked(self) -> Path:
        """There once a script has asked for its batch, see `runner.report.batch`."""
        return self.path / "batch.asked"

    @property
    def evaluating(self) -> Path:
        """There once its training is complete and is being evaluated."""
        return self.path / "evaluating.json"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def exit(self) -> Path:
        return self.path / "exit.json"

    def read_plan(self) -> Plan:
        return read_record(self.plan, Plan)

    def read_claim(self) -> Claim:
        return read_record(self.claim, Claim)

    def read_end_request(self) -> EndRequest:
        return read_record(self.end_request, EndRequest)

    def read_result(self) -> Result:
        return read_record(self.result, Result)

    def read_exit(self) -> Exit:
        return read_record(self.exit, Exit)

    def take_claim(self, claim: Claim) -> int | None:
        """Claim the attempt for this process, once and for all.

        The claim appears complete and locked: a temporary file is written, fsynced and locked, then linked to its
        name, which fails where a claim exists. Returns the descriptor that holds the lock (close-on-exec; keep it open
        for as long as the attempt lives), or None where somebody else has the claim.
        """
        temporary = self.path / f".claim.{claim.pid}.{os.urandom(4).hex()}"
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, encode(claim))
            os.fsync(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.link(temporary, self.claim)
        except FileExistsError:
            os.close(descriptor)
            return None
        finally:
            temporary.unlink()
        sync_folder(self.path)
        return descriptor

    def claim_is_locked(self) -> bool:
        """Whether a living process of this host holds the lock of what lies there as the claim."""
        try:
            descriptor = open_regular(self.claim)
        except (FileNotFoundError, NotRegular):
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def write_record(path: Path, record: object) -> None:
    """Write a record so that it appears complete or not at all.

    Raises:
        OSError: the disk is full, say; nothing appears then.
        ValueError: a number in it is not finite.
    """
    write_whole(path, encode(record))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it appears complete or not at all.

    Raises:
        OSError: the disk is full, say; nothing appears then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def read_record(path: Path, kind: type[T]) -> T:
    """Read a record strictly.

    Raises:
        FileNotFoundError: there is none.
        BadRecord: there is one that cannot be believed.
    """
    return parse_record(read_bounded(path), kind, path.name)


def parse_record(data: bytes, kind: type[T], name: str) -> T:
    """Read a record from its bytes: whole JSON, known version and keys, finite numbers, no key twice.

    Raises:
        BadRecord: it cannot be believed.
    """
    try:
        values = json.loads(data, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from None
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or an integer of thousands of digits
        raise BadRecord(f"{name} is not whole JSON: {error}") from None
    if isinstance(values, dict) and values.get("version") != VERSION:
        found = describe(values.get("version"))
        raise BadRecord(f"{name} is of another version: found {found}; this runner reads version {VERSION}")
    try:
        return to_record(kind, values)
    except Invalid as invalid:
        raise BadRecord(f"{name}: {legible(str(invalid))}") from None


def read_bounded(path: Path) -> bytes:
    """Read a regular file of at most `MAX_RECORD_BYTES`.

    Raises:
        FileNotFoundError: there is none.
        BadRecord: it is a link, folder, pipe, unreadable or too large.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadRecord(f"{path.name} cannot be opened: {error.strerror}") from None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        size = os.fstat(descriptor).st_size
        if size > MAX_RECORD_BYTES:
            raise BadRecord(f"{path.name} holds {size} bytes, more than {MAX_RECORD_BYTES}")
        return file.read(MAX_RECORD_BYTES + 1)


def attempt_numbers(run_folder: Path) -> Iterator[int]:
    """The numbers of the attempt folders that exist."""
    if run_folder.is_dir():
        for entry in run_folder.iterdir():
            if entry.name.isdecimal():
                yield int(entry.name)


def encode(record: object) -> bytes:
    return (json.dumps(to_data(record), indent=1, allow_nan=False) + "\n").encode()


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = sorted(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise BadRecord(f"the key {legible(', '.join(twice))} is given twice")
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise BadRecord(f"{word} is not a finite number")
