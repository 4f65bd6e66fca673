"""The cluster as tests have it: brought up, struck, brought back, taken down."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from slurm.cluster import accounting, cgroups, roots, usable
from slurm.cluster.client import Client
from slurm.cluster.config import write_config
from slurm.cluster.daemons import Daemon, until
from slurm.cluster.shape import Place, Shape, free_place, read_back, write_down


class StartFailedError(Exception):
    """Says which daemon did not come up, with the ends of all logs. Nothing is left running."""


class Cluster(Client):
    """One root folder, and the daemons whose pids are written there."""

    def __init__(self, root: Path, shape: Shape, place: Place) -> None:
        super().__init__(root / "etc" / "slurm.conf", place.nodes)
        self.root = root
        self.shape = shape
        self._env_of_daemons = {**self.env, cgroups.MARK: str(root)}
        self._place = place
        self._slurmds = {node: Daemon(root, f"slurmd.{node}") for node in place.nodes}
        self.slurmctld = Daemon(root, "slurmctld")
        self.slurmdbd = Daemon(root, "slurmdbd")
        self._mariadb = Daemon(root, "mariadbd")
        self._munged = Daemon(root, "munged")

    # What befalls it

    def set_node(self, node: str, state: str) -> None:
        """`down`, `drain`, `resume`, as an administrator does."""
        reason = () if state == "resume" else ("reason=test",)
        self.ask("scontrol", "update", f"nodename={node}", f"state={state}", *reason)

    def kill_node(self, node: str) -> None:
        """Its slurmd alone: the processes of its jobs live on, as behind a network that is cut."""
        self._slurmds[node].kill()

    def start_node(self, node: str) -> None:
        (self.root / "spool" / node).mkdir(exist_ok=True)
        host = self._as_host(node) if self.shape.own_host_names else ()
        argv = [*host, "slurmd", "-D", "-N", node, "-f", str(self.conf)]
        self._slurmds[node].start(argv, env=self._env_of_daemons)

    def _as_host(self, node: str) -> tuple[str, ...]:
        """What makes a program see a host of that name, which it can look up."""
        hosts = self.root / "etc" / f"hosts.{node}"
        hosts.write_text(f"{Path('/etc/hosts').read_text()}\n127.0.0.1 {node}\n")
        script = 'mount --bind "$1" /etc/hosts && hostname "$0" && shift && exec "$@"'
        return ("unshare", "--uts", "--mount", "/bin/sh", "-c", script, node, str(hosts))

    def start_slurmctld(self) -> None:
        """Goes on from the state that was saved; returns when it answers."""
        self.slurmctld.start(["slurmctld", "-D", "-f", str(self.conf)], env=self._env_of_daemons)
        self._expect("slurmctld", self._slurmctld_answers, self.slurmctld)

    def start_slurmdbd(self) -> None:
        """Returns when it answers."""
        folder = self.root / "dbd"  # where it would dump its core: not into "/"
        self.slurmdbd.start(["slurmdbd", "-D"], env=self._env_of_daemons, user="slurm", cwd=str(folder))
        self._expect("slurmdbd", self._slurmdbd_answers, self.slurmdbd)

    def restart_all(self) -> None:
        """Every daemon of Slurm killed, and started again; returns when every node is idle or at work."""
        struck = [*self._slurmds.values(), self.slurmctld, *([self.slurmdbd] if self.shape.accounting else [])]
        for daemon in struck:
            daemon.kill()
        self._start_slurm()
        assert until(lambda: self.answering() == len(self.nodes), 60), self.run("sinfo", "-N", "-l").stdout

    def settle(self) -> None:
        """As after a start: every daemon runs, every node is idle, no job is left."""
        if self.shape.accounting and not self.slurmdbd.is_alive:
            self.start_slurmdbd()
        if not self.slurmctld.is_alive:
            self.start_slurmctld()
        for node, slurmd in self._slurmds.items():
            if not slurmd.is_alive:
                self.start_node(node)
        self.cancel_all()
        for line in self.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T").splitlines():
            node, state = line.split()
            if state.startswith(("down", "drain")):
                self.set_node(node, "resume")
        self.wait_idle()

    # Up and down

    @classmethod
    def prepare(cls, shape: Shape, root: Path | None = None) -> Cluster:
        """Its folder and configuration; nothing runs yet.

        Raises:
            FileExistsError: there is something at `root`.
        """
        place = free_place(shape.nodes)
        if root is None:
            root = roots.make_root(place.tag)
        else:
            root.mkdir(parents=True)
            roots.furnish(root)
        write_down(root, shape, place)
        return cls(root, shape, place)

    @classmethod
    def found(cls, root: Path) -> Cluster | None:
        """The cluster of a folder, whoever brought it up; None if it was never written down."""
        known = read_back(root)
        return cls(root, *known) if known else None

    def start(self) -> None:
        """Every node idle, or nothing left running.

        Raises:
            StartFailedError: with the ends of the logs.
        """
        try:
            self._start_munged()
            write_config(self.root, self.shape, self._place)
            if self.shape.accounting:
                self._start_mariadb()
            self._start_slurm()
            if self.shape.accounting:
                self._expect("the cluster's entry in accounting", self._is_registered, self.slurmctld)
            self._expect("idle nodes", self.all_idle, *self._slurmds.values())
        except BaseException as error:
            logs = self._ends_of_logs()
            self.stop()
            if isinstance(error, Exception):
                raise StartFailedError(f"{error}\n{logs}") from error
            raise

    def stop(self) -> None:
        """Down by the pids that are written in its folder, which goes as well.

        Raises:
            RuntimeError: something is still there, by name.
        """
        if self.slurmctld.is_alive:
            with suppress(AssertionError, subprocess.TimeoutExpired):
                self.run("scancel", "--state=PENDING", f"--user={os.geteuid()}", "--quiet", timeout=10)
                self.run("scancel", f"--user={os.geteuid()}", "--quiet", timeout=10)
                until(lambda: not self.run("squeue", "-h", "-o", "%i", timeout=10).stdout, 5)
        for daemon in (*self._slurmds.values(), self.slurmctld, self.slurmdbd, self._mariadb, self._munged):
            daemon.end()
        cgroups.end_processes(self.root, self.conf, self.nodes)
        cgroups.remove(self.nodes)
        left = self.left()
        if left:
            raise RuntimeError(f"still there after the cluster was taken down: {', '.join(left)}")
        remove_folder(self.root)

    def left(self) -> list[str]:
        """What of this cluster is on the machine: daemons, processes of jobs, cgroups, mounts."""
        daemons = (*self._slurmds.values(), self.slurmctld, self.slurmdbd, self._mariadb, self._munged)
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        return [
            *(f"{daemon.name} ({daemon.birth})" for daemon in daemons if daemon.is_alive),
            *(f"process {pid}" for pid in sorted(cgroups.processes_left(self.root, self.conf, self.nodes))),
            *map(str, cgroups.of_nodes(self.nodes)),
            *(f"mount {at}" for at in mounts if at.startswith(f"{self.root}/")),
        ]

    def _start_munged(self) -> None:
        folder = self.root / "munge"
        key = folder / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        for path in (folder, key):
            shutil.chown(path, "munge", "munge")
        for name in ("state", "log", "run", "dbd"):
            shutil.chown(self.root / name, "slurm", "slurm")
        # Forced, for temporary folders may stand below one that a group may write, which munged refuses.
        argv = ["munged", "--foreground", "--force", f"--socket={folder}/socket", f"--key-file={key}"]
        files = [f"--{kind}-file={folder}/{kind}" for kind in ("pid", "log", "seed")]
        self._munged.start([*argv, *files, "--num-threads=4"], env=self._env_of_daemons, user="munge")
        self._expect("munged", (folder / "socket").is_socket, self._munged)

    def _start_mariadb(self) -> None:
        accounting.make_database(self.root, self.env)
        accounting.start_mariadb(self._mariadb, self.root, self._place.mariadb_port, self._env_of_daemons)
        self._expect("MariaDB", lambda: accounting.mariadb_answers(self.root, self.env), self._mariadb)
        accounting.open_accounts(self.root, self.env)

    def _start_slurm(self) -> None:
        if self.shape.accounting:
            self.start_slurmdbd()
        self.start_slurmctld()
        for node in self.nodes:
            self.start_node(node)

    def _expect(self, what: str, condition: Callable[[], bool], *daemons: Daemon, within: float = 60) -> None:
        until(lambda: condition() or not all(daemon.is_alive for daemon in daemons), within)
        if not condition():
            raise RuntimeError(f"no {what}")

    def _slurmctld_answers(self) -> bool:
        return self.run("scontrol", "ping").returncode == 0

    def _slurmdbd_answers(self) -> bool:
        return self.run("sacctmgr", "-n", "list", "cluster").returncode == 0

    def _is_registered(self) -> bool:
        return self.run("sacctmgr", "-n", "-P", "list", "cluster", "format=cluster").stdout.strip() == "loop"

    def _ends_of_logs(self) -> str:
        logs = sorted(file for file in (self.root / "log").glob("*") if file.stat().st_size)
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)


@contextmanager
def running(shape: Shape) -> Iterator[Cluster]:
    """A cluster of our own: clear what others left behind, install what is missing, up, and down in any case."""
    with roots.one_at_a_time():
        usable.install()
        clear_abandoned()
        cluster = Cluster.prepare(shape)
        owner = roots.hold(cluster.root)
    assert owner is not None
    try:
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        os.close(owner)


def clear_abandoned() -> None:
    """Take down every cluster whose owner was killed."""
    for root in roots.all_roots():
        owner = roots.hold(root)
        if owner is None:
            continue
        try:
            take_down(root)
        finally:
            os.close(owner)


def remove_folder(root: Path) -> None:
    """Whatever still writes or removes there at its own end."""

    def removed() -> bool:
        shutil.rmtree(root, ignore_errors=True)
        return not root.exists()

    if not until(removed, within=10):
        raise RuntimeError(f"{root} cannot be removed")


def take_down(root: Path) -> None:
    cluster = Cluster.found(root)
    if cluster is None:
        remove_folder(root)
    else:
        cluster.stop()
