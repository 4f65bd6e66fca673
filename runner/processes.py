"""Reading /proc: who descends from whom, how much memory they hold, who carries a mark. Linux, standard library only.

Processes come and go while we read. What has gone by the time it is looked at counts as never seen, so callers that
need to be sure look again until nothing changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator

MARK = "RUNNER_ATTEMPT"
MARK_FOLDER = "RUNNER_ATTEMPT_DIR"
"""The environment variable that holds the attempt id in every process of an attempt."""

SLOT_DESCRIPTOR = 3
"""Under this number a supervisor inherits the lock of its slot, where its launcher has one to give."""

Children = Callable[[int], list[int]]


def read_small(path: str) -> bytes | None:
    """The content of a file of /proc; None where the process is gone or not ours to read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    parts = []
    try:
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(parts)


def boot_id() -> str:
    """A random name of this boot of the kernel."""
    return (read_small("/proc/sys/kernel/random/boot_id") or b"").decode().strip()


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None where it is gone or a zombie."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in b"ZX" else int(fields[19])


def arguments(pid: int) -> list[str]:
    """What it was started with; nothing where it is gone or on its way out."""
    return [os.fsdecode(part) for part in (read_small(f"/proc/{pid}/cmdline") or b"").split(b"\0")[:-1]]


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - names, not paths


def descendants(root: int) -> Iterator[int]:
    """All that comes from `root`, parents before their children, zombies included.

    A process is handed out before its children are looked up, so killing it at once leaves it no time to have more.
    """
    children = _children_by_file if os.path.exists(f"/proc/self/task/{os.getpid()}/children") else _children_by_scan()  # noqa: PTH110 - called ten times a second
    seen, waiting = {root}, [root]
    while waiting:
        for child in children(waiting.pop(0)):
            if child not in seen:
                seen.add(child)
                yield child
                waiting.append(child)


def memory_bound(pids: Iterable[int]) -> int:
    """Bytes of anonymous and shared memory, resident or swapped. Pages shared between processes count in each."""
    return sum(1024 * _sum_lines(f"/proc/{pid}/status", _STATUS_KEYS) for pid in pids)


def memory_held(pids: Iterable[int]) -> int:
    """As `memory_bound`, but a page that n processes share counts 1/n in each. Slower: the kernel walks page tables."""
    return sum(1024 * _proportional(pid) for pid in pids)


def carriers(attempt_id: str, logs: Iterable[str] = ()) -> list[int]:
    """The living processes of this host that carry the attempt's mark, sit in its cgroup, or whose output goes to its
    `logs` or any file beside or below them.

    A process without our environment (`env -i`, `sudo`, `setproctitle`) is found by the other two.
    """
    mark, logs = f"{MARK}={attempt_id}".encode(), list(logs)
    files = {identity for path in logs if (identity := _identity(path))}
    folders = tuple({f"{os.path.realpath(os.path.dirname(path))}/" for path in logs})  # noqa: PTH120 - of every log
    return [
        pid
        for pid in all_pids()
        if start_time(pid) is not None and (_carries(pid, mark, attempt_id) or _writes_to(pid, files, folders))
    ]


def cgroup_name(attempt_id: str, pid: int, started: int) -> str:
    """The folder name of an attempt's own cgroup: tells whose it is, so that left-overs can be removed."""
    return f"runner-{pid}-{started}-{_plain(attempt_id)}"


def _carries(pid: int, mark: bytes, attempt_id: str) -> bool:
    environment = read_small(f"/proc/{pid}/environ")
    if environment is not None and mark in environment.split(b"\0"):
        return True
    groups = read_small(f"/proc/{pid}/cgroup") or b""
    own = rf"/runner-\d+-\d+-{re.escape(_plain(attempt_id))}(/|$)"
    return re.search(own.encode(), groups, re.MULTILINE) is not None


def _writes_to(pid: int, files: Collection[tuple[int, int]], folders: tuple[str, ...]) -> bool:
    """Whether its output goes there; who only reads a log has it open under another number."""
    return any(_leads_to(f"/proc/{pid}/fd/{number}", files, folders) for number in (1, 2))


def _leads_to(link: str, files: Collection[tuple[int, int]], folders: tuple[str, ...]) -> bool:
    if not folders:
        return False
    try:
        return os.readlink(link).startswith(folders) or _identity(link) in files  # noqa: PTH115 - of every process
    except OSError:
        return False


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - of every process
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _plain(attempt_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", attempt_id)


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat from the state on; the name before it may hold anything."""
    content = read_small(f"/proc/{pid}/stat")
    return content.rpartition(b")")[2].split() if content else None


def _children_by_file(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - names, not paths
    except OSError:
        return []
    return [
        int(child) for thread in threads for child in (read_small(f"/proc/{pid}/task/{thread}/children") or b"").split()
    ]


def _children_by_scan() -> Children:
    """For kernels without CONFIG_PROC_CHILDREN."""
    found: dict[int, list[int]] = {}
    for pid in all_pids():
        fields = _stat(pid)
        if fields is not None:
            found.setdefault(int(fields[1]), []).append(pid)
    return lambda pid: found.get(pid, [])


_STATUS_KEYS = frozenset((b"RssAnon:", b"RssShmem:", b"VmSwap:"))
_ROLLUP_KEYS = frozenset((b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:"))


def _sum_lines(path: str, keys: frozenset[bytes]) -> int:
    lines = (line.split() for line in (read_small(path) or b"").splitlines())
    return sum(int(line[1]) for line in lines if line and line[0] in keys)


def _proportional(pid: int) -> int:
    """KiB. Kernels before 5.3 do not split Pss; what cannot be read this way counts by its bound."""
    rollup = read_small(f"/proc/{pid}/smaps_rollup") or b""
    if b"Pss_Anon:" in rollup:
        return _sum_lines(f"/proc/{pid}/smaps_rollup", _ROLLUP_KEYS)
    return _sum_lines(f"/proc/{pid}/status", _STATUS_KEYS)
