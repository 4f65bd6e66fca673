"""Makes the files of `seen/` anew, on a cluster of its own; from tests/: `python -m slurm.record_seen [NAME ...]`."""

from __future__ import annotations

import re
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slurm.cluster import Cluster, Shape, running
from slurm.cluster.daemons import until
from slurm.provoking import BARE_CASES, CASES, Case
from slurm.recorded import SEEN, Answer, Recorded, as_text

SQUEUE = ("squeue", "-h", "-r", "-t", "all", "-o")
SACCT = ("sacct", "-D", "-n", "-P")
WIDE_SACCT = "JobID,JobIDRaw,JobName,State,ExitCode,DerivedExitCode,Submit,Start,End,NodeList,Reason"
_GOING = re.compile(r"\|(RUNNING|PENDING|COMPLETING|SUSPENDED)\|")


def questions(job: str) -> tuple[tuple[str, ...], ...]:
    """What is asked of each job: in the words of our own readers, and in as many as there are."""
    return (
        (*SQUEUE, "%i|%j|%V|%T|%N|%r", f"--jobs={job}"),
        (*SQUEUE, "%i|%F|%K|%j|%T|%r|%V|%N", f"--jobs={job}"),
        ("scontrol", "-o", "show", "job", job),
        (*SACCT, "--format=JobID,JobName,Submit,State,ExitCode,Start,End,NodeList", f"--jobs={job}"),
        (*SACCT, f"--format={WIDE_SACCT}", f"--jobs={job}"),
    )


@dataclass(frozen=True)
class Anonymous:
    """Takes this machine, this user and this cluster out of what Slurm printed."""

    cluster: Cluster
    folder: Path

    def __call__(self, text: str) -> str:
        host = socket.gethostname().partition(".")[0]
        prefix = self.cluster.nodes[0].removesuffix("1")
        for found, instead in (
            (re.escape(str(self.folder)), "/work"),
            (re.escape(str(self.cluster.root)), "/cluster"),
            (re.escape(prefix), "node-"),
            (rf"\b{re.escape(host)}\b", "node-host"),
            (r"\broot\(0\)", "user(1000)"),
            (r"\bby 0\b", "by 1000"),
            (r"\broot\b", "user"),
            (r"(?<=AllocNode:Sid=)\S+", "node-host:1000"),
            (r"(?<=slurmctld_port )\d+|(?<=127\.0\.0\.1:)\d+", "6817"),
        ):
            text = re.sub(found, instead, text)
        return text


def record(cluster: Cluster, case: Case, folder: Path) -> None:
    anonymous = Anonymous(cluster, folder)
    asked = case.provoke(cluster, folder)
    answers = []
    for argv in asked.commands or questions(asked.job):
        if asked.ended and argv[0] == "sacct" and cluster.shape.accounting:
            until(lambda argv=argv: _is_over(cluster, argv), 30)  # type: ignore[misc]  # mypy infers no lambda's default
        done = cluster.run(*argv)
        answers.append(
            Answer(tuple(map(anonymous, argv)), anonymous(done.stdout), anonymous(done.stderr), done.returncode)
        )
    about = f"Slurm {cluster.ask('sinfo', '--version').split()[1]}: {case.about}"
    (SEEN / f"{case.name}.txt").write_text(as_text(Recorded(about, tuple(answers))))


def _is_over(cluster: Cluster, argv: tuple[str, ...]) -> bool:
    told = cluster.run(*argv).stdout
    return bool(told) and not _GOING.search(told)


def record_all(shape: Shape, cases: tuple[Case, ...], wanted: Callable[[Case], bool]) -> None:
    chosen = [case for case in cases if wanted(case)]
    if not chosen:
        return
    with running(shape) as cluster, tempfile.TemporaryDirectory() as folder:
        for case in chosen:
            print(case.name, flush=True)  # noqa: T201  # a script
            record(cluster, case, Path(folder))
            with suppress(AssertionError):
                cluster.settle()


if __name__ == "__main__":
    names = sys.argv[1:]
    for shape, cases in ((Shape(), CASES), (Shape(accounting=False), BARE_CASES)):
        record_all(shape, cases, lambda case: not names or case.name in names)
