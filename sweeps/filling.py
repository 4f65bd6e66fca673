"""The parts of a command with every placeholder filled. Pure; faults are told at their paths in the part."""

from __future__ import annotations

import glob
import os.path
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

from db.strict import Fault, Invalid, Path
from sweeps.config_keys import with_keys
from sweeps.template import fill, fill_text

T = TypeVar("T")
_OUT = "{out}/"


def told(faults: list[Fault], at: Path, make: Callable[[], T]) -> T | None:
    """What is made; None where it cannot be, with its faults added at their full paths."""
    try:
        return make()
    except Invalid as invalid:
        faults += [Fault((*at, *fault.path), fault.message) for fault in invalid.faults]
        return None


def filled_env(env: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, str]:
    """The environment that is added for the command.

    Raises:
        Invalid: with one fault for each text that cannot be filled, or that no program can be given.
    """
    faults: list[Fault] = []
    filled = {name: told(faults, (name,), partial(fill_text, text, known)) for name, text in env.items()}
    faults += [
        Fault((name,), "must not hold the character NUL") for name, text in filled.items() if "\0" in f"{name}{text}"
    ]
    if faults:
        raise Invalid(faults)
    return {name: str(text) for name, text in filled.items()}


def filled_config(
    content: Mapping[str, Any],
    templates: Mapping[str, Any],
    held: Mapping[str, Any],
    new: Collection[str],
    known: Mapping[str, Any],
) -> dict[str, Any]:
    """What the copy of a config file holds. Values that are `held` stay as they are.

    Raises:
        Invalid: with one fault, at the dotted key, for each that cannot be filled or replaced.
    """
    faults: list[Fault] = []
    values = {key: told(faults, (key,), partial(fill, template, known)) for key, template in templates.items()}
    changed = told(faults, (), partial(with_keys, content, {**values, **held}, new))
    if faults or changed is None:
        raise Invalid(faults)
    return changed


def spelled_files(success: Mapping[str, Any]) -> Mapping[str, Any]:
    """With keys and values for each declared file: a text alone is its path."""
    files = success.get("files")
    if not isinstance(files, (list, tuple)):
        return success
    return {**success, "files": [{"path": file} if isinstance(file, str) else file for file in files]}


def filled_success(success: Mapping[str, Any], known: Mapping[str, Any], cwd: str) -> dict[str, Any]:
    """What a `Declared` is read from, its paths absolute. Values stand for themselves in every pattern.

    Raises:
        Invalid: with one fault for each placeholder that cannot be filled.
    """
    faults: list[Fault] = []
    filled = {key: told(faults, (key,), partial(_filled_part, key, part, known)) for key, part in success.items()}
    if isinstance(success.get("files"), (list, tuple)):
        made = [
            told(faults, ("files", index), partial(_filled_file, file, known, cwd))
            for index, file in enumerate(success["files"])
        ]
        filled["files"] = made
    if faults:
        raise Invalid(faults)
    return filled


def _filled_part(key: str, part: Any, known: Mapping[str, Any]) -> Any:
    if key == "files" and isinstance(part, (list, tuple)):
        return None  # each by itself
    if key == "last_line" and isinstance(part, str):
        return fill_text(part, known, re.escape)
    return fill(part, known)


def _filled_file(file: Any, known: Mapping[str, Any], cwd: str) -> Any:
    path = file.get("path") if isinstance(file, Mapping) else None
    if not isinstance(path, str):
        return fill(file, known)
    faults: list[Fault] = []
    where = told(faults, ("path",), lambda: _filled_path(path, known, cwd))
    rest = told(faults, (), lambda: fill({key: part for key, part in file.items() if key != "path"}, known))
    if faults or rest is None:
        raise Invalid(faults)
    return {"path": where, **rest}


def _filled_path(path: str, known: Mapping[str, Any], cwd: str) -> str:
    """Below the attempt's own folder it is a pattern, elsewhere it is taken as it stands."""
    below = path.startswith(_OUT)
    inside = fill_text(path.removeprefix(_OUT), known, glob.escape if below else str)
    return os.path.normpath(f"{known['out']}/{inside}" if below else os.path.join(cwd, inside))  # noqa: PTH118 - a pattern is text
