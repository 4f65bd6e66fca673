"""Zipped axes, conditions, exclusions and samples: which points they make, and what of them is refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import Refused
from sweeps.asked import Asked, Axis, Condition, When
from sweeps.layers import Faults, Layer, Leaf
from sweeps.layers import Path as SettingPath
from sweeps.sampling import Draw, Sample, law_problem
from sweeps.spec import SweepSpec, read_sweep
from sweeps.spread import count_of_axes, spread
from sweeps.yaml_file import Place


def sweep(folder: Path, text: str, *overrides: str, profile: str | None = None) -> SweepSpec:
    path = folder / "x.yaml"
    path.write_text("tasks: [classification]\n" + text, encoding="utf-8")
    return read_sweep(path, overrides, profile=profile, gpus=0)


def labels(folder: Path, text: str, *overrides: str, profile: str | None = None) -> list[str]:
    return [one.label for one in sweep(folder, text, *overrides, profile=profile).candidates]


ZIPPED = "grid: {backbone: [fno, dlinear]}\nzip: {train.lr: [0.1, 0.2], train.batch: [8, 16]}"
WHEN = """
grid: {backbone: [fno, timesnet], train.batch: [8, 16]}
when:
  - if: {backbone: fno, train.batch: 8}
    grid: {backbones.fno.modes: [4, 8]}
  - if: {backbones.fno.modes: 8}
    set: {train.lr: 0.5}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ZIPPED, ["fno lr=0.1 batch=8", "fno lr=0.2 batch=16", "dlinear lr=0.1 batch=8", "dlinear lr=0.2 batch=16"]),
        ("zip: {backbone: [fno, dlinear], train.lr: [0.1, 0.2]}", ["fno lr=0.1", "dlinear lr=0.2"]),
        (
            "grid: {train.lr: [1, 2]}\nzip: [{data.window: [8]}, {backbone: [fno, dlinear], train.batch: [4, 5]}]",
            ["fno batch=4 lr=1", "fno batch=4 lr=2", "dlinear batch=5 lr=1", "dlinear batch=5 lr=2"],
        ),
        (
            "grid: {backbone: [fno, dlinear]}\nzip: {backbones.fno.modes: [4, 8], backbones.fno.width: [1, 2]}",
            ["fno modes=4 width=1", "fno modes=8 width=2", "dlinear"],
        ),
        (
            WHEN,
            [
                "fno batch=8 modes=4",
                "fno batch=8 modes=8 lr=0.5",
                "fno batch=16",
                "timesnet batch=8",
                "timesnet batch=16",
            ],
        ),
        (
            "grid: {backbone: [fno, dlinear], train.batch: [8, 16]}\nexclude: [{backbone: fno, train.batch: [16, 32]}]",
            ["fno batch=8", "dlinear batch=8", "dlinear batch=16"],
        ),
    ],
)
def test_points(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert labels(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ("{train.lr: 0.3}", ["dlinear"]),  # its own section
        ("{train.lr: 1e-3}", ["fno"]),  # a default
        ("{train.precision: float32, backbone: fno}", ["dlinear"]),
        ("{backbones.fno.modes: 8}", ["dlinear"]),
        ("{backbones.fno.train.lr: 0.3}", ["dlinear"]),
        ("{data.window: 64, backbone: dlinear}", ["fno"]),  # the profile
        ("{tasks: classification, backbone: dlinear}", ["fno"]),
        ("{train.shuffle_labels: false, backbone: dlinear}", ["fno"]),
    ],
)
def test_a_condition_looks_at_what_holds_whoever_sets_it(tmp_path: Path, wanted: str, left: list[str]) -> None:
    text = "backbones: {fno: {modes: 8, train: {lr: 0.3}}}\nprofiles: {p: {data: {window: 64}}}\n"
    text += f"grid: {{backbone: [fno, dlinear]}}\nexclude: [{wanted}]"
    assert labels(tmp_path, text, profile="p") == left


def test_what_the_command_line_sets_is_what_holds(tmp_path: Path) -> None:
    text = "grid: {backbone: [fno, dlinear]}\nexclude: [{train.lr: 0.3, backbone: fno}]"
    assert labels(tmp_path, text, "train.lr=0.3") == ["dlinear"]
    assert labels(tmp_path, text, "train.lr=0.4") == ["fno", "dlinear"]


def test_a_condition_on_a_profile_may_hold_nowhere_in_another(tmp_path: Path) -> None:
    text = "profiles: {p: {data: {window: 64}}, q: {}}\ngrid: {backbone: [fno, dlinear]}\n"
    text += "exclude: [{data.window: 64, backbone: fno}]"
    assert labels(tmp_path, text, profile="p") == ["dlinear"]
    assert labels(tmp_path, text, profile="q") == ["fno", "dlinear"]


def test_explicit_runs_are_neither_excluded_nor_sampled_but_repeated(tmp_path: Path) -> None:
    text = "grid: {backbone: [fno], train.batch: [1, 2, 4, 8]}\nexclude: [{train.batch: 8}]\nsample: {runs: 2}\n"
    text += "runs: [{backbone: fno, train.batch: 8}]\nseeds: 2"
    found = sweep(tmp_path, text).candidates
    assert [one.seed for one in found] == [0, 1] * 3
    assert [one.train.batch for one in found][-2:] == [8, 8]
    assert len({one.train.batch for one in found}) == 3


def test_a_label_never_shows_what_the_command_line_has_replaced(tmp_path: Path) -> None:
    text = "grid: {backbone: [fno], backbones.fno.train.lr: [0.1], train.batch: [1, 2]}\nruns: [{backbone: dlinear}]"
    assert labels(tmp_path, text, "train.lr=5") == ["fno batch=1", "fno batch=2", "dlinear"]


def test_a_condition_that_changes_what_it_asked_for_has_held(tmp_path: Path) -> None:
    text = "train: {lr: 0.1}\ngrid: {backbone: [fno, dlinear]}\n"
    text += "when: [{if: {backbone: fno, train.lr: 0.1}, set: {train.lr: 0.2}}]"
    assert labels(tmp_path, text) == ["fno lr=0.2", "dlinear"]


def test_points_that_the_command_line_makes_equal_are_sampled_once(tmp_path: Path) -> None:
    text = (
        "grid: {backbone: [fno, dlinear], train.batch: [4, 5], backbones.fno.train.lr: [0.1, 0.2]}\nsample: {runs: 4}"
    )
    for seed in range(5):
        assert len(labels(tmp_path, text.replace("runs: 4", f"runs: 4, seed: {seed}"), "train.lr=0.5")) == 4
    with pytest.raises(Refused, match="there are only 4 points to choose from"):
        labels(tmp_path, text.replace("runs: 4", "runs: 5"), "train.lr=0.5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {backbone: []}", "x.yaml:2:8: backbone: an axis needs at least one value"),
        (
            "grid: {backbone: [fno], train.lr: [], train.lt: [1]}\nexclude: [{train.lt: 1}]",
            "x.yaml:2:25: train.lr: an axis needs at least one value",
        ),
        (
            "zip: {backbone: [fno], train.lr: [1, 2]}\nwhen: [{if: {backbone: fno}, set: {train.batch: 4}}]",
            "x.yaml:2:24: zip: `backbone` has 1 values, `train.lr` has 2",
        ),
    ],
)
def test_what_was_refused_is_not_missed_as_well(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        sweep(tmp_path, text)
    lines = str(refused.value).replace(f"{tmp_path}/", "").split("\n")
    assert lines[0].startswith(message)
    assert not [line for line in lines if "nothing before" in line or "no backbone" in line or "no point" in line]


@pytest.mark.parametrize("more", ["when: [{if: {train.lr: 1e-3}, set: {train.batch: 4}}]", "sample: {runs: 1}"])
def test_what_speaks_of_points_needs_some(tmp_path: Path, more: str) -> None:
    word = more.partition(":")[0]
    for kind in (
        "runs: [{backbone: fno}]",
        'command: ["true", "{lr}"]\nsettings: {lr: 1e-3, train: {lr: 1e-3}}\nruns: [{lr: 1}]',
    ):
        path = tmp_path / "x.yaml"
        path.write_text(f"{'' if 'command' in kind else 'tasks: [classification]'}\n{kind}\n{more}")
        with pytest.raises(Refused) as refused:
            read_sweep(path, gpus=0)
        told = [line for line in str(refused.value).split("\n") if "nothing uses it" not in line]
        assert len(told) == 1
        assert f": {word}: speaks of points of `grid` or `zip`, and there are none" in told[0]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.lr=0.3", ["fno batch=8", "fno batch=16", "dlinear batch=8", "dlinear batch=16"]),
        ("backbone=dlinear", ["dlinear lr=0.1 batch=8", "dlinear lr=0.2 batch=16"]),
        (
            "seed=[3, 4]",
            [f"{b} lr=0.{i} batch={8 * i} seed={s}" for b in ("fno", "dlinear") for i in (1, 2) for s in (3, 4)],
        ),
    ],
)
def test_overrides_of_zipped_axes(tmp_path: Path, override: str, expected: list[str]) -> None:
    assert labels(tmp_path, ZIPPED, override) == expected


def test_overrides_of_conditional_axes_and_of_draws(tmp_path: Path) -> None:
    assert labels(tmp_path, WHEN, "backbones.fno.modes=8") == [
        "fno batch=8 lr=0.5",
        "fno batch=16 lr=0.5",
        "timesnet batch=8",
        "timesnet batch=16",
    ]
    drawn = "grid: {backbone: [fno, dlinear]}\nsample: {runs: 6, draw: {train.lr: {log_uniform: [1e-5, 1]}}}"
    assert labels(tmp_path, drawn, "train.lr=0.5") in (["fno", "dlinear"], ["dlinear", "fno"])


@pytest.mark.parametrize(
    ("text", "override", "message"),
    [
        (
            "zip: {train.lr: [1, 2], train.batch: [1]}",
            "",
            "x.yaml:3:25: zip: `train.lr` has 2 values, `train.batch` has 1",
        ),
        ("zip: {train.lt: [1]}", "", "x.yaml:3:7: unknown setting `train.lt` (did you mean `train.lr`?)"),
        ("zip: {train.lr: [1, x]}", "", "x.yaml:3:21: train.lr: expected a number, found text 'x'"),
        (
            "zip: [{train.lr: [1]}, {train: {lr: [1]}}]",
            "",
            "x.yaml:3:33: `train.lr` is given twice, first at x.yaml:3:8",
        ),
        ("zip: {train.lr: [1], seed: [-1]}", "", "x.yaml:3:29: seed: expected an integer of 0 or more"),
        ("zip: {backbone: [fno]}", "", "x.yaml:3:7: `backbone` is given twice, first at x.yaml:2:8"),
        ("zip: 3", "", "x.yaml:3:1: zip: expected"),
        (
            "zip: {train.lr: [1, 2], train.batch: [1, 2]}",
            "train.lr=[1, 2]",
            "command line: train.lr: is zipped with others",
        ),
        ("when: [{iff: {seed: 0}, set: {seed: 1}}]", "", "x.yaml:3:8: when: expected `if:"),
        ("when: [{if: {backbone: fno}}]", "", "x.yaml:3:8: when: expected `if:"),
        (
            "when: [{if: {backbone: fno}, set: {backbone: fno}}]",
            "",
            "x.yaml:3:36: backbone: vary it in `grid` or `zip`",
        ),
        (
            "when: [{if: {backbone: fn}, set: {seed: 1}}]",
            "",
            "x.yaml:3:14: `fn` is not a backbone (did you mean `fno`?)",
        ),
        (
            "when: [{if: {backbone: dlinear}, set: {seed: 1}}]",
            "",
            "x.yaml:3:9: when: no point of the grid has these values",
        ),
        (
            "when: [{if: {backbone: fno}, set: {train.lr: 1}}]\nzip: {train.lr: [1, 2]}",
            "",
            "x.yaml:3:36: `train.lr` is given already where this holds, at x.yaml:4:18",
        ),
        (
            "when: [{if: {backbone: fno}, grid: {train.lr: [1, 2]}}]",
            "train.lr=[1, 2]",
            "command line: train.lr: depends on `when` in the file; give one value, or change the file",
        ),
        (
            "when: [{if: {backbones.fno.modes: 3}, set: {seed: 1}}, {if: {seed: 1}, set: {backbones.fno.modes: 3}}]",
            "",
            "x.yaml:3:14: backbones.fno.modes: nothing before this sets it",
        ),
        ("exclude: [{backbones.fno.modes: 3}]", "", "x.yaml:3:12: backbones.fno.modes: nothing before this sets it"),
        ("exclude: [{train.lr: 3}]", "", "x.yaml:3:11: exclude: no point of the grid has these values"),
        ("exclude: [{backbone: fno}]", "", "x.yaml:3:11: exclude: leaves out every run"),
        (
            "when: [{if: {backbone: fno}, set: {train.lr: 1}}]\nsample: {runs: 1, draw: {train.lr: {uniform: [1, 2]}}}",
            "",
            "x.yaml:4:37: `train.lr` is given twice, first at x.yaml:3:36",
        ),
        (
            "seeds: [7]\nsample: {runs: 1, draw: {seed: {integer: [1, 2]}}}",
            "",
            "x.yaml:4:33: `seed` is given twice, first at x.yaml:3:9",
        ),
        ("exclude: [{}]", "", "x.yaml:3:11: exclude: expected keys and values"),
        ("exclude: [{seed: 1}]\nseeds: 2", "", "x.yaml:3:12: seed: `seeds` are added after all conditions"),
        (
            "exclude: [{train.lr: 1}]\nsample: {runs: 2, draw: {train.lr: {uniform: [1, 2]}}}",
            "",
            "x.yaml:3:12: train.lr: `sample` draws it after all conditions are asked",
        ),
        ("sample: {runs: 2}", "", "x.yaml:3:10: sample.runs: there are only 1 points to choose from"),
        ("sample: {runs: 0}", "", "x.yaml:3:10: sample.runs: must be above 0, is 0"),
        ("sample: {seed: 0}", "", "x.yaml:3:1: sample: missing key `runs`"),
        ("sample: {runs: 100001, draw: {seed: {integer: [0, 9]}}}", "", "x.yaml:2:1: the sweep has 100,001 runs, more"),
        (
            "sample: {runs: 1, draw: {train.lr: [1, 2]}}",
            "",
            "x.yaml:3:26: sample.draw.train.lr: expected KEY: {LAW: [...]}",
        ),
        (
            "sample: {runs: 1, draw: {train.lr: {normal: [0, 1]}}}",
            "",
            "x.yaml:3:37: sample.draw.train.lr.normal: expected",
        ),
        (
            "sample: {runs: 1, draw: {train.lr: {uniform: [1]}}}",
            "",
            "x.yaml:3:37: sample.draw.train.lr.uniform: uniform needs",
        ),
        (
            "sample: {runs: 1, draw: {train.batch: {uniform: [1, 9]}}}",
            "",
            "x.yaml:3:40: train.batch: expected an integer",
        ),
        (
            "sample: {runs: 1, draw: {train.lr: {choice: [1, a]}}}",
            "",
            "x.yaml:3:37: train.lr: expected a number, found text",
        ),
        (
            "sample: {runs: 1, draw: {backbone: {choice: [fno]}}}",
            "",
            "x.yaml:3:37: backbone: vary it in `grid` or `zip`",
        ),
        (
            "zip: {train.lr: [1]}\nsample: {runs: 1, draw: {train.lr: {uniform: [1, 2]}}}",
            "",
            "x.yaml:4:37: `train.lr` is given twice, first at x.yaml:3:7",
        ),
        (
            "sample: {runs: 1, draw: {train.lr: {uniform: [1, 2]}}}",
            "train.lr=[1, 2]",
            "command line: train.lr: is drawn by `sample` in the file; give one value, or change the file",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, override: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        sweep(tmp_path, f"grid: {{backbone: [fno]}}\n{text}", *([override] if override else []))
    lines = str(refused.value).replace(f"{tmp_path}/", "").split("\n")
    assert any(line.startswith(message) for line in lines), lines


def test_a_choice_that_loses_its_backbone_is_no_point(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"x\.yaml:2:18: backbone: expected a name, found nothing"):
        sweep(tmp_path, "zip: {backbone: [null, fno], backbones.fno.modes: [1, 2]}")


def test_drawn_folders_are_relative_to_the_file(tmp_path: Path) -> None:
    text = "grid: {backbone: [fno]}\nsample: {runs: 1, draw: {data.folder: {choice: [../phm]}}}"
    assert sweep(tmp_path, text).candidates[0].data.folder == str(tmp_path.parent / "phm")


def test_too_many_runs_are_counted_without_making_them(tmp_path: Path) -> None:
    values = list(range(1, 1001))
    grid = f"grid: {{backbone: [fno], train.batch: {values}, data.window: {values}, seed: {values}}}"
    for more in ("", "exclude: [{train.batch: 1}]", "sample: {runs: 5}"):
        with pytest.raises(Refused, match="the sweep has 1,000,000,000 runs, more than 100,000; split it"):
            sweep(tmp_path, f"{grid}\n{more}")
    when = (
        f"grid: {{backbone: [fno]}}\nwhen: [{{if: {{backbone: fno}}, grid: {{train.batch: {values}, seed: {values}}}}}]"
    )
    with pytest.raises(Refused, match="the sweep has too many runs"):
        sweep(tmp_path, when)


# Points without any file

HERE = Place("x.yaml", 1, 1)


def leaf(name: str, value: Any) -> Leaf:
    return Leaf(value=value, place=HERE, name=name)


class Plain:
    """A sweep whose points are all there is."""

    def value(self, leaves: Layer, path: SettingPath) -> Leaf | None:
        return leaves.get(path)

    def concerns(self, leaves: Layer, path: SettingPath) -> bool:
        return bool(leaves or path)

    def effect(self, leaves: Layer) -> Layer:
        return leaves


def axis(name: str, values: list[int]) -> Axis:
    return Axis(place=HERE, choices=tuple({(name,): leaf(name, value)} for value in values))


def condition(wanted: Mapping[str, int]) -> Condition:
    return Condition(place=HERE, wanted={(name,): (leaf(name, value),) for name, value in wanted.items()})


def values_of(asked: Asked) -> list[dict[str, Any]]:
    faults = Faults()
    found = [{path[0]: one.value for path, one in point.leaves.items()} for point in spread(asked, Plain(), faults)]
    faults.stop()
    return found


numbers = st.lists(st.integers(0, 5), unique=True, min_size=1, max_size=4)
grids = st.dictionaries(st.sampled_from("abcd"), numbers, max_size=4)


@settings(max_examples=100, deadline=None)
@given(grid=grids, wanted=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5), min_size=1, max_size=2))
def test_points_are_the_product_less_what_is_excluded_more_where_a_condition_holds(
    grid: dict[str, list[int]], wanted: dict[str, int]
) -> None:
    axes = tuple(axis(name, values) for name, values in grid.items())
    product = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    held = [point for point in product if wanted.items() <= point.items()]
    plain = Asked(axes=axes, has_points=True, place=HERE, changed=True)
    assert values_of(plain) == product
    assert count_of_axes(plain, Plain()) == len(product)
    kept = [point for point in product if point not in held]
    without = Asked(axes=axes, exclude=(condition(wanted),), has_points=True, place=HERE, changed=True)
    if kept:
        assert values_of(without) == kept
    when = When(condition=condition(wanted), axes=(axis("e", [1, 2, 3]),))
    more = Asked(axes=axes, when=(when,), has_points=True, place=HERE, changed=True)
    assert len(values_of(more)) == len(product) + 2 * len(held)


def sampled(runs: int, seed: int, draws: tuple[Draw, ...], grid: dict[str, list[int]]) -> list[dict[str, Any]]:
    sample = Sample(place=HERE, runs=runs, seed=seed, draws=draws, repeats=bool(draws))
    axes = tuple(axis(name, values) for name, values in grid.items())
    return values_of(Asked(axes=axes, sample=sample, has_points=True, place=HERE))


def draw(name: str, law: str, *values: Any) -> Draw:
    return Draw(path=(name,), name=name, place=HERE, law=law, values=values)


DRAWS = (draw("lr", "log_uniform", 1e-5, 1e-2), draw("width", "integer", 3, 5), draw("act", "choice", "relu", "gelu"))


@settings(max_examples=100, deadline=None)
@given(grid=grids, seed=st.integers(0, 10), runs=st.integers(1, 30), more=st.integers(1, 30))
def test_more_samples_keep_the_former_and_more_draws_change_no_other(
    grid: dict[str, list[int]], seed: int, runs: int, more: int
) -> None:
    count = math.prod(map(len, grid.values()))
    if runs + more <= count:
        few, many = sampled(runs, seed, (), grid), sampled(runs + more, seed, (), grid)
        assert many[:runs] == few
        assert len({tuple(sorted(point.items())) for point in many}) == runs + more
    few, many = sampled(runs, seed, DRAWS[:2], grid), sampled(runs + more, seed, DRAWS, grid)
    assert [{key: value for key, value in point.items() if key != "act"} for point in many[:runs]] == few
    times = [sum(all(point[key] == one[key] for key in grid) for point in many) for one in many]
    assert max(times) - min(times) <= 1  # round and round


@pytest.mark.parametrize(
    ("law", "low", "high"),
    [("uniform", -1.0, 1.0), ("uniform", 1e6, 1e6 + 1), ("log_uniform", 1e-9, 1e-2), ("log_uniform", 7.1, 7.2)],
)
def test_drawn_numbers_fill_their_range_evenly_and_stay_inside(law: str, low: float, high: float) -> None:
    drawn = [draw("x", law, low, high).leaf(0, index).value for index in range(2000)]
    assert all(low <= value <= high for value in drawn)
    assert len(set(drawn)) > 1900
    scale = math.log if law == "log_uniform" else float
    parts = [int(4 * (scale(value) - scale(low)) / (scale(high) - scale(low)) * 0.999999) for value in drawn]
    assert all(abs(parts.count(part) - 500) < 100 for part in range(4))
    assert all(len(f"{value!r}".lstrip("-")) <= 13 for value in drawn)


def test_drawn_integers_reach_both_ends_and_choices_all() -> None:
    assert {draw("x", "integer", 3, 6).leaf(0, index).value for index in range(200)} == {3, 4, 5, 6}
    assert {draw("x", "choice", "a", None, 0.5).leaf(0, index).value for index in range(200)} == {"a", None, 0.5}


def test_what_is_drawn_stays_the_same_for_ever() -> None:
    """These numbers are in people's ledgers."""
    assert [draw("lr", "log_uniform", 1e-5, 1e-2).leaf(0, index).value for index in range(2)] == FIRST_RATES
    assert list(Sample(place=HERE, runs=1, seed=0, draws=(), repeats=False).order(6)) == FIRST_ORDER


FIRST_RATES = [0.00766482, 3.25794e-05]
FIRST_ORDER = [1, 5, 3, 2, 0, 4]


@pytest.mark.parametrize(
    ("law", "values"),
    [
        ("uniform", [2, 1]),
        ("uniform", [1, True]),
        ("uniform", [1, math.inf]),
        ("integer", [1, 2.5]),
        ("log_uniform", [0, 1]),
        ("log_uniform", [1, 1]),
        ("choice", []),
        ("uniform", [1, 2, 3]),
    ],
)
def test_laws_that_cannot_be(law: str, values: list[Any]) -> None:
    assert law_problem(law, values)
