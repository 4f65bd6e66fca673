"""What a person sees while a sweep runs: a line for every event, and below them where everything stands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from db.board import Board
from runner import show
from runner.attending import Attended
from runner.events import Event
from runner.places import as_typed
from runner.prepare import PreparedRun, PreparedSweep
from runner.queue_words import stuck
from runner.scheduler import Scheduler
from runner.sweep_log import SweepLog
from sweeps.units import size

REFRESH_SECONDS = 0.5
QUIET_SECONDS = 30.0
"""Without a terminal, where things stand is said this often."""


class Watch:
    """Prints to the terminal, or plain lines where there is none."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._scheduler: Scheduler | None = None
        self._shown = time.monotonic()
        self._log: SweepLog | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the lines that change at the bottom of the terminal while the block runs."""
        with self._live if self._console.is_terminal else nullcontext():
            yield

    def say(self, text: str) -> None:
        self._console.print(text)
        if self._log:
            self._log.write(text)

    def keep(self, log: SweepLog) -> None:
        """From now on the log is told too."""
        self._log = log

    def follow(self, scheduler: Scheduler) -> None:
        """From now on show where this scheduler's runs stand."""
        self._scheduler = scheduler
        sweep, slots = scheduler.sweep, scheduler.slots.count
        ledger = self._root / "ledger.db"
        runs = show.some(len(sweep.runs), "run")
        self.say(f"sweep {sweep.name}: {runs}, up to {slots} side by side; ledger {ledger}")

    def observe(self, event: Event | None) -> None:
        """Show an event, or only the time passing."""
        if event is not None:
            attempt = f" attempt {event.number}" if event.number else ""
            self.say(f"{time.strftime('%H:%M:%S')} {event.run.label}{attempt} {show.plain(event.what)}")
            self._shown -= REFRESH_SECONDS if self._console.is_terminal else 0.0  # what stands below is old now
        if self._scheduler is None:
            return
        every = REFRESH_SECONDS if self._console.is_terminal else QUIET_SECONDS
        if time.monotonic() - self._shown >= every:
            self._shown = time.monotonic()
            self._show(standing(self._scheduler))

    def _show(self, text: str) -> None:
        if self._console.is_terminal:
            self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)
        else:
            self.say(text)

    def summarise(self, prepared: PreparedSweep) -> None:
        """How the sweep ended, from the ledger alone."""
        board = Board(self._root / "ledger.db")
        rows, scores, notes = board.run_status(prepared.name), board.scores(prepared.name), board.notes(prepared.name)
        metrics = board.final_metrics(prepared.name)
        attempts = [attempt for row in rows for attempt in board.attempts(row["run"])]
        board.close()
        if scores:
            self.say("\n" + show.scores(scores))
        elif metrics:
            self.say("\n" + show.final_metrics(metrics))
        if notes:
            self.say("\n" + show.notes(notes, len(rows)))
        self.say("\n" + show.runs(prepared.name, rows))
        if wasted := show.wasted(attempts):
            self.say(wasted)
        if any(row["state"] != "succeeded" for row in rows):
            self.say(f"`{as_typed(self._root, 'why', 'RUN')}` tells what every witness said")


def standing(scheduler: Scheduler) -> str:
    """Counts, and below them each running attempt: step, loss and memory, or what it waits for."""
    attended = list(scheduler.running.values())
    queued = sum(one.queued is not None for one in attended)
    green = sum(done.green for done in scheduler.settled.values())
    total, settled = len(scheduler.sweep.runs), len(scheduler.settled)
    counts = [
        f"{green} succeeded",
        f"{settled - green} not",
        f"{len(attended) - queued} running",
        *([f"{queued} queued"] if queued else []),
        f"{total - settled - len(attended)} waiting of {total}",
    ]
    notes = ["ending attempts, again to leave them running"] if scheduler.interrupted else []
    unheard = scheduler.unheard
    if unheard:
        notes.append(show.plain(unheard))
    elif not attended and settled < total:
        lacking = "no slot is free: other sweeps of this host hold them"
        notes.append(lacking if scheduler.lacks_slot else "waiting until what failed may be tried again")
    return "\n".join(["; ".join([", ".join(counts), *notes]), *_lines(scheduler, attended)])


def _lines(scheduler: Scheduler, attended: Sequence[Attended]) -> list[str]:
    """One for each attempt; those that wait for the same share one, for there may be a thousand of them."""
    lines, waiting = [], dict[str, list[str]]()
    for one in attended:
        run = scheduler.runs[one.attempt.run_id]
        head, held_up = f"{run.label} attempt {one.attempt.number}", _held_up(one)
        if held_up is None:
            lines.append(f"  {head}: {_numbers(one, run)}")
        else:
            waiting.setdefault(held_up, []).append(head)
    return [*lines, *(f"  {_some_of(heads)}: {text}" for text, heads in waiting.items())]


def _some_of(heads: Sequence[str], most: int = 3) -> str:
    more = len(heads) - most
    return ", ".join(heads[:most]) + (f" and {more} more" if more > 0 else "")


def _held_up(attended: Attended) -> str | None:
    if attended.queued is None:
        return attended.trouble
    reason = attended.queued.reason
    # What helps may differ from job to job: it is told with each run.
    return show.plain(
        stuck(reason, "`runner status` tells what helps") if attended.queued.hopeless else f"queued: {reason}"
    )


def _numbers(attended: Attended, run: PreparedRun) -> str:
    latest = attended.feed.latest
    total = f" of {run.work.planned_steps}" if run.work.planned_steps else ""
    numbers = [f"step {attended.feed.step}{total}", *(f"{key} {latest[key]:.4g}" for key in _losses(latest))]
    memory = [f"memory {size(latest['memory'])}"] if "memory" in latest else []
    return ", ".join([*numbers, *memory])


def _losses(latest: Mapping[str, float]) -> list[str]:
    """The training loss of ours, or else the first metrics that a command reported."""
    return ["train.loss"] if "train.loss" in latest else [key for key in latest if key != "memory"][:2]
