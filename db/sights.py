"""How what is known of a shape's memory is read, by the ledger's writer and by its readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db.foreseen import Sight
from db.records import BatchSplit

SIGHTS = """
SELECT min(attempt_id) AS attempt_id, 'attempt ' || attempt || ' of ' || run AS name,
       micro_batch, grad_accum, room, came
FROM memory WHERE shape = :shape AND device = :device AND room IS NOT NULL AND came IS NOT NULL
GROUP BY micro_batch, grad_accum, room, came, iif(came = 'tried', attempt_id, 0)
ORDER BY 1
"""


def sight(row: Mapping[str, Any]) -> Sight:
    return Sight(
        attempt_id=row["attempt_id"],
        where=row["name"],
        batch=BatchSplit(micro=row["micro_batch"], accum=row["grad_accum"]),
        room=row["room"],
        came=row["came"],
    )
