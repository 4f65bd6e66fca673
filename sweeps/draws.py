"""`sample` of a sweep file: how many points, and what is drawn for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sweeps.layers import Leaf, Path, axes, dotted
from sweeps.reading import Reading, RunKeys
from sweeps.sampling import LAWS, Draw, Sample, law_problem
from sweeps.sweep_file import SweepFile
from sweeps.yaml_file import Place


def read_sample(file: SweepFile, reading: Reading, varied: Mapping[Path, Place]) -> Sample | None:
    """What the file says, if anything. `varied` are the settings that have an axis already."""
    given = file.sample
    if given is None:
        return None
    return Sample(
        place=reading.located.place(("sample", "runs")),
        runs=given.runs,
        seed=given.seed,
        draws=tuple(_draws(reading, dict(varied))),
        repeats=bool(given.draw),
    )


def checked_sample(sample: Sample, keys: RunKeys) -> Sample:
    """With only those draws whose values can be."""
    draws = (_checked_draw(draw, keys) for draw in sample.draws)
    return replace(sample, draws=tuple(draw for draw in draws if draw))


def _checked_draw(draw: Draw, keys: RunKeys) -> Draw | None:
    leaves = [Leaf(value=value, place=draw.place, name=draw.name) for value in draw.extremes()]
    kept = [one.value for leaf in leaves for one in keys.checked({draw.path: leaf}).values()]
    if draw.law == "choice":
        return replace(draw, values=tuple(kept)) if kept else None
    return draw if kept == [leaf.value for leaf in leaves] else None


def _draws(reading: Reading, first: dict[Path, Place]) -> Iterator[Draw]:
    at = ("sample", "draw")
    for inner, (place, leaves) in axes(reading.located, at, reading.faults).items() if reading.filled(at) else ():
        path, law = inner[:-1], inner[-1]
        values = tuple(leaf.value for leaf in leaves)
        if not path or law not in LAWS:
            expected = (
                f"expected KEY: {{LAW: [...]}}, such as lr: {{log_uniform: [1e-5, 1e-2]}}; laws are {', '.join(LAWS)}"
            )
            reading.refuse([path, inner], place, f"sample.draw.{dotted(inner)}: {expected}")
        elif problem := law_problem(law, values):
            reading.refuse([path], place, f"sample.draw.{dotted(inner)}: {problem}")
        elif path == reading.keys.shape:
            reading.faults.add(place, f"{dotted(path)}: vary it in `grid` or `zip`; `sample` comes after")
        elif reading.is_new(path, place, first):
            yield Draw(path=path, name=dotted(path), place=place, law=law, values=values)
