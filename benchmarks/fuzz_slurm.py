"""What squeue and sacct print, spoiled, and what is made of it. No end may be called good that they do not call so.

That is held against plain reading by none of our own parsers.
"""

from __future__ import annotations

import random

import mutating
from fuzz_sweeps import Wrong

from runner.launchers.looks import Account, Gone
from runner.slurm.accounts import account_of, is_complete, standing
from runner.slurm.reading import Unreadable, read_queue, read_records

JOB = "12_3"
QUEUE = (
    b"12_3|runner-0123456789ab|2026-01-01T10:00:00|COMPLETED|n1|None\n",
    b"12_3|runner-0123456789ab|2026-01-01T10:00:00|RUNNING|n1|None\n",
    b"12_[3-9,11%4]|runner-0123456789ab|2026-01-01T10:00:00|PENDING||Resources\n",
    b"12_3|runner-0123456789ab|2026-01-01T10:00:00|OUT_OF_MEMORY|n1|OutOfMemory\n",
)
_TIMES = b"2026-01-01T10:00:01|2026-01-01T10:01:00|n1\n"
RECORDS = (
    b"".join(
        b"%b|2026-01-01T10:00:00|COMPLETED|0:0|%b" % (job, _TIMES)
        for job in (b"12_3|runner-0123456789ab", b"12_3.batch|batch", b"12_3.0|python")
    ),
    b"12_3|runner-0123456789ab|2026-01-01T10:00:00|CANCELLED by 1000|0:0|%b" % _TIMES,
    b"12_3.batch|batch|2026-01-01T10:00:00|CANCELLED|0:15|%b" % _TIMES,
    b"",
)
WORDS = (
    *(b"COMPLETED", b"COMPLETING", b"FAILED", b"NODE_FAIL", b"PREEMPTED", b"REQUEUED", b"REVOKED", b"0:0", b"0:125"),
    *(b"Unknown", b"12_3", b"12", b"12_[0-99999999]", b"12_[3-1:0]", b"12_[,]", b".batch", b"|", b"||"),
)


def spoiled(chance: random.Random) -> tuple[bytes, bytes]:
    """What squeue and what sacct prints."""
    return _spoiled(chance, chance.choice(QUEUE)), _spoiled(chance, chance.choice(RECORDS))


def _spoiled(chance: random.Random, text: bytes) -> bytes:
    for _ in range(chance.randrange(3)):
        fields = text.split(b"|")
        fields[chance.randrange(len(fields))] = chance.choice(WORDS)
        text = b"|".join(fields)
    return mutating.octets(chance, text) if chance.random() < 0.3 else text


def concluded(queue: bytes, records: bytes) -> str:
    """What is made of both: `accepted` where nothing speaks against a success."""
    try:
        seen = [row for row in read_queue(queue.decode(errors="replace")) if row.job == JOB]
        known = [record for record in read_records(records.decode(errors="replace")) if record.job == JOB]
    except Unreadable as unreadable:
        if not str(unreadable).strip():
            raise Wrong("unreadable for no reason") from None
        return "refused"
    is_complete(known)
    look = standing(seen) or account_of(JOB, seen, known, None)
    good = isinstance(look, Gone) and isinstance(look.account, Account) and look.account.agrees
    words = [row.word for row in seen] + [record.word for record in known]
    if good and any(word.split()[:1] != ["COMPLETED"] for word in words):
        raise Wrong(f"nothing speaks against a success of {words}")
    if good and any(record.exit_code != "0:0" for record in known):
        raise Wrong(f"nothing speaks against a success of {known}")
    return "accepted" if good else "refused"
