"""What is asked of Slurm for each attempt of a sweep: the `slurm` section. It does nothing where Slurm is not asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from db.strict import Fault, Invalid, require_positive
from sweeps.settings import MOST_MEMORY, MOST_SECONDS, require_at_most

MOST_TASKS = 10_000
_OPTION = re.compile(r"[a-z][a-z0-9-]*")
_OURS = {
    "array": "runs are made of the sweep file",
    "begin": "an attempt starts when its turn comes",
    "chdir": "an attempt is started in a folder of its own",
    "clusters": "attempts are followed on one cluster: log in there",
    "cpus-per-task": "say `resources.cpus`",
    "dependency": "runs do not wait for each other",
    "error": "the logs lie in the attempt's folder",
    "export": "an attempt gets the environment of its sweep",
    "input": "an attempt reads nothing",
    "job-name": "attempts are found by the names that they are given",
    "mem": "say `slurm.memory`",
    "nodes": "an attempt runs on one node",
    "no-requeue": "it is always given",
    "ntasks": "an attempt is one task",
    "ntasks-per-core": "an attempt is one task",
    "ntasks-per-gpu": "an attempt is one task",
    "ntasks-per-node": "an attempt is one task",
    "ntasks-per-socket": "an attempt is one task",
    "open-mode": "the logs lie in the attempt's folder",
    "output": "the logs lie in the attempt's folder",
    "parsable": "it would change what sbatch prints",
    "quiet": "it would change what sbatch prints",
    "requeue": "retries have one owner, and it is the ledger that counts them",
    "signal": "the supervisor keeps the time",
    "test-only": "nothing would be submitted; `runner doctor` asks so",
    "time": "say `slurm.time`",
    "wait": "the scheduler waits, and not sbatch",
    "wrap": "the script is ours",
}
_NAMED = ("partition", "account", "qos", "constraint", "gres", "exclude")


@dataclass(frozen=True, kw_only=True)
class Slurm:
    """Options of sbatch(1). `memory` in bytes, of the job with its supervisor; nothing means `resources.memory` and a
    little more. `memory_up_to`: what had too little is tried again with twice as much, up to so many bytes, before its
    batch is halved. `time`, in seconds, is the job's: an attempt that reaches it goes on in another job.

    `at_once` bounds how many attempts are with Slurm, queued or running. With `use_srun` each attempt is a step of its
    job. `extra` holds further long options by name; true stands for one without a value.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str | None = None
    exclude: str | None = None
    memory: int | None = None
    memory_up_to: int | None = None
    time: float | None = None
    at_once: int = 1000
    use_srun: bool = False
    extra: Mapping[str, str | int | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        most = {"memory": MOST_MEMORY, "memory_up_to": MOST_MEMORY, "time": MOST_SECONDS, "at_once": MOST_TASKS}
        require_positive(self, *(key for key in most if getattr(self, key) is not None))
        require_at_most(self, most)
        faults = [
            Fault((key,), _NO_WORD)
            for key in _NAMED
            if getattr(self, key) is not None and not _word(getattr(self, key))
        ]
        for key, value in self.extra.items():
            why = _why_no_option(key) or _why_no_value(value)
            faults += [Fault(("extra", key), why)] if why else []
        if self.memory_up_to is not None and (self.memory is None or self.memory_up_to <= self.memory):
            faults.append(Fault(("memory_up_to",), "must be above `slurm.memory`, which says where it begins"))
        if faults:
            raise Invalid(faults)

    @property
    def asks_for_gpu(self) -> bool:
        """Whether an attempt is given a GPU by an option of Slurm's."""
        gpus = ("gpus", "gpus-per-node", "gpus-per-task")
        return (self.gres or "").startswith("gpu") or any(option in self.extra for option in gpus)


_NO_WORD = "must be one line of printable characters without a backslash, and not empty"


def _word(text: str) -> bool:
    """What a line of a batch script can hold without becoming two."""
    return bool(text) and text.isprintable() and "\\" not in text  # which sbatch would take away


def _why_no_option(key: str) -> str | None:
    if not _OPTION.fullmatch(key):
        return "an option is named as sbatch's long ones are, without the dashes: `reservation`"
    return _OURS.get(key, f"say `slurm.{key}`") if key in _OURS or key in _NAMED else None


def _why_no_value(value: object) -> str | None:
    if value is False:
        return "an option without a value is `true`; leave it out instead"
    return None if value is True or _word(str(value)) else _NO_WORD
