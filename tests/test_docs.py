"""The documents say what is there: every command, option, exit code, state, view, column; every file they point at."""

from __future__ import annotations

import argparse
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.board import Board
from db.ledger import Ledger
from runner import show
from runner.arguments import build_parser
from runner.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (ROOT / "docs" / "commands.md").read_text()
LEDGER = (ROOT / "docs" / "ledger.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
INTERNAL_VIEWS = {"current_sweep", "watched_run"}


def commands() -> dict[str, argparse.ArgumentParser]:
    actions = [action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(actions[0].choices)


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_is_documented(name: str) -> None:
    assert f"`runner {name}" in COMMANDS
    options = [word for action in commands()[name]._actions for word in action.option_strings]
    assert not [word for word in options if word not in ("-h", "--help") and word not in COMMANDS]


def test_every_exit_code_and_state_is_documented() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", COMMANDS, re.MULTILINE)] == [
        int(code) for code in ExitCode
    ]
    assert set(re.findall(r"^\| `([a-z]+)` \|", COMMANDS, re.MULTILINE)) >= set(show.STATES)


def test_the_page_of_failures_is_the_catalogue() -> None:
    spec = importlib.util.spec_from_file_location("failures_page", ROOT / "docs" / "failures_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run `make docs`"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    path = tmp_path_factory.mktemp("docs") / "ledger.db"
    Ledger(path).close()
    opened = Board(path)
    yield opened
    opened.close()


def test_every_view_and_column_is_documented(board: Board) -> None:
    views = {row["name"] for row in board.rows("SELECT name FROM sqlite_schema WHERE type = 'view'")} - INTERNAL_VIEWS
    assert set(re.findall(r"^### (\w+)", LEDGER, re.MULTILINE)) == views
    for view in views:
        section = LEDGER.split(f"### {view}\n")[1].split("\n#")[0]
        columns = [row["name"] for row in board.rows(f"SELECT name FROM pragma_table_info('{view}')")]  # noqa: S608 - ours
        assert not [column for column in columns if f"`{column}`" not in section], view


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", LEDGER, re.DOTALL)[0].split(";\n\n"))
def test_every_question_can_be_asked(board: Board, query: str) -> None:
    names, rows = board.sql(query)
    assert names
    assert rows == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_path_the_documents_name_exists() -> None:
    paths = re.compile(r"`((?:runner|db|sweeps|tasks|backbones|tests|docs)/[a-z_./0-9]+\.\w+)`")
    for page in PAGES:
        for path in paths.findall(page.read_text()):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_readme_commands_are_the_makefiles() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named == {"sweep", "test"}
    assert all(f"\n{target}:" in makefile for target in named)
