"""What a person may type after `runner`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from db.legible import legible


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """What was typed must not steer the terminal that it is told on."""
        super().error(legible(message))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command by its name, with its options. Overrides may stand anywhere among them, unlike with argparse alone.

    Ends the process with exit code 2 and a sentence where it cannot be understood.
    """
    parser = build_parser()
    parsed, rest = parser.parse_known_args(arguments)
    late = [word for word in rest if "=" in word and not word.startswith("-")]
    if len(late) < len(rest) or (late and parsed.command not in ("sweep", "plan", "doctor")):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if late:
        parsed.overrides += late
    return parsed


def build_parser() -> argparse.ArgumentParser:
    about = "The sweep runner that never lies. Exit codes: docs/commands.md"
    parser: argparse.ArgumentParser = _Parser(prog="runner", description=about)
    parser.add_argument("--version", action="version", version="runner 0.1.0")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    sweep = _command(commands, "sweep", "run a sweep file, or go on with it")
    sweep.add_argument("file", help="the sweep file, YAML")
    sweep.add_argument("overrides", nargs="*", metavar="key=value", help="settings over the file's: train.lr=1e-3")
    sweep.add_argument("--profile", help="a profile of the file, whatever the machine")
    either = sweep.add_mutually_exclusive_group()
    either.add_argument("--dry-run", action="store_true", help="check everything and show the runs; start nothing")
    either.add_argument("--detach", action="store_true", help="check everything, then go on without this terminal")
    sweep.add_argument(
        "--launcher", choices=["local", "slurm"], default="local", help="where attempts run: here (local), or on Slurm"
    )
    sweep.add_argument("--rerun", choices=["changed"], help="try succeeded runs again whose code has changed since")

    _add_plan(commands)
    _add_doctor(commands)

    attach = _command(commands, "attach", "follow a sweep that is being worked on")
    attach.add_argument("sweep", nargs="?", help="its name; without, the only one that runs")

    status = _command(commands, "status", "every run's state, and why")
    status.add_argument("sweep", nargs="?", help="the name of a sweep; all of them without")
    status.add_argument("--json", action="store_true")

    why = _command(commands, "why", "what every witness said of a run")
    why.add_argument("run", help="its id, the beginning of it, or its label")
    why.add_argument("--json", action="store_true")

    logs = _command(commands, "logs", "what a run printed")
    logs.add_argument("run", help="its id, the beginning of it, or its label")
    logs.add_argument("--attempt", type=int, metavar="N", help="the latest one without")

    repeat = _command(commands, "repeat", "carry an attempt out once more, by hand and elsewhere; nothing is recorded")
    repeat.add_argument("run", help="its id, the beginning of it, or its label")
    repeat.add_argument("--attempt", type=int, metavar="N", help="the latest one without")
    repeat.add_argument("--show", action="store_true", help="only show the line for a shell that does it")

    sql = _command(commands, "sql", "ask the ledger; it is opened for reading only")
    sql.add_argument("query", help='for instance: "SELECT * FROM run_status"')
    sql.add_argument("--json", action="store_true")

    cancel = _command(commands, "cancel", "end a run, and stop it until `retry`")
    cancel.add_argument("run", nargs="*", help="ids, beginnings of ids, or labels")
    cancel.add_argument("--all", action="store_true", help="every run that is not settled")

    retry = _command(commands, "retry", "take a failed or cancelled run up again")
    retry.add_argument("run", nargs="*", help="ids, beginnings of ids, or labels")
    retry.add_argument("--failed", action="store_true", help="every failed run")
    _add_report(commands)
    return parser


def _add_plan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plan = _command(commands, "plan", "what memory each run would need, and how its batch would be cut; starts nothing")
    plan.add_argument("file", help="the sweep file, YAML")
    plan.add_argument("overrides", nargs="*", metavar="key=value", help="settings over the file's: train.batch=64")
    plan.add_argument("--profile", help="a profile of the file, whatever the machine")
    room = plan.add_mutually_exclusive_group()
    room.add_argument("--gpu-memory", metavar="SIZE", help="of the GPU that an attempt would have: 24GiB")
    room.add_argument("--memory", metavar="SIZE", help="of the host, where an attempt would have no GPU: 8GiB")
    plan.add_argument("--json", action="store_true")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = _command(commands, "doctor", "check what a sweep needs, here or on a cluster, and say what to do")
    doctor.add_argument("file", nargs="?", help="a sweep file: what it asks for is checked too")
    doctor.add_argument("overrides", nargs="*", metavar="key=value", help="settings over the file's: slurm.partition=x")
    doctor.add_argument("--profile", help="a profile of the file, whatever the machine")
    doctor.add_argument("--launcher", choices=["local", "slurm"], default="local", help="where attempts would run")
    job = doctor.add_mutually_exclusive_group()
    job.add_argument("--no-job", action="store_true", help="submit nothing: nodes are not looked at")
    job.add_argument("--within", default="1min", metavar="TIME", help="how long a job of the cluster may take (1min)")
    doctor.add_argument("--json", action="store_true")


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Without `--root`: it finds its attempt in the environment."""
    summary = "what a shell script says of its own attempt; nothing outside of one"
    report = commands.add_parser("report", help=summary, description=summary)
    report.add_argument("--metric", dest="metrics", action="append", default=[], metavar="NAME=VALUE", help="a number")
    report.add_argument("--step", type=int, metavar="N", help="the metrics are points on curves, at this step")
    report.add_argument("--done", action="store_true", help="all is done, with these results")
    report.add_argument("--steps", type=int, metavar="N", help="how many optimizer steps were done")
    report.add_argument("--failed", metavar="MESSAGE", help="it failed, whatever the exit code will be")
    report.add_argument("--kind", help="how it failed: crashed (the default), config, data, non_finite, cuda_oom, ...")
    report.set_defaults(command="report")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--root", default="runs", metavar="DIR", help="where the ledger and the attempts lie (runs)")
    parser.set_defaults(command=name)
    return parser
