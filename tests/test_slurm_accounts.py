"""What a real Slurm printed of jobs, and what is made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import pytest
from slurm.recorded import all_seen, read_seen

from runner.launchers.looks import Account, Fault, Going, Gone, Queued, Unsure
from runner.slurm import commands
from runner.slurm.accounts import account_of, is_complete, standing
from runner.slurm.book import ACCOUNTS_PATIENCE, UNKNOWN_PATIENCE, Book
from runner.slurm.commands import NoAccounting, NoAnswer
from runner.slurm.reading import Queue, Record, Unreadable, jobs_of, read_queue, read_records
from runner.slurm.reference import Reference

WELL, BADLY = (True, None), (False, None)
OVER: dict[str, tuple[bool, Fault | None]] = {
    "bad_folder": (False, "launch_refused"),
    "bad_log": (False, "launch_refused"),
    "bare_exit_3": BADLY,
    "bare_ok": WELL,
    "bare_out_of_memory": (False, "host_oom"),
    "cancelled": (False, "cancelled"),
    "cancelled_srun": (False, "cancelled"),
    "exit_0_early": WELL,
    "exit_137": BADLY,
    "exit_3": BADLY,
    "exit_3_srun": BADLY,
    "no_name": WELL,
    "node_fail": (False, "node_lost"),
    "node_fail_completed": (False, "node_lost"),
    "ok": WELL,
    "ok_srun": WELL,
    "out_of_memory": (False, "host_oom"),
    "out_of_memory_child": (False, "host_oom"),
    "out_of_memory_srun": (False, "host_oom"),
    "preempted": (False, "preempted"),
    "preempted_completed": (False, "preempted"),
    "raise": BADLY,
    "requeued": BADLY,
    "segfault": BADLY,
    "segfault_srun": BADLY,
    "timeout": (False, "wall_time"),
    "timeout_srun": (False, "wall_time"),
}
"""Whether nothing speaks against a success, and what the failure is called."""
WAITS = {  # and whether it will start by itself
    "node_fail_pending": True,
    "preempted_pending": True,
    "slurmdbd_down": True,
    "pending_begin": True,
    "pending_held": False,
    "pending_many_nodes": False,
    "pending_never": False,
    "pending_nodes": True,
    "pending_resources": True,
}
GOES_ON = ("running", "suspended")
ELSEWHERE = {"array", "array_part", "array_scattered", "odd_name", "unknown", "slurmctld_down"}
REFUSED = {"refused_memory", "refused_partition"}


def seen(name: str) -> tuple[list[Queue], list[Record]]:
    """What our own two questions were answered with."""
    recorded = read_seen(name)
    queue, records = recorded.stdout(*commands.QUEUE), recorded.stdout(*commands.RECORDS)
    return read_queue(queue), read_records(records)


def test_every_case_is_expected_somewhere() -> None:
    assert {*OVER, *WAITS, *GOES_ON, *ELSEWHERE, *REFUSED} == set(all_seen())


@pytest.mark.parametrize(("name", "expected"), OVER.items())
def test_what_is_over(name: str, expected: tuple[bool, Fault | None]) -> None:
    queue, records = seen(name)
    assert standing(queue) is None
    account = account_of("1", queue, records, None).account
    assert account is not None
    assert (account.agrees, account.fault) == expected
    assert account.node == "node-1"
    assert all(row.word in account.said for row in records or queue), account.said


@pytest.mark.parametrize("name", [name for name in OVER if not name.startswith("bare") and name != "requeued"])
def test_the_accounting_knows_the_whole_end(name: str) -> None:
    _, records = seen(name)
    assert is_complete(records)
    for script in [record for record in records if record.step == "batch"]:
        assert not is_complete([record for record in records if record != script]), "each start has its own"


@pytest.mark.parametrize(("name", "by_itself"), WAITS.items())
def test_what_waits(name: str, by_itself: bool) -> None:  # noqa: FBT001 - a parameter of the test
    look = standing(seen(name)[0])
    assert isinstance(look, Queued)
    assert look.hopeless is not by_itself


@pytest.mark.parametrize("name", GOES_ON)
def test_what_goes_on(name: str) -> None:
    assert standing(seen(name)[0]) == Going()


def test_each_task_of_an_array_has_a_state_of_its_own() -> None:
    queue, _ = seen("array")
    words = {row.job: row.word for row in queue}
    assert words == {"8_0": "COMPLETED", "8_1": "FAILED", "8_2": "FAILED", "8_3": "FAILED"}
    queue, _ = seen("array_part")
    assert len({row.job for row in queue}) == len(queue) == 9


def test_a_list_of_tasks_is_never_cut() -> None:
    queue, _ = seen("array_scattered")
    assert {row.job for row in queue} == {f"17_{number * number}" for number in range(2, 40)}


def test_a_word_that_is_not_known_is_no_end() -> None:
    queue, _ = seen("odd_name")
    look = standing(queue)
    assert isinstance(look, Unsure)
    assert "no word we know" in look.why


@pytest.mark.parametrize("step", [None, "batch", "0"])
def test_a_word_of_the_accounting_that_is_not_known_speaks_against_a_success(step: str | None) -> None:
    known = [record("COMPLETED"), record("COMPLETED", "batch"), record("COMPLETED", "0")]
    told = [record("REVOKED", one.step) if one.step == step else one for one in known]
    assert account(account_of("1_0", [row("COMPLETED")], known, None)).agrees
    assert not account(account_of("1_0", [row("COMPLETED")], told, None)).agrees
    assert not is_complete(told)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1|a|b|c|d",
        "x|tried|now|RUNNING|node-1|None",
        "1_[2-|tried|now|RUNNING|n|None",
        "1_[0-99999999]|t|n|PENDING||None",
    ],
)
def test_what_cannot_be_read_is_an_error(line: str) -> None:
    with pytest.raises(Unreadable):
        read_queue(f"{line}\n")


@pytest.mark.parametrize("line", ["", "1|a|b|c|d", "x|tried|now|RUNNING|0:0|now|now|node-1"])
def test_accounts_that_cannot_be_read_are_an_error(line: str) -> None:
    with pytest.raises(Unreadable):
        read_records(f"{line}\n")


@pytest.mark.parametrize(
    ("named", "jobs"),
    [
        ("7", ["7"]),
        ("7_2", ["7_2"]),
        ("7_[2]", ["7_2"]),
        ("7_[2-4%2]", ["7_2", "7_3", "7_4"]),
        ("7_[0-8:4,11]", ["7_0", "7_4", "7_8", "7_11"]),
        ("7_[4-4000000:4000000]", ["7_4"]),
    ],
)
def test_tasks_that_are_told_together(named: str, jobs: list[str]) -> None:
    assert jobs_of(named) == jobs


class Cluster:
    """Stands in for squeue and sacct, and for the clock of a book."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queue: list[Queue] | Exception = []
        self.records: list[Record] | Exception = []
        self.asked: dict[str, int] = defaultdict(int)
        self.now = 0.0
        monkeypatch.setattr(commands, "ask_queue", self._asked("squeue", lambda: self.queue))
        monkeypatch.setattr(commands, "ask_records", self._asked("sacct", lambda: self.records))

    def _asked(self, what: str, answer: Callable[[], Sequence[object] | Exception]) -> Callable[..., Sequence[object]]:
        def ask(*_: object) -> Sequence[object]:
            self.asked[what] += 1
            given = answer()
            if isinstance(given, Exception):
                raise given
            return given

        return ask

    def clock(self) -> float:
        return self.now

    def wait(self, book: Book, seconds: float) -> None:
        self.now += seconds
        book.hurry()
        self.now += 2


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


JOB = Reference.of("1_0", "runner-a")


def row(word: str, *, job: str = "1_0", name: str = "runner-a", submitted: str = "2026-01-01T10:00:00") -> Queue:
    return Queue(job=job, name=name, submitted=submitted, word=word, nodes="node-1", reason="None")


def record(word: str, step: str | None = None, *, ended: bool = True, **changes: str) -> Record:
    told = {"job": "1_0", "name": "runner-a", "submitted": "2026-01-01T10:00:00", "exit_code": "0:0", **changes}
    return Record(step=step, word=word, started=True, ended=ended, nodes="node-1", **told)


def account(look: object) -> Account:
    assert isinstance(look, Gone), look
    assert look.account is not None
    return look.account


def test_an_end_is_believed_once_the_accounting_knows_it_whole(cluster: Cluster) -> None:
    book = Book(clock=cluster.clock)
    cluster.queue, cluster.records = [row("COMPLETED")], [record("RUNNING", ended=False)]
    assert isinstance(book.look(JOB), Unsure)
    cluster.records = [record("COMPLETED")]
    cluster.wait(book, 1)
    assert isinstance(book.look(JOB), Unsure)
    cluster.records += [record("COMPLETED", "batch"), record("OUT_OF_MEMORY", "0", exit_code="0:125")]
    cluster.wait(book, 1)
    assert account(book.look(JOB)).fault == "host_oom"
    cluster.wait(book, 100)
    asked = dict(cluster.asked)
    book.look(JOB)
    assert dict(cluster.asked) == asked, "what has ended is not asked for again"


def test_accounting_that_lags_for_too_long_is_done_without(cluster: Cluster) -> None:
    book = Book(clock=cluster.clock)
    cluster.queue, cluster.records = [row("COMPLETED")], NoAnswer("`sacct`: connection refused")
    look = book.look(JOB)
    assert isinstance(look, Unsure)
    assert "connection refused" in look.why
    cluster.wait(book, ACCOUNTS_PATIENCE)
    told = account(book.look(JOB))
    assert told.agrees
    assert "not heard" in told.said


def test_without_accounting_what_squeue_says_is_the_end_and_sacct_is_not_asked_again(cluster: Cluster) -> None:
    book = Book(clock=cluster.clock)
    cluster.queue, cluster.records = [row("COMPLETED")], NoAccounting("none")
    assert "keeps no accounts" in account(book.look(JOB)).said
    cluster.queue = [row("FAILED", job="1_1")]
    cluster.wait(book, 1)
    assert not account(book.look(Reference.of("1_1", "runner-a"))).agrees
    assert cluster.asked["sacct"] == 1


def test_a_job_that_nobody_knows_is_gone_after_a_while(cluster: Cluster) -> None:
    book = Book(clock=cluster.clock)
    assert isinstance(book.look(JOB), Unsure)
    cluster.wait(book, UNKNOWN_PATIENCE)
    told = account(book.look(JOB))
    assert "does not know" in told.said


def test_while_slurm_does_not_answer_nothing_has_ended(cluster: Cluster) -> None:
    book = Book(clock=cluster.clock)
    book.follow([JOB])
    cluster.queue = NoAnswer("`squeue`: Unable to contact slurm controller")
    cluster.wait(book, 1)
    look = book.look(JOB)
    assert isinstance(look, Unsure)
    assert "Unable to contact" in look.why
    cluster.wait(book, 10 * UNKNOWN_PATIENCE)
    assert isinstance(book.look(JOB), Unsure)
    assert book.why_silent() is not None
    cluster.queue = [row("RUNNING")]
    cluster.wait(book, 1)
    assert book.look(JOB) == Going()


OLDER = {
    "of another name": record("FAILED", name="runner-b"),
    "whose name is not known": record("FAILED", name="allocation", submitted="2025-01-01T10:00:00"),
}


@pytest.mark.parametrize("older", OLDER.values(), ids=OLDER)
def test_an_older_job_of_the_same_id_says_nothing(cluster: Cluster, older: Record) -> None:
    book = Book(clock=cluster.clock)
    cluster.queue = [row("COMPLETED")]
    cluster.records = [older, *(record("COMPLETED", step, name="allocation") for step in (None, "batch"))]
    assert account(book.look(JOB)).agrees


def test_a_job_that_was_put_back_counts_all_its_starts(cluster: Cluster) -> None:
    book = Book(clock=cluster.clock)
    cluster.queue = [row("COMPLETED", submitted="2026-01-01T11:00:00")]
    cluster.records = [record("NODE_FAIL"), record("CANCELLED", "batch"), record("COMPLETED")]
    assert isinstance(book.look(JOB), Unsure)
    cluster.records += [record("COMPLETED", "batch")]
    cluster.wait(book, 1)
    assert account(book.look(JOB)).fault == "node_lost"


def test_one_question_for_all_and_less_and_less_often(cluster: Cluster) -> None:
    book = Book(clock=cluster.clock)
    jobs = [Reference.of(f"1_{index}", "runner-a") for index in range(1000)]
    cluster.queue = [row("RUNNING", job=job.job) for job in jobs]
    book.follow(jobs)
    cluster.now = 2
    for job in jobs:
        assert book.look(job) == Going()
    assert dict(cluster.asked) == {"squeue": 1}
    for _ in range(600):
        cluster.now += 1
        book.look(jobs[0])
    assert cluster.asked["squeue"] <= 40


def test_whoever_takes_over_asks_for_all_at_once(cluster: Cluster) -> None:
    book = Book(clock=cluster.clock)
    jobs = [Reference.of(f"1_{index}", "runner-a") for index in range(1000)]
    cluster.queue = [row("COMPLETED", job=job.job) for job in jobs]
    cluster.records = [record("COMPLETED", step, job=job.job) for job in jobs for step in (None, "batch")]
    for _ in range(2):
        looks = [book.look(job) for job in jobs]
        cluster.now += 2
    assert all(account(look).agrees for look in looks)
    assert max(cluster.asked.values()) == 2
