"""What is judged of a job beyond what the sweep file says: its time, its memory, the shell, how many there may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from test_cluster_checks import GOOD, judged

from runner.doctor.finding import Finding
from runner.doctor.offers import read_partitions
from runner.doctor.request import Request
from runner.doctor.submit_limits import Registered, read_associations, read_qos
from runner.slurm.commands import ask
from runner.slurm.reading import Unreadable
from sweeps.settings import Resources
from sweeps.slurm import Slurm

GIB = 2**30
PARTITIONS = """PartitionName=main AllowQos=ALL QoS=N/A DefMemPerNode=UNLIMITED TRES=cpu=12,mem=12000M,node=3
PartitionName=gpu AllowQos=ALL QoS=few DefMemPerNode=300 TRES=cpu=12,mem=12000M,node=3
"""
USER = """own|lab|gpu||normal|3|
own|lab|||few,normal|7|5
own|own|||normal||
"""
KNOWN = {
    "registered": Registered(associations=read_associations(USER), qos=read_qos("normal|\nfew|4\nmany|2000\n")),
    "details": read_partitions(PARTITIONS),
}


def with_config(slurm: Mapping[str, Any], config: Mapping[str, str], **facts: Any) -> dict[str, Finding]:
    resources = facts.pop("resources", Resources())
    request = Request(slurm=Slurm(**slurm), resources=resources)
    return judged(request=request, config={**GOOD["config"], **config}, **facts)


@pytest.mark.parametrize(
    ("slurm", "own", "level", "said"),
    [
        ({}, None, "ok", "for 36 h 30 min at most"),
        ({}, 131_400.0, "fails", "and resources.time asks for 36 h 32 min"),
        ({}, 131_310.0, "ok", ""),
        ({"time": 3600.0}, 131_400.0, "ok", ""),
        ({"time": 131_401.0}, 200_000.0, "fails", "and slurm.time asks for 36 h 31 min"),
    ],
)
def test_the_shorter_time_is_compared_in_whole_minutes(
    slurm: dict[str, Any], own: float | None, level: str, said: str
) -> None:
    found = with_config({"partition": "gpu", **slurm}, {}, resources=Resources(time=own))["partition"]
    assert (found.level, said in found.said) == (level, True), found.said


@pytest.mark.parametrize(
    ("slurm", "config", "level", "said"),
    [
        ({"memory": GIB}, {}, "ok", "an attempt asks for 1.0 GiB"),
        ({"extra": {"mem-per-cpu": "2G"}}, {}, "ok", "asks for 2G (mem-per-cpu)"),
        ({"extra": {"mem-per-gpu": "3G"}}, {}, "ok", "asks for 3G (mem-per-gpu)"),
        ({}, {"DefMemPerCPU": "100"}, "warning", "an attempt gets 400 MiB, which is the default (DefMemPerCPU=100, in"),
        ({}, {"DefMemPerNode": "100"}, "warning", "an attempt gets 100 MiB"),
        ({"partition": "gpu"}, {"DefMemPerCPU": "100"}, "warning", "an attempt gets 300 MiB"),
        ({"partition": "main"}, {"DefMemPerCPU": "100"}, "warning", "an attempt gets 400 MiB"),
        ({}, {"DefMemPerNode": "UNLIMITED"}, "warning", "gets the whole memory of its node, so no two attempts share"),
        ({}, {"DefMemPerCPU": "0"}, "warning", "gets the whole memory"),
        (
            {},
            {"DefMemPerCPU": "100", "SelectTypeParameters": "CR_CORE"},
            "ok",
            "none is asked for, and it is not limit",
        ),
    ],
)
def test_memory(slurm: dict[str, Any], config: dict[str, str], level: str, said: str) -> None:
    counted = {"SelectTypeParameters": "CR_CPU_MEMORY", **config}
    found = with_config(slurm, counted, resources=Resources(cpus=4), **KNOWN)["memory"]
    assert (found.level, said in found.said) == (level, True), found.said
    assert found.advice == ("set slurm.memory" if level == "warning" else None)


def test_the_memory_of_an_attempt_is_asked_for_with_that_of_its_supervisor() -> None:
    found = with_config({}, {"SelectTypeParameters": "CR_CPU_MEMORY"}, resources=Resources(memory=GIB))["memory"]
    assert (found.level, found.said) == ("ok", "an attempt asks for 1.1 GiB")


@pytest.mark.parametrize(
    ("slurm", "shell", "level", "said"),
    [
        ({}, {}, "ok", "no variable of sbatch"),
        ({}, {"SBATCH_QOS": "few", "SBATCH_ACCOUNT": "lab"}, "ok", "heeded: SBATCH_ACCOUNT=lab, SBATCH_QOS=few"),
        ({"qos": "many"}, {"SBATCH_QOS": "few"}, "warning", "left out: SBATCH_QOS"),
        ({"extra": {"reservation": "r"}}, {"SBATCH_RESERVATION": "s"}, "warning", "left out: SBATCH_RESERVATION"),
        ({}, {"SBATCH_TIMELIMIT": "1", "SBATCH_QOS": "a\nb"}, "warning", "SBATCH_TIMELIMIT; heeded: SBATCH_QOS=a\\nb"),
    ],
)
def test_variables_of_the_shell(slurm: dict[str, Any], shell: dict[str, str], level: str, said: str) -> None:
    found = with_config(slurm, {}, variables=shell)["shell"]
    assert (found.level, said in found.said) == (level, True), found.said


def test_what_the_shell_chooses_is_what_is_looked_at() -> None:
    shell = {"SBATCH_PARTITION": "night"}
    assert with_config({}, {}, variables=shell)["partition"].said.startswith("`night` is not up")
    assert with_config({"partition": "main"}, {}, variables=shell)["partition"].level == "ok"


def test_a_command_does_not_see_what_it_is_to_be_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SBATCH_GRES", "gpu:1")
    monkeypatch.setenv("SBATCH_QOS", "few")
    seen = ask("env", without=["SBATCH_GRES"]).splitlines()
    assert "SBATCH_QOS=few" in seen
    assert not any(line.startswith("SBATCH_GRES") for line in seen)


@pytest.mark.parametrize(
    ("slurm", "level", "said"),
    [
        ({}, "ok", "up to 10000 jobs at a time (MaxJobCount)"),
        ({"account": "lab"}, "warning", "5 jobs at a time (GrpSubmitJobs of account `lab`): the rest waits here"),
        ({"account": "Lab", "partition": "gpu"}, "warning", "3 jobs at a time (MaxSubmitJobs of account `lab`)"),
        ({"partition": "gpu"}, "warning", "4 jobs at a time (MaxSubmitJobsPerUser of qos `few`)"),
        ({"qos": "few"}, "warning", "4 jobs at a time (MaxSubmitJobsPerUser of qos `few`)"),
        ({"qos": "few", "at_once": 4}, "ok", "up to 4 jobs at a time"),
        ({"qos": "many", "at_once": 5000}, "warning", "2000 jobs at a time (MaxSubmitJobsPerUser of qos `many`)"),
    ],
)
def test_how_many_jobs_may_be_submitted(slurm: dict[str, Any], level: str, said: str) -> None:
    found = with_config(slurm, {"AccountingStorageEnforce": "associations,limits,qos"}, **KNOWN)["limits"]
    assert (found.level, said in found.said) == (level, True), found.said
    assert found.advice == (f"set slurm.at_once: {found.said.split()[0]}" if level == "warning" else None)


def test_limits_that_nobody_enforces_are_none() -> None:
    for enforced in ("none", "associations,qos"):
        found = with_config({"account": "lab", "qos": "few"}, {"AccountingStorageEnforce": enforced}, **KNOWN)
        assert found["limits"].said == "up to 10000 jobs at a time (MaxJobCount)"


def test_where_the_accounting_does_not_tell_there_is_nothing_to_judge() -> None:
    assert "limits" not in judged(registered=None)


def test_what_sacctmgr_prints_is_read() -> None:
    assert [(one.account, one.is_default, one.qos) for one in read_associations(USER)] == [
        ("lab", False, "normal"),
        ("lab", False, None),
        ("own", True, "normal"),
    ]
    assert read_associations("") == []
    for reader in (read_associations, read_qos):
        with pytest.raises(Unreadable):
            reader("a|b|c\n")
