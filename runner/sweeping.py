"""`runner sweep`: from a sweep file to an exit code."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path

from db.board import Board
from db.errors import Refused
from db.ledger import Ledger
from db.sqlite import is_network_file_system
from runner import show
from runner.detaching import Leaving, Waiting, part, stay_when_the_terminal_goes, told
from runner.dry_run import describe_runs
from runner.events import Event
from runner.exit_codes import ExitCode
from runner.failures import BY_WORD
from runner.fitting import fitted, said_of_room
from runner.foresight import foresight_of
from runner.grounds import ground_of, launchers_of
from runner.interrupting import ENDING_SIGNALS, interrupted_by_signals
from runner.on_end import Debt, OnEnd, find_command
from runner.places import as_typed
from runner.prepare import PreparedSweep, prepare
from runner.scheduler import Scheduler, Where
from runner.summary import ended
from runner.sweep_lock import hold_sweep, refuse_if_held
from runner.sweep_log import SweepLog, log_path, open_log
from runner.watch import Watch
from runner.wishes import SETTLED
from sweeps.spec import read_sweep
from sweeps.sweep_file import NO_PROFILES

ON_NETWORK = (
    "the ledger lies on a network file system, where SQLite's WAL does not work: readers and the scheduler wait for "
    "each other; --root on a local disk avoids that"
)
LEFT_RUNNING = "left at once; what was started runs on: `runner sweep` looks after it, `runner cancel --all` ends it"
HOW_TO_GO_ON = (
    "mend the cause, `runner retry --failed` what failed, and run the sweep again; policy.stop_after=0 lets it go on"
)


def sweep(
    file: Path,
    overrides: Sequence[str],
    *,
    profile: str | None,
    root: Path,
    dry_run: bool,
    rerun_changed: bool,
    detach: bool,
    launcher: str = "local",
) -> ExitCode:
    """Run a sweep until every run is settled, or, with `detach`, until another process has begun to.

    Raises:
        Refused: the file, an override or the root cannot be used; nothing was started.
    """
    for number in ENDING_SIGNALS:  # until there is a scheduler: as Ctrl-C
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    ground = ground_of(launcher)
    spec = read_sweep(
        file, overrides, profile=profile, gpus=ground.gpu_count, cluster=ground.cluster, known_kinds=BY_WORD
    )
    root = root.absolute()
    watch = Watch(root)
    with nullcontext() if detach else watch.shown():
        if spec.profile_reason != NO_PROFILES:
            watch.say(spec.profile_reason)
        on_end = find_command(spec.on_end, spec.file.parent, str(spec.source.place(("on_end",))))
        if dry_run:
            watch.say(describe_runs(prepare(spec, root), root))
            return ExitCode.OK
        ground.require_usable(spec, root)
        refuse_if_held(root, spec.name)
        prepared = prepare(spec, root)
        if spec.memory.predict:
            within = ground.room(spec)
            prepared = fitted(prepared, within)
            for line in said_of_room(prepared, within):
                watch.say(line)
        for line in prepared.unchecked:
            watch.say(line)
        _make(root)
        side = part() if detach else None
        if isinstance(side, Waiting):
            return _sent_off(side, prepared, root, watch)
        with hold_sweep(root, prepared.name), open_log(root, prepared.name) as log:
            launchers = launchers_of(root, spec)
            where = Where(
                launcher=ground.launcher,
                launchers=launchers,
                places=ground.places(spec, launchers),
                wall=ground.wall(spec),
                growth=ground.growth(spec),
            )
            held = _HeldSweep(prepared, root, watch, on_end, rerun_changed=rerun_changed)
            return held.carry_out(where, log, side)


def _sent_off(side: Waiting, prepared: PreparedSweep, root: Path, watch: Watch) -> ExitCode:
    code = side.wait()
    if code is not None:
        return code
    watch.say(told(prepared.name, len(prepared.runs), side.pid, root, log_path(root, prepared.name)))
    return ExitCode.OK


class _HeldSweep:
    """A sweep whose lock we hold, from its scheduler's beginning to the last word about it."""

    def __init__(
        self, sweep: PreparedSweep, root: Path, watch: Watch, on_end: OnEnd | None, *, rerun_changed: bool
    ) -> None:
        self._sweep = sweep
        self._root = root
        self._watch = watch
        self._on_end = on_end
        self._rerun_changed = rerun_changed
        self._debt = Debt(root, sweep.name)

    def carry_out(self, where: Where, log: SweepLog, leaving: Leaving | None) -> ExitCode:
        with closing(Ledger(self._root / "ledger.db")) as ledger:
            scheduler = self._scheduler(ledger, where)
            if leaving:
                leaving.begin(log)
            else:
                self._watch.keep(log)
            self._schedule(scheduler, detached=leaving is not None)
        self._watch.summarise(self._sweep)
        self._tell_the_end()
        if scheduler.interrupted and not scheduler.green:
            return ExitCode.INTERRUPTED
        return ExitCode.OK if scheduler.green else ExitCode.NOT_ALL_SUCCEEDED

    def _scheduler(self, ledger: Ledger, where: Where) -> Scheduler:
        def observe(event: Event | None) -> None:
            if self._on_end and scheduler.running:
                self._debt.owe()  # before the verdict of what runs now
            self._watch.observe(event)

        foresight = foresight_of(self._sweep, ledger, where.places)
        scheduler = Scheduler(
            *(self._sweep, ledger, self._root, where, observe, foresight), rerun_changed=self._rerun_changed
        )
        if self._on_end and self._something_is_open():
            self._debt.owe()
        return scheduler

    def _schedule(self, scheduler: Scheduler, *, detached: bool) -> None:
        if is_network_file_system(self._root):
            self._watch.say(ON_NETWORK)
        for run, number in scheduler.left_open():
            ends = as_typed(self._root, "cancel", run)
            self._watch.say(f"{run}: no longer in the sweep, and its attempt {number} may still run; `{ends}` ends it")
        self._watch.follow(scheduler)
        with interrupted_by_signals(scheduler.interrupt):
            if detached:
                stay_when_the_terminal_goes()  # again, for the scheduler has just begun to listen to it
            try:
                scheduler.run()
            except KeyboardInterrupt:
                self._watch.say(LEFT_RUNNING)
                raise
        if scheduler.interrupted and not scheduler.green:
            self._watch.say(
                f"interrupted: what ran was ended; `{as_typed(self._root, 'sweep', str(self._sweep.file))}` goes on"
            )
        if scheduler.halted:
            left = len(scheduler.runs) - len(scheduler.settled)
            self._watch.say(f"{scheduler.halted}; left for later: {show.some(left, 'run')}; {HOW_TO_GO_ON}")
        if scheduler.older_code:
            labels = ", ".join(sorted(scheduler.older_code))
            self._watch.say(f"succeeded under older code: {labels}; --rerun changed tries again")

    def _something_is_open(self) -> bool:
        with closing(Board(self._root / "ledger.db")) as board:
            return any(row["state"] not in SETTLED for row in board.run_status(self._sweep.name))

    def _tell_the_end(self) -> None:
        """Also where an earlier scheduler was killed before it could."""
        if self._on_end and self._debt.owed:
            with closing(Board(self._root / "ledger.db")) as board:
                summary = {**ended(board, self._root, self._sweep.name), "file": str(self._sweep.file)}
            self._on_end.run(summary, self._watch.say)
        self._debt.settle()


def _make(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / "locks").mkdir(exist_ok=True)
    except OSError as error:
        raise Refused(f"the root {root} cannot be used: {error.strerror}; --root names another folder") from None
