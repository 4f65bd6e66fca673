"""Whatever a person types or has on disk: a sentence and an exit code that is meant, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sweeping import BASE, RUNNER, Desk, finish, is_gone, supervisor_of

from db.ledger import Ledger, RunRow
from db.records import BatchSplit
from db.verdicts import Failed, Measured
from runner.cli import main
from runner.exit_codes import ExitCode

LONG = "x" * 300
ODD = os.fsdecode(b"\xff\xfe")
TWO = [
    RunRow(run_id=f"fno-{n}", label=f"fno lr={n}", backbone="fno", settings="{}", effective_batch=8, planned_steps=9)
    for n in (1, 2)
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.write()
    yield made
    made.clean_up()


def fill(root: Path) -> None:
    """A ledger: `fno-1` was tried twice; then the sweep was changed and names `fno-2` only, which was not tried."""
    ledger = Ledger(root / "ledger.db")
    ledger.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff=None)
    sweep = {"name": "probe", "file": "f", "profile": None, "profile_reason": "none"}
    for digest, run in zip("ab", TWO, strict=True):
        sweep_id = ledger.record_sweep(**sweep, digest=digest, runs=[run])  # type: ignore[arg-type] # texts
        scheduler = ledger.record_scheduler(sweep_id=sweep_id, host="h", boot_id="b", pid=1)
        for number in (1, 2) if digest == "a" else ():
            attempt = ledger.record_attempt(
                batch=BatchSplit(micro=8, accum=1),
                nonce=f"{number:032x}",
                run_id=run.run_id,
                number=number,
                scheduler_id=scheduler,
                start_step=0,
                resumed_number=None,
                launcher="local",
                device="cpu",
                code_id="c",
            )
            ledger.record_verdict(attempt, Failed(kind="crash", because=f"fall {number}", evidence=()), Measured())
            folder = root / run.run_id / str(number)
            folder.mkdir(parents=True)
            (folder / "stdout.log").write_text(f"this is attempt {number}\n")
    ledger.close()


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize(
    "command", [["status"], ["why", "x"], ["sql", "SELECT 1"], ["retry", "x"], ["sweep", "s.yaml"]]
)
@pytest.mark.parametrize("root", ["a file", LONG, f"{LONG}/runs", "deep/" * 800, ODD, "a file/below", "", "\udce9"])
def test_a_root_that_cannot_be(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: Sequence[str],
    root: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").touch()
    (tmp_path / "s.yaml").write_text("{}")
    code, _, err = typed(capsys, *command, "--root", root)
    assert code == ExitCode.REFUSED
    assert err.startswith(("runner: ", "s.yaml"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file", "s.yaml"]


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="needs somebody who may not write")
@pytest.mark.parametrize("command", [["sweep", "sweep.yaml"], ["sweep", "sweep.yaml", "--dry-run"], ["cancel", "x"]])
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_root_without_permission(tmp_path: Path, command: Sequence[str], mode: int) -> None:
    parents = [parent for parent in (tmp_path, *tmp_path.parents) if parent.owner() == tmp_path.owner()]
    for parent in parents[:3]:
        parent.chmod(0o755)
    (tmp_path / "sweep.yaml").write_text("grid: {backbone: [no_such]}\n")
    root = tmp_path / "runs"
    fill(root)
    root.chmod(mode)
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*as_nobody, RUNNER, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    root.chmod(0o755)
    if done.returncode in (126, 127):
        pytest.skip("the other user may not run this Python")
    assert done.returncode == ExitCode.REFUSED, done
    if "--dry-run" not in command or not mode:
        assert "cannot be used" in done.stderr


def test_a_root_on_a_file_system_for_reading_only(tmp_path: Path) -> None:
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    folders = [line.split()[1] for line in mounts if "ro" in line.split()[3].split(",")]
    readable = [folder for folder in folders if Path(folder).is_dir() and os.access(folder, os.R_OK | os.X_OK)]
    if not readable:
        pytest.skip("no file system is mounted for reading only")
    (tmp_path / "sweep.yaml").write_text("grid: {backbone: [no_such]}\n")
    done = Desk(tmp_path).sweep("--root", f"{readable[0]}/runs")
    assert done.code == ExitCode.REFUSED
    assert "cannot be written" in done.err


def test_a_current_folder_that_was_removed(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text("{}")
    for command in (f"sweep {sweep}", f"sweep {sweep} --root {tmp_path}/runs", "status", "why x"):
        gone = tmp_path / "gone"
        gone.mkdir()
        script = f"cd {gone} && rmdir {gone} && exec {RUNNER} {command}"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == ExitCode.REFUSED, done
        assert "the current folder" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        [f"{ODD}.yaml"],
        [f"{ODD}/sweep.yaml"],
        ["sweep.yaml", f"name={ODD}"],
        ["sweep.yaml", f"data.folder={ODD}"],
        ["sweep.yaml", "--profile", ODD],
        ["sweep.yaml", f"data.folder={LONG}"],
        ["sweep.yaml", f"data.folder=/{LONG}/{LONG}"],
        ["sweep.yaml", 'data.folder="a\\0b"'],
        ["sweep.yaml", "data.folder=tables"],
        ["sweep.yaml", f"plugins=[{LONG}]"],
        ["sweep.yaml", "resources.slots=4000000000000"],
        ["sweep.yaml", "resources.slots=10001"],
        ["sweep.yaml", "resources.slots=10000", "resources.cpus=4096"],
        ["sweep.yaml", "resources.cpus=300000000"],
        ["sweep.yaml", "resources.memory=100000000TiB"],
        ["sweep.yaml", "resources.time=1e300"],
        ["sweep.yaml", "policy.grace=1e300"],
        ["sweep.yaml", "policy.wait=1e300"],
        ["sweep.yaml", "train.batch=4000000000000"],
        ["sweep.yaml", f"train.steps={10**30}"],
        ["sweep.yaml", f"data.window={10**30}"],
        [LONG],
        ["."],
        ["/dev/null"],
    ],
)
def test_a_sweep_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: Sequence[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables" / "foo.csv").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / ODD):
        folder.mkdir(exist_ok=True)
        (folder / "sweep.yaml").write_text(json.dumps(BASE))
    code, _, err = typed(capsys, "sweep", *words)
    assert code == ExitCode.REFUSED, err
    assert err.startswith("runner: ")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["sql", "select \udcff"], 2, "SQL"),
        (["sql", ""], 2, "asks for nothing"),
        (["sql", "SELECT * FROM attempts a JOIN attempts b", "--json"], 0, '"run:1"'),
        (["sql", "SELECT char(0xd800), x'ff', 9e999, 'a' || char(0)"], 0, ""),
        (["sql", "SELECT 9e999 AS up, -9e999 AS down", "--json"], 0, '"up": "inf",\n  "down": "-inf"'),
        (["why", "\udcff"], 2, "no run"),
        (["why", ""], 2, "an empty name"),
        (["cancel", ""], 2, "an empty name"),
        (["status", "\udcff"], 2, "no sweep"),
        (["logs", "fno-1"], 0, "this is attempt 2"),
        (["logs", "fno-1", "--attempt", "1"], 0, "this is attempt 1"),
        (["logs", "fno-1", "--attempt", "0"], 2, "has no attempt 0"),
        (["logs", "fno-1", "--attempt", "-1"], 2, "has no attempt -1"),
        (["logs", "fno-1", "--attempt", "99999999999999999999999"], 2, "its attempts are 1 to 2"),
        (["logs", "fno-2"], 2, "has not been tried"),
        (["why", "fno-1"], 0, "no longer part of the sweep `probe`"),
        (["why", "fno-1", "--json"], 0, "fall 2"),
        (["why", "fno"], 0, "fno-2"),
        (["why", "fno-2"], 0, "waiting: not started"),
    ],
)
def test_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: Sequence[str], code: int, said: str
) -> None:
    fill(tmp_path)
    done, out, err = typed(capsys, *words, "--root", str(tmp_path))
    assert done == code, err
    assert said in out + err


def in_shell(desk: Desk, script: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "RUNNER_SLOTS": str(desk.folder / "slots"), "RUNNER": RUNNER}
    argv = ["bash", "-c", script]
    return subprocess.run(argv, cwd=desk.folder, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("outlet", [">&-", ">/dev/full", "| head -1", ">&- 2>&- <&-", "2>/dev/full >/dev/full"])
@pytest.mark.parametrize("command", ["status", "why fno-1", "logs fno-1", "sql 'SELECT * FROM attempts'", "--help"])
def test_output_that_nobody_takes(tmp_path: Path, outlet: str, command: str) -> None:
    fill(tmp_path / "runs")
    done = in_shell(Desk(tmp_path), f'"$RUNNER" {command} {outlet}; exit ${{PIPESTATUS[0]}}')
    assert done.returncode == 0, done
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("outlet", [">&-", "| head -1"])
def test_a_sweep_goes_on_without_output_and_says_how_it_ended(desk: Desk, outlet: str) -> None:
    desk.write(tasks=["raises"], grid={"backbone": ["tiny"]}, policy={"retries": {"crashed": 0}, "rehearse": False})
    done = in_shell(desk, f'"$RUNNER" sweep sweep.yaml {outlet}; exit ${{PIPESTATUS[0]}}')
    assert done.returncode == ExitCode.NOT_ALL_SUCCEEDED, done
    assert "Traceback" not in done.stderr
    assert desk.only()["state"] == "failed"


def test_a_ledger_removed_under_a_sweep_stops_it_and_its_attempts_run_on(desk: Desk) -> None:
    desk.write(grid={"backbone": ["slow"]})
    sweep = desk.start("sweep", "sweep.yaml")
    attempt = desk.wait_for_step()
    (desk.root / "ledger.db").unlink()
    done = finish(sweep)
    assert done.code == ExitCode.NOT_ALL_SUCCEEDED, done
    assert "ledger.db was removed or replaced" in done.err
    assert not (desk.root / "ledger.db").exists()
    assert not is_gone(supervisor_of(attempt))


def test_whatever_the_encoding_of_the_output(tmp_path: Path) -> None:
    fill(tmp_path / "runs")
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    code = "import sys; from runner.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-c", code, "sql", "SELECT 'naïve'"]
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    assert "na\\xefve" in done.stdout
