"""What is judged of a cluster and of a job that was tried there: texts and facts in, findings out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.doctor.cluster import Cluster, options
from runner.doctor.cluster_checks import CLUSTER
from runner.doctor.finding import Finding
from runner.doctor.node import Answer
from runner.doctor.offers import read_config, read_offers
from runner.doctor.request import Request
from runner.doctor.submit_limits import Registered
from runner.doctor.trial import Trial
from runner.doctor.trial_checks import NODE, job
from runner.queue_words import Stand
from runner.slurm.reading import Unreadable
from sweeps.settings import Resources
from sweeps.slurm import Slurm

SINFO = """main*|up|infinite|3|idle|(null)
main*|up|infinite|1|down*|(null)
gpu|up|1-12:30:00|2|mixed|gpu:a100:4
night|inact|30:00|2|idle~|(null)
sick|up|infinite|2|drained|(null)
sick|up|infinite|1|idle*|(null)
"""
GOOD: dict[str, Any] = {
    "request": Request(),
    "missing": (),
    "config": {
        "ClusterName": "c",
        "SLURM_VERSION": "22.05",
        "MaxArraySize": "1001",
        "MinJobAge": "300 sec",
        "SelectTypeParameters": "CR_CPU",
        "MaxJobCount": "10000",
    },
    "offers": tuple(read_offers(SINFO)),
    "registered": Registered(associations=(), qos={}),
}


def judged(**facts: Any) -> dict[str, Finding]:
    cluster = Cluster(**{**GOOD, **facts})
    return {found.check: found for check in CLUSTER if (found := check(cluster))}


def asking(**slurm: Any) -> dict[str, Finding]:
    return judged(request=Request(slurm=Slurm(**slurm)))


def test_offers_are_read() -> None:
    offers = read_offers(SINFO)
    assert [offer.partition for offer in offers if offer.default] == ["main", "main"]
    assert [offer.at_work for offer in offers] == [True, False, True, True, False, False]
    assert [offer.longest for offer in offers][1:4] == [None, 131400.0, 1800.0]
    assert [offer.has_gpu for offer in offers] == [False, False, True, False, False, False]
    for text in ("main|up\n", "main|up|infinite|many|idle|x\n"):
        with pytest.raises(Unreadable):
            read_offers(text)


def test_a_configuration_is_read() -> None:
    text = "Configuration data as of 2024\nMaxArraySize            = 10001\nComment = a = b\n\n"
    assert read_config(text) == {"MaxArraySize": "10001", "Comment": "a = b"}


def test_a_cluster_where_all_is_well() -> None:
    found = judged()
    before, after = ["commands", "controller", "shell", "partition"], ["arrays", "limits", "accounting"]
    assert list(found) == [*before, "request", "memory", *after]
    assert {one.level for one in found.values()} == {"ok"}
    assert found["partition"].said == "`main` is up; nodes: 3 idle, 1 down*"


@pytest.mark.parametrize(
    ("slurm", "level", "said"),
    [
        ({"partition": "mein"}, "fails", "there is no `mein` (did you mean `main`?)"),
        ({"partition": "night"}, "fails", "`night` is not up"),
        ({"partition": "sick"}, "fails", "no node of `sick` takes jobs: 2 drained, 1 idle*"),
        ({"partition": "main,gpu"}, "ok", "`main,gpu` is up; nodes: 3 idle, 1 down*, 2 mixed"),
        ({"partition": "main,none"}, "fails", "there is no `none`"),
        ({"gres": "gpu:1"}, "fails", "no node of `main` has a GPU"),
        ({"gres": "gpu:1", "partition": "gpu"}, "ok", "`gpu` is up, for 36 h 30 min at most"),
        ({"partition": "gpu", "time": 200_000.0}, "fails", "36 h 30 min, and slurm.time asks for 55 h 34 min"),
    ],
)
def test_partitions(slurm: dict[str, Any], level: str, said: str) -> None:
    found = asking(**slurm)["partition"]
    assert (found.level, said in found.said) == (level, True), found.said


@pytest.mark.parametrize(
    ("facts", "check", "level"),
    [
        ({"missing": ("sacct",)}, "commands", "warning"),
        ({"missing": ("sbatch",), "config": {}}, "commands", "fails"),
        ({"config": {}, "why_silent": "`scontrol`: timeout"}, "controller", "fails"),
        ({"offers": (), "why_no_offers": "`sinfo` is not on PATH"}, "partition", "warning"),
        ({"offers": tuple(read_offers("gpu|up|infinite|1|idle|x"))}, "partition", "fails"),
        ({"why_refused": "no"}, "request", "fails"),
        ({"variables": {"SBATCH_GRES": "gpu:1"}}, "shell", "warning"),
        ({"config": {**GOOD["config"], "SelectTypeParameters": "CR_CPU_MEMORY"}}, "memory", "warning"),
        ({"config": {**GOOD["config"], "MaxJobCount": "100"}}, "limits", "warning"),
        ({"config": {**GOOD["config"], "MaxJobCount": "0"}}, "limits", "fails"),
        ({"config": {**GOOD["config"], "MaxArraySize": "100"}}, "arrays", "warning"),
        ({"config": {**GOOD["config"], "MaxArraySize": "0"}}, "arrays", "fails"),
        ({"keeps_accounts": False}, "accounting", "warning"),
        ({"why_no_accounts": "`sacct`: refused"}, "accounting", "warning"),
    ],
)
def test_each_thing_that_a_cluster_may_lack(facts: dict[str, Any], check: str, level: str) -> None:
    found = judged(**facts)
    assert found[check].level == level
    assert found[check].advice
    assert all(one.level == "ok" for name, one in found.items() if name != check)


def test_a_job_that_is_tried_has_the_options_of_an_attempt_but_its_size() -> None:
    asked = Request(
        slurm=Slurm(partition="gpu", gres="gpu:1", memory=2**30, time=3600, extra={"reservation": "r", "hold": True}),
        resources=Resources(cpus=4),
    )
    given = ["--partition=gpu", "--gres=gpu:1", "--reservation=r", "--hold"]
    sizes = ["--time=60", "--mem=1024M", "--cpus-per-task=4"]
    assert set(options(asked)) >= {*given, *sizes}
    assert set(options(asked, tiny=True)) >= set(given)
    assert not set(options(asked, tiny=True)) & set(sizes)


ANSWER: dict[str, Any] = {
    "asked": "x",
    "host": "n1",
    "at": 1002.0,
    "python": "3.11.2",
    "executable": "/p",
    "missing": (),
    "why_no_claims": None,
    "memory": "cgroup_v2",
    "gpus": (),
    "why_no_gpus": None,
}


def tried(request: Request | None = None, answer: dict[str, Any] | None = None, **facts: Any) -> Trial:
    got = None if answer is None else Answer(**{**ANSWER, **answer})
    base = {"root": Path("/r"), "waited": 3.0, "earliest": 1000.0, "latest": 1003.0, "job": "12", "answer": got}
    return Trial(request=request or Request(), **{**base, **facts})


GPU = Request(slurm=Slurm(gres="gpu:1"))


@pytest.mark.parametrize(
    ("request_", "answer", "check", "level"),
    [
        (None, {}, "node's python", "ok"),
        (None, {"missing": ("torch",)}, "node's python", "fails"),
        (None, {"why_no_claims": "no"}, "shared folder", "fails"),
        (None, {"at": 1020.0}, "clock", "warning"),
        (None, {"at": 900.0}, "clock", "warning"),
        (None, {"memory": "sampled"}, "node's memory", "warning"),
        (GPU, {"gpus": (2**36,)}, "node's gpu", "ok"),
        (GPU, {}, "node's gpu", "fails"),
        (GPU, {"why_no_gpus": "no driver"}, "node's gpu", "fails"),
    ],
)
def test_each_thing_that_a_node_may_lack(
    request_: Request | None, answer: dict[str, Any], check: str, level: str
) -> None:
    trial = tried(request_, answer)
    assert trial.answer is not None
    found = {one.check: one for look in NODE if (one := look(trial, trial.answer))}
    assert found[check].level == level
    assert all(one.level == "ok" for name, one in found.items() if name != check)
    assert ("node's gpu" in found) == (request_ is GPU)


@pytest.mark.parametrize(
    ("facts", "level", "said"),
    [
        ({"answer": {}}, "ok", "job 12 ran on n1"),
        ({"job": None, "why_not": "`sbatch`: no"}, "fails", "sbatch would not take it: `sbatch`: no"),
        ({"why_not": "`squeue`: timeout"}, "warning", "job 12 was submitted, then `squeue`: timeout"),
        ({"stand": Stand(stands="queued", job="12", reason="Priority")}, "warning", "(queued: Priority)"),
        ({"stand": Stand(stands="stuck", job="12", reason="JobHeldUser", advice="x")}, "fails", "JobHeldUser"),
        ({"stand": Stand(stands="ended", job="12", reason="FAILED", nodes="n1")}, "fails", "nothing that it wrote"),
        (
            {"stand": Stand(stands="ended", job="12", reason="FAILED", nodes="n1"), "printed": "sh: not found"},
            "fails",
            "it printed: sh: not found",
        ),
        ({"stand": Stand(stands="unknown", job="12")}, "fails", "slurm does not know job 12"),
    ],
)
def test_what_became_of_the_job(facts: dict[str, Any], level: str, said: str) -> None:
    found = job(tried(**facts))
    assert (found.level, said in found.said) == (level, True), found.said
