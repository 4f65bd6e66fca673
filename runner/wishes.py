"""`runner cancel` and `runner retry`: asked of the living scheduler, or carried out here where there is none."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from db.board import Board
from db.errors import Refused, RunnerError
from db.ledger import Ledger
from runner.attempt_dir import AttemptDir
from runner.attending import Attended
from runner.launchers.named import Launchers
from runner.requests import Verb, leave_request
from runner.sweep_lock import SweepBusy, hold_sweep, is_held, refuse_if_held

SETTLED = frozenset({"succeeded", "failed", "cancelled", "unverified"})
POLL_SECONDS = 0.1
PATIENCE = 60.0
"""Seconds for which a command waits for the scheduler's, or another command's, attention."""


def wish(verb: Verb, root: Path, names: Sequence[str], *, everything: bool) -> tuple[str, bool]:
    """Cancel or retry runs. Returns what was done, a line a run, and whether each wish was heard.

    Raises:
        Refused: a name fits no run, or nothing was named.
    """
    root = root.absolute()
    board = Board(root / "ledger.db")
    if everything:
        rows = board.run_status()
        states = {"failed"} if verb == "retry" else {row["state"] for row in rows} - SETTLED
        runs = list(dict.fromkeys(row["run"] for row in rows if row["state"] in states))
    else:
        runs = [board.find_run(name) for name in names]
    sweeps = {run: sweeps_of(board, run) for run in runs}
    board.close()
    if not runs:
        raise Refused(
            f"there is no run to {verb}" if everything else f"say which run to {verb}; `runner status` names them"
        )
    told = _wishes(verb, root, sweeps)
    said = "\n".join(f"{run}: {what}" for run, (what, _) in zip(runs, told, strict=True))
    return said, all(heard for _, heard in told)


def sweeps_of(board: Board, run: str) -> list[str]:
    """The names of all sweeps that the run is or was part of."""
    query = "SELECT DISTINCT s.name FROM member m JOIN sweep s ON s.id = m.sweep_id WHERE m.run_id = ? ORDER BY 1"
    return [row["name"] for row in board.rows(query, (run,))]


def _wishes(verb: Verb, root: Path, sweeps: Mapping[str, Sequence[str]]) -> list[tuple[str, bool]]:
    """Carried out here where nobody works on a run's sweeps. All others are asked for at once, so that a scheduler that
    works on many of them takes them together.
    """
    asked = {run: leave_request(root, verb, run) for run, names in sweeps.items() if _is_worked_on(root, names)}
    return [_wish(verb, root, run, names, asked.get(run)) for run, names in sweeps.items()]


def _is_worked_on(root: Path, sweeps: Sequence[str]) -> bool:
    """Whether a scheduler, awake, holds one of them."""
    try:
        for sweep in sweeps:
            refuse_if_held(root, sweep)
    except SweepBusy as busy:
        return busy.by_scheduler and busy.stopped is None
    return False


def _wish(verb: Verb, root: Path, run: str, sweeps: Sequence[str], asked: Path | None) -> tuple[str, bool]:
    """Wait for a request to be heard, which is made where there is none yet; or carry it out here."""
    deadline = time.monotonic() + PATIENCE
    if asked and _is_heard(root, asked, sweeps, deadline):
        return f"the running scheduler was asked to {verb} it", True
    while True:
        try:
            return _carry_out(verb, root, run, sweeps), True
        except SweepBusy as busy:
            awake = busy.by_scheduler and busy.stopped is None
            if awake and _is_heard(root, leave_request(root, verb, run), sweeps, deadline):
                return f"the running scheduler was asked to {verb} it", True
            if busy.stopped is not None or time.monotonic() > deadline:
                return f"nobody could be found to {verb} it: {busy}", False
        time.sleep(POLL_SECONDS)


def _is_heard(root: Path, request: Path, sweeps: Sequence[str], deadline: float) -> bool:
    """Whether a scheduler takes the request. One that nobody took does not stay behind."""
    while request.exists():
        if time.monotonic() > deadline or not any(is_held(root, sweep) for sweep in sweeps):
            try:
                request.unlink()
            except FileNotFoundError:
                break
            return False
        time.sleep(POLL_SECONDS)
    return True


def _carry_out(verb: Verb, root: Path, run: str, sweeps: Sequence[str]) -> str:
    with ExitStack() as held:
        for sweep in sweeps:
            held.enter_context(hold_sweep(root, sweep, f"`runner {verb}`"))
        ledger = Ledger(root / "ledger.db")
        held.callback(ledger.close)
        return _retry(ledger, run) if verb == "retry" else _cancel(ledger, root, run)


def _retry(ledger: Ledger, run: str) -> str:
    if not ledger.record_reopening(run):
        return "it is not stopped; there is nothing to retry"
    return "open again; the next `runner sweep` tries it"


def _cancel(ledger: Ledger, root: Path, run: str) -> str:
    history = ledger.read_history(run)
    left_open = ledger.read_open_attempts(run_id=run)  # by a `cancel` that was killed, where the run is stopped
    if history.stopped and not left_open:
        return f"it is {history.stopped}; there is nothing to cancel"
    if history.succeeded:
        return "it has succeeded; there is nothing to cancel"
    ledger.record_stop(run, "cancelled", "somebody cancelled it")
    launchers = Launchers(root)
    for opened in left_open:
        launcher = launchers.named(opened.launcher)
        attended = Attended(opened, AttemptDir(root / run / str(opened.number)), opener_lives=lambda: False)
        attended.end("cancelled", launcher)
        deadline = time.monotonic() + PATIENCE
        while attended.attend(ledger, launcher) is None:
            why = attended.trouble or (f"queued: {attended.queued.reason}" if attended.queued else None)
            if why and time.monotonic() > deadline:
                raise RunnerError(f"{run} is cancelled, but its attempt {opened.number} is open: {why}")
            time.sleep(POLL_SECONDS)
    return "it had completed before it could be cancelled" if ledger.read_history(run).succeeded else "cancelled"
