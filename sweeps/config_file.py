"""Config files of other people's scripts: read, with some keys rewritten, and written again.

They are read as the scripts read them: YAML by PyYAML's safe loader (YAML 1.1), JSON by Python's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def read_config(path: str) -> dict[str, Any]:
    """What the file holds.

    Raises:
        Invalid: it cannot be read or is not one document of keys and values; the message names file and line.
    """
    raise NotImplementedError


def with_keys(data: Mapping[str, Any], keys: Mapping[str, Any], new: Collection[str] = ()) -> dict[str, Any]:
    """The data with the values of dotted keys replaced.

    Raises:
        Invalid: with one fault, at the key, for each that cannot be replaced.
    """
    raise NotImplementedError


def write_config(data: Mapping[str, Any], suffix: str) -> str:
    """The text of a file with this suffix that reads as exactly this data."""
    raise NotImplementedError


def canonical(value: Any) -> Any:
    """The value in terms of JSON, different for different values."""
    raise NotImplementedError


def suffix_of(path: str) -> str:
    """`.yaml`, `.yml` or `.json`."""
    raise NotImplementedError
