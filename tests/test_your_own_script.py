"""The page for people with a script of their own: its sweep files are read, its scripts run, its words exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeping import ROOT, Desk

from runner.arguments import build_parser
from runner.failures import BY_WORD
from runner.show import STATES
from sweeps.spec import read_sweep

PAGE = (ROOT / "docs" / "your_own_script.md").read_text()
README = (ROOT / "README.md").read_text()


def blocks(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def the_one(language: str, sign: str) -> str:
    (found,) = [block for block in blocks(language) if sign in block]
    return found


@pytest.fixture(autouse=True)
def _python_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


@pytest.mark.parametrize("block", [*blocks("yaml"), *blocks("yaml", README)])
def test_every_sweep_file_of_the_page_is_one(tmp_path: Path, block: str) -> None:
    shutil.copytree(ROOT / "examples" / "vibench", tmp_path, dirs_exist_ok=True)
    shutil.copy(ROOT / "examples" / "plain_torch" / "train.py", tmp_path)
    (tmp_path / "sweep.yaml").write_text(block)
    assert read_sweep(tmp_path / "sweep.yaml", gpus=0).commands


def test_the_two_lines_work_as_they_stand_there(desk: Desk) -> None:
    ours = "def train_step(batch):\n    return 1 / batch.micro\n\ndef evaluate():\n    return 0.25\n\n"
    (desk.folder / "train.py").write_text(ours + the_one("python", "report"))
    (desk.folder / "sweep.yaml").write_text(the_one("yaml", "report: true"))
    assert desk.sweep().code == 0
    assert desk.only()["state"] == "succeeded"
    assert "0.25" in desk.type("sql", "SELECT value FROM final_metrics").out


@pytest.mark.parametrize(("last", "code"), [("print(0.25)", 0), ("raise ValueError", 1)])
def test_the_shell_script_works_as_it_stands_there(desk: Desk, last: str, code: int) -> None:
    (desk.folder / "train.py").write_text(last)
    (desk.folder / "run.sh").write_text(the_one("sh", "runner report"))
    sheet = the_one("yaml", "report: true").replace("[python, train.py]", "[bash, run.sh]").replace(", steps: 100", "")
    (desk.folder / "sweep.yaml").write_text(sheet)
    assert desk.sweep().code == code
    assert desk.only()["failure_kind"] == ("crashed" if code else None)


def test_the_loop_lies_as_it_is_said_to(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("raise SystemExit(3)")
    done = subprocess.run(
        ["bash", "-c", the_one("sh", "for lr")], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("completed successfully") == 3


def test_every_command_of_the_page_can_be_typed() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("runner ")]
    assert len(lines) >= 5
    for line in lines:
        build_parser().parse_args(shlex.split(line, comments=True)[1:])


def test_the_page_knows_the_words_of_the_ledger() -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)
    words = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert len(words) > 8
    assert words <= {*BY_WORD, *STATES}
