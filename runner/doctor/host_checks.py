"""What is judged of this host. Pure: facts in, findings out; one function a check, and two tables of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from db.sqlite import NETWORK_FILE_SYSTEMS, OLDEST_SQLITE
from runner.doctor.finding import Finding, failing, fine, warning
from runner.doctor.host import Ground, Home
from runner.doctor.memory_words import memory_finding
from runner.memory_limit import FORCE
from sweeps.units import size

LEAST_SPACE, LITTLE_SPACE = 2**28, 5 * 2**30
"""Bytes: one attempt's records, logs and checkpoints may not fit; many may not."""
LEAST_FILES, LITTLE_FILES = 1_000, 50_000
"""An attempt makes about twenty files."""


def python(home: Home) -> Finding:
    said = f"Python {home.python}, {home.executable}"
    if home.missing:
        return failing(
            "python",
            f"{said}: not installed: {', '.join(home.missing)}",
            "install the runner with what it needs: `pip install --editable .` in its folder, or `make sweep`",
        )
    return fine("python", f"{said}; all packages are there")


def sqlite(home: Home) -> Finding:
    version, oldest = (".".join(map(str, numbers)) for numbers in (home.sqlite, OLDEST_SQLITE))
    if home.sqlite < OLDEST_SQLITE:
        return failing(
            "sqlite",
            f"SQLite {version} is too old for the ledger",
            f"use a Python that brings {oldest} or newer",
        )
    return fine("sqlite", f"SQLite {version}")


def root(home: Home) -> Finding:
    if home.why_not_writable:
        return failing("root", home.why_not_writable, "take another folder with --root, or make this one writable")
    if home.why_no_claims:
        return failing(
            "root",
            f"{home.nearest}: {home.why_no_claims}",
            "attempts could not be told apart there: take a folder of another file system with --root",
        )
    made = "" if home.nearest == home.root else ", which a sweep will make"
    return fine("root", f"{home.root}{made}: files can be written, locked and linked")


def space(home: Home) -> Finding:
    files = "" if home.free_files is None else f", {home.free_files:,} files"
    said = f"free: {size(home.free)}{files}"
    if home.free < LEAST_SPACE or (home.free_files is not None and home.free_files < LEAST_FILES):
        return failing("space", said, "make room, or take a folder of another disk with --root")
    if home.free < LITTLE_SPACE or (home.free_files is not None and home.free_files < LITTLE_FILES):
        return warning("space", said, "make room: checkpoints and logs of many attempts may not fit")
    return fine("space", said)


def file_system(home: Home) -> Finding:
    if home.file_system in NETWORK_FILE_SYSTEMS:
        return warning(
            "file system",
            f"{home.file_system}, of a network: SQLite's WAL does not work there, and readers and the scheduler "
            "wait for each other",
            "a cluster needs it so, and it works; where attempts run on this host, take a local disk with --root",
        )
    return fine("file system", home.file_system)


def ledger(home: Home) -> Finding:
    if home.why_no_ledger:
        return failing("ledger", home.why_no_ledger, "take another folder with --root, or bring the file back")
    if home.sweeps is None:
        return fine("ledger", "none yet: the first sweep makes it")
    return fine("ledger", f"it can be read; sweeps in it: {home.sweeps}")


def memory(ground: Ground) -> Finding:
    return memory_finding("memory", "here", ground.memory, forced_by=FORCE)


def gpus(ground: Ground) -> Finding:
    if ground.gpus is None:
        return fine("gpu", "none is asked for (resources.gpus=none)")
    if ground.gpus.unanswered is not None:
        return failing(
            "gpu",
            f"whether there is one cannot be told: {ground.gpus.unanswered}",
            "look at the driver, or sweep with resources.gpus=none",
        )
    there = [f"{gpu.index} ({size(gpu.memory)})" for gpu in ground.gpus.found]
    return fine("gpu", f"nvidia-smi shows {', '.join(there)}" if there else "none here: trainings take the CPUs")


def slots(ground: Ground) -> Finding:
    if ground.why_no_slots:
        return failing("slots", ground.why_no_slots, "RUNNER_SLOTS names another folder")
    return fine("slots", str(ground.slots))


HOME: Sequence[Callable[[Home], Finding]] = (python, sqlite, root, space, file_system, ledger)
GROUND: Sequence[Callable[[Ground], Finding]] = (memory, gpus, slots)
