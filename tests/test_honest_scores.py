"""Scores beat their baselines because of what labels teach, not by luck: with shuffled training labels none does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from attempts import plan_attempt, run_settings, work
from hypothesis import given
from hypothesis import strategies as st
from toy_windows import build

from db.records import Score
from runner.gain import gain, gain_at_least, jackknife_error, t_quantile
from sweeps.settings import DataSettings
from tasks.interface import Array, LabelTable

FOUR_TASKS = ("classification", "anomaly_detection", "signal_prediction", "rul_prediction")
AS_IN_THE_FOUNDATION_SWEEP = {"batch": 16, "steps": 300, "lr": 2e-3, "warmup_steps": 20, "checkpoint_every": 300}
Rows = dict[str, Array]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("honest")


def scores_of(root: Path, backbone: str, seed: int, *, shuffled: bool) -> tuple[Score, ...]:
    """Train on the simulated rigs as the foundation sweep does."""
    run = run_settings(
        {name: {} for name in FOUR_TASKS},
        backbone=backbone,
        data=DataSettings(window=2048),
        train={**AS_IN_THE_FOUNDATION_SWEEP, "shuffle_labels": shuffled},
        seed=seed,
    )
    number = 1 + len(list((root / "run").glob("*")))
    attempt = work(plan_attempt(run, root, number=number, micro=16))
    assert attempt.exit_code == 0, attempt.stderr
    return attempt.result.scores


@pytest.mark.parametrize("backbone", ["dlinear", "fno"])
def test_honest_training_beats_every_baseline(root: Path, backbone: str) -> None:
    scores = scores_of(root, backbone, seed=0, shuffled=False)
    assert {score.task for score in scores} == set(FOUR_TASKS)
    assert all(score.beats_baseline for score in scores), scores


@pytest.mark.parametrize(("backbone", "seed"), [("dlinear", 0), ("dlinear", 1), ("fno", 1)])
def test_shuffled_labels_beat_no_baseline(root: Path, backbone: str, seed: int) -> None:
    """Some of these values lie on the better side of their baselines: luck, and told to be luck."""
    scores = scores_of(root, backbone, seed=seed, shuffled=True)
    assert {score.task for score in scores} == set(FOUR_TASKS)
    assert all(score.gain_at_least is not None for score in scores)
    assert not any(score.beats_baseline for score in scores), scores


TRAINING = LabelTable(system=np.array([1, 1]), label=np.array([0, 1]), rul=np.array([0.0, 1.0]))


def clustered(random: np.random.Generator, units: int, windows: int = 8) -> tuple[Array, Array]:
    """A bearing for each row, and noise that mostly is the bearing's own."""
    unit = np.repeat(np.arange(units), windows)
    return unit, random.normal(size=units)[unit] + 0.3 * random.normal(size=len(unit))


def life_left(random: np.random.Generator, units: int, skill: float) -> tuple[Array, Rows]:
    """Predictions that know this share of a bearing's distance from the mean life; without any, clustered noise."""
    unit, noise = clustered(random, units)
    rul = 0.5 + clustered(random, units)[1]
    return unit, {"predicted": 0.5 + skill * (rul - 0.5) + 0.3 * noise, "rul": rul, "system": np.ones(len(unit))}


def anomalies(random: np.random.Generator, units: int, skill: float) -> tuple[Array, Rows]:
    """Half of the bearings are faulty; logits know it as far as `skill` says, amplitudes do not."""
    unit, noise = clustered(random, units)
    faulty = unit % 2 == 0
    rms = clustered(random, units)[1]
    return unit, {"logit": 4 * skill * faulty + noise, "faulty": faulty, "rms": rms, "system": np.ones(len(unit))}


def classes(random: np.random.Generator, units: int, skill: float) -> tuple[Array, Rows]:
    """The true class where the bearing's noise lets it through, else a class of the bearing's own choosing."""
    unit, noise = clustered(random, units)
    label = random.integers(0, 2, units)[unit]
    chosen = random.integers(0, 2, units)[unit]
    return unit, {
        "predicted": np.where(noise < 6 * skill - 3, label, chosen),
        "label": label,
        "system": np.ones(len(unit)),
    }


MAKERS = {"rul_prediction": life_left, "anomaly_detection": anomalies, "classification": classes}


def shares_above_zero(name: str, units: int, skill: float, draws: int) -> tuple[float, float]:
    """How often the gain was above zero, and how often its bound was."""
    random = np.random.default_rng(0)
    task = build(name)
    made = [MAKERS[name](random, units, skill) for _ in range(draws)]
    gains = [gain(task.score(rows, TRAINING)) for _, rows in made]
    bounds = [gain_at_least(task, rows, unit, TRAINING) for unit, rows in made]
    return float(np.mean(np.array(gains) > 0)), float(np.mean([bound is not None and bound > 0 for bound in bounds]))


@pytest.mark.parametrize("units", [4, 8, 20])
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_clustered_noise_seldom_beats_a_baseline(name: str, units: int) -> None:
    lucky, beaten = shares_above_zero(name, units, skill=0.0, draws=300)
    assert lucky > 0.1
    assert beaten <= 0.03


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_true_gain_is_seen(name: str) -> None:
    _, beaten = shares_above_zero(name, units=30, skill=0.9, draws=50)
    assert beaten >= 0.9


def test_windows_of_one_bearing_count_once() -> None:
    """The same windows, had each been of a bearing of its own, would have shown a gain that is noise."""
    random = np.random.default_rng(0)
    task = build("classification")
    fooled = 0
    for _ in range(100):
        _, rows = classes(random, units=8, skill=0.0)
        alone = gain_at_least(task, rows, np.arange(len(rows["label"])), TRAINING)
        fooled += alone is not None and alone > 0
    assert fooled > 10


def test_one_bearing_tells_nothing() -> None:
    _, rows = life_left(np.random.default_rng(0), units=4, skill=1.0)
    assert gain_at_least(build("rul_prediction"), rows, np.zeros(len(rows["rul"])), TRAINING) is None


def test_a_split_that_hangs_on_one_bearing_tells_nothing() -> None:
    """Without the only normal bearing there is nothing to rank."""
    _, rows = anomalies(np.random.default_rng(0), units=4, skill=1.0)
    unit = np.repeat(np.arange(4), 8)
    rows["faulty"] = unit > 0
    assert gain_at_least(build("anomaly_detection"), rows, unit, TRAINING) is None


def test_the_order_of_rows_does_not_matter() -> None:
    random = np.random.default_rng(0)
    task = build("anomaly_detection")
    unit, rows = anomalies(random, units=50, skill=0.3)
    order = random.permutation(len(unit))
    turned = {key: values[order] for key, values in rows.items()}
    expected = gain_at_least(task, rows, unit, TRAINING)
    assert gain_at_least(task, turned, unit[order], TRAINING) == pytest.approx(expected)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50))
def test_the_jackknife_of_a_mean_is_its_standard_error(values: list[float]) -> None:
    """Efron and Tibshirani 1993, section 11.2."""
    array = np.array(values)
    means = (array.sum() - array) / (len(array) - 1)
    expected = array.std(ddof=1) / np.sqrt(len(array))
    assert jackknife_error(means) == pytest.approx(expected, abs=1e-9, rel=1e-6)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 31.821), (2, 6.965), (3, 4.541), (5, 3.365), (10, 2.764), (30, 2.457), (120, 2.358)]
)
def test_student_s_t_is_as_tabulated(freedom: int, expected: float) -> None:
    assert t_quantile(0.99, freedom) == pytest.approx(expected, rel=2e-3)
