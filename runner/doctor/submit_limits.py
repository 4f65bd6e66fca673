"""How many jobs a user may have submitted at a time, as the accounting and the configuration tell it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runner.slurm.reading import Unreadable

ACCOUNT_FIELDS = "DefaultAccount,Account,Partition,DefaultQOS,QOS,MaxSubmitJobs,GrpSubmitJobs"
QOS_FIELDS = "Name,MaxSubmitJobsPerUser"


@dataclass(frozen=True, kw_only=True)
class Association:
    """What a user may do under one account, in one partition or (`partition` is empty) in all that have no own one."""

    is_default: bool
    account: str
    partition: str
    qos: str | None
    most: int | None
    most_of_group: int | None


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What the accounting knows of a user, and by qos how many jobs a user may have submitted under it."""

    associations: Sequence[Association]
    qos: Mapping[str, int | None]


class Ceiling(NamedTuple):
    """`most` jobs at a time, and what says so."""

    most: int
    by: str


def read_associations(text: str) -> list[Association]:
    """What `sacctmgr -n -P show user NAME withassoc format=ACCOUNT_FIELDS` printed.

    Raises:
        Unreadable: a line is not of this form.
    """
    return list(_associations(text))


def _associations(text: str) -> Iterator[Association]:
    for default, account, partition, default_qos, qos, most, most_of_group in _rows(text, 7):
        yield Association(
            is_default=account == default,
            account=account,
            partition=partition,
            qos=default_qos or (qos if qos and "," not in qos else None),
            most=_number(most),
            most_of_group=_number(most_of_group),
        )


def read_qos(text: str) -> Mapping[str, int | None]:
    """What `sacctmgr -n -P show qos format=QOS_FIELDS` printed.

    Raises:
        Unreadable: a line is not of this form.
    """
    return {name: _number(most) for name, most in _rows(text, 2)}


def _rows(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        row = line.split("|")
        if len(row) != fields:
            raise Unreadable(f"sacctmgr printed {line[:200]!r}")
        yield row


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def ceilings(
    registered: Registered, account: str | None, qos: str | None, partitions: Mapping[str, str]
) -> Iterator[Ceiling]:
    """What bounds who submits so; without `account` or `qos` under the default one. `partitions`: their qos by name."""
    own = _association(registered.associations, account, [*partitions])
    if own and own.most is not None:
        yield Ceiling(own.most, f"MaxSubmitJobs of account `{own.account}`")
    if own and own.most_of_group is not None:
        yield Ceiling(own.most_of_group, f"GrpSubmitJobs of account `{own.account}`")
    for name in dict.fromkeys([qos or (own.qos if own else None), *partitions.values()]):
        most = registered.qos.get(name.lower()) if name else None
        if most is not None:
            yield Ceiling(most, f"MaxSubmitJobsPerUser of qos `{name}`")


def _association(known: Sequence[Association], account: str | None, partitions: Sequence[str]) -> Association | None:
    """One of a partition holds in the place of that for all."""
    own = [one for one in known if (one.account == account.lower() if account else one.is_default)]
    by_partition = {one.partition: one for one in own}
    return next((by_partition[name] for name in (*partitions, "") if name in by_partition), None)
