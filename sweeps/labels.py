"""Short names for the runs of a sweep: the backbone, and only what varies. Pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sweeps.layers import Layer, Path, dotted

_MAX_VALUE = 40


def labels(runs: Sequence[tuple[str, Layer]]) -> list[str]:
    """One label a run, such as `timesnet lr=0.001 seed=1`, no two alike. A run is its backbone and its own leaves."""
    varied = _varied([leaves for _, leaves in runs])
    keys = _short_keys(varied)
    found = [_label(backbone, leaves, keys) for backbone, leaves in runs]
    alike = Counter(found)
    seen: Counter[str] = Counter()
    return [label if alike[label] == 1 else _numbered(label, seen) for label in found]


def _varied(runs: Sequence[Layer]) -> list[Path]:
    """The paths that do not have one and the same value in all runs, the seed last."""
    values: dict[Path, set[str]] = defaultdict(set)
    times: Counter[Path] = Counter()
    for leaves in runs:
        for path, leaf in leaves.items():
            values[path].add(repr(leaf.value))
            times[path] += 1
    varied = [path for path in values if len(values[path]) > 1 or times[path] < len(runs)]
    return sorted((path for path in varied if path != ("backbone",)), key=lambda path: path == ("seed",))


def _short_keys(paths: Collection[Path]) -> Mapping[Path, str]:
    """The last key of each path where it is the only one, else as many keys as tell them apart.

    Settings of two backbones may share a name: no run has both. `seed` alone is the run's.
    """
    bare = {path: path[2:] if path[0] == "backbones" else path for path in paths}
    distinct = {*bare.values(), ("seed",)}
    return {path: _shortest(tail, distinct) for path, tail in bare.items()}


def _shortest(path: Path, others: Collection[Path]) -> str:
    lengths = range(1, len(path) + 1)
    unique = (length for length in lengths if sum(other[-length:] == path[-length:] for other in others) == 1)
    return dotted(path[-next(unique, len(path)) :])


def _label(backbone: str, leaves: Layer, keys: Mapping[Path, str]) -> str:
    shown = [f"{key}={_text(leaves[path].value)}" for path, key in keys.items() if path in leaves]
    return " ".join([backbone, *shown])


def _text(value: Any) -> str:
    plain = isinstance(value, str) and value.isprintable()
    text = str(value) if plain else json.dumps(value, separators=(",", ":"))
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"


def _numbered(label: str, seen: Counter[str]) -> str:
    seen[label] += 1
    return f"{label} #{seen[label]}"
