"""How a rolling-element bearing sounds: a model of its vibration, after Randall and Antoni (2011).

Rolling element bearing diagnostics - a tutorial, Mechanical Systems and Signal Processing 25(2), 485-520: equations 1
to 4 for the frequencies; its section 2 for impacts that slip, excite a resonance, and are modulated by the passage of
the fault through the load zone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]
Fault = Literal["none", "inner", "ball", "outer"]
SLIP = 0.01
"""Standard deviation of the time between two impacts, as a fraction of it (1 to 2 % is usual)."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """`balls` rolling elements of diameter `ball` on a pitch circle of diameter `pitch`, contact angle in radians."""

    balls: int
    ball: float
    pitch: float
    angle: float = 0.0

    @property
    def ratio(self) -> float:
        return self.ball / self.pitch * math.cos(self.angle)

    def cage(self, shaft: float) -> float:
        """Fundamental train frequency: FTF = f/2 (1 - d/D cos phi)."""
        return shaft / 2 * (1 - self.ratio)

    def impacts(self, fault: Fault, shaft: float) -> float:
        """Impacts a second of a fault at shaft frequency f, in Hz.

        BPFO = n f/2 (1 - d/D cos phi), BPFI = n f/2 (1 + d/D cos phi), and for a ball, which strikes both races in each
        turn, 2 BSF = f D/d (1 - (d/D cos phi)^2).
        """
        rates = {
            "outer": self.balls * shaft / 2 * (1 - self.ratio),
            "inner": self.balls * shaft / 2 * (1 + self.ratio),
            "ball": shaft * self.pitch / self.ball * (1 - self.ratio**2),
        }
        return rates.get(fault, 0.0)

    def modulation(self, fault: Fault, shaft: float) -> float:
        """How often a second the fault passes through the load zone: never, with the shaft, or with the cage."""
        return {"inner": shaft, "ball": self.cage(shaft)}.get(fault, 0.0)


@dataclass(frozen=True, kw_only=True)
class Resonance:
    """A structural mode that an impact sets ringing: `frequency` in Hz, decaying to 1/e within `decay` seconds."""

    frequency: float
    decay: float

    def ring(self, impulses: Signal, rate: float) -> Signal:
        """Convolve impulses (samples) with the mode's response."""
        time = np.arange(int(6 * self.decay * rate)) / rate
        response = np.exp(-time / self.decay) * np.sin(2 * np.pi * self.frequency * time)
        size = len(impulses) + len(response)
        rung = np.fft.irfft(np.fft.rfft(impulses, size) * np.fft.rfft(response, size), size)
        return rung[: len(impulses)]


def impact_train(
    fault: Fault, geometry: Geometry, shaft: float, rate: float, length: int, random: np.random.Generator
) -> Signal:
    """Impulses of a fault, of mean strength 1: spaced by its frequency with random slip, modulated by its passage."""
    period = rate / geometry.impacts(fault, shaft)
    count = int(length / period * 1.1) + 2
    steps = period * (1 + SLIP * random.standard_normal(count))
    times = random.uniform(0, period) + np.cumsum(steps) - steps[0]
    times = times[times < length]
    passage = geometry.modulation(fault, shaft)
    load_zone = 1 + 0.8 * np.cos(2 * np.pi * passage * times / rate + random.uniform(0, 2 * np.pi)) if passage else 1.0
    strength = load_zone * (1 + 0.1 * random.standard_normal(len(times)))
    return np.bincount(times.astype(int), weights=strength, minlength=length).astype(np.float64)


def tones(frequencies: Signal, amplitudes: Signal, rate: float, length: int, random: np.random.Generator) -> Signal:
    """A sum of sines of random phase: what shaft and gears add, and what can be predicted."""
    time = np.arange(length) / rate
    phases = random.uniform(0, 2 * np.pi, len(frequencies))
    angles = 2 * np.pi * np.outer(frequencies, time) + phases[:, None]
    summed: Signal = amplitudes @ np.sin(angles)
    return summed
