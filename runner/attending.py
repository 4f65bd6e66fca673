"""Looking after one open attempt: is it alive, has it ended, and what did it come to?"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from db.errors import Refused
from db.ledger import Ledger, OpenAttempt
from db.records import EndRequest
from db.verdicts import Verdict
from runner.attempt_dir import AttemptDir, BadRecord, write_record
from runner.collecting import collect
from runner.evidence import end_of
from runner.judge import judge, measure
from runner.launchers.interface import Launcher
from runner.launchers.looks import Account, Going, Gone, Look, Queued, Unsure
from runner.liveness import LEASE_EXPIRES, Surviving, end_survivors, fence, is_alive, is_of_this_boot, lives_elsewhere
from runner.metrics_feed import MetricsFeed
from runner.processes import start_time
from runner.room import told

CLAIM_PATIENCE = 120.0
"""Seconds that a submitted attempt may take to be claimed before it is fenced."""
STALE_LOOK = 15.0
"""Seconds after which a launcher that was told to hurry has looked again."""
END_PATIENCE = 60.0
"""Seconds after which a supervisor that was asked to end is taken to hang and is killed."""


@dataclass
class Attended:
    """An open attempt of this scheduler's sweep.

    `opener_lives` tells whether the scheduler that opened it, this one or another sweep's, may still be starting it.
    `refused` is why the launcher would not take it; `queued` that it waits for its turn there; `trouble` why it cannot
    be closed now.
    """

    attempt: OpenAttempt
    folder: AttemptDir
    opener_lives: Callable[[], bool]
    refused: str | None = None
    trouble: str | None = None
    queued: Queued | None = None

    def __post_init__(self) -> None:
        self.feed = MetricsFeed(self.folder.metrics)
        self._since = time.monotonic()
        self._asked_to_end: float | None = None
        self._request: EndRequest | None = None
        self._lease: int | None = None
        self._put_back = False
        self._queued_since: float | None = None
        self._silence, self._looked = 0.0, self._since

    def attend(self, ledger: Ledger, launcher: Launcher) -> Verdict | None:
        """Take in what is new. Returns the verdict, recorded, once the attempt is over; None while it is not.

        What its folder does not allow now (its disk is full, say) is `trouble`, and tried again the next time.

        Raises:
            Refused: this process may open no more files; no folder is to blame for that, and waiting does not help.
        """
        try:
            verdict = self._attend(ledger, launcher)
            if verdict is None:
                self._ask(launcher)
        except OSError as fault:
            if fault.errno == errno.EMFILE:
                raise Refused(f"{self.folder.path} cannot be opened: {fault.strerror}") from None
            self.trouble = f"its folder {self.folder.path} cannot be used: {told(fault)}"
            return None
        return verdict

    def _attend(self, ledger: Ledger, launcher: Launcher) -> Verdict | None:
        self.trouble = self.queued = None
        look = self._look(ledger, launcher)
        if isinstance(look, Queued) and not self.folder.claim.exists():
            self._since, self.queued = time.monotonic(), look
            return None
        if not self.folder.claim.exists() and not self._fence_unless_coming(look, launcher):
            return None
        if is_alive(self.folder, ended=isinstance(look, Gone)):
            self._ingest(ledger)
            self._kill_if_stuck(launcher)
            if isinstance(look, Gone) and look.account is not None:  # it outlived its job: its node was lost, say
                self.end("revoked", launcher)
            return None
        if not isinstance(look, Gone) and not self._is_fenced():
            self._await(look, launcher)
            return None
        waits = isinstance(look, Queued)  # and will not run any more
        gone = look if isinstance(look, Gone) else Gone()
        # Dead from here on, by its lock or its lease: the records in its folder are final once no survivor is left.
        try:
            logs = (self.folder.stdout, self.folder.stderr)
            copied = lives_elsewhere(self.folder)  # what lives is of the original, and none of ours
            survivors = 0 if copied or waits else end_survivors(self.attempt.nonce, logs, within=1.0)
        except Surviving as fault:
            self.trouble = str(fault)
            return None
        self._ingest(ledger, ended=True)
        evidence = collect(
            self.folder,
            feed=self.feed,
            refused=self.refused,
            survivors=survivors,
            submitted=self.attempt.reference is not None,
            account=self._account(gone),
        )
        verdict = judge(evidence)
        result = evidence.own_result
        scores = result.scores if result and result.error is None else ()
        notes = result.notes if result else ()
        measured = measure(evidence, self.attempt.opened_at)
        ledger.record_verdict(self.attempt.id, verdict, measured, scores, notes, evidence.final_metrics)
        return verdict

    def end(self, reason: Literal["cancelled", "interrupted", "revoked"], launcher: Launcher) -> None:
        """Ask for the attempt's end; the first reason stays."""
        if self._asked_to_end is not None:
            return
        self._asked_to_end = time.monotonic()
        self._request = EndRequest(attempt_id=self.attempt.nonce, why=reason, asked_at=time.time())
        with suppress(OSError):  # `attend` tries again, and says why
            self._ask(launcher)

    def _ask(self, launcher: Launcher) -> None:
        if self._request is None:
            return
        self.folder.path.mkdir(parents=True, exist_ok=True)
        if not self.folder.end_request.exists():
            write_record(self.folder.end_request, self._request)
        if not self.folder.claim.exists() and fence(self.folder) and self.attempt.reference:
            launcher.cancel([self.attempt.reference])
        self._request = None

    def _look(self, ledger: Ledger, launcher: Launcher) -> Look:
        """How the launcher sees it. What was submitted but not recorded is recorded now."""
        if self.refused is not None:
            return Gone()
        if self.attempt.reference is None:
            found = self._find_reference(ledger, launcher)
            if isinstance(found, Unsure):
                return found
            self.attempt = replace(self.attempt, reference=found)
        if self.attempt.reference is not None:
            return launcher.look(self.attempt.reference)
        awaited = launcher.is_witness or not self.folder.claim.exists()
        return Going() if awaited and self.opener_lives() else Gone()

    def _find_reference(self, ledger: Ledger, launcher: Launcher) -> str | Unsure | None:
        """Recorded meanwhile by the other sweep's scheduler that opened it; or submitted, and never recorded."""
        opened = ledger.read_open_attempts(run_id=self.attempt.run_id)
        found: str | Unsure | None = next((one.reference for one in opened if one.id == self.attempt.id), None)
        if found is None and not self.opener_lives():
            found = launcher.find(self.attempt.nonce)
            if isinstance(found, str):
                ledger.record_submissions({self.attempt.id: found})
        return found

    def _await(self, look: Look, launcher: Launcher) -> None:
        """Its supervisor is gone, and its launcher does not say so yet."""
        launcher.hurry()
        self.trouble = f"awaiting {launcher.name}" + (f": {look.why}" if isinstance(look, Unsure) else "")
        if not isinstance(look, Queued):
            self._queued_since = None
            return
        now = time.monotonic()
        self._queued_since = now if self._queued_since is None else self._queued_since
        is_news = now - self._queued_since > STALE_LOOK  # and not from before it began, and ended at once
        if is_news and not self._put_back and self.attempt.reference is not None:
            self._put_back = True  # by an administrator, say; it would find its claim taken
            launcher.cancel([self.attempt.reference])

    def _account(self, gone: Gone) -> Account | None:
        account = gone.account
        if account is None or not self._put_back:
            return account
        return replace(account, said=f"{account.said}; it was put back into the queue", fault="preempted")

    def _fence_unless_coming(self, look: Look, launcher: Launcher) -> bool:
        """Whether the claim is there now, ours as a fence or its supervisor's."""
        may_come = self.attempt.reference is not None or isinstance(look, Unsure) or self.opener_lives()
        if self.refused is None and may_come:
            if self.folder.claim.exists():  # looked at after its process: it may have begun and ended meanwhile
                return True
            if isinstance(look, Unsure):
                self._since, self.trouble = time.monotonic(), look.why
            if not isinstance(look, Gone) and time.monotonic() - self._since < CLAIM_PATIENCE:
                return False
            if self.folder.plan.exists() and (launcher.is_witness or self.opener_lives()):
                self.refused = self._why_unclaimed(look)
        fence(self.folder)
        return True

    def _why_unclaimed(self, look: Look) -> str | None:
        """Nothing where the launcher's own account tells more than that it was not started."""
        if not isinstance(look, Gone):
            return f"nobody claimed it within {CLAIM_PATIENCE:g} s"
        account = look.account
        if account and account.fault not in (None, "launch_refused"):
            return None
        words = end_of(self.folder.supervisor_log, 300).decode(errors="replace").strip()
        told = [*([f"{account.who}: {account.said}"] if account else []), *([words] if words else [])]
        return ": ".join(["its supervisor ended before it began", *told])

    def _is_fenced(self) -> bool:
        with suppress(OSError, BadRecord):
            return self.folder.read_claim().fenced
        return False

    def _kill_if_stuck(self, launcher: Launcher) -> None:
        """A supervisor that hangs or was stopped is killed, by its launcher elsewhere; its worker dies with it."""
        if not (self._is_silent() or self._does_not_end()):
            return
        if self._does_not_end() and self.attempt.reference is not None:
            launcher.cancel([self.attempt.reference])
            self._asked_to_end = time.monotonic()
        with suppress(OSError, BadRecord):
            claim = self.folder.read_claim()
            if is_of_this_boot(claim) and start_time(claim.pid) == claim.pid_started:
                os.kill(claim.pid, signal.SIGKILL)

    def _is_silent(self) -> bool:
        """Whether it has not renewed its lease for so long that other hosts believe it dead, as far as we looked.

        What stopped us as well (a container that was paused) does not count.
        """
        now = time.monotonic()
        passed, self._looked = min(1.0, now - self._looked), now
        try:
            lease = self.folder.lease.stat().st_mtime_ns
        except OSError:
            return False
        self._silence, self._lease = (self._silence + passed if lease == self._lease else 0.0), lease
        return self._silence > LEASE_EXPIRES

    def _does_not_end(self) -> bool:
        return self._asked_to_end is not None and time.monotonic() - self._asked_to_end >= END_PATIENCE

    def _ingest(self, ledger: Ledger, *, ended: bool = False) -> None:
        ledger.record_metrics(self.attempt.id, self.feed.read_new(ended=ended))
