"""Dotted keys of a config file's data, replaced in a copy. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from db.strict import Fault, Invalid, Path, describe, nearest

MAX_NAMED = 10_000
"""Keys among which the nearest one to a mistyped one is looked for."""


def with_keys(data: Mapping[str, Any], keys: Mapping[str, Any], new: Collection[str] = ()) -> dict[str, Any]:
    """The data with the values of dotted keys replaced; `layers.0.width` speaks of the first item of a list.

    A key must exist, or stand in `new`. Nothing in `data` is changed.

    Raises:
        Invalid: with one fault, at the key, for each that cannot be replaced.
    """
    found = {key: _path_of(data, key, new) for key in keys}
    paths = {key: path for key, path in found.items() if not isinstance(path, str)}
    faults = [Fault((key,), problem) for key, problem in found.items() if isinstance(problem, str)]
    faults += _clashes(paths)
    if faults:
        raise Invalid(faults)
    changed: Any = dict(data)
    for key, path in paths.items():
        changed = _replaced(changed, path, keys[key])
    return dict(changed)


def changed_kinds(data: Mapping[str, Any], keys: Mapping[str, Any], new: Collection[str] = ()) -> Iterator[Fault]:
    """Keys whose new value is of another kind than what the config file holds: another experiment, unless it is asked
    for in `new`. A text may become anything but nothing, and nothing anything: YAML reads `1e-3` as text.
    """
    for key, value in keys.items():
        path = _path_of(data, key, new)
        if key not in new and not isinstance(path, str):
            rule = _kind_rule(_value_at(data, path), value)
            if rule:
                escape = f"where a change of kind is meant, add `{key}` to `command.config.new`"
                yield Fault((key,), f"the config file has {rule}, and this is {describe(value)}; {escape}")


def _kind_rule(old: Any, new: Any) -> str | None:
    """What must stand where the old value stood, and the new one does not; None where it does."""
    if isinstance(old, bool):
        return None if isinstance(new, bool) else "`true` or `false` there"
    if isinstance(old, (int, float)):
        return None if isinstance(new, (int, float)) and not isinstance(new, bool) else "a number there"
    if isinstance(old, list):
        return None if isinstance(new, list) else "a list there (in an axis, one list is `[[...]]`)"
    if isinstance(old, Mapping):
        return None if isinstance(new, Mapping) else "keys and values there"
    return "text there" if new is None and isinstance(old, str) else None


def _value_at(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data


def dotted_keys(data: Any, before: str = "") -> Iterator[str]:
    """Every key, those of sections and items included."""
    items = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for key, item in items:
        yield f"{before}{key}"
        yield from dotted_keys(item, f"{before}{key}.")


def _path_of(data: Any, key: str, new: Collection[str]) -> Path | str:
    """Where the key is, or why it cannot be replaced."""
    parts = key.split(".")
    found = list(itertools.islice(_places(data, parts), 2))
    if len(found) == 1:
        return found[0]
    if found:
        return f"the config file has two keys that are written `{key}`; rename one of them"
    if key in new:
        return _path_of_new(data, parts)
    near = nearest(key, itertools.islice(dotted_keys(data), MAX_NAMED))
    return f"the config file has no key `{key}`{near}; if its script reads it, add it to `command.config.new`"


def _places(data: Any, parts: list[str]) -> Iterator[Path]:
    """Where these parts lead: a key of the file may hold dots itself, so it may stand for several of them."""
    if not parts:
        yield ()
    for count in range(1, len(parts) + 1):
        for key, item in _named(data, ".".join(parts[:count])):
            yield from ((key, *rest) for rest in _places(item, parts[count:]))


def _named(data: Any, name: str) -> Iterator[tuple[Any, Any]]:
    """The keys or indices that are written like this, and what they hold."""
    if isinstance(data, Mapping):
        yield from ((key, item) for key, item in data.items() if str(key) == name)
    elif isinstance(data, list):
        yield from ((index, item) for index, item in enumerate(data) if str(index) == name)


def _path_of_new(data: Any, parts: list[str]) -> Path | str:
    """Where a key that does not exist is added: in the deepest section on its way that does."""
    path: list[Any] = []
    for count, part in enumerate(parts):
        if not isinstance(data, Mapping):
            if data is None:
                break
            return f"`{'.'.join(parts[:count])}` is {describe(data)}, so no key can be added below it"
        known = next(_named(data, part), None)
        if known is None:
            break
        path.append(known[0])
        data = known[1]
    return (*path, *parts[len(path) :])


def _clashes(paths: Mapping[str, Path]) -> Iterator[Fault]:
    """Two keys of which one holds the other: which of them counts would be a matter of their order."""
    first: dict[Path, str] = {path: key for key, path in reversed(list(paths.items()))}
    for key, path in paths.items():
        holders = (first.get(path[:count]) for count in range(1, len(path) + 1))
        holder = next((each for each in holders if each not in (None, key)), None)
        if holder is not None:
            yield Fault((key,), f"`{holder}` rewrites it too; leave one of them out")


def _replaced(data: Any, path: Path, value: Any) -> Any:
    """Copies only what lies on the way to the key."""
    if not path:
        return value
    key, *rest = path
    if isinstance(data, list):
        return [_replaced(item, tuple(rest), value) if index == key else item for index, item in enumerate(data)]
    inner = data.get(key) if data is not None else None
    return {**(data or {}), key: _replaced(inner, tuple(rest), value)}
