"""`runner cancel` and `runner retry`: left for the living scheduler, or carried out here where there is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from db.board import Board, Row
from db.errors import Refused
from db.ledger import Ledger
from runner.attempt_dir import AttemptDir
from runner.attending import Attended
from runner.launchers.local import LocalLauncher
from runner.metrics_feed import MetricsFeed
from runner.requests import Verb, leave_request
from runner.sweep_lock import hold_sweep, is_held

CONCERNS = {
    "cancel": frozenset({"waiting", "running", "retrying", "unobserved"}),
    "retry": frozenset({"failed", "cancelled", "unverified"}),
}
DONE = {"cancel": "cancelled", "retry": "open again; the next `runner sweep` tries it"}
POLL_SECONDS = 0.1


def wish(verb: Verb, root: Path, names: Sequence[str], *, everything: bool) -> str:
    """Cancel or retry runs. Returns what was done, a line a run.

    Raises:
        Refused: a name fits no run, or nothing was named.
    """
    root = root.absolute()
    board = Board(root / "ledger.db")
    rows = board.run_status()
    if everything:
        wanted = {"failed"} if verb == "retry" else CONCERNS[verb]
        runs = list(dict.fromkeys(row["run"] for row in rows if row["state"] in wanted))
    else:
        runs = [board.find_run(name) for name in names]
    board.close()
    if not runs:
        raise Refused(
            f"there is no run to {verb}" if everything else f"say which run to {verb}; `runner status` names them"
        )
    return "\n".join(_wish(verb, root, run, [row for row in rows if row["run"] == run]) for run in runs)


def _wish(verb: Verb, root: Path, run: str, rows: Sequence[Row]) -> str:
    state = str(rows[0]["state"])
    if state not in CONCERNS[verb]:
        return f"{run}: it is {state}; there is nothing to {verb}"
    sweeps = sorted({str(row["sweep"]) for row in rows})
    if any(is_held(root, sweep) for sweep in sweeps):
        leave_request(root, verb, run)
        return f"{run}: asked the running scheduler to {verb} it"
    with ExitStack() as locks:
        for sweep in sweeps:
            locks.enter_context(hold_sweep(root, sweep))
        ledger = Ledger(root / "ledger.db")
        locks.callback(ledger.close)
        if verb == "retry":
            ledger.record_reopening(run)
        else:
            ledger.record_stop(run, "cancelled", "somebody cancelled it")
            _end_open_attempts(ledger, root, run)
    return f"{run}: {DONE[verb]}"


def _end_open_attempts(ledger: Ledger, root: Path, run: str) -> None:
    launcher = LocalLauncher()
    for opened in ledger.read_open_attempts(run_id=run):
        folder = AttemptDir(root / run / str(opened.number))
        attended = Attended(opened, folder, ours=False, feed=MetricsFeed(folder.metrics))
        attended.end("cancelled", launcher)
        while attended.attend(ledger, launcher) is None:
            time.sleep(POLL_SECONDS)
