"""Limiting the memory of an attempt: by an own cgroup (v2, else v1) where one can be made, else by looking. Never by
RLIMIT_AS, which counts address space and breaks CUDA. Standard library only.

An attempt without a limit has its own cgroup too: there the kernel counts whom it kills for want of memory, wherever
the limit was, and every process of the attempt is found, whatever it did to its environment.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner import processes

SAMPLE_EVERY = 0.1
"""Seconds."""
FORCE = "RUNNER_MEMORY_LIMIT"
"""Set to `sampled` in the environment, no cgroup is made."""

ALMOST = 0.99
"""Of a limit: memory is given out in pieces, and a process is killed over the one that does not fit."""

How = Literal["none", "cgroup_v2", "cgroup_v1", "sampled"]


@dataclass(frozen=True)
class Files:
    """What one version of cgroups calls things. `swap_max` is the swap file's value; None: the limit itself.

    `most` is a file that tells how much was in use at most; None: the events tell whether that was all.
    """

    how: How
    controller: str
    limit: str
    swap: str
    swap_max: str | None
    events: str
    most: str | None


V2 = Files("cgroup_v2", "", "memory.max", "memory.swap.max", "0", "memory.events", None)
V1 = Files(
    *("cgroup_v1", "memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", None, "memory.oom_control"),
    "memory.max_usage_in_bytes",  # `failcnt` stays 0 in newer kernels
)


@dataclass(frozen=True)
class Group:
    """A cgroup with a memory controller."""

    path: Path
    files: Files

    def oom_kills(self) -> int:
        """Killed for want of memory in this cgroup since it was made; 0 where it cannot be read."""
        return self._count(self.files.events, "oom_kill ") or 0

    def limit_reached(self, limit: int) -> bool | None:
        """Whether all that the limit allows was ever in use; None where it cannot be read."""
        if self.files.most is None:
            count = self._count(self.files.events, "max ")
            return None if count is None else count > 0
        most = self._count(self.files.most, "")
        return None if most is None else most >= ALMOST * limit

    def _count(self, name: str, begins: str) -> int | None:
        try:
            lines = (self.path / name).read_text().split("\n")
        except OSError:
            return None
        return sum(int(line.split()[-1]) for line in lines if line and line.startswith(begins))

    def has_memory(self) -> bool:
        if self.files is V1:
            return (self.path / V1.limit).exists()
        try:
            return "memory" in (self.path / "cgroup.controllers").read_text().split()
        except OSError:
            return False

    def is_unlimited(self) -> bool:
        try:
            return (self.path / V2.limit).read_text().strip() == "max"
        except OSError:
            return False

    def doors(self) -> tuple[Path, ...]:
        """The folders whose `cgroup.procs` must be ours to write before a process can be moved in."""
        return (self.path,) if self.files is V1 else (self.path, self.path.parent)

    def set_limit(self, limit: int) -> None:
        _write_existing(self.path / self.files.limit, str(limit))
        with contextlib.suppress(FileNotFoundError):  # a kernel that does not account for swap
            _write_existing(self.path / self.files.swap, self.files.swap_max or str(limit))

    def remove(self, within: float = 2.0) -> None:
        """Its processes are gone, but the kernel may take a moment to notice. What stays is removed by the next one."""
        deadline = time.monotonic() + within
        while not _removed(self.path) and time.monotonic() < deadline:
            time.sleep(0.02)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True


@dataclass(frozen=True)
class MemoryLimit:
    """How an attempt's memory is limited. `own` is its cgroup, `shared` the one it was started in."""

    how: How
    limit: int | None
    own: Group | None
    shared: Group | None
    shared_before: int

    def oom_kills(self) -> int | None:
        """Of the attempt's processes; None where nobody counts for it alone."""
        return self.own.oom_kills() if self.own else None

    def reached(self, peak: int) -> bool | None:
        """Whether the attempt ever used all that it is allowed: where not, memory ran out elsewhere, for others too."""
        if self.limit is None:
            return None
        return self.own.limit_reached(self.limit) if self.own else peak > self.limit

    def shared_oom_kills(self) -> int:
        """In the cgroup that it shares with others, and so perhaps not of ours."""
        kills = self.shared.oom_kills() - self.shared_before if self.shared else 0
        if self.own and self.shared and self.own.files is V2 and self.shared.path in self.own.path.parents:
            kills -= self.own.oom_kills()  # there the counters of a cgroup include those below it
        return max(0, kills)

    def remove(self) -> None:
        if self.own:
            self.own.remove()


class PeakMemory:
    """The highest memory seen, sampled at a bounded cost of CPU: what takes long is done less often."""

    def __init__(self) -> None:
        self.peak = 0
        self._next = 0.0
        self._next_precise = 0.0

    def sample(self, root: int) -> None:
        """Look at all that comes from the process `root`, when it is time to."""
        now, begun = time.monotonic(), time.process_time()
        if now < self._next:
            return
        pids = list(processes.descendants(root))
        bound = processes.memory_bound(pids)
        if bound > self.peak and len(pids) == 1:
            self.peak = bound
        elif bound > self.peak and now >= self._next_precise:
            self.peak = max(self.peak, _held(pids, bound))
            self._next_precise = now + 10 * (time.process_time() - begun)
        self._next = now + max(SAMPLE_EVERY, 20 * (time.process_time() - begun))


def _held(pids: list[int], bound: int) -> int:
    """Forked children share their parent's pages: without this, a loader of 16 processes would count 16 times.

    Processes that end while we look at the others leave them a larger share, so what is seen then is too much.
    """
    held = bound
    for _ in range(3):
        held = min(held, processes.memory_held(pids))
        after = processes.memory_bound(pids)
        if after >= 0.95 * bound:
            break
        bound = after
    return held


def open_limit(limit: int | None, attempt_id: str) -> MemoryLimit:
    """Make the best limit that can be made here; left-over cgroups of dead supervisors are removed on the way."""
    found = tuple(homes())
    shared = next((home for home in found if (home.path / home.files.events).exists()), None)
    before = shared.oom_kills() if shared else 0
    for home in () if os.environ.get(FORCE) == "sampled" else found:
        own = make_group(home, attempt_id, limit)
        if own:
            return MemoryLimit("none" if limit is None else home.files.how, limit, own, shared, before)
    return MemoryLimit("none" if limit is None else "sampled", limit, None, shared, before)


def make_group(home: Group, attempt_id: str, limit: int | None) -> Group | None:
    """An own cgroup below that one; None where none can be made."""
    _remove_left_overs(home.path)
    pid = os.getpid()
    own = Group(home.path / processes.cgroup_name(attempt_id, pid, processes.start_time(pid) or 0), home.files)
    try:
        own.path.mkdir()
    except OSError:
        return None
    try:
        if not own.has_memory():
            _write_existing(home.path / "cgroup.subtree_control", "+memory")
        if limit is not None:
            own.set_limit(limit)
    except OSError:
        own.remove(within=0)
        return None
    if not all(os.access(group / "cgroup.procs", os.W_OK) for group in own.doors()):
        own.remove(within=0)
        return None
    return own


def _remove_left_overs(home: Path) -> None:
    with contextlib.suppress(OSError):
        for left in home.glob("runner-*-*-*"):
            pid, started = left.name.split("-")[1:3]
            if pid.isdecimal() and str(processes.start_time(int(pid))) != started:
                with contextlib.suppress(OSError):  # not empty: those who end survivors see to it
                    left.rmdir()


def homes() -> Iterator[Group]:
    """The cgroups below which an own one may be made, best first: v2 where we are, v2 beside us, v1 where we are.

    Beside us (below our parent) only where that escapes no limit; it is where the scopes of a user manager lie.
    """
    memberships = _memberships()
    for files, root, mounted in sorted(_mounts(), key=lambda mount: mount[0].how, reverse=True):
        path = memberships.get(files.controller)
        if path is None:
            continue
        below = path[len(root) :] if root != "/" and path.startswith(root) else path
        home = Group(Path(mounted + below), files)
        if home.has_memory():
            yield home
            if files is V2 and home.is_unlimited():
                yield Group(home.path.parent, V2)


def _mounts() -> Iterator[tuple[Files, str, str]]:
    """The kind, root and mount point of each mounted hierarchy that may control memory."""
    for line in (processes.read_small("/proc/self/mountinfo") or b"").decode(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, mounted = before.split(" ")[3:5]
        if kind == "cgroup2":
            yield V2, root, mounted
        elif kind == "cgroup" and "memory" in options.split(","):
            yield V1, root, mounted


def _memberships() -> dict[str, str]:
    """Our path by controller; v2 has the empty name."""
    lines = (processes.read_small("/proc/self/cgroup") or b"").decode(errors="replace").splitlines()
    triples = [line.split(":", 2) for line in lines]
    return {controller: path for _, controllers, path in triples for controller in controllers.split(",")}


def _write_existing(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
