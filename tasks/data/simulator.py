"""Simulated rigs with rolling-element bearings, written in the layout of PHM-Vibench.

What they share with real rigs: several machines of different channels, sample rates and geometries; loads; sensors
whose gain differs between recordings, so that amplitude alone says little; bearings run to failure, whose state in the
middle of their lives is not labelled. What they do not: real noise, and faults that nobody thought of. A score on them
says that a pipeline works, not that a backbone is good.
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from sweeps.settings import Simulation
from tasks.data.bearing import Fault, Resonance, Signal, impact_train, tones
from tasks.data.rigs import FAULTS, LOADS, RIGS, Rig

WORN, FAULTY = 0.5, 0.25
"""Below these fractions of life left, a bearing run to failure is no longer called normal, and is called faulty."""


@dataclass(frozen=True, kw_only=True)
class Bearing:
    """One bearing on one rig. What is drawn once for it is the same in all its recordings."""

    rig: Rig
    folder: str
    fault: Fault
    resonances: tuple[Resonance, ...]
    path_gain: Signal
    shaft: float


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What differs between recordings of a bearing. `severity` is 0 without damage and about 1 for a clear fault."""

    severity: float
    load: int
    label: int
    rul: float | None
    length: int


def simulated_folder(simulation: Simulation, root: Path) -> Path:
    """The folder with these simulated recordings, made first where it does not exist.

    Its name stands for the seed and this code. It is written beside and renamed into place, so it is whole or absent,
    and two processes that make it at once end with one of the two equal folders.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = root / "simulated" / _address(simulation)
    if not folder.is_dir():
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}.{os.urandom(4).hex()}")
        temporary.mkdir(parents=True)
        try:
            _write(simulation, temporary)
            _move(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _address(simulation: Simulation) -> str:
    here = Path(__file__).parent
    code = b"".join((here / name).read_bytes() for name in ("bearing.py", "rigs.py", "simulator.py"))
    return f"seed{simulation.seed}-{hashlib.sha256(code).hexdigest()[:12]}"


def _move(temporary: Path, folder: Path) -> None:
    try:
        temporary.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _write(simulation: Simulation, folder: Path) -> None:
    rows = [row for rig in RIGS for row in _write_rig(rig, simulation.seed, folder)]
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def _write_rig(rig: Rig, seed: int, folder: Path) -> Iterator[dict[str, object]]:
    random = np.random.default_rng([seed, rig.id])
    with h5py.File(folder / f"{rig.name}.h5", "w") as signals:
        for number, (bearing, condition) in enumerate(_recordings(rig, random), 1):
            key = rig.id * 1000 + number
            signals.create_dataset(str(key), data=record(bearing, condition, random)[:, :, None])
            yield _row(key, number, bearing, condition)


def _recordings(rig: Rig, random: np.random.Generator) -> Iterator[tuple[Bearing, Condition]]:
    for fault in rig.faults:
        for number in range(1, rig.bearings + 1):
            bearing = _bearing(rig, f"{fault}_{number}", fault, random)
            for load in range(len(LOADS)):
                severity = 0.0 if fault == "none" else random.uniform(0.5, 1.5)
                label = FAULTS.index(fault)
                yield bearing, Condition(severity=severity, load=load, label=label, rul=None, length=rig.length)
    for number in range(1, rig.lives + 1):
        fault = rig.faults[1 + number % (len(rig.faults) - 1)]
        bearing = _bearing(rig, f"life_{number}", fault, random)
        yield from ((bearing, condition) for condition in _life(bearing, number % len(LOADS), random))


def _bearing(rig: Rig, folder: str, fault: Fault, random: np.random.Generator) -> Bearing:
    place = max(0, rig.faults.index(fault) - 1)
    frequency = rig.resonances[place] * random.uniform(0.95, 1.05)
    modes = frequency * (1 + 0.04 * np.arange(rig.channels))
    return Bearing(
        rig=rig,
        folder=f"{rig.name}/{folder}",
        fault=fault,
        resonances=tuple(Resonance(frequency=mode, decay=0.0015) for mode in modes.tolist()),
        path_gain=random.uniform(0.7, 1.3, rig.channels),
        shaft=rig.shaft * random.uniform(0.985, 1.015),
    )


def _life(bearing: Bearing, load: int, random: np.random.Generator) -> Iterator[Condition]:
    """Damage grows slowly at first and ever faster, at a pace of the bearing's own."""
    rig = bearing.rig
    pace = random.uniform(1.3, 1.9)
    for snapshot in range(rig.snapshots):
        rul = 1 - snapshot / (rig.snapshots - 1)
        severity = 1.8 * (0.03 + (1 - rul) ** pace) * random.uniform(0.85, 1.15)
        label = 0 if rul > WORN else -1 if rul > FAULTY else FAULTS.index(bearing.fault)
        yield Condition(severity=severity, load=load, label=label, rul=rul, length=rig.snapshot_length)


def record(bearing: Bearing, condition: Condition, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """One recording, (L, C): gain x (tones + ringing of impacts + noise)."""
    rig = bearing.rig
    shaft = bearing.shaft * (1 - 0.01 * LOADS[condition.load])
    frequencies, amplitudes = _machine(rig, shaft, LOADS[condition.load])
    impulses = np.zeros(condition.length)
    if bearing.fault != "none":
        impulses = impact_train(bearing.fault, rig.geometry, shaft, rig.rate, condition.length, random)
    gain = np.exp(random.normal(0, 0.3))
    channels = [
        tones(frequencies, amplitudes, rig.rate, condition.length, random)
        + 2.5 * condition.severity * path * resonance.ring(impulses, rig.rate)
        + 0.3 * random.standard_normal(condition.length)
        for resonance, path in zip(bearing.resonances, bearing.path_gain, strict=True)
    ]
    x_LC: npt.NDArray[np.float64] = gain * np.stack(channels, axis=1)
    return x_LC.astype(np.float32)


def _machine(rig: Rig, shaft: float, load: float) -> tuple[Signal, Signal]:
    """Frequencies and amplitudes of shaft harmonics and of gear mesh with its sidebands."""
    mesh = rig.gear_teeth * shaft
    frequencies = np.array([shaft, 2 * shaft, 3 * shaft, mesh - shaft, mesh, mesh + shaft, 2 * mesh])
    amplitudes = np.array([0.6, 0.4, 0.2, 0.2 * load, 0.7 * load, 0.2 * load, 0.25 * load])
    return frequencies, amplitudes


def _row(key: int, number: int, bearing: Bearing, condition: Condition) -> dict[str, object]:
    rig, known = bearing.rig, int(condition.label >= 0)
    worn = condition.rul is not None
    return {
        "Id": key,
        "Dataset_id": rig.id,
        "Name": rig.name,
        "Description": "simulated",
        "TYPE": "bearing",
        "File": f"{bearing.folder}/{number:04d}",
        "Visiable": 1,
        "Label": condition.label,
        "Label_Description": FAULTS[condition.label] if known else "degrading",
        "Fault_level": round(condition.severity, 4),
        "RUL_label": condition.rul,
        "RUL_label_description": "fraction of life left" if worn else "",
        "Domain_id": condition.load,
        "Domain_description": f"load {LOADS[condition.load]}",
        "Sample_rate": rig.rate,
        "Sample_lenth (L)": condition.length,
        "Channel (C)": rig.channels,
        "Fault_Diagnosis": known,
        "Anomaly_Detection": known,
        "Remaining_Life": int(worn),
        "Digital_Twin_Prediction": 1,
    }
