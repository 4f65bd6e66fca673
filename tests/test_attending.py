"""One open attempt: when it is waited for, when it is fenced, and what is said of it then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from supervised import supervise
from test_ledger_trouble import no_file_may_grow_beyond

from db.board import Board
from db.declared import Declared, DeclaredFile
from db.ledger import Ledger, RunRow
from db.records import BatchSplit, Plan
from db.verdicts import Failed, Succeeded, Verdict
from runner import attending, processes
from runner.attempt_dir import AttemptDir, write_record
from runner.attending import Attended
from runner.launchers.local import LocalLauncher
from runner.launchers.looks import Unsure
from runner.room import told

RUN = "dlinear-000000000000"
NONCE = "a" * 32


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.db")
    row = RunRow(run_id=RUN, label="x", backbone="dlinear", settings="{}", effective_batch=8, planned_steps=9)
    sweep = made.record_sweep(name="s", digest="d", file="f", profile=None, profile_reason="none", runs=[row])
    scheduler = made.record_scheduler(sweep_id=sweep, host="h", boot_id="b", pid=1)
    made.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff=None)
    made.record_attempt(
        batch=BatchSplit(micro=8, accum=1),
        nonce=NONCE,
        run_id=RUN,
        number=1,
        scheduler_id=scheduler,
        start_step=0,
        resumed_number=None,
        launcher="local",
        device="cpu",
        code_id="c",
    )
    yield made
    made.close()


def ended_process() -> str:
    """A reference to a process that was there once."""
    process = subprocess.Popen(["true"])
    process.wait()
    return f"{process.pid}:1"


def attended(
    ledger: Ledger, root: Path, *, opener_lives: bool, reference: str | None, planned: bool = True
) -> Attended:
    if reference:
        ledger.record_submissions({1: reference})
    (opened,) = ledger.read_open_attempts()
    folder = AttemptDir(root / RUN / "1")
    if planned:
        folder.path.mkdir(parents=True)
        plan = Plan(
            attempt_id=NONCE,
            run_id=RUN,
            number=1,
            argv=("true",),
            cwd="/",
            batch=BatchSplit(micro=8, accum=1),
            planned_steps=9,
            required_metrics=(),
            settings={},
        )
        write_record(folder.plan, plan)
    return Attended(opened, folder, opener_lives=lambda: opener_lives)


def test_a_command_ends_with_the_numbers_of_its_files_and_reports(ledger: Ledger, tmp_path: Path) -> None:
    mine = attended(ledger, tmp_path, opener_lives=True, reference=None)
    out = mine.folder.path / "out"
    out.mkdir()
    plan = replace(
        mine.folder.read_plan(),
        argv=("/bin/sh", "-c", f"printf 'test_acc\n0.5\n' > {out}/r.csv"),
        planned_steps=None,
        declared=Declared(files=(DeclaredFile(path=f"{out}/r.csv", metrics={"acc": "test_acc"}),)),
        watched=(f"{out}/r.csv",),
    )
    write_record(mine.folder.plan, plan)
    supervise(mine.folder)
    assert isinstance(mine.attend(ledger, LocalLauncher()), Succeeded)
    assert Board(tmp_path / "ledger.db").sql("SELECT name, value FROM final_metric")[1] == [("acc", 0.5)]
    assert Board(tmp_path / "ledger.db").sql("SELECT host FROM measured")[1] == [(mine.folder.read_claim().host,)]


def failed(verdict: Verdict | None) -> tuple[str, str]:
    assert isinstance(verdict, Failed)
    return verdict.kind, verdict.because


def test_what_another_living_scheduler_is_starting_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    mine = attended(ledger, tmp_path, opener_lives=True, reference=None)
    assert mine.attend(ledger, LocalLauncher()) is None
    assert not mine.folder.claim.exists()


def test_what_a_dead_scheduler_never_started_is_fenced_at_once(ledger: Ledger, tmp_path: Path) -> None:
    mine = attended(ledger, tmp_path, opener_lives=False, reference=None)
    assert failed(mine.attend(ledger, LocalLauncher()))[0] == "interrupted"
    assert mine.folder.read_claim().fenced


class Deaf(LocalLauncher):
    """Does not answer at first when it is asked what it was given."""

    deaf = True

    def find(self, attempt_id: str) -> Unsure | None:
        return Unsure(why=f"nobody answers of {attempt_id}") if self.deaf else None


def test_what_was_perhaps_submitted_is_waited_for_while_its_launcher_does_not_answer(
    ledger: Ledger, tmp_path: Path
) -> None:
    mine, launcher = attended(ledger, tmp_path, opener_lives=False, reference=None), Deaf()
    assert mine.attend(ledger, launcher) is None
    assert mine.trouble == f"nobody answers of {NONCE}"
    assert not mine.folder.claim.exists()
    launcher.deaf = False
    assert failed(mine.attend(ledger, launcher))[0] == "interrupted"


def test_a_dead_scheduler_that_had_not_even_made_the_folder(ledger: Ledger, tmp_path: Path) -> None:
    mine = attended(ledger, tmp_path, opener_lives=False, reference=None, planned=False)
    assert failed(mine.attend(ledger, LocalLauncher()))[0] == "interrupted"


def test_a_supervisor_that_ended_before_it_began_is_a_refused_launch(ledger: Ledger, tmp_path: Path) -> None:
    mine = attended(ledger, tmp_path, opener_lives=True, reference=ended_process())
    mine.folder.supervisor_log.write_text("no memory for anything\n")
    kind, because = failed(mine.attend(ledger, LocalLauncher()))
    assert kind == "launch_refused"
    assert because.endswith("its supervisor ended before it began: no memory for anything")


def test_nobody_claims_it_for_too_long(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attending, "CLAIM_PATIENCE", 0.0)
    with subprocess.Popen(["sleep", "60"]) as late:
        reference = f"{late.pid}:{processes.start_time(late.pid)}"
        mine = attended(ledger, tmp_path, opener_lives=True, reference=reference)
        assert failed(mine.attend(ledger, LocalLauncher()))[0] == "launch_refused"
        late.kill()


def test_a_folder_that_was_removed_while_it_was_open_is_lost(ledger: Ledger, tmp_path: Path) -> None:
    mine = attended(ledger, tmp_path, opener_lives=True, reference=ended_process(), planned=False)
    kind, because = failed(mine.attend(ledger, LocalLauncher()))
    assert kind == "lost"
    assert "emptied or removed" in because


def test_a_supervisor_that_hangs_is_killed_in_the_end(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attending, "END_PATIENCE", 0.0)
    mine = attended(ledger, tmp_path, opener_lives=True, reference=None)
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
        "from runner.attempt_dir import AttemptDir; from runner.liveness import own_claim;"
        f"kept = AttemptDir(Path(sys.argv[2])).take_claim(own_claim('{NONCE}')); time.sleep(60)"
    )
    repository = Path(__file__).resolve().parent.parent
    with subprocess.Popen([sys.executable, "-c", code, str(repository), str(mine.folder.path)]) as hanging:
        while not mine.folder.claim_is_locked():
            assert hanging.poll() is None
        os.kill(hanging.pid, signal.SIGSTOP)
        launcher = LocalLauncher()
        mine.end("cancelled", launcher)
        assert mine.attend(ledger, launcher) is None
        assert hanging.wait(10) == -signal.SIGKILL
    assert failed(mine.attend(ledger, launcher))[0] == "lost"


def standing_of(mine: Attended) -> str:
    return mine.trouble or ""


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(ledger: Ledger, tmp_path: Path) -> None:
    mine = attended(ledger, tmp_path, opener_lives=False, reference=None)
    with no_file_may_grow_beyond(0):
        assert mine.attend(ledger, LocalLauncher()) is None
        mine.end("cancelled", LocalLauncher())
        assert mine.attend(ledger, LocalLauncher()) is None
        assert "cannot be used: File too large" in standing_of(mine)
    assert sorted(path.name for path in mine.folder.path.iterdir()) == ["plan.json"]
    assert mine.attend(ledger, LocalLauncher()) is not None
    assert standing_of(mine) == ""
    assert mine.folder.read_claim().fenced


def test_a_lack_of_room_is_told_with_what_helps() -> None:
    with pytest.raises(OSError, match="No space left") as full, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert "make room: `df -h` and `df -i`" in told(full.value)
