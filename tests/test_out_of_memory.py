"""Every form in which memory runs out has its kind, in our worker and in commands, and is answered with half the batch.

Real ones, of the kernel, of the supervisor and of torch, are in tests/test_memory_limit.py and tests/faults/memory.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from evidence import GOOD, GOOD_COMMAND, RESULT, ended, killed, unproven

from db.records import BatchSplit, Exit, MemoryWatch
from db.verdicts import Failed, History, PastAttempt
from runner.evidence import Evidence
from runner.judge import judge
from runner.log_signs import signs_in
from runner.retry import Launch, next_step
from runner.worker_result import describe_error
from sweeps.settings import Policy

CHECK = "\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions."


def runtime(message: str) -> BaseException:
    return RuntimeError(message)


@dataclass(frozen=True)
class Refused:
    """Memory that a library does not get, as the exception that it raises."""

    kind: str
    error: BaseException


@dataclass(frozen=True)
class Killed:
    """Memory that was taken and not there, as the supervisor saw the end."""

    exit: Exit


def refused_by_torch() -> BaseException:
    try:
        torch.zeros(2**52)
    except RuntimeError as error:
        return error
    raise AssertionError


def refused_by_numpy() -> BaseException:
    try:
        np.zeros(2**60, dtype=np.uint8)
    except MemoryError as error:
        return error
    raise AssertionError


def refused_by_python() -> BaseException:
    try:
        bytearray(2**62)
    except MemoryError as error:
        return error
    raise AssertionError


def device(message: str) -> Refused:
    return Refused("cuda_oom", runtime(message))


def watched(how: Any, kills: int | None, **others: Any) -> MemoryWatch:
    return MemoryWatch(how=how, limit=100, peak=100, oom_kills=kills, **others)


FORMS: dict[str, Refused | Killed] = {
    "torch's allocator": Refused("cuda_oom", torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")),
    "a CUDA call": Refused("cuda_oom", torch.AcceleratorError("CUDA error: out of memory" + CHECK)),
    "a CUDA call, in older words": device("CUDA error: out of memory" + CHECK),
    "cuBLAS, a workspace": device("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasSgemm( handle, ...)`"),
    "cuBLAS, its handle": device("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "cuBLAS, no handle at all": device("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    "cuDNN, a workspace": device("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "cuDNN, its handle": device("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
    "cuDNN 9": device("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    "cuFFT": device("cuFFT error: CUFFT_ALLOC_FAILED"),
    "cuSOLVER": device("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
    "torch's allocator without NVML": device(
        'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "../c10/cuda/CUDACachingAllocator.cpp":830, please report a bug.'
    ),
    "torch on the CPU": Refused("host_oom", refused_by_torch()),
    "torch on the CPU, in the kernel's words": Refused(
        "host_oom",
        runtime(
            "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
            "allocate 4096 bytes. Error code 12 (Cannot allocate memory)"
        ),
    ),
    "numpy": Refused("host_oom", refused_by_numpy()),
    "Python": Refused("host_oom", refused_by_python()),
    "the system": Refused("host_oom", OSError(12, "Cannot allocate memory")),
    "C++": Refused("host_oom", runtime("std::bad_alloc")),
    "a worker of a DataLoader": Refused("host_oom", runtime("DataLoader worker (pid 7) is killed by signal: Killed. ")),
    "the kernel, the worker": Killed(killed(9, memory=watched("cgroup_v2", 1))),
    "the kernel, the worker behind a shell": Killed(ended(exit_code=137, memory=watched("cgroup_v1", 1))),
    "the kernel, a child, and the worker fails of it": Killed(ended(exit_code=1, memory=watched("cgroup_v2", 1))),
    "the kernel, a child, and nobody minds": Killed(ended(memory=watched("cgroup_v2", 1))),
    "the kernel, in a cgroup of several": Killed(killed(9, memory=watched("none", None, shared_oom_kills=1))),
    "the supervisor's limit": Killed(killed(9, ended_by="memory_limit", memory=watched("sampled", None))),
}


UNCOUNTED = ended(exit_code=1, memory=watched("none", None))
"""Where the kernel's count is not known, the text is all there is."""


def in_worker(form: Refused | Killed) -> Evidence:
    if isinstance(form, Killed):
        return replace(GOOD, exit=form.exit, result=None, result_sha256=None)
    result = replace(RESULT, metrics={}, error=describe_error(form.error))
    return replace(GOOD, exit=UNCOUNTED, result=result)


def in_command(form: Refused | Killed) -> Evidence:
    """Of a refusal only a traceback in its log is seen."""
    if isinstance(form, Killed):
        return replace(GOOD_COMMAND, exit=form.exit)
    signs = signs_in("".join(traceback.format_exception(form.error)).encode().splitlines())
    return replace(GOOD_COMMAND, exit=UNCOUNTED, proofs=(unproven("no_result"),), signs=signs)


@pytest.mark.parametrize("body", [in_worker, in_command])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_it_is_told_by_its_kind_and_answered_with_half_the_batch(
    form: Refused | Killed, body: Callable[[Refused | Killed], Evidence]
) -> None:
    verdict = judge(body(form))
    assert isinstance(verdict, Failed)
    assert verdict.kind == (form.kind if isinstance(form, Refused) else "host_oom"), verdict
    batch = BatchSplit(micro=8, accum=2)
    past = PastAttempt(number=1, batch=batch, code_fingerprint="c", verdict="failed", failure_kind=verdict.kind)
    step = next_step(History(attempts=(past,)), first=batch, policy=Policy(), waited=0.0)
    assert isinstance(step, Launch)
    assert step.batch == BatchSplit(micro=4, accum=4)
