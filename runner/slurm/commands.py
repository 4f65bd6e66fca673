"""Slurm's own commands, asked one at a time and not for long."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Sequence

from db.errors import RunnerError
from db.legible import legible
from runner.slurm.reading import SACCT_FIELDS, SQUEUE_FORMAT, Queue, Record, read_queue, read_records

QUEUE = ("squeue", "-h", "-r", "-t", "all", "-o", SQUEUE_FORMAT)
RECORDS = ("sacct", "-D", "-n", "-P", f"--format={SACCT_FIELDS}")
PATIENCE = 12.0
"""Seconds for one answer. squeue itself gives up after 18 s where its controller is down."""
_DISABLED = "accounting storage is disabled"


class NoAnswer(RunnerError):  # noqa: N818 - it is what happened
    """A command of Slurm's failed, or took too long; the message is its own."""


class NoAccounting(NoAnswer):
    """This cluster keeps no accounts: sacct will never know."""


def ask_queue(names: Sequence[str], patience: float = PATIENCE) -> list[Queue]:
    """The jobs of these names that Slurm's controller knows, those that ended a while ago included.

    `patience` is in seconds.

    Raises:
        NoAnswer: it cannot be asked now.
        Unreadable: it printed what we do not understand.
    """
    named = f"--name={','.join(names)}"
    return read_queue(ask(*QUEUE, named, patience=patience))


def ask_records(jobs: Sequence[str]) -> list[Record]:
    """All records and steps of these jobs (of an array by its id alone), those of earlier starts included.

    Raises:
        NoAccounting: there are none here.
        NoAnswer: the accounting cannot be asked now.
        Unreadable: it printed what we do not understand.
    """
    return read_records(ask(*RECORDS, f"--jobs={','.join(jobs)}"))


def ask_records_named(names: Sequence[str], since: str) -> list[Record]:
    """The same by name: of jobs whose ids nobody noted. `since` is in sacct's words: `now-7days`.

    Raises:
        NoAccounting: there are none here.
        NoAnswer: the accounting cannot be asked now.
        Unreadable: it printed what we do not understand.
    """
    named = f"--name={','.join(names)}"
    return read_records(ask(*RECORDS, f"--starttime={since}", named))


def cancel(jobs: Sequence[str]) -> None:
    """Ask Slurm to end these jobs; those that are over are no error.

    Raises:
        NoAnswer: it cannot be asked now.
    """
    ask("scancel", "--quiet", *jobs)


def ask(*argv: str, patience: float = PATIENCE, given: str = "", without: Collection[str] = ()) -> str:
    """What one of Slurm's commands prints; `given` is its standard input, `without` are variables that it does not see.

    Raises:
        NoAccounting: it asked for accounts, and there are none.
        NoAnswer: it failed, or had no answer within `patience` seconds.
    """
    # Without it, lists of array tasks are cut at 64 characters: slurm.conf(5), squeue(1).
    environment = {**os.environ, "SLURM_BITSTR_LEN": "0", "LC_ALL": "C"}
    seen = {name: value for name, value in environment.items() if name not in without}
    try:
        done = subprocess.run(
            argv,
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            check=False,
            env=seen,
        )
    except FileNotFoundError:
        raise NoAnswer(f"`{argv[0]}` is not on PATH") from None
    except OSError as error:
        raise NoAnswer(f"`{argv[0]}` cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"`{argv[0]}` did not answer within {patience:g} s") from None
    if _DISABLED in done.stderr:
        raise NoAccounting(f"`{argv[0]}`: {_DISABLED}")
    if done.returncode != 0:
        said = legible(done.stderr.strip().splitlines()[-1]) if done.stderr.strip() else f"exit code {done.returncode}"
        raise NoAnswer(f"`{argv[0]}`: {said}")
    return done.stdout
