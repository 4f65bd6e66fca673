"""Looking after one open attempt: is it alive, has it ended, and what did it come to?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from db.ledger import Ledger, OpenAttempt
from db.records import EndRequest
from db.verdicts import Verdict
from runner.attempt_dir import AttemptDir, write_record
from runner.evidence import collect
from runner.judge import judge, measure
from runner.launchers.interface import Launcher
from runner.liveness import Surviving, end_survivors, fence, is_alive
from runner.metrics_feed import MetricsFeed

CLAIM_PATIENCE = 120.0
"""Seconds that a submitted attempt of ours may take to be claimed before it is fenced."""


@dataclass
class Attended:
    """An open attempt of this scheduler's sweep. `ours` is False for one that an earlier scheduler opened.

    `refused` is why the launcher would not take it; `trouble` why it cannot be closed now.
    """

    attempt: OpenAttempt
    folder: AttemptDir
    ours: bool
    feed: MetricsFeed
    refused: str | None = None
    trouble: str | None = None

    def attend(self, ledger: Ledger, launcher: Launcher) -> Verdict | None:
        """Take in what is new. Returns the verdict, recorded, once the attempt is over; None while it is not."""
        if not self.folder.claim.exists() and not self._fence_unless_starting(launcher):
            return None
        if is_alive(self.folder):
            self._ingest(ledger)
            return None
        # Dead from here on, by its lock or its lease: the records in its folder are final once no survivor is left.
        try:
            survivors = end_survivors(self.attempt.nonce, within=1.0)
        except Surviving as fault:
            self.trouble = str(fault)
            return None
        if self.attempt.reference is not None:
            launcher.has_ended(self.attempt.reference)  # reaps our child
        evidence = collect(self.folder, refused=self.refused, survivors=survivors)
        verdict = judge(evidence)
        self._ingest(ledger)
        result = evidence.own_result
        scores = result.scores if result and result.error is None else ()
        notes = result.notes if result else ()
        ledger.record_verdict(self.attempt.id, verdict, measure(evidence, self.attempt.opened_at), scores, notes)
        return verdict

    def end(self, why: Literal["cancelled", "interrupted", "revoked"], launcher: Launcher) -> None:
        """Ask for the attempt's end; the first reason stays."""
        if self.folder.end_request.exists():
            return
        self.folder.path.mkdir(parents=True, exist_ok=True)
        request = EndRequest(attempt_id=self.attempt.nonce, why=why, asked_at=time.time())
        write_record(self.folder.end_request, request)
        if not self.folder.claim.exists() and fence(self.folder) and self.attempt.reference:
            launcher.cancel(self.attempt.reference)

    def _fence_unless_starting(self, launcher: Launcher) -> bool:
        """Whether the claim is there now, ours as a fence or its supervisor's."""
        reference = self.attempt.reference
        waited = time.time() - self.attempt.opened_at
        starting = self.ours and reference is not None and 0 <= waited < CLAIM_PATIENCE
        if starting and reference is not None and not launcher.has_ended(reference):
            return self.folder.claim.exists()
        fence(self.folder)
        return True

    def _ingest(self, ledger: Ledger) -> None:
        ledger.record_metrics(self.attempt.id, self.feed.read_new())
