"""Submitting attempts as the tasks of one array."""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from db.legible import legible
from runner.entry import bare_argv
from runner.launchers.interface import Launching, LaunchRefused
from runner.placement import Placement
from runner.slurm.reference import new_name, references
from runner.slurm.refusals import BY_SBATCH
from runner.slurm.sbatch import NotTaken, script_of, submit
from sweeps.settings import Resources
from sweeps.slurm import Slurm

MIB = 2**20
SUPERVISOR = 64 * MIB
"""Memory that the supervisor and the batch script take beside the worker's."""
ROOM_TO_END = 90.0
"""Seconds of a job's time that are not the attempt's: to ask it to end, to write its last checkpoint, to record it."""
ARRAY = "array"
_LEFT_OPEN = ("account", "partition", "qos", "constraint", "reservation")
"""Options that a user's shell may choose by a variable where the sweep file does not."""


def folder_of(root: Path, name: str) -> Path:
    return root / "slurm" / name


def submit_array(
    root: Path, launchings: Sequence[Launching], asked: Slurm, resources: Resources, placement: Placement
) -> list[str] | LaunchRefused:
    """Submit them as one array. Its description lies there before Slurm knows of it, so they are found by the name."""
    name = new_name()
    folder = folder_of(root, name).absolute()
    given = parameters(asked, resources, name, placement)
    given["additional_parameters"]["output"] = log_pattern(folder)
    argv = shlex.join(bare_argv("runner.slurm.task", str(folder / ARRAY)))
    # `exec`: Slurm's signals reach the supervisor, and its exit code is the job's
    script = script_of(folder, argv if given["use_srun"] else f"exec {argv}", given, len(launchings))
    try:
        folder.mkdir(parents=True)
        # Not synced: were it lost with its host, its tasks would start nothing.
        (folder / ARRAY).write_bytes(os.fsencode(described(launchings, script)))
    except OSError as error:
        return LaunchRefused(f"the folder {folder} of its array cannot be written: {error.strerror}")
    unseen = overruling(os.environ, given)
    try:
        array = submit(script, {key: value for key, value in os.environ.items() if key not in unseen})
    except NotTaken as refusal:
        return LaunchRefused(f"{BY_SBATCH}: {_reason(str(refusal))}")
    except FileNotFoundError:
        return LaunchRefused("Slurm's commands (sbatch) are not on PATH here")
    except OSError as error:
        return LaunchRefused(f"sbatch cannot be called: {error.strerror}")
    return references(array, name, len(launchings))


def described(launchings: Sequence[Launching], script: str) -> str:
    """What the tasks of an array read: by index, the id of the attempt, and its folder as seen from `within`.

    In lines: what holds for all, in JSON, with the script for who wants to know what was submitted; the ids; the
    folders, with NUL between them, which no path holds. JSON takes its time for long lists.
    """
    common = json.dumps({"within": str(Path.cwd()), "script": script})
    attempts = " ".join([one.plan.attempt_id for one in launchings])
    folders = "\0".join([str(one.attempt.path) for one in launchings])
    return f"{common}\n{attempts}\n{folders}"


def overruling(environment: Mapping[str, str], given: Mapping[str, Any]) -> list[str]:
    """Variables that sbatch would heed more than its script: all but a choice that the sweep file leaves open. Pure."""
    extra = given["additional_parameters"]
    left_open = {f"SBATCH_{key.upper()}" for key in _LEFT_OPEN if given.get(key) is None and key not in extra}
    return sorted(name for name in environment if name.startswith("SBATCH_") and name not in left_open)


def _reason(said: str) -> str:
    lines = [line for line in said.splitlines() if "error:" in line] or said.strip().splitlines()[-1:]
    return legible(" ".join(line.partition("error:")[2].strip() or line.strip() for line in lines))


def log_pattern(folder: Path) -> str:
    """Where the log of a task goes, as sbatch reads it: `%` of a folder's own name is no pattern. Pure."""
    return f"{str(folder).replace('%', '%%')}/%A_%a_0_log.out"


def parameters(asked: Slurm, resources: Resources, name: str, placement: Placement) -> dict[str, Any]:
    """What submitit is told. Pure."""
    memory = placement.memory if placement.memory is not None else memory_of(asked, resources)
    time = time_of(asked, resources)
    excluded = ",".join([*([asked.exclude] if asked.exclude else []), *placement.avoid])
    plain = {key: getattr(asked, key) for key in ("partition", "account", "qos", "constraint")}
    given = {
        **plain,
        "gres": asked.gres or (f"gpu:{resources.gpus}" if isinstance(resources.gpus, int) else None),
        "exclude": excluded or None,
        "job_name": name,
        "time": time.minutes if time else None,
        "mem": f"{math.ceil(memory / MIB)}M" if memory is not None else None,
        "cpus_per_task": resources.cpus,
        "array_parallelism": asked.at_once,
        "use_srun": asked.use_srun,
        "stderr_to_stdout": True,
    }
    # One owner of retries: a job that Slurm starts again by itself would be a second body of its attempt.
    # The supervisor keeps the time; SIGUSR2, which submitit asks for, would end a worker that does not expect it.
    extra = {**asked.extra, "no-requeue": True, "signal": "URG@1"}
    return {**given, "wckey": None, "additional_parameters": extra}


def memory_of(asked: Slurm, resources: Resources) -> int | None:
    """Bytes that a first attempt asks for; nothing where nobody said. Pure."""
    own = None if resources.memory is None else resources.memory + SUPERVISOR
    return own if asked.memory is None else asked.memory


class JobTime(NamedTuple):
    """What sbatch is asked for, in its own unit, and the setting that asks for it."""

    minutes: int
    setting: str


def time_of(asked: Slurm, resources: Resources) -> JobTime | None:
    """The shorter of two times; nothing where nobody said. Pure."""
    own = None if resources.time is None else resources.time + ROOM_TO_END
    limits = ((asked.time, "slurm.time"), (own, "resources.time"))
    known = [JobTime(math.ceil(seconds / 60), setting) for seconds, setting in limits if seconds is not None]
    return min(known, default=None)


def attempts_of(root: Path) -> Iterator[tuple[str, int, str]]:
    """Name of the array, index and attempt id of all that was ever to be submitted here, the oldest array first."""
    lists = sorted((root / "slurm").glob(f"*/{ARRAY}"), key=_written)
    for path in lists:
        with suppress(OSError, ValueError):  # torn: nothing of it can have been submitted
            _, attempts, _ = os.fsdecode(path.read_bytes()).split("\n", 2)
            yield from ((path.parent.name, index, attempt) for index, attempt in enumerate(attempts.split()))


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
