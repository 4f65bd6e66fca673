"""Daemons by pid and start time, never by name: a pid file may be stale, and its pid another's by now."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# The process writes its own pid and start time before it becomes the daemon, so whoever dies meanwhile leaves no daemon
# that is written down nowhere.
_BECOME = 'cat /proc/sys/kernel/random/boot_id /proc/$$/stat >"$0.new" && mv "$0.new" "$0" && exec "$@"'


@dataclass(frozen=True)
class Birth:
    """What no other process has."""

    boot: str
    pid: int
    started: str


def until(condition: Callable[[], object], within: float, *, pause: float = 0.05) -> bool:
    """Whether it became so in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def is_alive(birth: Birth) -> bool:
    """A zombie is not."""
    try:
        now = Path(f"/proc/{birth.pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    state, started = _state_and_start(now)
    return boot.strip() == birth.boot and started == birth.started and state not in "ZX"


def _state_and_start(stat: str) -> tuple[str, str]:
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]


class Daemon:
    """One daemon of the cluster below `root`, in the foreground and in a session of its own."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.log = root / "log" / f"{name}.out"
        self._record = root / "pid" / name
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def birth(self) -> Birth | None:
        """None if it was never started, or ended by us."""
        try:
            boot, stat = self._record.read_text().split("\n", 1)
        except FileNotFoundError:
            return None
        return Birth(boot=boot, pid=int(stat.split()[0]), started=_state_and_start(stat)[1])

    @property
    def is_alive(self) -> bool:
        if self._child is not None:
            self._child.poll()
        birth = self.birth
        return birth is not None and is_alive(birth)

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], user: str | None = None, cwd: str = "/") -> None:
        if self.is_alive:
            raise RuntimeError(f"{self.name} runs already")
        become = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups") if user else ()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                ["/bin/sh", "-c", _BECOME, str(self._record), *become, *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        # Until it is written down, an earlier daemon's record may stand there.
        until(lambda: ((birth := self.birth) and birth.pid == self._pid_of_child) or self._has_ended(), 10, pause=0.005)

    def kill(self) -> None:
        """As a power cut would; gone when this returns."""
        self._end(signal.SIGKILL, within=10)

    def end(self) -> None:
        """Asked first, then killed."""
        self._end(signal.SIGTERM, within=15)
        self._end(signal.SIGKILL, within=10)
        self._record.unlink(missing_ok=True)

    @property
    def _pid_of_child(self) -> int | None:
        return self._child.pid if self._child else None

    def _has_ended(self) -> bool:
        return self._child is not None and self._child.poll() is not None

    def _end(self, how: signal.Signals, within: float) -> None:
        birth = self.birth
        if birth and self.is_alive:
            os.kill(birth.pid, how)
            if until(lambda: not self.is_alive, within, pause=0.01) and self._child:
                self._child.wait()
