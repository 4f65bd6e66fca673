"""Limits of memory: by the kernel where an own cgroup can be made, by looking elsewhere; and what the peak means."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from supervised import MIB, ended, output, planned, python, shell, start, supervise, until

from db.records import Limits, MemoryWatch
from db.verdicts import Failed
from runner import memory_limit, processes
from runner.attempt_dir import write_record
from runner.collecting import collect
from runner.entry import bare_argv
from runner.judge import judge
from runner.liveness import end_survivors

SAMPLED = {memory_limit.FORCE: "sampled"}
HOG = (
    "import time\nheld = [bytearray(b'x' * 1048576) for _ in range({mib})]\nprint('held', flush=True)\ntime.sleep({s})"
)


def hog(mib: int, seconds: float = 0.0) -> tuple[str, ...]:
    return python(HOG.format(mib=mib, s=seconds))


def limited(mib: int) -> Limits:
    return Limits(memory=mib * MIB, grace=0.3)


@pytest.fixture(scope="module")
def cgroup_kind() -> str:
    limit = memory_limit.open_limit(64 * MIB, "probe")
    limit.remove()
    if limit.own is None:
        pytest.skip("no cgroup of our own can be made here")
    return limit.how


def own_cgroups() -> list[Path]:
    return [path for home in memory_limit.homes() for path in home.path.glob("runner-*")]


def test_the_kernel_ends_a_worker_above_its_limit(tmp_path: Path, cgroup_kind: str) -> None:
    attempt = planned(tmp_path, hog(300), limits=limited(100))
    left = supervise(attempt)
    assert (left.signal, left.ended_by) == (9, None)
    seen = left.memory
    assert seen == MemoryWatch(how=cgroup_kind, limit=100 * MIB, peak=seen.peak, oom_kills=1, limit_reached=True)  # type: ignore[arg-type]  # a word
    assert output(attempt) == ""
    assert not own_cgroups_of(attempt.read_plan().attempt_id)


def test_a_child_killed_for_memory_is_seen_although_its_parent_succeeds(tmp_path: Path, cgroup_kind: str) -> None:
    code = f"import subprocess, sys; subprocess.run({list(hog(300))!r}); print('fine')"
    attempt = planned(tmp_path, (sys.executable, "-c", code), limits=limited(100))
    left = supervise(attempt)
    assert (left.exit_code, left.memory.how, left.memory.oom_kills) == (0, cgroup_kind, 1)
    assert output(attempt) == "fine\n"


def test_swap_is_limited_as_well(cgroup_kind: str) -> None:
    limit = memory_limit.open_limit(64 * MIB, "swap")
    assert limit.own is not None
    swap = limit.own.path / limit.own.files.swap
    found = swap.read_text().strip() if swap.exists() else None
    limit.remove()
    assert not limit.own.path.exists()
    if found is None:
        pytest.skip("this kernel does not account for swap")
    assert found == {"cgroup_v1": str(64 * MIB), "cgroup_v2": "0"}[cgroup_kind]


def test_below_its_limit_a_worker_is_left_alone(tmp_path: Path, cgroup_kind: str) -> None:
    left = supervise(planned(tmp_path, hog(60), limits=limited(100)))
    assert (left.exit_code, left.memory.how, left.memory.oom_kills) == (0, cgroup_kind, 0)
    assert left.memory.limit_reached is False


def test_above_its_limit_a_worker_is_ended_by_looking(tmp_path: Path) -> None:
    left = supervise(planned(tmp_path, hog(200, 30), limits=limited(100)), env=SAMPLED)
    assert (left.signal, left.ended_by, left.memory.how) == (9, "memory_limit", "sampled")
    assert left.memory.peak > 100 * MIB
    assert left.memory.oom_kills is None, "nobody counts them"
    assert left.memory.limit_reached is True
    assert left.wall < 10


def test_all_processes_of_an_attempt_count_together(tmp_path: Path) -> None:
    one = shlex.join(hog(60, 30))
    left = supervise(planned(tmp_path, shell(f"{one} & setsid {one} & wait"), limits=limited(100)), env=SAMPLED)
    assert left.ended_by == "memory_limit"


def test_what_forked_children_share_counts_once(tmp_path: Path) -> None:
    code = HOG.format(mib=80, s=0) + "\nimport os\nfor _ in range(3):\n  if os.fork() == 0: break\ntime.sleep(1)"
    left = supervise(planned(tmp_path, python(code), limits=limited(160)), env=SAMPLED)
    assert (left.exit_code, left.ended_by) == (0, None)
    assert 80 * MIB < left.memory.peak < 110 * MIB


def test_files_read_and_written_are_not_memory(tmp_path: Path) -> None:
    big = tmp_path / "big"
    script = f"head -c 300000000 /dev/zero > {big}; cat {big} > /dev/null; sleep 0.3; cat {big} > /dev/null"
    left = supervise(planned(tmp_path, shell(script), limits=limited(50)), env=SAMPLED)
    assert (left.exit_code, left.ended_by) == (0, None)
    assert left.memory.peak < 20 * MIB


def test_files_do_not_bring_the_kernel_to_kill(tmp_path: Path, cgroup_kind: str) -> None:
    big = tmp_path / "big"
    script = f"head -c 300000000 /dev/zero > {big}; cat {big} > /dev/null"
    left = supervise(planned(tmp_path, shell(script), limits=limited(50)))
    assert (left.exit_code, left.memory.how, left.memory.oom_kills) == (0, cgroup_kind, 0)


@pytest.mark.parametrize("env", [{}, SAMPLED])
def test_the_peak_is_what_was_held(tmp_path: Path, env: dict[str, str]) -> None:
    left = supervise(planned(tmp_path, hog(200, 0.4), limits=limited(1000)), env=env)
    assert left.memory.peak == pytest.approx(200 * MIB, rel=0.15)


def test_without_a_limit_the_peak_is_still_seen(tmp_path: Path) -> None:
    left = supervise(planned(tmp_path, hog(100, 0.4)))
    assert (left.memory.how, left.memory.limit) == ("none", None)
    assert left.memory.peak == pytest.approx(100 * MIB, rel=0.15)


def test_address_space_is_not_limited(tmp_path: Path) -> None:
    code = "import mmap; held = mmap.mmap(-1, 1 << 32, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); print('reserved')"
    attempt = planned(tmp_path, python(code), limits=limited(50))
    assert supervise(attempt).exit_code == 0
    assert output(attempt) == "reserved\n"


def test_the_cgroup_of_a_killed_supervisor_is_removed_by_the_next(tmp_path: Path, cgroup_kind: str) -> None:
    killed = planned(tmp_path / "killed", shell("echo up; sleep 60"), limits=limited(100))
    supervisor = start(killed)
    until(lambda: output(killed))
    attempt_id = killed.read_plan().attempt_id
    assert len(own_cgroups_of(attempt_id)) == 1
    supervisor.kill()
    supervisor.wait()
    until(lambda: not processes.carriers(attempt_id))
    assert supervise(planned(tmp_path / "next", shell("exit 0"), limits=limited(100))).memory.how == cgroup_kind
    assert own_cgroups_of(attempt_id) == []


def own_cgroups_of(attempt_id: str) -> list[Path]:
    return [path for path in own_cgroups() if path.name.endswith(attempt_id)]


def test_survivors_are_found_through_their_cgroup(tmp_path: Path, cgroup_kind: str) -> None:
    program = "import time; print(1, flush=True); time.sleep(60)"
    code = f"import os, sys; os.execve(sys.executable, [sys.executable, '-ISc', {program!r}], {{}})"
    attempt = planned(tmp_path, python(code), limits=limited(100))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    assert len(processes.carriers(attempt.read_plan().attempt_id)) == 1, cgroup_kind
    supervisor.terminate()
    assert ended(supervisor, attempt).ended_by == "signal"


def test_the_files_of_version_2_are_read_and_written(tmp_path: Path) -> None:
    """On plain files, so that it is checked where only version 1 controls memory."""
    group = memory_limit.Group(tmp_path, memory_limit.V2)
    (tmp_path / "cgroup.controllers").write_text("cpu io memory pids\n")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.swap.max").write_text("max\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n")
    assert group.has_memory()
    assert group.is_unlimited()
    assert group.oom_kills() == 2
    assert group.limit_reached(123456) is True
    assert memory_limit.Group(tmp_path / "missing", memory_limit.V2).limit_reached(1) is None
    group.set_limit(123456)
    assert (tmp_path / "memory.max").read_text().startswith("123456")
    assert (tmp_path / "memory.swap.max").read_text().startswith("0")
    assert not group.is_unlimited()


def test_where_memory_is_not_controlled_no_cgroup_is_made(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu io pids\n")
    home = memory_limit.Group(tmp_path, memory_limit.V2)
    assert not home.has_memory()
    assert not memory_limit.Group(tmp_path / "missing", memory_limit.V2).has_memory()
    assert memory_limit.make_group(home, "x", 123456) is None
    assert [path.name for path in tmp_path.iterdir()] == ["cgroup.controllers"]


@pytest.mark.parametrize("own", [None, 1000])
def test_at_the_limit_of_a_container_the_kernel_counts_all_the_same(
    tmp_path: Path, cgroup_kind: str, own: int | None
) -> None:
    """Without a limit of its own, or within one that others left it no room for."""
    outer = memory_limit.open_limit(100 * MIB, "container").own
    assert outer is not None
    enter = f"echo $$ > {outer.path}/cgroup.procs; exec "
    code = f"import subprocess, sys; subprocess.run({list(hog(300))!r}); print('fine')"
    attempt = planned(tmp_path, (sys.executable, "-c", code), limits=Limits(memory=own and own * MIB, grace=0.3))
    argv = bare_argv("runner.supervisor", str(attempt.path), attempt.read_plan().attempt_id)
    try:
        subprocess.run(["bash", "-c", enter + shlex.join(argv)], check=True, timeout=60)
    finally:
        outer.remove()
    left = attempt.read_exit()
    assert (left.exit_code, left.memory.how, left.memory.oom_kills) == (0, cgroup_kind if own else "none", 1)
    assert left.memory.limit_reached is (False if own else None)
    verdict = judge(collect(attempt))
    assert isinstance(verdict, Failed)
    assert verdict.kind == "host_oom"


def test_killed_beside_others_for_want_of_memory(tmp_path: Path, cgroup_kind: str) -> None:
    """Where no cgroup of its own can be made, the counter that moved and the signal name it."""
    del cgroup_kind
    attempt = planned(tmp_path, shell("kill -9 $$"))
    left = supervise(attempt, env=SAMPLED)
    assert left.memory.oom_kills is None
    write_record(attempt.exit, replace(left, memory=replace(left.memory, shared_oom_kills=1)))
    verdict = judge(collect(attempt))
    assert isinstance(verdict, Failed)
    assert verdict.kind == "host_oom"
    assert "1 processes of the cgroup that it shares" in verdict.because


def test_a_survivor_without_our_environment_and_with_a_log_of_its_own_is_found(tmp_path: Path) -> None:
    """By its cgroup, or else by where its output goes."""
    for env in (SAMPLED, None):
        folder = tmp_path / str(env is None)
        hidden = f"env -i sleep 60 > {folder}/out/own.log 2>&1"
        attempt = planned(folder, shell(f"mkdir -p {folder}/out; {hidden} & echo started; wait"))
        supervisor = start(attempt, env)
        until((folder / "out" / "own.log").exists)
        supervisor.kill()
        supervisor.wait()
        assert end_survivors(attempt.read_plan().attempt_id, (attempt.stdout, attempt.stderr)) == 1
