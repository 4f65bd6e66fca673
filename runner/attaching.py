"""`runner attach`: follows a sweep that another process works on, by its log, and tells how it ended, by the ledger.

Standard library only, and nothing is written: whoever follows may come and go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from db.board import Board, Row
from db.errors import Refused
from runner import show
from runner.exit_codes import ExitCode
from runner.places import as_typed
from runner.sweep_lock import SweepBusy, refuse_if_held
from runner.sweep_log import NewLines, log_path

POLL_SECONDS = 0.2
OPEN = frozenset({"running", "unobserved"})

Say = Callable[[str], None]


def attach(root: Path, name: str | None, say: Say) -> ExitCode:
    """Follow a sweep until its scheduler ends. Returns what `runner sweep` would have.

    Raises:
        Refused: there is no such sweep, or none was named and there is not exactly one to follow.
    """
    with closing(Board(root / "ledger.db")) as board:  # an open reader would keep the ledger from coming to rest
        sweep = name if name is not None else _the_one(board, root)
        rows = board.run_status(sweep)
    news = NewLines(log_path(root, sweep))
    if not _has_scheduler(root, sweep):
        say(f"no scheduler works on `{sweep}`{_what_runs_on(rows)}; this is how it stands\n\n{show.runs(sweep, rows)}")
        return ExitCode.OK if _is_green(rows) else ExitCode.NOT_ALL_SUCCEEDED
    try:
        say(_standing(sweep, rows))
        say(f"following {log_path(root, sweep)}; Ctrl-C leaves, and the sweep goes on")
        _follow(root, sweep, news, say)
    except KeyboardInterrupt:
        say(f"`{sweep}` goes on; `{as_typed(root, 'attach', sweep)}` follows it again")
        return ExitCode.INTERRUPTED
    with closing(Board(root / "ledger.db")) as board:
        return _ending(board, sweep, say)


def _what_runs_on(rows: Sequence[Row]) -> str:
    count = sum(row["state"] in OPEN for row in rows)
    return f", but {count} of its attempts may run on: `runner sweep` looks after them" if count else ""


def _the_one(board: Board, root: Path) -> str:
    known = board.sweeps()
    running = [sweep for sweep in known if _has_scheduler(root, sweep)]
    found = running or known
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refused(f"no sweep has been run under {root}; `runner sweep FILE --detach` starts one")
    which = f"{len(running)} sweeps run" if running else "no sweep runs now, and there are several"
    raise Refused(f"{which}; say which one: {', '.join(found)}")


def _has_scheduler(root: Path, sweep: str) -> bool:
    try:
        refuse_if_held(root, sweep)
    except SweepBusy as busy:
        return busy.by_scheduler
    return False


def _follow(root: Path, sweep: str, news: NewLines, say: Say) -> None:
    """Say what the log says, for as long as a scheduler works on the sweep."""
    lives = True
    while lives:
        lives = _has_scheduler(root, sweep)  # asked before reading: its last words are in the log by then
        while lines := news.read():
            say(show.plain(lines))
        if lives:
            time.sleep(POLL_SECONDS)


def _standing(sweep: str, rows: Sequence[Row]) -> str:
    """Counts, and a line for each open attempt."""
    running = [f"  {row['label']}: {row['because']}" for row in rows if row["state"] in OPEN]
    return "\n".join([f"{sweep}: {show.counts(row['state'] for row in rows)}", *map(show.plain, running)])


def _ending(board: Board, sweep: str, say: Say) -> ExitCode:
    """The exit code of the scheduler that has just gone, as the ledger knows it."""
    rows, how = board.run_status(sweep), board.departure(sweep)
    counts = show.counts(row["state"] for row in rows)
    if _is_green(rows):
        return ExitCode.OK
    if how == "interrupted":
        say(f"`{sweep}` was interrupted: {counts}; `runner sweep` goes on with it")
        return ExitCode.INTERRUPTED
    if how is None:
        gone = f"the scheduler of `{sweep}` was killed, or met an error: {counts}"
        say(f"{gone}; what was started runs on, and `runner sweep` goes on")
    return ExitCode.NOT_ALL_SUCCEEDED


def _is_green(rows: Sequence[Row]) -> bool:
    return all(row["state"] == "succeeded" for row in rows)
