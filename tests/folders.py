"""Small data folders in the PHM-Vibench layout, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sweeps.settings import DataSettings
from tasks.data.layout import Recording, read_metadata
from tasks.data.windows import Data, open_data

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "phmvibench_fixture"
real = pytest.mark.skipif(not REAL.is_dir(), reason="needs the recordings in ../shared/data/phmvibench_fixture")
Row = Mapping[str, Any]


def row(number: int, **changes: object) -> dict[str, Any]:
    label = number % 2
    cells = {"Id": number, "Dataset_id": 1, "Name": "RIG", "File": f"{label}/{number}/a.csv", "Label": label}
    rest = {"RUL_label": "", "Sample_rate": 1000, "Fault_Diagnosis": 1, "Anomaly_Detection": 1, "Remaining_Life": 0}
    return {**cells, **rest, **changes}


def table(rows: Sequence[Row], separator: str = ",") -> str:
    lines = [separator.join(rows[0]), *(separator.join(str(cell) for cell in row.values()) for row in rows)]
    return "\n".join(lines) + "\n"


def signal(number: int, length: int = 400, channels: int = 2) -> Any:
    return np.random.default_rng(number).normal(3.0, 1.0 + number, (length, channels, 1))


def write_folder(folder: Path, rows: Sequence[Row], signals: Mapping[int, Any] | None = None) -> Path:
    (folder / "metadata.csv").write_text(table(rows))
    with h5py.File(folder / "RIG.h5", "w") as file:
        for key, values in (signals or {row["Id"]: signal(row["Id"]) for row in rows}).items():
            file.create_dataset(str(key), data=values)
    return folder


def opened(folder: Path, window: int = 40, future: int = 8, **settings: Any) -> Data:
    return open_data(DataSettings(folder=str(folder), window=window, **settings), folder / "unused", future)


def read(folder: Path, text: str | bytes) -> tuple[Recording, ...]:
    path = folder / "metadata.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_metadata(path)
