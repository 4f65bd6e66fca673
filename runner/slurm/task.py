"""One task of an array: becomes the supervisor of its attempt. Standard library only.

Started on a node by `bare_argv("runner.slurm.task", its description)`. It ends as its worker did, so that Slurm's own
records say what happened; with 75 where somebody else has the claim, 74 where its end could not be written down.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from runner import supervisor
from runner.attempt_dir import AttemptDir

INDEX = "SLURM_ARRAY_TASK_ID"


def main(arguments: Sequence[str]) -> int | str:
    """Supervise the attempt that stands at our index in the description."""
    (attempts,) = arguments
    index = os.environ.get(INDEX, "")
    try:
        folder, attempt_id = attempt_at(int(index), os.fsdecode(Path(attempts).read_bytes()))
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"nothing was started: {attempts} does not tell the attempt of task {index!r}: {error}"
    begun = supervisor.begin(str(folder), attempt_id)
    if not isinstance(begun, supervisor.Supervision):
        _say(AttemptDir(folder), begun)
        return begun
    code = begun.run()
    os._exit(code or begun.worker_code)


def attempt_at(index: int, described: str) -> tuple[Path, str]:
    """Folder and id of the attempt at this index, as `runner.slurm.array.described` wrote them. Pure.

    Raises:
        ValueError, LookupError, TypeError: it is no such text, or tells nothing of this index.
    """
    common, attempts, folders = described.split("\n", 2)
    return Path(json.loads(common)["within"], folders.split("\0")[index]), attempts.split()[index]


def _say(attempt: AttemptDir, why: int | str) -> None:
    """Where who attends to the attempt looks for it."""
    if isinstance(why, str):
        with attempt.supervisor_log.open("a", encoding="utf-8") as log:
            log.write(f"{why}\n")
