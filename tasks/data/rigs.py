"""The machines that are simulated."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.data.bearing import Fault, Geometry

FAULTS: tuple[Fault, ...] = ("none", "inner", "ball", "outer")
"""A fault's place here is its label."""

LOADS = (0.5, 1.0, 1.5)
"""Of the gears, relative to the rated one."""


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A machine. Frequencies in Hz, lengths in samples; `resonances` has one frequency for each kind of fault."""

    id: int
    name: str
    rate: float
    channels: int
    shaft: float
    gear_teeth: int
    geometry: Geometry
    faults: tuple[Fault, ...]
    resonances: tuple[float, ...]
    bearings: int
    length: int
    lives: int = 0
    snapshots: int = 0
    snapshot_length: int = 0


RIGS = (
    Rig(
        id=101,
        name="SIM_1_motor",
        rate=12000,
        channels=2,
        shaft=29.5,
        gear_teeth=19,
        geometry=Geometry(balls=9, ball=7.94, pitch=39.04),
        faults=("none", "inner", "ball", "outer"),
        resonances=(3400, 2700, 4100),
        bearings=8,
        length=9216,
    ),
    Rig(
        id=102,
        name="SIM_2_pump",
        rate=10000,
        channels=1,
        shaft=24.0,
        gear_teeth=23,
        geometry=Geometry(balls=8, ball=7.92, pitch=34.55),
        faults=("none", "inner", "outer"),
        resonances=(2300, 3600),
        bearings=8,
        length=9216,
        lives=13,
        snapshots=16,
        snapshot_length=4608,
    ),
    Rig(
        id=103,
        name="SIM_3_gearbox",
        rate=16000,
        channels=3,
        shaft=35.0,
        gear_teeth=17,
        geometry=Geometry(balls=13, ball=3.5, pitch=25.6, angle=0.15),
        faults=("none", "inner", "ball", "outer"),
        resonances=(5200, 3900, 6300),
        bearings=8,
        length=9216,
        lives=13,
        snapshots=16,
        snapshot_length=4608,
    ),
)
