"""The open attempts of one sweep, whoever opened them: from being looked after to their verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from db.ledger import Ledger, OpenAttempt
from db.verdicts import Verdict
from runner.attempt_dir import AttemptDir
from runner.attending import Attended
from runner.launchers.named import Launchers
from runner.sweep_lock import is_held


class OpenAttempts:
    """Those that this scheduler looks after, by the ledger's id of the attempt."""

    def __init__(self, ledger: Ledger, root: Path, launchers: Launchers, *, sweep: str, sweep_id: int) -> None:
        self.attended: dict[int, Attended] = {}
        self._ledger = ledger
        self._root = root
        self._launchers = launchers
        self._sweep = sweep
        self._sweep_id = sweep_id

    def adopt(self) -> list[str]:
        """Look after every open attempt of our runs. Returns the runs whose attempt nobody here looked after yet."""
        found = [
            opened
            for opened in self._ledger.read_open_attempts(sweep_id=self._sweep_id)
            if opened.id not in self.attended
        ]
        for opened in found:
            self.look_after(opened, opener_lives=partial(self._is_other_living_sweep, opened.sweep))
            if self._ledger.read_history(opened.run_id).stopped == "cancelled":  # by one who was killed over it
                self.attended[opened.id].end("cancelled", self._launchers.named(opened.launcher))
        return [opened.run_id for opened in found]

    def look_after(self, opened: OpenAttempt, opener_lives: Callable[[], bool], refused: str | None = None) -> None:
        folder = AttemptDir(self._root / opened.run_id / str(opened.number))
        self.attended[opened.id] = Attended(opened, folder, opener_lives, refused)

    def attend(self, before: Callable[[], None]) -> Iterator[tuple[OpenAttempt, Verdict]]:
        """Look at each of them; those that are over come out, with their recorded verdict.

        `before` is called before each look: what an attempt left may take long to read.
        """
        for attended in list(self.attended.values()):
            before()
            verdict = attended.attend(self._ledger, self._launchers.named(attended.attempt.launcher))
            if verdict is not None:
                del self.attended[attended.attempt.id]
                yield attended.attempt, verdict

    def end(self, why: Literal["cancelled", "interrupted"], run_id: str | None = None) -> None:
        """Ask for the end of a run's open attempt, or of all."""
        for attended in self.attended.values():
            if run_id in (None, attended.attempt.run_id):
                attended.end(why, self._launchers.named(attended.attempt.launcher))

    def has(self, run_id: str) -> bool:
        return any(attended.attempt.run_id == run_id for attended in self.attended.values())

    def _is_other_living_sweep(self, name: str) -> bool:
        """Whoever opened an attempt for our own sweep before us is gone: the lock is ours."""
        return name != self._sweep and is_held(self._root, name)
