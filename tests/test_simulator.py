"""Simulated rigs: the physics of a bearing, the folder's content, and how it comes to be there whole."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from sweeps.settings import DataSettings, Simulation
from tasks.data.bearing import Fault, Geometry, Resonance, impact_train, tones
from tasks.data.layout import find_metadata, read_metadata
from tasks.data.rigs import RIGS
from tasks.data.simulator import simulated_folder
from tasks.data.splits import SPLITS
from tasks.data.windows import Data, open_data
from tasks.interface import LabelTable
from tasks.layers.ranking import auroc

SKF_6205 = Geometry(balls=9, ball=7.94, pitch=39.04)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("simulated")
    simulated_folder(Simulation(), place)
    return place


# A bearing


@pytest.mark.parametrize(("fault", "orders"), [("outer", 3.5848), ("inner", 5.4152), ("ball", 4.7135)])
def test_fault_frequencies_of_a_known_bearing(fault: Fault, orders: float) -> None:
    """The published orders of the SKF 6205 of the CWRU rig, in multiples of the shaft's frequency."""
    assert SKF_6205.impacts(fault, 1.0) == pytest.approx(orders, rel=1e-3)


def test_cage_frequency_of_a_known_bearing() -> None:
    assert SKF_6205.cage(1.0) == pytest.approx(0.39828, rel=1e-3)
    assert SKF_6205.modulation("ball", 30.0) == SKF_6205.cage(30.0)
    assert SKF_6205.modulation("inner", 30.0) == 30.0
    assert SKF_6205.modulation("outer", 30.0) == 0.0


@pytest.mark.parametrize("fault", ["outer", "inner", "ball"])
def test_impacts_come_at_the_fault_frequency(fault: Fault) -> None:
    rate, seconds = 10000.0, 20
    impulses = impact_train(fault, SKF_6205, 30.0, rate, int(rate * seconds), np.random.default_rng(0))
    expected = SKF_6205.impacts(fault, 30.0)
    assert np.count_nonzero(impulses) / seconds == pytest.approx(expected, rel=0.01)
    assert impulses.sum() / seconds == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("fault", "modulated"), [("outer", False), ("inner", True), ("ball", True)])
def test_impacts_are_modulated_by_their_passage(fault: Fault, modulated: bool) -> None:  # noqa: FBT001 - a case's value
    rate, length = 10000.0, 200000
    impulses = impact_train(fault, SKF_6205, 30.0, rate, length, np.random.default_rng(0))
    strengths = impulses[impulses > 0]
    assert (strengths.std() / strengths.mean() > 0.4) == modulated


def test_an_impact_rings_at_the_resonance_and_decays() -> None:
    impulse = np.zeros(4096)
    impulse[100] = 1.0
    rung = Resonance(frequency=2000.0, decay=0.002).ring(impulse, 10000.0)
    assert np.abs(rung[:100]).max() < 1e-9
    assert np.abs(np.fft.rfft(rung)).argmax() * 10000 / 4096 == pytest.approx(2000, rel=0.02)
    assert np.abs(rung[160:180]).max() / np.abs(rung[100:120]).max() == pytest.approx(np.exp(-3), rel=0.2)


def test_tones_have_their_frequencies_and_amplitudes() -> None:
    summed = tones(np.array([100.0, 250.0]), np.array([1.0, 0.5]), 1000.0, 1000, np.random.default_rng(0))
    amplitudes = np.abs(np.fft.rfft(summed)) / 500
    peaks = np.flatnonzero(amplitudes > 1e-6).tolist()
    assert {peak: round(float(amplitudes[peak]), 6) for peak in peaks} == {100: 1, 250: 0.5}


# The folder


def test_the_folder_is_in_the_layout_that_is_read(root: Path) -> None:
    folder = simulated_folder(Simulation(), root)
    recordings = read_metadata(find_metadata(folder, None))
    assert {recording.system for recording in recordings} == {rig.id for rig in RIGS}
    with (folder / "metadata.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            with h5py.File(folder / f"{row['Name']}.h5") as signals:
                assert signals[row["Id"]].shape == (int(row["Sample_lenth (L)"]), int(row["Channel (C)"]), 1)


def test_rigs_differ_and_the_folder_is_small(root: Path) -> None:
    assert len({rig.channels for rig in RIGS}) == len({rig.rate for rig in RIGS}) == len(RIGS) == 3
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 60e6


def test_lives_run_from_new_to_faulty_on_two_rigs(root: Path) -> None:
    recordings = read_metadata(find_metadata(simulated_folder(Simulation(), root), None))
    lives: dict[tuple[int, str], list[tuple[float, int]]] = {}
    for recording in recordings:
        if not math.isnan(recording.rul):
            lives.setdefault((recording.system, recording.bearing), []).append((recording.rul, recording.label))
    assert len({system for system, _ in lives}) == 2
    for life in lives.values():
        ruls, labels = zip(*life, strict=True)
        assert (ruls[0], ruls[-1]) == (1.0, 0.0)
        assert list(ruls) == sorted(ruls, reverse=True)
        order = [label for place, label in enumerate(labels) if place == 0 or labels[place - 1] != label]
        assert order[:2] == [0, -1]
        assert len(order) == 3
        assert order[2] > 0


def test_every_split_serves_every_use_and_needs_no_fallback(root: Path) -> None:
    data = open_data(DataSettings(), root, 32)
    assert data.notes == ()
    bearings = [{window.recording.bearing for window in data.windows(split)} for split in SPLITS]
    assert len(set().union(*bearings)) == sum(map(len, bearings))
    for split in SPLITS:
        labels = data.labels(split)
        assert np.isfinite(labels.rul).any()
        assert classes(labels) == classes(data.labels("train"))


def classes(labels: LabelTable) -> set[tuple[int, int]]:
    known = labels.label >= 0
    return set(zip(labels.system[known].tolist(), labels.label[known].tolist(), strict=True))


def test_amplitude_alone_does_not_tell_faults(root: Path) -> None:
    """Over all windows; were it near 1, detecting anomalies would need nothing to be learned."""
    data = open_data(DataSettings(), root, 0)
    found = [amplitude_auroc(data, system.id) for system in data.systems]
    assert 0.5 < np.mean(found) < 0.8


def amplitude_auroc(data: Data, system: int) -> float:
    rms: list[float] = []
    faulty: list[bool] = []
    for split in SPLITS:
        labels = data.labels(split)
        windows = data.load(split, np.flatnonzero((labels.system == system) & (labels.label >= 0)))
        rms += windows.x_BLC.square().mean((1, 2)).sqrt().tolist()
        faulty += (windows.label_B > 0).tolist()
    return auroc(np.array(rms), np.array(faulty))


def test_a_seed_is_a_folder_and_the_same_seed_the_same_bytes(root: Path, tmp_path: Path) -> None:
    first, again = simulated_folder(Simulation(), root), simulated_folder(Simulation(), tmp_path)
    other = simulated_folder(Simulation(seed=1), tmp_path)
    assert first.name == again.name != other.name
    for path in first.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes() != (other / path.name).read_bytes()


def start(root: Path) -> subprocess.Popen[str]:
    code = (
        "import sys; from pathlib import Path; from sweeps.settings import Simulation;"
        "from tasks.data.simulator import simulated_folder; print(simulated_folder(Simulation(), Path(sys.argv[1])))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(root)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_end_with_one_whole_folder(root: Path, tmp_path: Path) -> None:
    makers = [start(tmp_path), start(tmp_path)]
    told = {maker.communicate(timeout=120)[0].strip() for maker in makers}
    assert [maker.returncode for maker in makers] == [0, 0]
    (folder,) = (tmp_path / "simulated").iterdir()
    assert told == {str(folder)}
    whole = simulated_folder(Simulation(), root)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in whole.iterdir()
    }


def test_a_killed_process_leaves_nothing_that_is_taken_for_whole(root: Path, tmp_path: Path) -> None:
    maker = start(tmp_path)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("simulated/.*/*.h5")):
        assert maker.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    maker.kill()
    maker.communicate()
    whole = simulated_folder(Simulation(), root)
    folder = tmp_path / "simulated" / whole.name
    assert not folder.exists()
    assert simulated_folder(Simulation(), tmp_path) == folder
    assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}
