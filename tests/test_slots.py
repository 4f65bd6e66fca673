"""Slots: locks of the host that live as long as somebody holds them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from db.errors import Refused
from runner.gpus import Gpu
from runner.host_locks import FOLDER
from runner.slots import open_slots

GPUS = tuple(Gpu(index=index, uuid=f"GPU-{letter * 4}", memory=80 * 2**30) for index, letter in enumerate("abcd"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "slots"))
    return tmp_path / "slots"


def test_a_gpu_is_given_to_one_attempt_at_a_time() -> None:
    mine, theirs = open_slots(GPUS[:2], 3, 2), open_slots(GPUS[:2], 1, None)
    assert mine.count == 2
    first, second = mine.take(), theirs.take()
    assert first is not None
    assert second is not None
    assert [slot.env["CUDA_VISIBLE_DEVICES"] for slot in (first, second)] == ["GPU-aaaa", "GPU-bbbb"]
    assert (first.device, first.env["OMP_NUM_THREADS"], second.env["OMP_NUM_THREADS"]) == ("cuda", "3", "1")
    assert mine.take() is None
    first.close()
    again = theirs.take()
    assert again is not None
    assert again.env["CUDA_VISIBLE_DEVICES"] == "GPU-aaaa"
    again.close()
    second.close()


def test_cpus_are_given_in_the_numbers_asked_for() -> None:
    cpus = len(os.sched_getaffinity(0))
    slots = open_slots((), 1, None)
    assert slots.count == cpus
    taken = [slots.take() for _ in range(cpus)]
    assert all(taken)
    assert open_slots((), cpus, None).take() is None
    for slot in taken:
        assert slot is not None
        assert (slot.device, slot.env["CUDA_VISIBLE_DEVICES"], slot.env["MKL_NUM_THREADS"]) == ("cpu", "", "1")
        slot.close()
    whole = open_slots((), cpus, None).take()
    assert whole is not None
    assert slots.take() is None
    whole.close()


def test_more_cpus_than_there_are_is_all_of_them() -> None:
    assert open_slots((), 10_000, None).count == 1


def test_slots_can_be_asked_for() -> None:
    assert open_slots((), 2, 5).count == 5
    assert open_slots(GPUS, 1, 2).count == 2
    assert open_slots(GPUS[:1], 1, 5).count == 1
    slots = open_slots((), 2, 5)
    taken = [slot for slot in (slots.take() for _ in range(6)) if slot]
    assert len(taken) == 5
    for slot in taken:
        slot.close()


def test_a_slot_is_held_by_whoever_inherited_it() -> None:
    slots = open_slots(GPUS[:1], 1, None)
    slot = slots.take()
    assert slot is not None
    assert slot.descriptor is not None
    heir = subprocess.Popen(["sleep", "60"], pass_fds=[slot.descriptor])
    slot.close()
    assert slots.take() is None
    heir.kill()
    heir.wait()
    free = slots.take()
    assert free is not None
    free.close()


def test_processes_that_race_never_share_a_slot() -> None:
    code = """
import sys, time, json
from runner.gpus import Gpu
from runner.slots import open_slots
gpus = [Gpu(index=i, uuid=f"GPU-{i}", memory=1) for i in range(3)]
taken = [slot for slot in (open_slots(gpus, 1, None).take() for _ in range(3)) if slot]
print(json.dumps([slot.env["CUDA_VISIBLE_DEVICES"] for slot in taken]), flush=True)
sys.stdin.read()
"""
    racers = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(5)
    ]
    lines = [racer.stdout.readline() for racer in racers if racer.stdout]
    for racer in racers:
        racer.communicate()
    assert sorted(uuid for line in lines for uuid in json.loads(line)) == ["GPU-0", "GPU-1", "GPU-2"]


def test_an_attempt_may_take_several_gpus_or_none_of_them() -> None:
    pairs, single = open_slots(GPUS, 2, None, gpus_per_attempt=2), open_slots(GPUS, 1, None)
    assert (pairs.count, open_slots(GPUS, 1, 1, gpus_per_attempt=3).count) == (2, 1)
    first = single.take()
    pair = pairs.take()
    assert first is not None
    assert pair is not None
    assert (pair.device, pair.name, pair.env["CUDA_VISIBLE_DEVICES"]) == ("cuda", *["GPU-bbbb,GPU-cccc"] * 2)
    assert pairs.take() is None  # one is free, which is given back
    last = single.take()
    assert last is not None
    assert last.name == "GPU-dddd"
    first.close()
    last.close()
    assert pairs.take(avoid={"GPU-aaaa"}) is None
    ends = pairs.take()
    assert ends is not None
    assert ends.name == "GPU-aaaa,GPU-dddd"
    ends.close()
    pair.close()


def test_sweeps_that_take_several_never_wait_for_each_other_holding_some() -> None:
    """Each sees the devices in another order and takes two, three times each: all come to an end, and none share."""
    code = """
import sys, time
from runner.slots import Gpu, open_slots
gpus = [Gpu(index=i, uuid=f"GPU-{i}", memory=1) for i in map(int, sys.argv[1].split(","))]
slots, taken = open_slots(gpus, 1, None, gpus_per_attempt=2), 0
while taken < 3:
    slot = slots.take()
    if slot is None:
        time.sleep(0.001)
        continue
    print(time.monotonic(), slot.name, end=" ", flush=True)
    time.sleep(0.05)
    print(time.monotonic(), flush=True)
    slot.close()
    taken += 1
"""
    orders = ("0,1,2", "2,1,0", "1,2,0", "0,2,1")
    racers = [subprocess.Popen([sys.executable, "-c", code, order], stdout=subprocess.PIPE) for order in orders]
    held: list[tuple[float, float, str]] = []
    for racer in racers:
        lines = racer.communicate(timeout=100)[0].decode().splitlines()
        assert len(lines) == 3
        for start, name, end in map(str.split, lines):
            held += [(float(start), float(end), gpu) for gpu in name.split(",")]
    assert len(held) == 4 * 3 * 2
    for one in held:
        others = [other for other in held if other is not one and other[2] == one[2]]
        assert all(other[1] <= one[0] or one[1] <= other[0] for other in others)


def test_all_of_several_gpus_are_held_until_the_last_heir_is_gone() -> None:
    slots = open_slots(GPUS, 1, None, gpus_per_attempt=2)
    slot = slots.take()
    assert slot is not None
    assert slot.descriptor is not None
    heir = subprocess.Popen(["sleep", "60"], pass_fds=[slot.descriptor])
    slot.close()
    assert open_slots(GPUS[:2], 1, None).take() is None
    heir.kill()
    heir.wait()
    free = open_slots(GPUS[:2], 1, None, gpus_per_attempt=2).take()
    assert free is not None
    free.close()


def test_a_slot_in_use_does_not_look_forgotten_to_who_cleans_up(folder: Path) -> None:
    slots = open_slots(GPUS[:1], 1, None)
    slot = slots.take()
    assert slot is not None
    os.utime(folder / "gpus", (1, 1))
    assert slots.take() is None
    assert (folder / "gpus").stat().st_mtime > 1
    slot.close()


def test_the_folder_is_for_everybody(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        slot = open_slots(GPUS[:1], 1, None).take()
    finally:
        os.umask(before)
    assert slot is not None
    slot.close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    assert stat.S_IMODE((folder / "gpus").stat().st_mode) == 0o666


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_shares_the_slots(tmp_path: Path) -> None:
    slots = open_slots(GPUS[:1], 1, None)
    slot = slots.take()
    assert slot is not None
    for parent in (tmp_path, *tmp_path.parents[:-2]):
        parent.chmod(0o755)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: the child only takes a slot
        pid = os.fork()
    if pid == 0:
        blocked = False
        try:
            os.setuid(65534)
            blocked = slots.take() is None
        finally:
            os._exit(0 if blocked else 1)
    assert os.waitpid(pid, 0)[1] == 0
    slot.close()


@pytest.mark.parametrize("exists", [True, False])
def test_links_are_not_followed(folder: Path, tmp_path: Path, *, exists: bool) -> None:
    slots = open_slots(GPUS[:1], 1, None)
    target = tmp_path / "target"
    if exists:
        target.touch()
    (folder / "gpus").symlink_to(target)
    with pytest.raises(Refused, match="gpus"):
        slots.take()
    assert target.exists() == exists


@pytest.mark.parametrize("spoil", ["link", "file", "open to all"])
def test_an_odd_folder_is_refused(folder: Path, tmp_path: Path, spoil: str) -> None:
    if spoil == "link":
        folder.symlink_to(tmp_path)
    elif spoil == "file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(Refused, match=FOLDER):
        open_slots((), 1, None)
