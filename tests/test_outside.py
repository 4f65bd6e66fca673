"""Declared files outside their attempt's folder: only what this attempt wrote counts, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from supervised import ended, planned, shell, start, supervise, until
from sweeping import Desk

from db.declared import Declared, DeclaredFile
from db.verdicts import Failed, Succeeded, Verdict
from runner.attempt_dir import AttemptDir
from runner.collecting import collect
from runner.judge import judge

ROW = "printf 'acc\\n0.5\\n' > {file}"


def attempt_of(run: Path, script: str, *files: Path, number: int = 1) -> AttemptDir:
    declared = Declared(files=tuple(DeclaredFile(path=str(file), metrics=("acc",)) for file in files))
    return planned(run / str(number), shell(script), declared=declared, number=number)


def tried(run: Path, script: str, file: Path, number: int = 1) -> Verdict:
    attempt = attempt_of(run, script.format(file=file), file, number=number)
    supervise(attempt)
    return judge(collect(attempt))


def test_a_new_file_is_a_proof(tmp_path: Path) -> None:
    assert isinstance(tried(tmp_path / "run", ROW, tmp_path / "r.csv"), Succeeded)


@pytest.mark.parametrize("script", ["touch {file}", "echo 0.6 >> {file}", ROW, "true", "rm {file}; " + ROW])
def test_nothing_is_started_where_a_file_is_in_the_way(tmp_path: Path, script: str) -> None:
    """Whatever the command would do: nobody could tell it from one that leaves the file as it is."""
    file = tmp_path / "r.csv"
    file.write_text("acc\n0.9\n")
    verdict = tried(tmp_path / "run", f"touch {tmp_path}/started; {script}", file)
    assert isinstance(verdict, Failed)
    assert verdict.kind == "config"
    assert verdict.because.startswith(f"its command was not started: {file} is there already")
    assert file.read_text() == "acc\n0.9\n"
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("make", ["mkdir", "mkfifo", "ln -s nowhere"])
def test_no_link_folder_or_pipe_may_be_in_the_way_either(tmp_path: Path, make: str) -> None:
    file = tmp_path / "r.csv"
    subprocess.run((*make.split(), str(file)), check=True)
    assert "is there already" in tried(tmp_path / "run", ROW, file).because


@pytest.mark.parametrize("script", ["touch {file}", "echo 0.6 >> {file}", "true"])
def test_what_an_earlier_attempt_left_proves_nothing_for_a_later_one(tmp_path: Path, script: str) -> None:
    file = tmp_path / "deep" / "r.csv"
    file.parent.mkdir()
    run = tmp_path / "run"
    assert isinstance(tried(run, f"{ROW}; exit 3", file), Failed)
    assert isinstance(tried(run, script, file, number=2), Failed)
    assert Path(f"{run}/1/left{file}").read_text() == "acc\n0.5\n"
    assert isinstance(tried(run, ROW, file, number=3), Succeeded)


def test_an_attempt_whose_end_nobody_saw_left_what_is_younger_than_it(tmp_path: Path) -> None:
    run, file = tmp_path / "run", tmp_path / "r.csv"
    first = attempt_of(run, f"{ROW.format(file=file)}; sleep 60", file)
    supervisor = start(first)
    until(file.exists)
    supervisor.kill()
    supervisor.wait()
    assert isinstance(tried(run, "true", file, number=2), Failed)
    assert not file.exists()
    assert Path(f"{run}/1/left{file}").exists()


def test_what_somebody_wrote_after_an_attempt_is_not_taken_away(tmp_path: Path) -> None:
    run, file = tmp_path / "run", tmp_path / "r.csv"
    tried(run, ROW, file)
    file.write_text("acc\n0.77\n")
    assert "is there already" in tried(run, ROW, file, number=2).because
    assert file.read_text() == "acc\n0.77\n"


def test_two_attempts_never_write_one_file_at_once(tmp_path: Path) -> None:
    """They may be of different sweeps, ledgers and roots, and spell the path differently."""
    file = tmp_path / "real" / "r.csv"
    file.parent.mkdir()
    (tmp_path / "link").symlink_to("real")
    go = tmp_path / "go"
    wait = f"touch {tmp_path}/started; while [ ! -e {go} ]; do sleep 0.05; done"
    first = attempt_of(tmp_path / "a", f"{wait}; {ROW.format(file=file)}", file)
    supervisor = start(first)
    until((tmp_path / "started").exists)
    second = attempt_of(tmp_path / "b", "sleep 1", tmp_path / "link" / "r.csv")
    supervise(second)
    assert "another attempt is to write" in judge(collect(second)).because
    go.touch()
    ended(supervisor, first)
    assert isinstance(judge(collect(first)), Succeeded)
    assert "is there already" in tried(tmp_path / "b", "true", file, number=2).because


def test_what_a_run_finds_in_its_way_is_told_before_anything_starts(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "r1.json").write_text(json.dumps({"acc": 0.5}))
    (tmp_path / "train.sh").write_text("""echo '{"acc": 1}' > $1\n""")
    (tmp_path / "sweep.yaml").write_text(
        "name: outside\n"
        "command: [bash, train.sh, 'r{lr}.json']\n"
        "success: {files: [{path: 'r{lr}.json', metrics: [acc]}]}\n"
        "grid: {lr: [1, 2]}\n"
    )
    for options in ((), ("--dry-run",)):
        done = desk.type("sweep", "sweep.yaml", *options)
        assert done.code == 2
        assert "sweep.yaml:3:" in done.err
        assert f"{tmp_path}/r1.json is there already" in done.err
    assert not desk.root.exists()
    (tmp_path / "r1.json").unlink()
    assert desk.type("sweep", "sweep.yaml").code == 0
    assert desk.type("sweep", "sweep.yaml").code == 0, "what is done is not asked for again"
