"""Which code each attempt ran, recorded in the ledger once for each state of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from db.ledger import Ledger
from runner.prepare import PreparedRun
from runner.provenance import read_source


@dataclass
class CodeBook:
    """What the ledger calls the code that it was told of, by fingerprint and folder."""

    ledger: Ledger
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def id_of(self, run: PreparedRun) -> str:
        """The ledger's id of the code that an attempt of the run would run now."""
        fingerprint = run.work.code_fingerprint
        key = fingerprint, str(run.source)
        if key not in self._known:
            source = read_source(run.source, or_ours=run.work.command is None)
            self._known[key] = source.code_id(fingerprint)
            self.ledger.record_code(
                code_id=self._known[key],
                fingerprint=fingerprint,
                git_commit=source.git_commit,
                git_diff=source.git_diff,
            )
        return self._known[key]
