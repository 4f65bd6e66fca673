"""The commands. A thin shell: each reads its arguments, calls the library and prints.

What a command needs is imported inside it: `--help` and `status` must not pay for torch, SQLAlchemy or numpy.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from db.errors import Refused, RunnerError
from runner.exit_codes import ExitCode
from runner.output import unfailing
from runner.places import current_folder, require_writable, typed_path, typed_root

Command = Callable[[argparse.Namespace], ExitCode]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns an `ExitCode`; nothing that a person typed gives a traceback."""
    if sys.platform != "linux":
        print("runner works on Linux only: it proves what became of a process by Linux's own means", file=sys.stderr)
        return ExitCode.REFUSED
    with unfailing() as out:
        parsed = _parse(arguments)
        code = _carry_out(parsed)
        out.flush()
        if out.trouble and not isinstance(out.trouble, BrokenPipeError):  # that is `head`, which has seen enough
            print(f"runner: not all output could be written: {out.trouble.strerror}", file=sys.stderr)
    return code


def _carry_out(parsed: argparse.Namespace) -> ExitCode:
    command: Command = parsed.command
    try:
        code = command(parsed)
    except Refused as refused:
        print(f"runner: {refused}", file=sys.stderr)
        code = _code_of(refused)
    except (RunnerError, OSError) as error:  # the ledger or the system will not: a full disk, a folder taken away
        print(f"runner: {error}", file=sys.stderr)
        code = ExitCode.NOT_ALL_SUCCEEDED
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except Exception as error:  # the outermost: whatever it is, a person gets a sentence
        if os.environ.get("RUNNER_TRACEBACK"):
            raise
        print(
            f"runner: it failed by its own fault: {type(error).__name__}: {error}\n"
            "Nothing that was recorded is lost. RUNNER_TRACEBACK=1 shows where it happened.",
            file=sys.stderr,
        )
        code = ExitCode.OWN_FAULT
    return code


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Overrides may stand anywhere among the options, which argparse alone does not allow."""
    parser = _parser()
    parsed, rest = parser.parse_known_args(arguments)
    late = [word for word in rest if "=" in word and not word.startswith("-")]
    if len(late) < len(rest) or (late and parsed.command is not _sweep):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if late:
        parsed.overrides += late
    return parsed


def _code_of(refused: Refused) -> ExitCode:
    from runner.sweep_lock import SweepBusy

    return ExitCode.BUSY if isinstance(refused, SweepBusy) else ExitCode.REFUSED


def _sweep(arguments: argparse.Namespace) -> ExitCode:
    from runner.sweeping import sweep

    current_folder()
    root = typed_root(arguments.root)
    if not arguments.dry_run:
        require_writable(root)
    typed_path(arguments.file, "the sweep file")
    return sweep(
        Path(arguments.file),
        [_utf8(word) for word in arguments.overrides],
        profile=arguments.profile and _utf8(arguments.profile),
        root=root,
        dry_run=arguments.dry_run,
        rerun_changed=arguments.rerun == "changed",
        detach=arguments.detach,
    )


def _attach(arguments: argparse.Namespace) -> ExitCode:
    from runner.attaching import attach

    return attach(typed_root(arguments.root), arguments.sweep, partial(print, flush=True))


def _utf8(word: str) -> str:
    try:
        word.encode()
    except UnicodeEncodeError:
        raise Refused(f"`{word}` is not UTF-8") from None
    return word


def _status(arguments: argparse.Namespace) -> ExitCode:
    from db.board import Board
    from runner import show

    board = Board(_ledger(arguments))
    rows = board.run_status(arguments.sweep)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return ExitCode.OK
    print(show.status(rows))
    if hidden := board.hidden():
        print(f"\n{hidden} runs that their sweep no longer names are not shown; the view `attempts` has them")
    return ExitCode.OK


def _why(arguments: argparse.Namespace) -> ExitCode:
    from db.board import Board
    from runner import show
    from runner.attempt_dir import AttemptDir
    from runner.evidence import tail

    board = Board(_ledger(arguments))
    run = board.find_run(arguments.run)
    ladder = board.attempts(run)
    current = [row for row in board.run_status() if row["run"] == run]
    row = current[0] if current else show.former(run, board.expansions(run)[-1], ladder)
    evidence = board.evidence(run, row["attempts"])
    said = board.notes(row["sweep"]) if current else {}
    notes = [note for note, labels in said.items() if row["label"] in labels]
    folder = typed_root(arguments.root) / run / str(row["attempts"])
    if arguments.json:
        print(json.dumps({**row, "attempt_ladder": ladder, "evidence": json.loads(evidence), "notes": notes}, indent=1))
    else:
        print(show.why(row, ladder, evidence, notes, tail(AttemptDir(folder)), str(folder)))
    return ExitCode.OK


def _logs(arguments: argparse.Namespace) -> ExitCode:
    from db.board import Board
    from runner import show
    from runner.attempt_dir import AttemptDir

    board = Board(_ledger(arguments))
    run = board.find_run(arguments.run)
    known = [row["attempt"] for row in board.attempts(run)]
    if not known:
        raise Refused(f"{run} has not been tried yet; there is nothing it could have printed")
    number = known[-1] if arguments.attempt is None else arguments.attempt
    if number not in known:
        raise Refused(f"{run} has no attempt {number}; its attempts are {known[0]} to {known[-1]}")
    folder = AttemptDir(typed_root(arguments.root) / run / str(number))
    for path in (folder.stdout, folder.stderr):
        nothing = not path.is_file() or path.stat().st_size == 0
        print(f"==> {path} <==" + (" (nothing)" if nothing else ""))
        if path.is_file():
            with path.open(errors="replace") as lines:
                for line in lines:
                    print(show.plain(line), end="")
    return ExitCode.OK


def _sql(arguments: argparse.Namespace) -> ExitCode:
    from db.board import Board
    from runner import show

    names, rows = Board(_ledger(arguments)).sql(arguments.query)
    if arguments.json:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1, default=str))
    else:
        print(show.table(names, [["" if cell is None else cell for cell in row] for row in rows]))
    return ExitCode.OK


def _cancel(arguments: argparse.Namespace) -> ExitCode:
    from runner.wishes import wish

    print(wish("cancel", _writable_root(arguments), arguments.run, everything=arguments.all))
    return ExitCode.OK


def _retry(arguments: argparse.Namespace) -> ExitCode:
    from runner.wishes import wish

    print(wish("retry", _writable_root(arguments), arguments.run, everything=arguments.failed))
    return ExitCode.OK


def _report(arguments: argparse.Namespace) -> ExitCode:
    from runner.reporting import Said, pass_on

    given = {key: value for key, value in vars(arguments).items() if key != "command"}
    pass_on(Said(**given))
    return ExitCode.OK


def _writable_root(arguments: argparse.Namespace) -> Path:
    root = typed_root(arguments.root)
    require_writable(root)
    return root


def _ledger(arguments: argparse.Namespace) -> Path:
    return typed_root(arguments.root) / "ledger.db"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="runner", description="The sweep runner that never lies. Exit codes: docs/commands.md"
    )
    parser.add_argument("--version", action="version", version="runner 0.1.0")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    sweep = _command(commands, "sweep", _sweep, "run a sweep file, or go on with it")
    sweep.add_argument("file", help="the sweep file, YAML")
    sweep.add_argument("overrides", nargs="*", metavar="key=value", help="settings over the file's: train.lr=1e-3")
    sweep.add_argument("--profile", help="a profile of the file, whatever the machine")
    either = sweep.add_mutually_exclusive_group()
    either.add_argument("--dry-run", action="store_true", help="check everything and show the runs; start nothing")
    either.add_argument("--detach", action="store_true", help="check everything, then go on without this terminal")
    sweep.add_argument("--rerun", choices=["changed"], help="try succeeded runs again whose code has changed since")

    attach = _command(commands, "attach", _attach, "follow a sweep that is being worked on")
    attach.add_argument("sweep", nargs="?", help="its name; without, the only one that runs")

    status = _command(commands, "status", _status, "every run's state, and why")
    status.add_argument("sweep", nargs="?", help="the name of a sweep; all of them without")
    status.add_argument("--json", action="store_true")

    why = _command(commands, "why", _why, "what every witness said of a run")
    why.add_argument("run", help="its id, the beginning of it, or its label")
    why.add_argument("--json", action="store_true")

    logs = _command(commands, "logs", _logs, "what a run printed")
    logs.add_argument("run", help="its id, the beginning of it, or its label")
    logs.add_argument("--attempt", type=int, metavar="N", help="the latest one without")

    sql = _command(commands, "sql", _sql, "ask the ledger; it is opened for reading only")
    sql.add_argument("query", help='for instance: "SELECT * FROM run_status"')
    sql.add_argument("--json", action="store_true")

    cancel = _command(commands, "cancel", _cancel, "end a run, and stop it until `retry`")
    cancel.add_argument("run", nargs="*", help="ids, beginnings of ids, or labels")
    cancel.add_argument("--all", action="store_true", help="every run that is not settled")

    retry = _command(commands, "retry", _retry, "take a failed or cancelled run up again")
    retry.add_argument("run", nargs="*", help="ids, beginnings of ids, or labels")
    retry.add_argument("--failed", action="store_true", help="every failed run")
    _add_report(commands)
    return parser


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
    report.set_defaults(command=_report)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: Command, summary: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--root", default="runs", metavar="DIR", help="where the ledger and the attempts lie (runs)")
    parser.set_defaults(command=command)
    return parser
