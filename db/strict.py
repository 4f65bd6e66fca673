"""Plain data into frozen, typed records and back: strictly, naming the place of every fault.

Sweep files, the configs of backbones and tasks, and the files of an attempt folder are all read through `to_record`.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NoReturn, TypeVar, Union

T = TypeVar("T")
Path = tuple[str | int, ...]
_MOST_COMPARED, _LONGEST_COMPARED = 1000, 100
"""Names and their characters: to compare more takes longer than anybody waits for a hint."""
_MOST_HINTS = 50
_LARGEST_FLOAT = sys.float_info.max


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing wrong with the data: where (keys and indices from the top), and what."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))}: {self.message}" if self.path else self.message


class Invalid(ValueError):  # noqa: N818 - an adjective of the data, caught as such
    """The data does not fit the record; holds every fault found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


def refuse(key: str, message: str) -> NoReturn:
    """For `__post_init__` of a record: the value under `key` cannot be."""
    raise Invalid([Fault((key,), message)])


def require_positive(record: object, *keys: str) -> None:
    """For `__post_init__` of a record: each of these numbers must be above zero."""
    faults = [
        Fault((key,), f"must be above 0, is {getattr(record, key)}") for key in keys if not getattr(record, key) > 0
    ]
    if faults:
        raise Invalid(faults)


def require_64_bits(record: object, *keys: str) -> None:
    """For `__post_init__` of a record: each of these integers must fit the ledger, where it is not left open."""
    given = {key: value for key in keys if (value := getattr(record, key)) is not None}
    faults = [Fault((key,), "does not fit 64 bits") for key, value in given.items() if not -(2**63) <= value < 2**63]
    if faults:
        raise Invalid(faults)


def nearest(name: object, names: Iterable[str]) -> str:
    """` (did you mean 'timesnet'?)`, or the known names when none is close."""
    import difflib

    known = sorted(names)
    typed, alike = str(name), [each for each in islice(known, _MOST_COMPARED) if len(each) <= _LONGEST_COMPARED]
    close = difflib.get_close_matches(typed, alike, n=1, cutoff=0.5) if len(typed) <= _LONGEST_COMPARED else ()
    if close:
        return f" (did you mean `{close[0]}`?)"
    shown = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    return f" (known: {shown})" if known else ""


def to_data(value: Any) -> Any:
    """A record as dicts, lists and scalars, ready for JSON."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_data(item) for item in value]
    return value


def to_record(kind: type[T], data: object) -> T:
    """Read `data` as a `kind`, a frozen dataclass. Unknown, missing and mistyped keys are all named.

    Raises:
        Invalid: with one fault for each thing wrong.
    """
    faults: list[Fault] = []
    record = _read_record(kind, data, (), faults)
    if faults:
        raise Invalid(faults)
    return typing.cast("T", record)


def _read(kind: Any, data: object, path: Path, faults: list[Fault]) -> Any:
    if kind is Any:
        return data
    if dataclasses.is_dataclass(kind):
        return _read_record(typing.cast("type[Any]", kind), data, path, faults)
    origin = typing.get_origin(kind)
    if origin is not None:
        return _READERS[origin](kind, data, path, faults)
    return _read_scalar(kind, data, path, faults)


def _read_record(kind: type[Any], data: object, path: Path, faults: list[Fault]) -> Any:
    if not isinstance(data, Mapping):
        faults.append(Fault(path, f"expected keys and values, found {describe(data)}"))
        return None
    known = len(faults)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = [key for key in data if key not in fields]
    faults += [Fault((*path, key), f"unknown key `{key}`{nearest(key, fields)}") for key in unknown[:_MOST_HINTS]]
    faults += [Fault((*path, key), f"unknown key `{key}`") for key in unknown[_MOST_HINTS:]]
    faults += [
        Fault(path, f"missing key `{name}` of {kind.__qualname__}")
        for name, field in fields.items()
        if name not in data and _is_required(field)
    ]
    hints, unreadable = _hints(kind)
    faults += [Fault((*path, *fault.path), fault.message) for fault in unreadable]
    readable = [name for name in fields if name in data and name in hints]
    values = {name: _read(hints[name], data[name], (*path, name), faults) for name in readable}
    return _construct(kind, values, path, faults) if len(faults) == known else None


def _construct(kind: type[Any], values: dict[str, Any], path: Path, faults: list[Fault]) -> Any:
    try:
        return kind(**values)
    except Invalid as invalid:
        faults += [Fault((*path, *fault.path), fault.message) for fault in invalid.faults]
    except ValueError as error:
        faults.append(Fault(path, str(error)))
    return None


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


_HINTS: dict[type[Any], tuple[dict[str, Any], tuple[Fault, ...]]] = {}


def _hints(kind: type[Any]) -> tuple[dict[str, Any], tuple[Fault, ...]]:
    """The annotations of a record's fields that can be read, and a fault for each of the others."""
    if kind not in _HINTS:
        _HINTS[kind] = {}, ()  # a record that holds itself is looked at once
        _HINTS[kind] = _look_up_hints(kind)
    return _HINTS[kind]


def _look_up_hints(kind: type[Any]) -> tuple[dict[str, Any], tuple[Fault, ...]]:
    try:
        found = typing.get_type_hints(kind)
    except (NameError, AttributeError, TypeError, SyntaxError, ValueError) as error:
        return {}, (Fault((), f"the annotations of {kind.__qualname__} cannot be read: {error}"),)
    hints = {field.name: found[field.name] for field in dataclasses.fields(kind)}
    faults = [Fault((name, *fault.path), fault.message) for name, hint in hints.items() for fault in _unreadable(hint)]
    return {name: hint for name, hint in hints.items() if not _unreadable(hint)}, tuple(faults)


def _unreadable(hint: Any) -> tuple[Fault, ...]:
    """What of an annotation stands for nothing that can be written in a file."""
    if dataclasses.is_dataclass(hint):
        return _hints(typing.cast("type[Any]", hint))[1]
    parts = _parts(hint)
    if parts is None:
        return (Fault((), f"the annotation {_spelled(hint)} is not one that can be read; known are {_READABLE}"),)
    return tuple(fault for part in parts for fault in _unreadable(part))


def _parts(hint: Any) -> tuple[Any, ...] | None:
    """The annotations inside a readable one; None where it is not readable itself."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return inner
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return inner[:1]
    if origin is Mapping and inner[0] is str:
        return inner[1:]
    plain = hint is Any or hint in _SCALARS
    return () if plain or (origin is Literal and all(type(choice) in _SCALARS for choice in inner)) else None


def _spelled(hint: Any) -> str:
    return f"`{hint.__qualname__}`" if type(hint) is type else f"`{hint}`"


_SCALARS = (int, float, str, bool, type(None))
_READABLE = "int, float, str, bool, None, Literal, X | Y, tuple[X, ...], Mapping[str, X], and dataclasses of these"


def _read_scalar(kind: type[Any], data: object, path: Path, faults: list[Fault]) -> Any:
    if kind is float and type(data) is int:
        data = float(data) if abs(data) <= _LARGEST_FLOAT else math.inf
    if type(data) is not kind:
        faults.append(Fault(path, f"expected {_NAMES.get(kind, kind.__name__)}, found {describe(data)}"))
    elif isinstance(data, float) and not math.isfinite(data):
        faults.append(Fault(path, f"expected a finite number, found {data}"))
    return data


def _read_union(kind: Any, data: object, path: Path, faults: list[Fault]) -> Any:
    choices = typing.get_args(kind)
    if data is None and type(None) in choices:
        return None
    attempts: list[list[Fault]] = []
    for choice in choices:
        if choice is type(None):
            continue
        found: list[Fault] = []
        value = _read(choice, data, path, found)
        if not found:
            return value
        attempts.append(found)
    literal = [choice for inner in choices if typing.get_origin(inner) is Literal for choice in typing.get_args(inner)]
    if literal:
        others = [_NAMES.get(inner, str(inner)) for inner in choices if inner in _NAMES]
        named = ", ".join(map(str, [*literal, *others]))
        faults.append(Fault(path, f"{describe(data)} is not one of {named}"))
        return None
    closest = min(attempts, key=lambda found: (len(found), -len(found[0].path)))
    faults += closest
    return None


def _read_literal(kind: Any, data: object, path: Path, faults: list[Fault]) -> Any:
    choices = typing.get_args(kind)
    if not any(data == choice and type(data) is type(choice) for choice in choices):
        hint = nearest(data, [str(choice) for choice in choices])
        faults.append(Fault(path, f"{describe(data)} is not one of {', '.join(map(str, choices))}{hint}"))
    return data


def _read_sequence(kind: Any, data: object, path: Path, faults: list[Fault]) -> Any:
    if not isinstance(data, Sequence) or isinstance(data, (str, bytes)):
        faults.append(Fault(path, f"expected a list, found {describe(data)}"))
        return None
    item = typing.get_args(kind)[0]
    return tuple(_read(item, value, (*path, index), faults) for index, value in enumerate(data))


def _read_mapping(kind: Any, data: object, path: Path, faults: list[Fault]) -> Any:
    if not isinstance(data, Mapping):
        faults.append(Fault(path, f"expected keys and values, found {describe(data)}"))
        return None
    faults += [Fault(path, f"expected a name as key, found {describe(key)}") for key in data if type(key) is not str]
    item = typing.get_args(kind)[1]
    return {key: _read(item, value, (*path, key), faults) for key, value in data.items()}


def describe(data: object) -> str:
    """The value as a person would recognise it, with its kind."""
    if data is None:
        return "nothing"
    if isinstance(data, Mapping):
        return "keys and values"
    if isinstance(data, (list, tuple)):
        return f"a list of {len(data)}"
    text = repr(data)
    shown = text if len(text) <= 60 else text[:57] + "..."
    kind = str if isinstance(data, str) else type(data)
    return f"{_NAMES.get(kind, kind.__name__)} {shown}"


_NAMES: dict[type, str] = {int: "an integer", float: "a number", str: "text", bool: "true or false"}
_READERS: dict[Any, Callable[[Any, object, Path, list[Fault]], Any]] = {
    Union: _read_union,
    types.UnionType: _read_union,
    Literal: _read_literal,
    tuple: _read_sequence,
    Mapping: _read_mapping,
}
