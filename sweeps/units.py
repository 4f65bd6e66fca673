"""Sizes and durations with units, as people write them in sweep files and read them on screens."""

from __future__ import annotations

import math
import re

from db.strict import nearest

DECIMAL = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
BYTES = {**DECIMAL, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+) ?")


def bytes_of(text: str) -> int:
    """`4GiB`, `500 MB`, `1.5GiB` in bytes.

    Raises:
        ValueError: it is not one number with one unit.
    """
    match = _PART.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a size; write a number and a unit, such as 4GiB")
    count = float(match[1]) * _factor(match[2], BYTES)
    if math.isinf(count):
        raise ValueError(f"{text[:20]}... is beyond all measure")
    return round(count)


def seconds_of(text: str) -> float:
    """`30min`, `90s`, `1h30min` in seconds.

    Raises:
        ValueError: it is not a row of numbers with units, each unit once, the largest first.
    """
    parts = _PART.findall(text)
    if not parts or "".join(match[0] for match in _PART.finditer(text)) != text:
        raise ValueError(f"{text!r} is not a duration; write numbers and units, such as 90s or 1h30min")
    factors = [_factor(unit, SECONDS) for _, unit in parts]
    if factors != sorted(set(factors), reverse=True):
        raise ValueError(f"{text!r}: each unit once, the largest first, as in 1h30min")
    return float(sum(float(number) * factor for (number, _), factor in zip(parts, factors, strict=True)))


def size(count: float | None) -> str:
    """`412 MiB`; `-` where unknown."""
    if count is None:
        return "-"
    for unit in ("B", "KiB", "MiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def duration(count: float | None) -> str:
    """`8.2 s`, `3 min 05 s`, `2 h 10 min`; `-` where unknown."""
    if count is None:
        return "-"
    if count < 60:
        return f"{count:.1f} s"
    minutes, rest = divmod(round(count), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _factor(unit: str, units: dict[str, int] | dict[str, float]) -> float:
    if unit not in units:
        raise ValueError(f"`{unit}` is not a unit here{nearest(unit, units)}")
    return units[unit]
