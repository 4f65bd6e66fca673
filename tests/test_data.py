"""Windows of hand-made and real folders: apart from each other, scaled by training windows, with their labels."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from folders import REAL, opened, real, row, signal, write_folder
from hypothesis import given
from hypothesis import strategies as st

from db.errors import DataError
from tasks.data.fingerprint import fingerprint
from tasks.data.layout import find_metadata, read_metadata
from tasks.data.scaling import fit
from tasks.data.splits import SPLITS
from tasks.data.windows import Data, window_starts


@given(st.integers(1, 50), st.integers(0, 400), st.integers(0, 20), st.integers(1, 12))
def test_windows_of_a_piece_lie_within_it_and_apart(span: int, spare: int, gap: int, most: int) -> None:
    starts = window_starts(span + spare, span, gap, most)
    assert 1 <= len(starts) <= most
    assert starts[0] >= 0
    assert starts[-1] + span <= span + spare
    assert all(later - earlier >= span + gap for earlier, later in pairwise(starts))
    if len(starts) < most:
        assert (len(starts) + 1) * span + len(starts) * gap > span + spare


def occupied(data: Data, split: Any, span: int) -> set[tuple[int, int]]:
    windows = data.windows(split)
    return {(one.recording.id, sample) for one in windows for sample in range(one.start, one.start + span)}


def test_no_sample_is_in_two_windows(tmp_path: Path) -> None:
    data = opened(write_folder(tmp_path, [row(number) for number in range(1, 9)]))
    samples = [occupied(data, split, 48) for split in SPLITS]
    assert sum(map(len, samples)) == 48 * sum(len(data.windows(split)) for split in SPLITS)
    assert len(set().union(*samples)) == sum(map(len, samples))
    assert all(samples)


def test_a_window_holds_its_samples_scaled_by_training_windows_only(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [row(number) for number in range(1, 9)])
    data = opened(folder)
    raw = {
        split: np.stack([signal(one.recording.id)[one.start : one.start + 48, :, 0] for one in data.windows(split)])
        for split in SPLITS
    }
    mean_C, std_C = raw["train"].mean((0, 1)), raw["train"].std((0, 1))
    for split in SPLITS:
        windows = data.load(split, range(len(data.windows(split))))
        scaled = (raw[split] - mean_C) / std_C
        np.testing.assert_allclose(windows.x_BLC.numpy(), scaled[:, :40], atol=1e-4)
        np.testing.assert_allclose(windows.future_BHC.numpy(), scaled[:, 40:], atol=1e-4)
        assert windows.x_BLC.dtype == torch.float32


def test_scaling_joins_windows_exactly() -> None:
    random = np.random.default_rng(0)
    pieces = [random.normal(1000, 0.01, (length, 2)).astype(np.float32) for length in (3, 50, 7)]
    scaling = fit((5, piece) for piece in pieces)[5]
    together = np.concatenate(pieces).astype(np.float64)
    np.testing.assert_allclose(scaling.mean_C, together.mean(0), rtol=1e-12)
    np.testing.assert_allclose(scaling.std_C, together.std(0), rtol=1e-6)


def test_a_channel_that_never_changes_stays_finite() -> None:
    still = np.full((10, 1), 7.0, dtype=np.float32)
    assert fit([(1, still)])[1].apply(still[None]).tolist() == [[[0.0]] * 10]


def test_labels_and_windows_agree(tmp_path: Path) -> None:
    rows = [row(number, RUL_label=number / 10, Remaining_Life=number % 2) for number in range(1, 9)]
    data = opened(write_folder(tmp_path, rows))
    labels = data.labels("train")
    order = np.arange(len(labels))[::-1]
    windows = data.load("train", order)
    assert windows.label_B.tolist() == labels.label[order].tolist()
    np.testing.assert_allclose(windows.rul_B.numpy(), labels.rul[order], rtol=1e-6)
    assert np.isnan(labels.rul).any()
    assert windows.label_B.dtype == torch.int64
    assert len(windows.x_BLC) == len(windows) == len(labels)


def test_flags_decide_what_a_label_is_meant_for(tmp_path: Path) -> None:
    rows = [row(number, Fault_Diagnosis=int(number < 5), Anomaly_Detection=int(number > 2)) for number in range(1, 9)]
    data = opened(write_folder(tmp_path, rows))
    for split in SPLITS:
        labels = data.labels(split)
        ids = np.array([one.recording.id for one in data.windows(split)])
        assert (labels.for_diagnosis == (ids < 5)).all()
        assert (labels.for_detection == (ids > 2)).all()


def test_windows_of_two_systems_are_not_read_at_once(tmp_path: Path) -> None:
    data = opened(write_folder(tmp_path, [row(number, Dataset_id=number // 5) for number in range(1, 9)]))
    with pytest.raises(ValueError, match=r"not of \[0, 1\]"):
        data.load("train", range(len(data.windows("train"))))


def test_systems_can_be_chosen_and_unknown_ones_are_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [row(number, Dataset_id=number // 5) for number in range(1, 9)])
    assert [system.id for system in opened(folder, systems=(1,)).systems] == [1]
    with pytest.raises(DataError, match=r"data.systems: .* has no Dataset_id \[4\]; it has \[0, 1\]"):
        opened(folder, systems=(1, 4))


def test_recordings_left_out_are_named(tmp_path: Path) -> None:
    rows = [row(number) for number in range(1, 12)]
    odd = {9: signal(9, length=47), 10: signal(10, length=20), 11: signal(11, channels=1)}
    data = opened(write_folder(tmp_path, rows, {**{number: signal(number) for number in range(1, 9)}, **odd}))
    assert data.notes[:2] == (
        "system 1: fewer than 48 samples, a window and its future: recording 9-10 left out",
        "system 1: 1 channels where the others have 2: recording 11 left out",
    )
    assert {one.recording.id for split in SPLITS for one in data.windows(split)} == set(range(1, 9))


def test_mixed_sample_rates_are_told(tmp_path: Path) -> None:
    data = opened(write_folder(tmp_path, [row(number, Sample_rate=1000 + number // 8) for number in range(1, 9)]))
    assert data.notes[0] == "system 1: sample rates 1000, 1001 Hz are mixed; windows are not resampled"
    assert data.systems[0].sample_rate == 1000


def test_a_folder_without_a_usable_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no recording can be used.*make data.window smaller"):
        opened(write_folder(tmp_path, [row(1)]), window=400)


def test_a_sample_that_is_not_finite_stops_the_opening(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [row(number) for number in range(1, 9)])
    with h5py.File(folder / "RIG.h5", "r+") as file:
        for values in file.values():
            values[...] = np.nan
    with pytest.raises(DataError, match=r"sample .* is not finite"):
        opened(folder)


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
        write_folder(folder, [row(number) for number in range(1, 9)])
    with h5py.File(folders[2] / "RIG.h5", "r+") as file:
        file["1"][200, 0] += 1
    first, same, changed = [opened(folder).fingerprint for folder in folders]
    assert first == same != changed


def test_the_fingerprint_sees_the_table_and_the_size(tmp_path: Path) -> None:
    metadata, signals = tmp_path / "metadata.csv", tmp_path / "A.h5"
    seen = set()
    for text, size in (("a", 10), ("b", 10), ("a", 11)):
        metadata.write_text(text)
        signals.write_bytes(bytes(size))
        seen.add(fingerprint(metadata, [signals]))
    assert len(seen) == 3


@real
def test_real_recordings_have_their_labels() -> None:
    found = read_metadata(find_metadata(REAL, None))
    cwru = [recording.label for recording in found if recording.system == 1]
    femto = [recording for recording in found if recording.system == 3]
    assert cwru == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [recording.label for recording in femto] == [0] * 10 + [-1] * 3 + [1] * 3
    assert [femto[0].rul, femto[-1].rul] == [1.0, 0.0]
    assert all(math.isnan(recording.rul) for recording in found if recording.system == 1)
    assert {recording.bearing for recording in femto} == {"Full_Test_Set/Bearing3_3"}


@real
def test_real_recordings_are_cut_and_scaled() -> None:
    data = opened(REAL, window=2048, future=32)
    assert [(system.id, system.channels, system.classes) for system in data.systems] == [(1, 2, 4), (3, 2, 2)]
    samples = [occupied(data, split, 2080) for split in SPLITS]
    assert len(set().union(*samples)) == sum(map(len, samples))
    for split in SPLITS:
        labels = data.labels(split)
        assert set(labels.label[labels.system == 1]) == {0, 1, 2, 3}
        assert np.isfinite(labels.rul[labels.system == 3]).all()
    train = data.labels("train").system
    for system in (1, 3):
        x_BLC = data.load("train", np.flatnonzero(train == system)).x_BLC
        torch.testing.assert_close(x_BLC.mean((0, 1)), torch.zeros(2), atol=0.02, rtol=0)
        torch.testing.assert_close(x_BLC.std((0, 1)), torch.ones(2), atol=0.02, rtol=0)
    assert any("system 1, label 0" in note and "blocks in time" in note for note in data.notes)


@real
def test_real_recordings_that_are_too_short_are_named() -> None:
    assert "recording 46000-46015 left out" in opened(REAL, window=4096, future=0).notes[0]
