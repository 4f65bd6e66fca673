"""`runner sweep`: from a sweep file to an exit code."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from db.errors import Refused
from db.file import is_network_file_system
from db.ledger import Ledger
from runner.dry_run import describe_runs
from runner.exit_codes import ExitCode
from runner.failures import BY_WORD
from runner.launchers.local import LocalLauncher
from runner.prepare import prepare
from runner.scheduler import Scheduler, interrupted_by_signals
from runner.slots import Gpu, Slots, find_gpus, open_slots
from runner.sweep_lock import hold_sweep, refuse_if_held
from runner.watch import Watch
from sweeps.settings import Resources
from sweeps.spec import read_sweep
from sweeps.sweep_file import NO_PROFILES

ON_NETWORK = (
    "the ledger lies on a network file system, where SQLite's WAL does not work: readers and the scheduler wait for "
    "each other; --root on a local disk avoids that"
)


def sweep(
    file: Path, overrides: Sequence[str], *, profile: str | None, root: Path, dry_run: bool, rerun_changed: bool
) -> ExitCode:
    """Run a sweep until every run is settled.

    Raises:
        Refused: the file, an override or the root cannot be used; nothing was started.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # until there is a scheduler: as Ctrl-C
        signal.signal(number, signal.default_int_handler)
    gpus = find_gpus()
    spec = read_sweep(file, overrides, profile=profile, has_gpu=bool(gpus), known_kinds=BY_WORD)
    root = root.absolute()
    watch = Watch(root)
    with watch.shown():
        if spec.profile_reason != NO_PROFILES:
            watch.say(spec.profile_reason)
        if dry_run:
            watch.say(describe_runs(prepare(spec), root))
            return ExitCode.OK
        refuse_if_held(root, spec.name)
        prepared = prepare(spec)
        _make(root)
        with hold_sweep(root, prepared.name), closing(Ledger(root / "ledger.db")) as ledger:
            slots = _slots(prepared.resources, gpus)
            scheduler = Scheduler(
                prepared, ledger, root, LocalLauncher(), slots, watch.observe, rerun_changed=rerun_changed
            )
            _work(scheduler, watch, root)
        watch.summarise(prepared)
    if scheduler.interrupted and not scheduler.green:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if scheduler.green else ExitCode.NOT_ALL_SUCCEEDED


def _work(scheduler: Scheduler, watch: Watch, root: Path) -> None:
    if is_network_file_system(root):
        watch.say(ON_NETWORK)
    watch.follow(scheduler)
    with interrupted_by_signals(scheduler):
        scheduler.run()
    if scheduler.older_code:
        labels = ", ".join(sorted(scheduler.older_code))
        watch.say(f"succeeded under older code: {labels}; --rerun changed tries again")


def _make(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / "locks").mkdir(exist_ok=True)
    except OSError as error:
        raise Refused(f"the root {root} cannot be used: {error.strerror}; --root names another folder") from None


def _slots(resources: Resources, gpus: Sequence[Gpu]) -> Slots:
    return open_slots(gpus if resources.gpus == "auto" else (), resources.cpus, resources.slots)
