"""Reads the PHM-Vibench layout: one metadata table and one `<Name>.h5` a dataset. Standard library only.

The table has one row a recording. Its columns come in several spellings (`Sample_lenth (L)`, `Sample_Rate`, ...); they
are matched without regard to case, and units in brackets are dropped. What the table says about lengths and channels is
not read: the shape in the HDF5 file is the truth.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from db.errors import DataError

UNKNOWN = -1
"""The label of a recording whose state is not known, or lies between normal and faulty."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One row of the metadata table. `label` is -1 and `rul` NaN where unknown or not meant for any use.

    `diagnosis` and `detection` say whether `label` is meant for fault classification and for anomaly detection. `file`
    is the path of the original recording, whose parent folder names the bearing.
    """

    id: int
    system: int
    name: str
    file: str
    label: int
    rul: float
    sample_rate: float
    diagnosis: bool
    detection: bool
    row: int

    @property
    def bearing(self) -> str:
        return str(PurePosixPath(self.file.replace("\\", "/")).parent)

    @property
    def unit(self) -> str:
        """The bearing within its system, or the recording itself where `file` has no folder to name a bearing."""
        return f"{self.system} {self.bearing}" if self.bearing != "." else f"{self.system} recording {self.id}"


_SPELLINGS = {
    "id": ("id",),
    "system": ("datasetid",),
    "name": ("name",),
    "file": ("file", "filename", "filepath"),
    "label": ("label",),
    "rul": ("rullabel",),
    "sample_rate": ("samplerate", "samplingrate", "fs"),
    "diagnosis": ("faultdiagnosis",),
    "detection": ("anomalydetection",),
    "life": ("remaininglife",),
}
_REQUIRED = {"id": "Id", "system": "Dataset_id", "name": "Name", "label": "Label", "sample_rate": "Sample_rate"}
_NOTHING = {"", "nan", "none", "null", "na", "n/a"}
_YES, _NO = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no"}


def find_metadata(folder: Path, name: str | None) -> Path:
    """The metadata table of a folder: the one named, else the only `metadata*.csv`.

    Raises:
        DataError: there is no such folder or file, several could be meant, or it is an Excel file.
    """
    if not folder.is_dir():
        raise DataError(f"data.folder: {folder} is not a folder; give the one that holds the metadata and .h5 files")
    path = _only_table(folder) if name is None else folder / name
    if path.suffix.lower() in {".xlsx", ".xls"}:
        raise DataError(f"{path} is an Excel file; save it as CSV (comma or tab, UTF-8) and name that as data.metadata")
    if not path.is_file():
        raise DataError(f"data.metadata: there is no file {path}")
    return path


def _only_table(folder: Path) -> Path:
    found = sorted(path for path in folder.glob("metadata*") if path.suffix.lower() == ".csv")
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{folder} holds several metadata tables ({names}); name one as data.metadata")
    excel = sorted(path.name for path in folder.glob("metadata*.xls*"))
    hint = f"; save {excel[0]} as CSV there" if excel else "; name the table as data.metadata"
    raise DataError(f"{folder} holds no metadata*.csv{hint}")


def read_metadata(path: Path) -> tuple[Recording, ...]:
    """Read every row of a metadata table.

    Raises:
        DataError: a column is missing or a value cannot be; the message names file, row and column.
    """
    text = _decode(path)
    delimiter = "," if text[:4096].count(",") > text[:4096].count("\t") else "\t"
    try:
        header, *rows = [*csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)] or [[]]
    except csv.Error as error:
        raise DataError(f"{path} is not a table of cells: {error}") from None
    columns = _columns(path, header)
    recordings = tuple(_recording(_Row(path, number, columns, cells)) for number, cells in _filled(rows))
    if not recordings:
        raise DataError(f"{path} has no rows below its header")
    _refuse_duplicates(path, recordings)
    return recordings


def _decode(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("gbk")
    except UnicodeDecodeError:
        raise DataError(f"{path} is neither UTF-8 nor GBK text; save it as CSV in UTF-8") from None


def _filled(rows: Sequence[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows with something in them, numbered as a spreadsheet shows them (the header is row 1)."""
    return ((number, cells) for number, cells in enumerate(rows, 2) if any(cell.strip() for cell in cells))


def _columns(path: Path, header: Sequence[str]) -> Mapping[str, int]:
    plain = [re.sub(r"\(.*?\)|[\s_]", "", cell).lower() for cell in header]
    found: dict[str, int] = {}
    for key, spellings in _SPELLINGS.items():
        places = [index for index, cell in enumerate(plain) if cell in spellings]
        if len(places) > 1:
            raise DataError(f"{path}, row 1: the columns {', '.join(header[place] for place in places)} mean the same")
        if places:
            found[key] = places[0]
    missing = [column for key, column in _REQUIRED.items() if key not in found]
    if missing:
        raise DataError(f"{path}, row 1: no column {', '.join(missing)}; found {', '.join(header) or 'nothing'}")
    return found


@dataclass(frozen=True)
class _Row:
    path: Path
    number: int
    columns: Mapping[str, int]
    cells: Sequence[str]

    def refuse(self, column: str, why: str) -> NoReturn:
        raise DataError(f"{self.path}, row {self.number}, column {_REQUIRED.get(column, column)}: {why}")

    def text(self, column: str) -> str:
        """The cell without surrounding blanks; empty where the table says there is nothing."""
        place = self.columns.get(column)
        cell = "" if place is None or place >= len(self.cells) else self.cells[place].strip()
        return "" if cell.lower() in _NOTHING else cell

    def number_of(self, column: str) -> float:
        """NaN where there is nothing."""
        cell = self.text(column)
        try:
            value = float(cell) if cell else math.nan
        except ValueError:
            self.refuse(column, f"`{cell}` is not a number")
        if math.isinf(value):
            self.refuse(column, f"`{cell}` is not finite")
        return value

    def whole(self, column: str, nothing: int | None = None) -> int:
        value = self.number_of(column)
        if math.isnan(value) and nothing is not None:
            return nothing
        if math.isnan(value) or value != int(value):
            self.refuse(column, f"`{self.text(column)}` is not a whole number")
        return int(value)

    def flag(self, column: str) -> bool:
        """A flag; a table without that column leaves the decision to the label alone."""
        if column not in self.columns:
            return True
        cell = self.text(column).lower()
        if cell and cell not in _YES | _NO:
            self.refuse(column, f"`{cell}` is neither yes (1, TRUE) nor no (0, FALSE, empty)")
        return cell in _YES


def _recording(row: _Row) -> Recording:
    label = row.whole("label", nothing=UNKNOWN)
    if label < UNKNOWN:
        row.refuse("label", f"{label} is below -1; faults are counted from 1, normal is 0, unknown is -1")
    diagnosis, detection = row.flag("diagnosis"), row.flag("detection")
    name = row.text("name")
    if not name or name != Path(name).name:
        row.refuse("name", f"`{name}` is not the name of an .h5 file")
    rate = row.number_of("sample_rate")
    if not rate > 0:
        row.refuse("sample_rate", f"`{row.text('sample_rate')}` is not a rate in Hz above 0")
    return Recording(
        id=row.whole("id"),
        system=row.whole("system"),
        name=name,
        file=row.text("file"),
        label=label if diagnosis or detection else UNKNOWN,
        rul=_life_left(row),
        sample_rate=rate,
        diagnosis=diagnosis,
        detection=detection,
        row=row.number,
    )


def _life_left(row: _Row) -> float:
    rul = row.number_of("rul") if row.flag("life") else math.nan
    if rul < 0 or rul > 1:
        row.refuse("rul", f"{rul} is not a fraction of life left between 0 and 1")
    return rul


def _refuse_duplicates(path: Path, recordings: Sequence[Recording]) -> None:
    first: dict[int, int] = {}
    for recording in recordings:
        if recording.id in first:
            rows = f"row {first[recording.id]} and row {recording.row}"
            raise DataError(f"{path}, column Id: {recording.id} stands in {rows}; every recording needs its own")
        first[recording.id] = recording.row
