"""Config files of other people's scripts: read as the scripts read them, with some keys replaced, and written again.

YAML is read by PyYAML's safe loader, so by the rules of YAML 1.1 (`no` is false, `1e-3` is text), and JSON by Python's
own reader: what a key held that nobody rewrites, it holds in the copy too. PyYAML is imported only when used.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from db.strict import Fault, Invalid, describe, nearest
from sweeps.yaml_loader import MAX_WRITTEN, TOO_MANY, Unquoted, load_yaml

MAX_BYTES = 4 * 2**20
MAX_VALUES = 100_000
MAX_DEPTH = 64
_LARGEST = 10**4000
"""Python writes integers of up to 4300 digits; in hexadecimal it reads longer ones."""
_BREAKS = frozenset("\x85\u2028\u2029")
"""Line breaks to YAML beside the usual ones."""
_LIKE_A_VALUE = re.compile(r"[-+]?\.?[0-9][0-9a-fA-FoxX_.:+-]*|[yYnN]")
"""Text to PyYAML that other readers of YAML (OmegaConf, ruamel) take for a number, or for true or false."""


def suffix_of(path: str) -> str:
    """By which the format is known: `.yaml`, `.yml` or `.json`.

    Raises:
        Invalid: it is none of them.
    """
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - the path is text
    if suffix not in _PARSERS:
        _refuse(f"{path}: a config file must end with .yaml, .yml or .json")
    return suffix


def read_config(path: str) -> dict[str, Any]:
    """What the file holds.

    Raises:
        Invalid: it cannot be read or is not one document of keys and values; the message names file and line.
    """
    parse = _PARSERS[suffix_of(path)]
    data = parse(path, _read_text(path))
    if not isinstance(data, dict):
        _refuse(f"{path}:1: a config file must hold keys and values, this one holds {describe(data)}")
    problem = _too_much(data)
    if problem:
        _refuse(f"{path}: {problem}")
    return data


def write_config(data: Mapping[str, Any], suffix: str) -> str:
    """The text of a file with this suffix that reads as exactly this data."""
    if suffix == ".json":
        return json.dumps(data, indent=2) + "\n"
    import yaml

    text = yaml.dump(data, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=math.inf)
    return str(text)


def _dumper() -> Any:
    import yaml

    class Plain(yaml.SafeDumper):
        """Without anchors, which not every reader of YAML knows, and with every character as it was.

        A text that reads as a number elsewhere (`1e-3`) stays without quotes only where it had none.
        """

        def ignore_aliases(self, _: object) -> bool:
            return True

        def represent_text(self, text: str) -> Any:
            style = "'" if _LIKE_A_VALUE.fullmatch(text) and not isinstance(text, Unquoted) else None
            style = '"' if _BREAKS & set(text) else style  # elsewhere PyYAML reads them back as spaces or newlines
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Plain.add_representer(str, Plain.represent_text)
    Plain.add_representer(Unquoted, Plain.represent_text)
    return Plain


def canonical(value: Any, mark: str = "") -> Any:
    """The value in terms of JSON. What JSON cannot say becomes a text behind the `mark`: `date 2024-01-31`."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else _as_text(key, mark): canonical(item, mark) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [canonical(item, mark) for item in value]
    plain = value is None or isinstance(value, (str, bool, int))
    return value if plain or (isinstance(value, float) and math.isfinite(value)) else _as_text(value, mark)


def _as_text(value: object, mark: str) -> str:
    shown = sorted(map(repr, value)) if isinstance(value, (set, frozenset)) else value
    return f"{mark}{type(value).__name__} {shown}"


def _read_text(path: str) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116 - the path is text
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            _refuse(f"{path}: a config file must be a regular file of at most {MAX_BYTES} bytes")
        return Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        _refuse(f"{path}: there is no such file{_files_near(path)}")
    except UnicodeDecodeError:
        _refuse(f"{path}: is not UTF-8; save the file as UTF-8")
    except (OSError, ValueError) as error:
        _refuse(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}")


def _files_near(path: str) -> str:
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):  # noqa: PTH112 - the path is text
        return f", nor the folder {folder}"
    return nearest(name, [one for one in os.listdir(folder) if one.lower().endswith(tuple(_PARSERS))])  # noqa: PTH208


def _parse_yaml(path: str, text: str) -> Any:
    import yaml

    try:
        return load_yaml(text, MAX_WRITTEN)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(f"{path}:{mark.line + 1 if mark else 1}: {_explain(error.problem, error.context)}")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        _refuse(f"{path}:{line}: the character U+{ord(text[error.position]):04X} cannot stand in a YAML file")
    except RecursionError:
        _refuse(f"{path}: nested more than {MAX_DEPTH} deep")
    except (
        ValueError,
        LookupError,
        ArithmeticError,
        AttributeError,
    ) as error:  # PyYAML's, of `2024-02-31` or `!!int x`
        _refuse(f"{path}: holds a value that PyYAML cannot read: {error}")


def _explain(problem: str | None, context: str | None) -> str:
    if problem and "could not determine a constructor" in problem:
        tag = problem.rsplit(" ", 1)[-1].strip("'").replace("tag:yaml.org,2002:", "!!")
        return f"the tag `{tag}` is not read here; only plain YAML can be copied with some of its keys rewritten"
    if context and "expected a single document" in context:
        return "a second document begins here; a config file must be one document"
    if problem and problem.startswith(TOO_MANY):
        return f"{problem}; save it as JSON"
    return f"not valid YAML: {problem or context}"


def _parse_json(path: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        _refuse(f"{path}:{error.lineno}: not valid JSON: {error.msg}")
    except RecursionError:
        _refuse(f"{path}: nested more than {MAX_DEPTH} deep")
    except ValueError as error:  # an integer of thousands of digits
        _refuse(f"{path}: {error}")


_PARSERS: Mapping[str, Callable[[str, str], Any]] = {".yaml": _parse_yaml, ".yml": _parse_yaml, ".json": _parse_json}


def _too_much(data: Any) -> str | None:
    """Why the data cannot be copied: repetitions by `*` can make a small file endless."""
    level = [data]
    count = 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_VALUES:
            return f"holds more than {MAX_VALUES:,} values, repetitions by `*` counted"
        if any(isinstance(item, tuple) for item in level):
            return "the tags `!!omap` and `!!pairs` are not read here"
        names = itertools.chain.from_iterable(item for item in level if isinstance(item, Mapping))
        if any(isinstance(item, int) and abs(item) >= _LARGEST for item in itertools.chain(level, names)):
            return "holds an integer of thousands of digits, which cannot be written again"
        level = list(itertools.islice(itertools.chain.from_iterable(map(_inner, level)), MAX_VALUES + 1))
        if not level:
            return None
    return f"nested more than {MAX_DEPTH} deep, repetitions by `*` counted"


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _refuse(message: str) -> NoReturn:
    raise Invalid([Fault((), message)])
