"""One tiny job, tried for real: submitted as attempts are, waited for a while, cancelled and cleared away."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from db.strict import Invalid, to_record
from runner.attempt_dir import BadRecord, read_bounded
from runner.doctor.cluster import left_out, options
from runner.doctor.node import ANSWER, QUESTION, Answer
from runner.doctor.request import Request
from runner.entry import worker_argv
from runner.evidence import end_of
from runner.queue_words import Stand
from runner.slurm import commands
from runner.slurm.array import folder_of
from runner.slurm.commands import NoAnswer
from runner.slurm.live import stand_of
from runner.slurm.reading import Unreadable
from runner.slurm.reference import new_name

POLL_SECONDS = 0.5
COMES_BACK_WITHIN = 15.0
"""Seconds after its end within which what a job wrote has to be seen here; network file systems take their time."""
_TINY = ("--ntasks=1", "--cpus-per-task=1", "--time=2")
_LITTLE = "--mem=256M"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What became of the job. `why_not` it was submitted, or could not be asked about; `stand` is where it stood last.

    The answer was written between `earliest` and `latest`, by our clock, in seconds since 1970.
    """

    request: Request
    root: Path
    waited: float
    earliest: float
    latest: float
    job: str | None = None
    stand: Stand | None = None
    why_not: str | None = None
    printed: str = ""
    answer: Answer | None = None


def try_job(root: Path, request: Request, within: float) -> Trial:
    """Submit it, and wait for its answer for so many seconds once it has been taken.

    Raises:
        OSError: its folder cannot be made in the root.
    """
    name = new_name()
    folder = folder_of(root, name)
    made = [path for path in (folder.parent, root) if not path.exists()]
    folder.mkdir(parents=True)
    try:
        (folder / QUESTION).write_text(os.urandom(8).hex(), encoding="utf-8")
        return _Tried(root, folder, name, request).wait(within)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what a job that was cancelled still writes may stay
        for path in made:
            with suppress(OSError):
                path.rmdir()


class _Tried:
    def __init__(self, root: Path, folder: Path, name: str, request: Request) -> None:
        self._root = root
        self._folder = folder
        self._name = name
        self._request = request
        self._begun = self._earliest = time.time()
        self._stand: Stand | None = None

    def wait(self, within: float) -> Trial:
        try:
            job = self._submit()
        except NoAnswer as fault:
            return self._told(why_not=str(fault))
        try:
            return self._follow(job, time.monotonic() + within)
        finally:
            if self._stand is None or self._stand.stands != "ended":
                with suppress(NoAnswer):
                    commands.cancel([job])

    def _submit(self) -> str:
        argv: Sequence[str] = worker_argv("runner.doctor.node", str(self._folder))
        step = ("srun", *argv) if self._request.slurm.use_srun else argv
        log = str(self._folder / "log").replace("%", "%%")  # sbatch(1), filename pattern
        given = options(self._request, tiny=True)
        said = commands.ask(
            "sbatch",
            "--parsable",
            *given,
            *_TINY,
            *([] if any(one.startswith("--mem-per") for one in given) else [_LITTLE]),
            f"--job-name={self._name}",
            f"--output={log}",
            given=f"#!/bin/sh\nexec {shlex.join(step)}\n",
            without=left_out(self._request, os.environ),
        )
        return said.strip().partition(";")[0]

    def _follow(self, job: str, deadline: float) -> Trial:
        why_not, ended = None, None
        while True:
            if answer := self._answer():
                self._look(job)
                return self._told(job=job, answer=answer)
            now = time.monotonic()
            if now > deadline or (ended is not None and now > ended + COMES_BACK_WITHIN):
                return self._told(job=job, why_not=why_not)
            looked = time.time()
            why_not = self._look(job)
            stands = self._stand.stands if self._stand else None
            if stands == "queued":
                self._earliest = looked
            if stands == "stuck":
                return self._told(job=job)
            if stands == "ended" and ended is None:
                ended = now
            time.sleep(POLL_SECONDS)

    def _look(self, job: str) -> str | None:
        """Where it stands; why nobody can tell."""
        try:
            rows = [row for row in commands.ask_queue([self._name]) if row.job == job]
        except (NoAnswer, Unreadable) as fault:
            return str(fault)
        self._stand = stand_of(job, rows)
        return None

    def _answer(self) -> Answer | None:
        os.listdir(self._folder)  # a network file system looks again then  # noqa: PTH208 - for its effect
        with suppress(OSError, BadRecord, ValueError, Invalid):
            return to_record(Answer, json.loads(read_bounded(self._folder / ANSWER)))
        return None

    def _told(self, *, job: str | None = None, why_not: str | None = None, answer: Answer | None = None) -> Trial:
        now = time.time()
        return Trial(
            request=self._request,
            root=self._root,
            waited=now - self._begun,
            earliest=self._earliest,
            latest=now,
            job=job,
            stand=self._stand,
            why_not=why_not,
            printed=" ".join(end_of(self._folder / "log", 500).decode(errors="replace").split()),
            answer=answer,
        )
