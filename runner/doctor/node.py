"""What the job of `runner doctor` does on its node: it reads a question, looks around, and writes an answer."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.attempt_dir import write_whole
from runner.doctor.senses import memory_limited_by, missing_packages, why_no_claims
from runner.gpus import find_gpus
from runner.memory_limit import How

QUESTION, ANSWER = "question", "answer.json"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`asked` is what stood in the question; `at` is the node's time, in seconds since 1970.

    `gpus` are the sizes of their memory in bytes; `why_no_gpus` is why nobody can tell.
    """

    asked: str
    host: str
    at: float
    python: str
    executable: str
    missing: tuple[str, ...]
    why_no_claims: str | None
    memory: How
    gpus: tuple[int, ...]
    why_no_gpus: str | None


def _name() -> str:
    return os.environ.get("SLURMD_NODENAME") or os.uname().nodename


def main(arguments: Sequence[str]) -> int | str:
    """Answer the question that lies in a folder."""
    (named,) = arguments
    folder = Path(named)
    try:
        asked = (folder / QUESTION).read_text(encoding="utf-8")
    except OSError as error:
        return f"{folder / QUESTION} cannot be read on {_name()}: {error.strerror}"
    gpus = find_gpus()
    answer = Answer(
        asked=asked,
        host=_name(),
        python=platform.python_version(),
        executable=sys.executable,
        missing=missing_packages(),
        why_no_claims=why_no_claims(folder),
        memory=memory_limited_by(),
        gpus=tuple(gpu.memory for gpu in gpus.found),
        why_no_gpus=gpus.unanswered,
        at=time.time(),
    )
    try:
        write_whole(folder / ANSWER, json.dumps(asdict(answer)).encode())
    except OSError as error:
        return f"{folder / ANSWER} cannot be written on {_name()}: {error.strerror}"
    return 0
