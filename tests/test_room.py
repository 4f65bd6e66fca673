"""Small disks, really full: the end of an attempt is recorded all the same, and says so."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervised import ended, planned, shell, start, supervise, until

from db.verdicts import Failed
from runner.attempt_dir import AttemptDir
from runner.collecting import collect
from runner.judge import judge
from runner.room import KEPT, KeptRoom, why_no_space, why_unwritable

FULL = "No space left on device"


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    mounted = tmp_path / "disk"
    mounted.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(mounted)]
    if request.param == "ext4":
        (tmp_path / "image").write_bytes(bytes(2**21))
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", tmp_path / "image"], check=True)
        argv = ["mount", "-o", "loop", str(tmp_path / "image"), str(mounted)]
    if subprocess.run(argv, check=False, capture_output=True).returncode:
        pytest.skip(f"no small disk of {request.param} can be mounted here")
    yield mounted
    subprocess.run(["umount", mounted], check=True)


def filling(disk: Path, then: str) -> str:
    """To the last block: small pieces, and anew once what was written has reached the disk."""
    fill = f"dd if=/dev/zero of={disk}/filler$n bs=512; sync -f {disk}"
    return f"for n in 1 2 3 4; do {fill}; done 2>/dev/null; {then}"


def verdict_of(attempt: AttemptDir) -> tuple[str, str]:
    verdict = judge(collect(attempt))
    assert isinstance(verdict, Failed)
    return verdict.kind, verdict.because


@pytest.mark.parametrize(("then", "ended_with"), [("exit 3", "exit code 3"), ("kill -ABRT $$", "signal 6")])
def test_a_disk_that_is_full_for_good_is_named(disk: Path, then: str, ended_with: str) -> None:
    attempt = planned(disk / "attempt", shell(filling(disk, f"echo the reason; {then}")))
    left = supervise(attempt)
    assert left.no_space == FULL
    assert attempt.stdout.read_bytes() == b"", "not even the reason could be written down"
    kind, because = verdict_of(attempt)
    assert kind == "disk_full"
    assert because.startswith(f"it ended with {ended_with}")
    assert because.endswith(FULL)


def test_who_was_killed_or_says_why_did_not_end_for_want_of_space(disk: Path) -> None:
    say = "(echo 'Traceback (most recent call last):'; echo 'ValueError: no') >&2"
    told = planned(disk / "told", shell(f"{say}; {filling(disk, 'exit 1')}"))
    assert supervise(told).no_space == FULL
    assert verdict_of(told)[0] == "crashed"
    for filler in disk.glob("filler*"):
        filler.unlink()
    killed = planned(disk / "killed", shell(filling(disk, "kill -KILL $$")))
    assert supervise(killed).no_space == FULL
    assert verdict_of(killed)[0] == "killed"


def test_a_room_that_was_removed_is_free_for_the_record(disk: Path) -> None:
    room = f"{disk}/attempt/.exit.json.room"
    attempt = planned(disk / "attempt", shell(f"until [ -s {room} ]; do :; done; rm {room}; {filling(disk, 'exit 4')}"))
    assert supervise(attempt).exit_code == 4


def test_where_no_room_could_be_kept_the_record_waits_for_space(disk: Path) -> None:
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "filler").write_bytes(bytes(free - KEPT))
    attempt = planned(disk / "attempt", shell(filling(disk, "exit 4")))
    supervisor = start(attempt)
    until((disk / "filler4").exists)
    time.sleep(1)
    assert supervisor.poll() is None
    assert not attempt.exit.exists()
    for filler in disk.glob("filler*"):
        filler.unlink()
    assert ended(supervisor, attempt).exit_code == 4


def test_another_file_in_the_place_of_the_room_is_not_taken_for_it(tmp_path: Path) -> None:
    room = f"{tmp_path}/.exit.json.room"
    left = supervise(
        planned(tmp_path, shell(f"until [ -s {room} ]; do :; done; rm {room}; echo forged > {room}; exit 5"))
    )
    assert left.exit_code == 5
    assert not Path(room).exists()


def test_a_record_larger_than_the_room_is_written_whole(tmp_path: Path) -> None:
    room = KeptRoom(tmp_path / "record.json")
    room.keep()
    attempt = planned(tmp_path / "attempt", ["x" * (2 * KEPT)])
    room.write(attempt.read_plan())
    assert (tmp_path / "record.json").read_bytes() == attempt.plan.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"record.json", "attempt"}


def test_a_disk_that_turned_read_only_is_named_where_nobody_can_tell_the_end(disk: Path) -> None:
    attempt = planned(disk / "attempt", shell("exit 3"))
    supervise(attempt)
    attempt.exit.unlink()  # as if it had been too late to write it
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert why_no_space(attempt.path) is None
    kind, because = verdict_of(attempt)
    assert kind == "lost"
    assert because.endswith("nothing can be written into its folder: Read-only file system")


def test_trying_leaves_nothing(tmp_path: Path) -> None:
    assert why_unwritable(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
