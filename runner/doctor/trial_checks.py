"""What is judged of a job that was tried, and of the node that it ran on. Pure; one function a check."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from runner.doctor.finding import Finding, failing, fine, warning
from runner.doctor.memory_words import memory_finding
from runner.doctor.node import Answer
from runner.doctor.trial import Trial
from runner.queue_words import said
from sweeps.units import duration, size

CLOCKS_APART = 5.0
"""Seconds. Nothing is decided by clocks of two hosts, but times in the ledger are of both."""


def job(trial: Trial) -> Finding:
    stand, waited = trial.stand, duration(trial.waited)
    if trial.job is None:
        return failing(
            "job",
            f"sbatch would not take it: {trial.why_not}",
            "change the `slurm` section of the sweep file (slurm.partition, account, qos, gres, extra)",
        )
    if trial.answer:
        return fine("job", f"job {trial.job} ran on {trial.answer.host}, and answered after {waited}")
    if stand is None or trial.why_not:
        return warning("job", f"job {trial.job} was submitted, then {trial.why_not}", "try again once Slurm answers")
    if stand.stands == "stuck":
        return failing("job", f"job {trial.job} would not start by itself: {stand.reason}", str(stand.advice))
    if stand.stands == "queued":
        return warning(
            "job",
            f"job {trial.job} did not start within {waited} ({said(stand)}), and was cancelled: no node was seen",
            "the cluster is busy: wait longer with --within, or leave the job out with --no-job",
        )
    return _came_to_nothing(trial)


def _came_to_nothing(trial: Trial) -> Finding:
    """It was started, and no answer is here: what it printed tells more than Slurm's word for its end."""
    stand = trial.stand
    where = (stand.nodes if stand else None) or "its node"
    state = said(stand) if stand else f"job {trial.job} has ended"
    if trial.printed:
        return failing(
            "job",
            f"{state}; it printed: {trial.printed}",
            f"{sys.executable} and what it imports have to be on {where} under the same path, as the root has: keep "
            "all of it on a file system that nodes share",
        )
    return failing(
        "job",
        f"{state}; nothing that it wrote below {trial.root} is to be seen here",
        f"the root has to be on a file system that {where} shares, under the same path: name one with --root",
    )


def folder(trial: Trial, answer: Answer) -> Finding:
    if answer.why_no_claims:
        return failing(
            "shared folder",
            f"{trial.root} is seen on {answer.host}, but {answer.why_no_claims}",
            "take a folder of another file system with --root",
        )
    return fine("shared folder", f"{answer.host} read a file of {trial.root}, and what it wrote came back")


def python(_: Trial, answer: Answer) -> Finding:
    told = f"Python {answer.python}, {answer.executable} on {answer.host}"
    if answer.missing:
        return failing(
            "node's python", f"{told}: not there: {', '.join(answer.missing)}", "install them on a shared disk"
        )
    return fine("node's python", f"{told}, with all packages")


def clock(trial: Trial, answer: Answer) -> Finding:
    apart = max(trial.earliest - answer.at, answer.at - trial.latest, 0.0)
    known = f"to within {duration(trial.latest - trial.earliest)}"
    if apart > CLOCKS_APART:
        ahead = "ahead of" if answer.at > trial.latest else "behind"
        return warning(
            "clock",
            f"that of {answer.host} is {duration(apart)} {ahead} ours",
            "have both set by NTP; nothing is decided by them, but durations in the ledger are wrong",
        )
    return fine("clock", f"that of {answer.host} agrees with ours, {known}")


def memory(_: Trial, answer: Answer) -> Finding:
    return memory_finding("node's memory", f"in a job on {answer.host}", answer.memory)


def gpu(trial: Trial, answer: Answer) -> Finding | None:
    if not trial.request.gpu_of_cluster:
        return None
    if answer.why_no_gpus:
        return failing("node's gpu", f"on {answer.host}: {answer.why_no_gpus}", "ask whoever runs the cluster")
    if not answer.gpus:
        return failing(
            "node's gpu",
            f"a GPU is asked for, and nvidia-smi shows none to a job on {answer.host}",
            "set slurm.gres (gpu:1), and slurm.partition to one whose nodes have GPUs",
        )
    return fine("node's gpu", f"{answer.host} gives {', '.join(map(size, answer.gpus))}")


NODE: Sequence[Callable[[Trial, Answer], Finding | None]] = (folder, python, clock, memory, gpu)
