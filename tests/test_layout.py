"""The reader of metadata tables and signal files, and how it names every fault."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from folders import opened, read, row, signal, table, write_folder

from db.errors import DataError
from sweeps.settings import DataSettings
from tasks.data.channels import with_channels
from tasks.data.known_systems import known_systems
from tasks.data.layout import find_metadata, read_metadata
from tasks.data.signals import Signals


def test_every_column_is_read(tmp_path: Path) -> None:
    (found,) = read(tmp_path, table([row(7, Label="3.0", RUL_label=0.25, Remaining_Life="TRUE", Fault_Diagnosis="")]))
    assert (found.id, found.system, found.name, found.bearing) == (7, 1, "RIG", "1/7")
    assert (found.label, found.rul, found.sample_rate, found.row) == (3, 0.25, 1000.0, 2)
    assert (found.diagnosis, found.detection) == (False, True)


def test_odd_spellings_and_units_are_understood(tmp_path: Path) -> None:
    (found,) = read(
        tmp_path, "ID;x\tdataset_ID\tname\tLABEL\tSample_Rate (Hz)\n".replace(";x", "") + "1\t2\tRIG\t0\t50\n"
    )
    assert (found.id, found.system, found.sample_rate, found.bearing) == (1, 2, 50.0, ".")
    assert found.diagnosis
    assert found.detection


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_text_of_both_encodings_is_read(tmp_path: Path, encoding: str) -> None:
    (found,) = read(tmp_path, table([row(1, File="轴承/一.csv")]).encode(encoding))
    assert found.bearing == "轴承"


def test_a_backslash_separates_folders_too(tmp_path: Path) -> None:
    (found,) = read(tmp_path, table([row(1, File="35Hz\\Bearing1_1\\1.csv")]))
    assert found.bearing == "35Hz/Bearing1_1"


@pytest.mark.parametrize("nothing", ["", "NaN", "nan", " "])
def test_a_missing_label_is_unknown(tmp_path: Path, nothing: str) -> None:
    (found,) = read(tmp_path, table([row(1, Label=nothing, RUL_label=nothing, Remaining_Life=1)]))
    assert found.label == -1
    assert math.isnan(found.rul)


def test_labels_that_are_meant_for_no_use_are_not_read(tmp_path: Path) -> None:
    (found,) = read(tmp_path, table([row(1, Fault_Diagnosis="", Anomaly_Detection="False", RUL_label=0.5)]))
    assert found.label == -1
    assert math.isnan(found.rul)


def test_empty_rows_are_passed_over(tmp_path: Path) -> None:
    found = read(tmp_path, table([row(1)]) + ",,,\n\n" + table([row(2)]).splitlines()[1])
    assert [(recording.id, recording.row) for recording in found] == [(1, 2), (2, 5)]


@pytest.mark.parametrize(
    ("changes", "column", "why"),
    [
        ({"Id": "one"}, "Id", "`one` is not a number"),
        ({"Id": ""}, "Id", "not a whole number"),
        ({"Dataset_id": 1.5}, "Dataset_id", "`1.5` is not a whole number"),
        ({"Label": 0.5}, "Label", "not a whole number"),
        ({"Label": -2}, "Label", "below -1"),
        ({"Label": "inf"}, "Label", "not finite"),
        ({"Sample_rate": 0}, "Sample_rate", "above 0"),
        ({"Sample_rate": ""}, "Sample_rate", "above 0"),
        ({"RUL_label": 40, "Remaining_Life": 1}, "rul", "between 0 and 1"),
        ({"Fault_Diagnosis": "maybe"}, "diagnosis", "neither yes"),
        ({"Name": ""}, "Name", "not the name of an .h5 file"),
        ({"Name": "../RIG"}, "Name", "not the name of an .h5 file"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, changes: dict[str, object], column: str, why: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, table([row(1), row(2, **changes)]))
    assert f"metadata.csv, row 3, column {column}: " in str(error.value)
    assert why in str(error.value)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column Dataset_id, Sample_rate; found Id, Name, Label"):
        read(tmp_path, "Id,Name,Label\n1,RIG,0\n")


def test_two_columns_of_one_meaning_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="columns Label, LABEL mean the same"):
        read(tmp_path, "Id,Dataset_id,Name,Label,LABEL,Sample_rate\n")


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows"):
        read(tmp_path, table([row(1)]).splitlines()[0])


def test_an_id_given_twice_is_named_with_both_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column Id: 4 stands in row 2 and row 4"):
        read(tmp_path, table([row(4), row(5), row(4)]))


def test_a_cell_may_hold_separators_and_line_ends(tmp_path: Path) -> None:
    found = read(tmp_path, table([row(1, File='"a, b\nc/1.csv"'), row(2, Label=5)]))
    assert [recording.bearing for recording in found] == ["a, b\nc", "0/2"]
    assert [recording.row for recording in found] == [2, 3]


@pytest.mark.parametrize("text", ["", '"Id', "\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"metadata\.csv"):
        read(tmp_path, text)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither UTF-8 nor GBK"):
        read(tmp_path, b"Id,\xff\xff\xff\n")


def test_the_only_table_is_found(tmp_path: Path) -> None:
    (tmp_path / "metadata_6_11.csv").touch()
    assert find_metadata(tmp_path, None) == tmp_path / "metadata_6_11.csv"


@pytest.mark.parametrize(
    ("files", "named_file", "why"),
    [
        (["metadata_a.csv", "metadata_b.csv"], None, "several metadata tables .metadata_a.csv, metadata_b.csv."),
        ([], None, "no metadata"),
        (["metadata.xlsx"], None, "save metadata.xlsx as CSV"),
        (["metadata.xlsx"], "metadata.xlsx", "is an Excel file; save it as CSV"),
        (["metadata.csv"], "other.csv", "there is no file .*other.csv"),
    ],
)
def test_a_table_that_cannot_be_chosen_is_refused(
    tmp_path: Path, files: list[str], named_file: str | None, why: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=why):
        find_metadata(tmp_path, named_file)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.folder: .*nowhere is not a folder"):
        find_metadata(tmp_path / "nowhere", None)


@pytest.mark.parametrize("shape", [(50, 3, 1), (50, 3)])
def test_both_layouts_of_arrays_are_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.arange(150.0).reshape(50, 3)
    write_folder(tmp_path, [row(1)], {1: values.reshape(shape)})
    (recording,) = read_metadata(tmp_path / "metadata.csv")
    signals = Signals(tmp_path)
    assert signals.shape(recording) == (50, 3)
    np.testing.assert_array_equal(signals.read(recording, 10, 20), values[10:20])
    signals.close()


def test_the_signals_tell_how_many_channels_a_system_has(tmp_path: Path) -> None:
    write_folder(tmp_path, [row(1, Dataset_id=4), row(2, Dataset_id=9)], {1: np.zeros((50, 3)), 2: np.zeros(50)})
    settings = DataSettings(folder=str(tmp_path))
    assert [system.channels for system in with_channels(settings, known_systems(settings))] == [3, 1]
    simulated = known_systems(DataSettings())
    assert with_channels(DataSettings(), simulated) == simulated


def test_a_single_channel_may_come_without_an_axis(tmp_path: Path) -> None:
    write_folder(tmp_path, [row(1)], {1: np.arange(50)})
    (recording,) = read_metadata(tmp_path / "metadata.csv")
    assert Signals(tmp_path).shape(recording) == (50, 1)
    assert Signals(tmp_path).read(recording, 0, 5).shape == (5, 1)


def test_an_id_that_is_not_in_the_file_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, [row(1), row(2)], {1: signal(1)})
    with pytest.raises(DataError, match=r"RIG\.h5, key 2 \(row 3 of the metadata\): no such key"):
        opened(tmp_path)


def test_a_missing_signal_file_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, [row(1, Name="OTHER")])
    with pytest.raises(DataError, match=r"OTHER\.h5 is missing; row 2"):
        opened(tmp_path)


def test_a_file_that_is_no_hdf5_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, [row(1)])
    (tmp_path / "RIG.h5").write_bytes(b"not HDF5 at all")
    with pytest.raises(DataError, match=r"RIG\.h5 cannot be read as HDF5"):
        opened(tmp_path)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, [row(number) for number in range(1, 7)])
    whole = (tmp_path / "RIG.h5").read_bytes()
    (tmp_path / "RIG.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"RIG\.h5"):
        opened(tmp_path)


@pytest.mark.parametrize("values", [np.array([b"text"]), np.float64(1), np.zeros((0, 2))], ids=["text", "one", "empty"])
def test_what_is_no_array_of_numbers_is_refused(tmp_path: Path, values: object) -> None:
    write_folder(tmp_path, [row(1)], {1: values})
    with pytest.raises(DataError, match="not an array of numbers"):
        opened(tmp_path)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_sample_that_is_not_finite_is_named(tmp_path: Path, bad: float) -> None:
    values = signal(1)
    values[123, 1] = bad
    write_folder(tmp_path, [row(1)], {1: values})
    (recording,) = read_metadata(tmp_path / "metadata.csv")
    with pytest.raises(DataError, match=r"key 1 \(row 2 of the metadata\): sample 123 of channel 1 is not finite"):
        Signals(tmp_path).read(recording, 100, 200)
