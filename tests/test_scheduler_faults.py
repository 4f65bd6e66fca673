"""Every fault of `tests/scheduler_faults`, done to real schedulers: nothing is lost, and nothing runs twice."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from stories import StoryDesk

SCENARIOS = sorted((Path(__file__).parent / "scheduler_faults").glob("*.py"))


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[StoryDesk]:
    made = StoryDesk(tmp_path)
    yield made
    made.clean_up()


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SCENARIOS])
def test_the_story_is_told_as_it_was(path: Path, desk: StoryDesk) -> None:
    scenario = load(path)
    assert (scenario.__doc__ or "").endswith(".")
    scenario.play(desk)
