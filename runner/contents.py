"""What a file of somebody else's holds: numbers by their path or column. Pure. It refuses rather than guesses."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, dropwhile, groupby, islice
from typing import Any, Literal, NoReturn

from db.declared import FileFormat
from db.legible import legible
from db.strict import describe, nearest
from runner.evidence import FaultKind
from sweeps.yaml_loader import load_yaml

MAX_YAML_BYTES = 2**20
"""A larger one would take minutes to read."""
_NAMES_SHOWN = 1000
_BLANKS = " \t\r\n"
"""What may stand around a number: of all that Python takes for space, signs of control are damage."""


class Fault(Exception):  # noqa: N818 - evidence, not an accident: it is collected and judged
    """What is declared does not hold. `kind` is the word of the failure that this would be."""

    def __init__(self, kind: FaultKind, said: str) -> None:
        super().__init__(legible(said))
        self.kind = kind


@dataclass
class Contents:
    """The values under each wanted path or column with their rows, from 1; `known` are the names that there are."""

    noun: Literal["key", "column"]
    values: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    known: dict[str, None] = field(default_factory=dict)
    rows: int = 0
    _filled: dict[str, frozenset[str]] = field(default_factory=dict)
    _last_filled: frozenset[str] = frozenset()

    def note_filled(self, names: frozenset[str], wanted: Sequence[str]) -> None:
        """Which columns the row that was added last holds something in."""
        self._last_filled = names
        self._filled |= {path: names for path in wanted if path in names}

    def gone_since(self, path: str) -> int | None:
        """The last row with a value where blanks, which is how a NaN may be written, are all that came after it.

        It was only not evaluated where the last row holds what others lack (loggers write different columns at
        different times), where its key is not there at all (JSONL), and where no fewer blanks stood between values.
        """
        if path not in self._filled or not self._last_filled < self._filled[path]:
            return None
        begun = dropwhile(lambda each: _is_blank(each[1]), self.values[path])
        by_blank = groupby(begun, key=lambda each: _is_blank(each[1]))
        stretches = [(blank, [row for row, _ in rows]) for blank, rows in by_blank]
        gaps = [len(rows) for blank, rows in stretches[:-1] if blank]
        blank, last = stretches[-1]
        return stretches[-2][1][-1] if blank and len(last) > max(gaps, default=0) else None

    def add(self, row: object, wanted: Sequence[str]) -> None:
        """Take in one more row, or the whole of a document."""
        self.rows += 1
        for path in wanted:
            self.values.setdefault(path, []).extend((self.rows, value) for value in _under(row, path))
        if self.rows <= 10:
            self.known |= dict.fromkeys(islice(_names(row), _NAMES_SHOWN))

    def numbers(self, path: str) -> list[float]:
        """All values under a path that are there, finite or not; at least one.

        Raises:
            Fault: it is nowhere, always empty, or something there is no number.
        """
        found = self.values.get(path, [])
        if not found and path not in self.known:
            raise Fault("incomplete", f"has no {self.noun} `{path}`{nearest(path, self.known)}")
        given = [(row, value) for row, value in found if not _is_blank(value)]
        if not given:
            raise Fault("incomplete", f"holds no value under `{path}`")
        return [self._number(path, row, value) for row, value in given]

    def _number(self, path: str, row: int, value: object) -> float:
        number = as_number(value)
        if number is None:
            where = f" in row {row}" if self.noun == "column" else ""
            raise Fault("bad_result", f"holds {describe(value)} under `{path}`{where}, which is no number")
        return number


def _is_blank(value: object) -> bool:
    return value is None or value == ""


def as_number(value: object) -> float | None:
    """A number, or text that spells one (`1e-3` is text in YAML 1.1, and everything is in CSV). True is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip(_BLANKS)):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf


_NUMBER = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE)


def read_contents(data: bytes, kind: FileFormat, wanted: Sequence[str]) -> Contents:
    """Read what lies under the wanted paths or columns of a file.

    Raises:
        Fault: its bytes are not of this format, or torn.
    """
    readers = {"json": _read_json, "yaml": _read_yaml, "csv": _read_csv, "jsonl": _read_jsonl}
    return readers[kind](data, wanted) if kind in readers else Contents("key")


def _under(value: object, path: str) -> tuple[Any, ...]:
    """What lies under a dotted path, none or one. A name may itself hold dots; the longest that is there counts."""
    inner = _inner(value)
    if path in inner:
        return (inner[path],)
    for dot in (at for at in range(len(path) - 1, 0, -1) if path[at] == "."):
        if path[:dot] in inner and (found := _under(inner[path[:dot]], path[dot + 1 :])):
            return found
    return ()


def _inner(value: object) -> Mapping[str, Any]:
    """By name, which need not be text in YAML; a list by position, -1 being the last."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, list):
        positions = range(-len(value), len(value))
        return {str(position): value[position] for position in positions}
    return {}


def _names(value: object, above: str = "", depth: int = 3) -> Iterator[str]:
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping) and depth:
            yield from _names(item, f"{above}{name}.", depth - 1)
        else:
            yield f"{above}{name}"


def _read_json(data: bytes, wanted: Sequence[str]) -> Contents:
    return _document(_parse_json(data, "it", wanted), wanted)


def _parse_json(data: bytes, what: str, wanted: Sequence[str]) -> Any:
    """`NaN` and `Infinity`, which Python writes and JSON does not know, are read as what they mean."""
    named = {*wanted, *(part for path in wanted for part in path.split("."))}

    def unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        once = dict(pairs)
        if len(once) < len(pairs):
            for key, value in pairs:
                if key in named and value is not once[key] and value != once[key]:
                    _refuse(f"{what} gives `{key}` more than once, and not the same")
        return once

    try:
        return json.loads(data, object_pairs_hook=unambiguous)
    except (ValueError, RecursionError) as error:
        _refuse(f"{what} is not whole JSON: {error}")


def _read_yaml(data: bytes, wanted: Sequence[str]) -> Contents:
    import yaml

    if len(data) > MAX_YAML_BYTES:
        _refuse(f"it holds {len(data)} bytes, and YAML is read up to {MAX_YAML_BYTES}; write JSON, say")
    try:
        return _document(load_yaml(data), wanted)
    except (yaml.YAMLError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
        _refuse(f"it is not one plain YAML document: {' '.join(str(error).split())[:300] or type(error).__name__}")


def _document(value: object, wanted: Sequence[str]) -> Contents:
    if not isinstance(value, (Mapping, list)):
        _refuse(f"it holds {describe(value)} instead of keys and values")
    contents = Contents("key")
    contents.add(value, wanted)
    return contents


def _read_jsonl(data: bytes, wanted: Sequence[str]) -> Contents:
    contents = Contents("column")
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        row = _parse_json(line, f"line {number}", wanted)
        if not isinstance(row, dict):
            _refuse(f"line {number} holds {describe(row)} instead of keys and values")
        contents.add(row, wanted)
        contents.note_filled(frozenset(name for name, value in row.items() if not _is_blank(value)), wanted)
    return contents


def _read_csv(data: bytes, wanted: Sequence[str]) -> Contents:
    csv.field_size_limit(max(csv.field_size_limit(), len(data)))
    try:
        text = data.decode("utf-8-sig")
        lines = csv.reader(chain(io.StringIO(text, newline=""), [_END]), delimiter=_delimiter(text))
        return _read_rows((cells for cells in _before_end(lines) if any(cells)), wanted)
    except (UnicodeDecodeError, csv.Error) as error:
        _refuse(f"it is not CSV in UTF-8: {error}")


_END = "\x03"


def _before_end(lines: Iterator[list[str]]) -> Iterator[list[str]]:
    """All rows before the line that was put at the end: in quotes that nobody closed, it would be no row of its own."""
    for cells in lines:
        if cells == [_END]:
            return
        yield cells
    _refuse("its last row is torn: it ends within quotes")


def _delimiter(text: str) -> str:
    header = text.lstrip().partition("\n")[0]
    return max(",;\t", key=header.count)


def _read_rows(lines: Iterator[list[str]], wanted: Sequence[str]) -> Contents:
    header = [name.strip() for name in next(lines, [])]
    twice = [path for path in wanted if header.count(path) > 1]
    if not header or twice:
        _refuse(f"its header names `{twice[0]}` more than once" if twice else "it has no header row")
    contents = Contents("column", known=dict.fromkeys(header))
    columns = [(path, header.index(path)) for path in wanted if path in header]
    for cells in lines:
        contents.rows += 1
        if len(cells) != len(header):
            _refuse(f"row {contents.rows} has {len(cells)} cells, but the header has {len(header)}")
        filled = frozenset(name for name, cell in zip(header, cells, strict=True) if cell.strip(_BLANKS))
        contents.note_filled(filled, wanted)
        for path, column in columns:
            contents.values.setdefault(path, []).append((contents.rows, cells[column].strip(_BLANKS)))
    return contents


def _refuse(why: str) -> NoReturn:
    raise Fault("bad_result", f"cannot be read: {why}")
