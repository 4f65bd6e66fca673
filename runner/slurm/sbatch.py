"""One call of sbatch. The script that it submits, and how its answer is read, are submitit's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from db.errors import RunnerError


class NotTaken(RunnerError):  # noqa: N818 - it is what happened
    """sbatch submitted nothing that we know of; the message is its own."""


def submit(script: str, environment: Mapping[str, str]) -> str:
    """Submit an array. Returns its id.

    Raises:
        NotTaken: it was refused, or no answer came.
        OSError: sbatch cannot be started.
    """
    done = subprocess.run(["sbatch"], input=os.fsencode(script), capture_output=True, env=environment, check=False)
    if done.returncode != 0:
        raise NotTaken(done.stderr.decode(errors="replace"))
    return _array_in(done.stdout.decode(errors="replace"))


def script_of(folder: Path, command: str, parameters: Mapping[str, Any], count: int) -> str:
    """The script of an array of `count` tasks, by a private function of submitit: what is public pickles a function."""
    from submitit.slurm.slurm import _make_sbatch_string  # takes a tenth of a second

    return _make_sbatch_string(command, folder, map_count=count, **parameters)


def _array_in(said: str) -> str:
    from submitit.core.utils import FailedSubmissionError
    from submitit.slurm.slurm import SlurmExecutor

    try:
        return SlurmExecutor._get_job_id_from_submission_command(said)  # noqa: SLF001 - as above
    except FailedSubmissionError:
        raise NotTaken(f"its answer tells no job: {said.strip()!r}") from None
