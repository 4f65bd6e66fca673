from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from runner.checked import Asked, Checked
from runner.code import code_fingerprint
from runner.entry import worker_argv
from runner.predicted import StepMemory
from runner.preflight import check, check_all
from runner.rehearsals import Rehearsals

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = str(ROOT / "tests" / "plugins")
BACKBONES = ("dlinear", "fno", "patchtst", "timesnet")
FOUR_TASKS: dict[str, dict[str, Any]] = {
    "anomaly_detection": {},
    "classification": {},
    "rul_prediction": {},
    "signal_prediction": {},
}


def candidate(backbone: str = "tiny", **others: Any) -> Asked:
    given = {"backbone_config": {}, "tasks": FOUR_TASKS, "plugins": (PLUGINS,), **others}
    return Asked(backbone=backbone, **given)


def problems_of(checked: Checked) -> dict[tuple[str | int, ...], str]:
    return {problem.path: problem.message for problem in checked.problems}


def plugin(folder: Path, shelf: str, name: str, text: str) -> str:
    path = folder / shelf / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(folder)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_with_all_tasks_passes_and_gets_its_defaults(backbone: str) -> None:
    checked = check(candidate(backbone, plugins=()))
    assert checked.problems == ()
    assert checked.backbone_config
    assert checked.tasks
    assert set(checked.tasks) == set(FOUR_TASKS)
    assert checked.tasks["signal_prediction"]["horizon"] > 0
    assert checked.required_metrics == (
        "anomaly_detection.auroc",
        "classification.accuracy",
        "rul_prediction.rmse",
        "signal_prediction.mse",
    )
    assert 1000 < checked.parameters < 10_000_000
    assert len(checked.code_fingerprint) == 64
    assert not checked.couples_samples


def test_building_a_model_of_billions_of_parameters_takes_no_memory() -> None:
    checked = check(candidate(backbone_config={"width": 100_000_000}))
    assert checked.problems == ()
    assert checked.parameters > 10**9
    assert torch.get_default_device() == torch.device("cpu")


def test_all_problems_are_told_at_once_each_with_its_place() -> None:
    broken = candidate(
        backbone_config={"widht": 3, "dropout": "much"},
        tasks={"classification": {"wieght": 1.0}, "rul_predicton": {}},
        data={"window": -1},
        train={"batch": "many", "stepps": 3},
    )
    found = problems_of(check(broken))
    assert set(found) == {
        ("backbones", "tiny", "widht"),
        ("backbones", "tiny", "dropout"),
        ("tasks", "classification", "wieght"),
        ("tasks", "rul_predicton"),
        ("data", "window"),
        ("train", "batch"),
        ("train", "stepps"),
    }
    assert "did you mean `width`" in found["backbones", "tiny", "widht"]
    assert "did you mean `rul_prediction`" in found["tasks", "rul_predicton"]
    assert "expected an integer" in found["train", "batch"]


def test_an_unknown_backbone_is_told_with_the_nearest_name() -> None:
    found = problems_of(check(candidate("timesnt")))
    assert list(found) == [("backbone",)]
    assert "did you mean `timesnet`" in found["backbone",]


@pytest.mark.parametrize(
    ("others", "path", "words"),
    [
        ({"tasks": {}}, ("tasks",), "at least one task"),
        ({"plugins": (PLUGINS, "/no/such/folder")}, ("plugins", 1), "there is no folder /no/such/folder"),
        ({"data": {"folder": "/no/such/folder"}}, ("data", "folder"), "is not a folder"),
        ({"data": {"systems": [101, 7]}}, ("data", "systems", 1), "there is no Dataset_id 7"),
        ({"train": {"steps": 5, "warmup_steps": 6}}, ("train", "warmup_steps"), "must lie between"),
    ],
)
def test_what_else_can_be_wrong(others: Mapping[str, Any], path: tuple[str | int, ...], words: str) -> None:
    found = problems_of(check(candidate(**others)))
    assert list(found) == [path]
    assert words in found[path]


NEEDY = """
from dataclasses import dataclass
from backbones.interface import Backbone

class Needy(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        e_layers: int
        heads: int = 1

    def __init__(self, config, *, window):
        super().__init__()
        self.width = 8 // (config.heads - 1)

    def forward(self, x_BLC):
        return x_BLC.transpose(1, 2).reshape(len(x_BLC), x_BLC.shape[2], -1, 8)
"""


def test_a_missing_key_is_told_with_the_line_that_declares_it(tmp_path: Path) -> None:
    folder = plugin(tmp_path, "backbones", "needy", NEEDY)
    (message,) = problems_of(check(candidate("needy", plugins=(folder,)))).values()
    assert message == f"missing key `e_layers` of Needy.Config, declared at {folder}/backbones/needy.py:6"


def test_a_model_that_cannot_be_built_is_told_with_its_line(tmp_path: Path) -> None:
    folder = plugin(tmp_path, "backbones", "needy", NEEDY)
    found = problems_of(check(candidate("needy", backbone_config={"e_layers": 1}, plugins=(folder,))))
    assert found["backbones", "needy"].startswith("cannot be built: ZeroDivisionError")
    assert "needy.py:13" in found["backbones", "needy"]


def test_an_error_inside_torch_is_told_with_the_line_that_called_it(tmp_path: Path) -> None:
    text = NEEDY.replace("self.width = 8", "torch.nn.Linear(4, -4)\n        self.width = 8").replace(
        "import dataclass\n", "import dataclass\nimport torch\n"
    )
    folder = plugin(tmp_path, "backbones", "negative", text)
    found = problems_of(check(candidate("negative", backbone_config={"e_layers": 1}, plugins=(folder,))))
    assert found["backbones", "negative"].startswith("cannot be built: RuntimeError")
    assert "negative.py:14" in found["backbones", "negative"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_that_name", "line 1: ModuleNotFoundError"),
        ("x = 1\nclass Broken(:\n", "line 2: "),
        ("x = 1", "defines 0 subclasses of Task"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_a_problem_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    folder = plugin(tmp_path, "tasks", "broken", text)
    found = problems_of(check(candidate(tasks={"broken": {}}, plugins=(folder, PLUGINS))))
    assert list(found) == [("tasks", "broken")]
    assert words in found["tasks", "broken"]
    assert "broken.py" in found["tasks", "broken"]


TASK = """
from dataclasses import dataclass
from tasks.signal_prediction import SignalPrediction

class Odd(SignalPrediction):
    @dataclass(frozen=True, kw_only=True)
    class Config(SignalPrediction.Config):
        extra: int = 0
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("\n", "\nraise SystemExit(3)\n"), ("cannot be imported: SystemExit: 3", "odd.py:2")),
        (("\n", "\nassert False, 'not today'\n"), ("AssertionError: not today", "odd.py:2")),
        (("\n", "\n{}['key']\n"), ("KeyError: 'key'", "odd.py:2")),
        (("\n", "\nraise KeyboardInterrupt\n"), ("KeyboardInterrupt", "odd.py:2")),
        (("int = 0", "list[int] = None"), ("extra: the annotation `list[int]` is not one that can be read",)),
        (("int = 0", "dict = None"), ("extra: the annotation `dict` is not",)),
        (("int = 0", "tuple[int, int] = (1, 2)"), ("extra: the annotation `tuple[int, int]` is not",)),
        (("int = 0", "'Nowhere' = None"), ("name 'Nowhere' is not defined",)),
        (("int = 0", "int = 0.5"), ("extra: expected an integer, found a number 0.5",)),
        (("int = 0", "float = float('nan')"), ("extra: expected a finite number",)),
        (("int = 0", "int = object()"), ("Object of type object is not JSON serializable",)),
        (("int = 0", "int = 0\n        def __post_init__(self):\n            assert self.extra"), ("odd.py:10",)),
        (("int = 0", "int = 0\n    def __init__(self, *a, **k): import nothing_here"), ("nothing_here", "odd.py:9")),
        (("int = 0", "int = 0\n    def __init__(self, *a, **k): raise Exception('no')"), ("Exception: no", "odd.py:9")),
        (("int = 0", "int = 0\n    def __init__(self, *a, **k): raise SystemExit"), ("cannot be built: SystemExit",)),
    ],
)
def test_whatever_a_plugin_does_is_a_problem_of_its_place(
    tmp_path: Path, change: tuple[str, str], words: tuple[str, ...]
) -> None:
    folder = plugin(tmp_path, "tasks", "odd", TASK.replace(*change, 1))
    others: dict[str, Any] = {} if "__init__" in change[1] else {"rul_predicton": {}}  # nothing is built then
    checked = check(candidate(tasks={"odd": {}, **others}, plugins=(folder, PLUGINS)))
    told = {".".join(map(str, path)): message for path, message in problems_of(checked).items()}
    assert all(f"tasks.{other}" in told for other in others), "all problems are told at once"
    (said,) = (f"{path}: {message}" for path, message in told.items() if path.startswith("tasks.odd"))
    assert all(word in said for word in words), said


def test_a_task_that_names_no_metric_is_a_problem(tmp_path: Path) -> None:
    folder = plugin(tmp_path, "tasks", "mute", MUTE)
    (said,) = problems_of(check(candidate(tasks={"mute": {}}, plugins=(folder, PLUGINS)))).values()
    assert said.startswith("Mute does not define metric and higher_is_better, declared at")
    assert "mute.py:5" in said


MUTE = """
from dataclasses import dataclass
from tasks.interface import Task

class Mute(Task):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    labelled = forward = target = loss = rows = score = None
"""


def test_what_lies_about_in_a_plugin_folder_is_no_code(tmp_path: Path) -> None:
    folder = plugin(tmp_path, "backbones", "needy", NEEDY)
    before = code_fingerprint([], [Path(folder)])
    (tmp_path / "backbones" / ".#needy.py").symlink_to("somebody@somewhere.1234")
    (tmp_path / "backbones" / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "backbones" / "folder.py").mkdir()
    (tmp_path / "backbones" / ".hidden").mkdir()
    (tmp_path / "backbones" / ".hidden" / "draft.py").write_text("1 +")
    assert code_fingerprint([], [Path(folder)]) == before
    checked = check(candidate("needy", backbone_config={"e_layers": 1, "heads": 2}, plugins=(folder,)))
    assert checked.problems == ()


def test_candidates_that_differ_in_their_seed_only_are_checked_once() -> None:
    three = [candidate(seed=1), candidate(seed=2), candidate(backbone_config={"width": 4})]
    first, second, other = check_all(three, Rehearsals())
    assert first is second
    assert other is not first


def test_the_code_fingerprint_is_of_the_files_that_matter(tmp_path: Path) -> None:
    folder = plugin(tmp_path / "one", "backbones", "needy", NEEDY)
    moved = plugin(tmp_path / "two", "backbones", "needy", NEEDY)
    before = code_fingerprint([], [Path(folder)])
    assert before == code_fingerprint([], [Path(moved)])
    (Path(folder) / "backbones" / "needy.py").write_text(NEEDY + "\n# another line\n")
    assert before != code_fingerprint([], [Path(folder)])
    dlinear, fno = (check(candidate(name, plugins=())).code_fingerprint for name in ("dlinear", "fno"))
    assert dlinear != fno
    assert dlinear == check(candidate("dlinear", plugins=(), backbone_config={"d_model": 32})).code_fingerprint


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("raises", "its loss cannot be computed: ValueError: no loss for [2, 32, 1] and [2, 32, 1] (tests/plugins"),
        ("says_it_is_done", "its loss cannot be computed: SystemExit: 0"),
        ("mean_loss", "mean_loss: the loss has shape [], not one value for each of 2 windows"),
        ("one_target", "one_target: the target has shape []"),
        ("broadcast_loss", "broadcast_loss: Using a target size"),
        ("constant", "constant: its loss depends on no parameter"),
    ],
)
def test_a_fault_of_a_task_is_found_without_values(task: str, words: str) -> None:
    found = problems_of(check(candidate(tasks={task: {}, "classification": {}})))
    assert list(found) == [("tasks", task)]
    assert words in found["tasks", task]


def test_every_fault_of_every_task_is_told_at_once() -> None:
    found = problems_of(check(candidate(tasks={"mean_loss": {}, "one_target": {}})))
    assert list(found) == [("tasks", "mean_loss"), ("tasks", "one_target")]


def test_a_backbone_that_goes_on_after_its_error_learns_nothing() -> None:
    found = problems_of(check(candidate("swallows")))
    assert list(found) == [("backbones", "swallows")]
    assert "no parameter of it gets a gradient" in found["backbones", "swallows"]


def test_nothing_to_train_is_found() -> None:
    found = problems_of(check(candidate(backbone_config={"frozen": True}, tasks={"frozen": {}})))
    assert "no parameter of backbone or heads can be trained" in found["backbones", "tiny"]


@pytest.mark.parametrize("task", ["raises", "one_target"])
def test_what_a_step_would_find_is_left_to_the_run_where_that_is_asked_for(task: str) -> None:
    checked = check(candidate(tasks={task: {}}, rehearse=False))
    assert checked.problems == ()
    assert (checked.memory, checked.unchecked) == (None, "not checked: policy.rehearse is off")


def test_every_number_of_channels_is_tried(tmp_path: Path) -> None:
    text = NEEDY.replace(
        "        return x_BLC", "        assert x_BLC.shape[2] == 1, 'one channel only'\n        return x_BLC"
    )
    folder = plugin(tmp_path, "backbones", "needy", text)
    asked: dict[str, Any] = {"backbone_config": {"e_layers": 1, "heads": 2}, "plugins": (folder,)}
    assert check(candidate("needy", data={"systems": [102]}, **asked)).problems == ()
    found = problems_of(check(candidate("needy", **asked)))
    assert "AssertionError: one channel only" in found["backbones", "needy"]


LOOKS = (
    TASK
    + """
    def loss(self, prediction, target):
        if prediction.sum() > 1e9:
            raise ValueError("enormous")
        return super().loss(prediction, target)THEN
"""
)


def test_what_looks_at_values_is_not_called_checked_and_a_real_step_is_taken(tmp_path: Path) -> None:
    folder = plugin(tmp_path, "tasks", "odd", LOOKS.replace("THEN", ""))
    checked = check(candidate(tasks={"odd": {}}, plugins=(folder, PLUGINS)))
    assert (checked.problems, checked.memory) == ((), None)
    assert checked.unchecked is not None
    assert checked.unchecked.startswith("not checked: aten._local_scalar_dense.default, at ")
    assert checked.unchecked.endswith("odd.py:11; one real step of one window was taken in its place")


def test_numpy_is_a_look_at_values_too(tmp_path: Path) -> None:
    text = LOOKS.replace("prediction.sum() > 1e9", "prediction.detach().numpy().sum() > 1e9").replace("THEN", "")
    checked = check(candidate(tasks={"odd": {}}, plugins=(plugin(tmp_path, "tasks", "odd", text), PLUGINS)))
    assert checked.problems == ()
    assert checked.unchecked is not None
    assert checked.unchecked.startswith("not checked: .numpy() is not supported for tensor subclasses., at ")


def test_what_the_real_step_finds_is_a_problem(tmp_path: Path) -> None:
    folder = plugin(tmp_path, "tasks", "odd", LOOKS.replace("THEN", ".mean()"))
    found = problems_of(check(candidate(tasks={"odd": {}}, plugins=(folder, PLUGINS))))
    assert "odd: the loss has shape [], not one value for each of 1 windows" in found["tasks", "odd"]


def test_a_rehearsal_is_kept_by_its_content_and_one_with_a_problem_is_not(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = check(candidate(), rehearsals=Rehearsals(kept))
    (file,) = kept.iterdir()
    assert isinstance(first.memory, StepMemory)
    assert check(candidate(train={"lr": 0.5}), rehearsals=Rehearsals(kept)).memory == first.memory
    assert len(list(kept.iterdir())) == 1, "the learning rate changes no shape"
    file.write_text(file.read_text().replace('"state": ', '"state": 1'))
    assert check(candidate(), rehearsals=Rehearsals(kept)).memory != first.memory, "it was read, not carried through"
    file.write_text("{")
    assert check(candidate(), rehearsals=Rehearsals(kept)).memory == first.memory
    check(candidate(train={"batch": 4}), rehearsals=Rehearsals(kept))
    assert len(list(kept.iterdir())) == 2
    assert check(candidate(tasks={"raises": {}}), rehearsals=Rehearsals(kept)).problems
    assert len(list(kept.iterdir())) == 2


def test_question_and_answer_are_files(tmp_path: Path) -> None:
    question = {
        "candidates": [
            {"backbone": "dlinear", "backbone_config": {}, "tasks": FOUR_TASKS, "data": {}, "train": {}, "seed": seed}
            for seed in (1, 2)
        ]
    }
    asked, answered = tmp_path / "question.json", tmp_path / "answer.json"
    asked.write_text(json.dumps(question))
    argv = worker_argv("runner.preflight", str(asked), str(answered))
    done = subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120, check=False)
    assert done.returncode == 0
    answers = json.loads(answered.read_text())["candidates"]
    assert len(answers) == 2
    assert set(answers[0]) == {
        "problems",
        "backbone_config",
        "tasks",
        "required_metrics",
        "parameters",
        "couples_samples",
        "code_fingerprint",
        "data_digest",
        "shape",
        "memory",
        "unchecked",
    }
    assert answers[0]["problems"] == []
