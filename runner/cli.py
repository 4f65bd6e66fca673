"""The commands. A thin shell: each reads its arguments, calls the library and prints.

What a command needs is imported inside it: `--help` and `status` must not pay for torch, SQLAlchemy or numpy.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from db.errors import Refused, RunnerError
from runner.arguments import parse
from runner.exit_codes import ExitCode
from runner.output import unfailing
from runner.places import current_folder, require_writable, typed_path, typed_root
from runner.regular_file import open_regular

if TYPE_CHECKING:
    from runner.attempt_dir import AttemptDir


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns an `ExitCode`; nothing that a person typed gives a traceback."""
    if sys.platform != "linux":
        print("runner works on Linux only: it proves what became of a process by Linux's own means", file=sys.stderr)
        return ExitCode.REFUSED
    with unfailing() as out:
        parsed = parse(arguments)
        code = _carry_out(parsed)
        out.flush()
        if out.trouble and not isinstance(out.trouble, BrokenPipeError):  # that is `head`, which has seen enough
            print(f"runner: not all output could be written: {out.trouble.strerror}", file=sys.stderr)
    return code


def _carry_out(parsed: argparse.Namespace) -> int:
    code: int
    try:
        code = _COMMANDS[parsed.command](parsed)
    except Refused as refused:
        print(f"runner: {_plain(refused)}", file=sys.stderr)
        code = _code_of(refused)
    except RunnerError as error:  # the ledger will not
        print(f"runner: {_plain(error)}", file=sys.stderr)
        code = ExitCode.NOT_ALL_SUCCEEDED
    except OSError as error:  # the system will not: a full disk, a folder taken away
        print(f"runner: {_plain(_refused_by_system(error))}", file=sys.stderr)
        code = ExitCode.NOT_ALL_SUCCEEDED
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except Exception as error:  # the outermost: whatever it is, a person gets a sentence
        if os.environ.get("RUNNER_TRACEBACK"):
            raise
        print(
            f"runner: it failed by its own fault: {type(error).__name__}: {_plain(error)}\n"
            "Nothing that was recorded is lost. RUNNER_TRACEBACK=1 shows where it happened.",
            file=sys.stderr,
        )
        code = ExitCode.OWN_FAULT
    return code


def _refused_by_system(error: OSError) -> str:
    from runner.room import told

    what = f"{os.fsdecode(error.filename)} cannot be used: " if isinstance(error.filename, (str, bytes)) else ""
    return f"{what}{told(error)}. Nothing that was recorded is lost; mend that, and type it again"


def _plain(error: Exception | str) -> str:
    """What was typed, or stands in a file, must not steer the terminal that it is told on."""
    from runner import show

    return show.plain(str(error))


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
        launcher=arguments.launcher,
    )


def _plan(arguments: argparse.Namespace) -> ExitCode:
    from db.strict import to_data
    from runner.planning import described, plan, typed_size

    typed_path(arguments.file, "the sweep file")
    found = plan(
        Path(arguments.file),
        [_utf8(word) for word in arguments.overrides],
        profile=arguments.profile and _utf8(arguments.profile),
        root=typed_root(arguments.root),
        gpu_memory=typed_size(arguments.gpu_memory, "--gpu-memory"),
        memory=typed_size(arguments.memory, "--memory"),
    )
    print(json.dumps(to_data(found), indent=1) if arguments.json else described(found))
    return ExitCode.NOT_ALL_SUCCEEDED if found.too_large else ExitCode.OK


def _doctor(arguments: argparse.Namespace) -> ExitCode:
    from runner.doctor.examination import examine_cluster, examine_here
    from runner.doctor.finding import facts, is_well, page
    from runner.doctor.request import read_request, typed_patience

    file = arguments.file and typed_path(arguments.file, "the sweep file")
    overrides = [_utf8(word) for word in arguments.overrides]
    profile, launcher = arguments.profile and _utf8(arguments.profile), arguments.launcher
    root, within = typed_root(arguments.root), typed_patience(arguments.within)
    request = read_request(file, overrides, profile, launcher)
    if launcher == "slurm":
        found = examine_cluster(root, request, within=None if arguments.no_job else within)
    else:
        found = examine_here(root, request)
    print(json.dumps(facts(found, str(root), launcher), indent=1) if arguments.json else page(found))
    return ExitCode.OK if is_well(found) else ExitCode.NOT_ALL_SUCCEEDED


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
    from runner import show, summary

    root = typed_root(arguments.root)
    facts = summary.status(Board(root / "ledger.db"), root, arguments.sweep)
    print(json.dumps(facts, indent=1) if arguments.json else show.status(facts))
    return ExitCode.OK


def _why(arguments: argparse.Namespace) -> ExitCode:
    from db.board import Board
    from runner.why import explain
    from runner.why_page import page

    root = typed_root(arguments.root)
    board = Board(root / "ledger.db")
    facts = explain(board, root, board.find_run(arguments.run))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(json.dumps(facts, indent=1) if arguments.json else page(facts, width))
    return ExitCode.OK


def _logs(arguments: argparse.Namespace) -> ExitCode:
    from runner import show

    folder = _typed_attempt(arguments)
    for path in (folder.stdout, folder.stderr):
        try:
            descriptor = open_regular(path)
        except OSError as fault:
            print(f"==> {path} <== (nothing: {fault.strerror})")
            continue
        with open(descriptor, errors="replace") as lines:  # noqa: PTH123 - a descriptor has no path
            print(f"==> {path} <==" + ("" if os.fstat(descriptor).st_size else " (nothing)"))
            for line in lines:
                print(show.plain(line), end="")
    return ExitCode.OK


def _repeat(arguments: argparse.Namespace) -> int:
    from runner.repeating import repeat

    return repeat(_typed_attempt(arguments), partial(print, flush=True), show_only=arguments.show)


def _typed_attempt(arguments: argparse.Namespace) -> AttemptDir:
    """The folder of the attempt that a person named, or of the run's latest."""
    from db.board import Board
    from runner.attempt_dir import AttemptDir

    board = Board(_ledger(arguments))
    run = board.find_run(arguments.run)
    known = [row["attempt"] for row in board.attempts(run)]
    if not known:
        raise Refused(f"{run} has not been tried yet")
    number = known[-1] if arguments.attempt is None else arguments.attempt
    if number not in known:
        raise Refused(f"{run} has no attempt {number}; its attempts are {known[0]} to {known[-1]}")
    return AttemptDir(typed_root(arguments.root) / run / str(number))


def _sql(arguments: argparse.Namespace) -> ExitCode:
    from db.board import Board
    from runner import show

    names, rows = Board(_ledger(arguments)).sql(arguments.query)
    if arguments.json:
        print(json.dumps([dict(zip(names, map(_finite, row), strict=True)) for row in rows], indent=1, default=str))
    else:
        print(show.table(names, [["" if cell is None else cell for cell in row] for row in rows]))
    return ExitCode.OK


def _finite(cell: object) -> object:
    """What JSON has no number for is spelled out, as in `metrics.jsonl`."""
    return str(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell


def _cancel(arguments: argparse.Namespace) -> ExitCode:
    return _wish("cancel", arguments, everything=arguments.all)


def _retry(arguments: argparse.Namespace) -> ExitCode:
    return _wish("retry", arguments, everything=arguments.failed)


def _wish(verb: Literal["cancel", "retry"], arguments: argparse.Namespace, *, everything: bool) -> ExitCode:
    from runner.wishes import wish

    said, heard = wish(verb, _writable_root(arguments), arguments.run, everything=everything)
    print(said)
    return ExitCode.OK if heard else ExitCode.NOT_ALL_SUCCEEDED


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


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "sweep": _sweep,
    "plan": _plan,
    "doctor": _doctor,
    "attach": _attach,
    "status": _status,
    "why": _why,
    "logs": _logs,
    "repeat": _repeat,
    "sql": _sql,
    "cancel": _cancel,
    "retry": _retry,
    "report": _report,
}
