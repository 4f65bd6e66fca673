"""Is a setting one that exists, and is its value of the right type? Asked of every leaf, used in this sweep or not."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from db.strict import Fault, Invalid, describe, nearest, to_record
from sweeps.layers import Faults, Layer, Leaf, Path, dotted
from sweeps.settings import DataSettings, Memory, Policy, Resources, TrainSettings
from sweeps.slurm import Slurm
from sweeps.units import bytes_of, seconds_of

SECTIONS: Mapping[str, type[Any]] = {
    "data": DataSettings,
    "train": TrainSettings,
    "resources": Resources,
    "policy": Policy,
    "memory": Memory,
    "slurm": Slurm,
}
_UNITS = {
    ("resources", "memory"): bytes_of,
    ("resources", "time"): seconds_of,
    ("resources", "silence"): seconds_of,
    ("policy", "wait"): seconds_of,
    ("policy", "grace"): seconds_of,
    ("slurm", "memory"): bytes_of,
    ("slurm", "memory_up_to"): bytes_of,
    ("slurm", "time"): seconds_of,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """The names that settings may speak of. No `kinds` means that failure kinds are not checked."""

    backbones: Collection[str]
    tasks: Collection[str]
    declared_tasks: Collection[str]
    kinds: Collection[str]

    def checked(self, layer: Layer, roots: Collection[str], faults: Faults) -> dict[Path, Leaf]:
        """The leaves that can be used, units read; the others are told. `roots` are the first keys allowed here."""
        found = {path: self._checked_leaf(path, leaf, roots, faults) for path, leaf in layer.items()}
        return {path: leaf for path, leaf in found.items() if leaf is not None and not _is_bare_name(path, leaf)}

    def _checked_leaf(self, path: Path, leaf: Leaf, roots: Collection[str], faults: Faults) -> Leaf | None:
        bare = _is_bare_name(path, leaf) and path[0] in roots
        problem = self.name_problem(*path) if bare else self.key_problem(path, roots)
        problem = problem or self.value_problem(path, leaf.value)
        if problem:
            faults.add(leaf.place, problem)
            return None
        try:
            value = _with_units(path, leaf.value)
            _check_type(path[2:] if (path[0], *path[2:3]) == ("backbones", "train") else path, value)
        except Invalid as invalid:
            faults.add_invalid(invalid, lambda at: (leaf.place, dotted((leaf.name, *at))))
            return None
        return dataclasses.replace(leaf, value=value)

    def key_problem(self, path: Path, roots: Collection[str]) -> str | None:
        """Why there is no such setting, or None."""
        if path[0] not in roots:
            return f"unknown setting `{dotted(path)}`{suggest(dotted(path), self._names(roots))}"
        if path[0] in ("backbones", "tasks"):
            return self._inner_problem(path)
        if path[:2] == ("policy", "retries") and len(path) == 3:
            unknown = self.kinds and path[2] not in self.kinds
            return f"`{path[2]}` is not a failure kind{suggest(path[2], self.kinds)}" if unknown else None
        if path[:2] == ("slurm", "extra") and len(path) == 3:
            return None  # Slurm's own options: what is none is refused by `sweeps.slurm` or by sbatch
        if not (_exists(SECTIONS[path[0]], path[1:]) if path[0] in SECTIONS else len(path) == 1):
            return f"unknown setting `{dotted(path)}`{suggest(dotted(path), self._names((path[0],)))}"
        return None

    def value_problem(self, path: Path, value: Any) -> str | None:
        """Why a name given as the value of `backbone` or `tasks` cannot be, or None."""
        if path == ("backbone",):
            fits = isinstance(value, str)
            return (
                self.name_problem("backbones", value) if fits else f"backbone: expected a name, found {describe(value)}"
            )
        if path == ("tasks",):
            names = task_names(value)
            if not names:
                return f"tasks: expected a list of names, found {describe(value)}"
            unknown = [name for name in names if name not in self.tasks]
            return f"`{unknown[0]}` is not a task{suggest(unknown[0], self.tasks)}" if unknown else None
        return None

    def name_problem(self, root: str, name: str) -> str | None:
        """Why there is no such backbone, or no such task in this sweep, or None."""
        word, names = ("backbone", self.backbones) if root == "backbones" else ("task", self.tasks)
        if name not in names:
            return f"`{name}` is not a {word}{suggest(name, names)}"
        declared = root == "backbones" or name in self.declared_tasks
        return None if declared else f"`{name}` is not among the tasks of this sweep"

    def _inner_problem(self, path: Path) -> str | None:
        """Of a path that begins with `backbones` or `tasks`."""
        if path == ("tasks",):
            return None
        problem = self.name_problem(*path[:2]) if len(path) > 1 else None
        if problem:
            return problem
        if len(path) < 3 or (path[0], *path[2:]) == ("backbones", "train"):
            return f"{dotted(path)}: expected keys and values"
        own_training = path[0] == "backbones" and path[2] == "train"
        return self.key_problem(path[2:], ("train",)) if own_training else None

    def _names(self, roots: Collection[str]) -> Iterator[str]:
        for root in roots:
            if root in SECTIONS:
                yield from (f"{root}.{key}" for key in record_keys(SECTIONS[root]))
            elif root not in ("backbones", "tasks"):
                yield root
        if "backbones" in roots:
            yield from (f"backbones.{name}" for name in self.backbones)
        if "tasks" in roots:
            yield from ("tasks", *(f"tasks.{name}" for name in self.declared_tasks))


def _is_bare_name(path: Path, leaf: Leaf) -> bool:
    """`timesnet: {}` under `backbones`, or a task without settings: allowed, and sets nothing."""
    return len(path) == 2 and path[0] in ("backbones", "tasks") and leaf.value in (None, {})


def suggest(name: object, names: Iterable[str]) -> str:
    """As `db.strict.nearest`, but `lr` means `train.lr`, and `rul` `rul_prediction`, where only one is like that."""
    known = sorted(names)
    like = [one for one in known if one.endswith(f".{name}") or one.startswith(f"{name}_")]
    if len(like) == 1:
        return f" (did you mean `{like[0]}`?)"
    hint = nearest(name, known)
    return hint if "did you mean" in hint or len(known) <= 12 else f" (known: {', '.join(_tops(known))})"


def _tops(names: Iterable[str]) -> list[str]:
    """`data.*` for all that begins with `data.`."""
    return sorted({f"{name.split('.')[0]}.*" if "." in name else name for name in names})


def task_names(value: Any) -> tuple[str, ...]:
    """The names in the value of `tasks`: one name or a list of them; nothing where it is neither."""
    names = [value] if isinstance(value, str) else value
    fits = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(dict.fromkeys(names)) if fits else ()


def record_keys(kind: type[Any]) -> Sequence[str]:
    """The keys of a record, dotted where records hold records."""
    if kind not in _KEYS:
        _KEYS[kind] = tuple(_keys(kind))
    return _KEYS[kind]


_KEYS: dict[type[Any], Sequence[str]] = {}


def _keys(kind: type[Any]) -> Iterator[str]:
    for name, hint in typing.get_type_hints(kind).items():
        inner = record_keys(hint) if isinstance(hint, type) and dataclasses.is_dataclass(hint) else ()
        yield name
        yield from (f"{name}.{key}" for key in inner)


def _exists(kind: type[Any], path: Path) -> bool:
    return not path or dotted(path) in record_keys(kind)


def _with_units(path: Path, value: Any) -> Any:
    if path not in _UNITS or value is None:
        return value
    if path[-1].startswith("memory") and not isinstance(value, str):
        raise Invalid([Fault((), f"expected a size with its unit, such as 4GiB, found {describe(value)}")])
    try:
        return _UNITS[path](value) if isinstance(value, str) else value
    except ValueError as error:
        raise Invalid([Fault((), str(error))]) from None


def _check_type(path: Path, value: Any) -> None:
    if path[0] in SECTIONS:
        _check_in_record(path, value)
    elif path[0] == "seed":
        if type(value) is not int or value < 0:
            raise Invalid([Fault((), f"expected an integer of 0 or more, found {describe(value)}")])
    else:
        _check_finite(value)


def _check_in_record(path: Path, value: Any) -> None:
    kind = SECTIONS[path[0]]
    data: Any = value
    for key in reversed(path[1:]):
        data = {key: data}
    try:
        to_record(_without_checks(kind), data)
    except Invalid as invalid:
        below = len(path) - 1
        raise Invalid([Fault(fault.path[below:], fault.message) for fault in invalid.faults]) from None


def _check_finite(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise Invalid([Fault((), f"expected a finite number, found {value}")])
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in inner:
        _check_finite(item)


_TYPES_ONLY: dict[type[Any], type[Any]] = {}


def _without_checks(kind: type[Any]) -> type[Any]:
    """A record with the same keys and types but no `__post_init__`: what keys mean together is asked of whole runs."""
    if kind not in _TYPES_ONLY:
        hints = typing.get_type_hints(kind)
        fields = [(name, hint, dataclasses.field(default=None)) for name, hint in hints.items()]
        _TYPES_ONLY[kind] = dataclasses.make_dataclass(kind.__name__, fields, frozen=True, kw_only=True)
    return _TYPES_ONLY[kind]
