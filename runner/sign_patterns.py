"""What a line must look like to show a failure: an exception, a tool's error, or a text that only a library writes.

A sentence about memory ("if you get 'CUDA out of memory', lower --batch") is none, and neither is a warning: what is
handled did not end anything.
"""

from __future__ import annotations

import re

from runner.device_signs import BUSY, FAULTY

_BEFORE = r"^(?:\[[^\]]*\]:?\ *|\([^)]*\)\ *|\ *what\(\):\ *|\ +\|\ )*"  # a rank, a process, a C++ program, a group
_EXCEPTION = rf"{_BEFORE}(?:\w+\.)*(?:\w*(?:Error|Exception)|error|ERROR)\b.*?"
_LOGGED = r"^.{0,60}?\b(?:ERROR|CRITICAL|FATAL)\b.*?"
_OF_A_TOOL = r"^[\w./+-]+:\ (?:.*:\ )?"

_NO_DEVICE_MEMORY = r"""(?: (?:CUDA|HIP|NPU|XPU|GPU)(?:\ error(?:\ \d+)?:)?\ out\ of\ memory | CUDA_ERROR_OUT_OF_MEMORY
    | cudaErrorMemoryAllocation | CU(?:BLAS|DNN|SOLVER|SPARSE|FFT)_(?:STATUS_)?ALLOC_FAILED | RESOURCE_EXHAUSTED
    | CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED | CUDNN_STATUS_NOT_INITIALIZED
    | CUBLAS_STATUS_NOT_INITIALIZED\ when\ calling\ `cublasCreate | NVML_SUCCESS\ ==\ r\ INTERNAL\ ASSERT\ FAILED
    | OOM\ when\ allocating\ tensor | MPS\ backend\ out\ of\ memory )"""
_NO_HOST_MEMORY = r"""(?: DefaultCPUAllocator:\ (?:can't\ allocate|not\ enough)\ memory | \bCannot\ allocate\ memory\b
    | \bstd::bad_alloc\b | DataLoader\ worker\ \(pid[^)]*\)\ is\ killed\ by\ signal:\ Killed )"""
_NO_SPACE = r"(?:No\ space\ left\ on\ device|Disk\ quota\ exceeded)"

SIGN = re.compile(
    rf"(?P<device_fault>{'|'.join(FAULTY)})|(?P<device_busy>{'|'.join(BUSY)})".replace(" ", r"\ ")
    + rf"""
  | (?P<cuda_oom> (?:{_EXCEPTION}|{_LOGGED}|{_BEFORE}){_NO_DEVICE_MEMORY}
                | {_BEFORE}(?!java\.)(?:\w+\.)*(?:OutOfMemoryError|ResourceExhaustedError)\b
                | (?:CUDA|HIP|NPU|XPU)\ out\ of\ memory\.\ Tried\ to\ allocate
                | Cuda\ failure\ (?:\d+\ )?'out\ of\ memory'
                | RESOURCE_EXHAUSTED:\ (?:Out\ of\ memory|Failed\ to\ allocate|OOM\ when) )
  | (?P<host_oom> {_BEFORE}(?:(?:builtins\.)?MemoryError|java\.lang\.OutOfMemoryError)\b
                | {_BEFORE}(?:\w+\.)*_ArrayMemoryError:\ Unable\ to\ allocate
                | (?:{_EXCEPTION}|{_LOGGED}|{_BEFORE}|{_OF_A_TOOL}|\[Errno\ \d+\]\ ){_NO_HOST_MEMORY}
                | DefaultCPUAllocator:\ can't\ allocate\ memory
                | terminate\ called\ after\ throwing\ an\ instance\ of\ 'std::bad_alloc' )
  | (?P<disk_full> (?:{_EXCEPTION}|{_LOGGED}|{_BEFORE}|{_OF_A_TOOL}|\[Errno\ \d+\]\ ){_NO_SPACE} )
    """,
    re.VERBOSE,
)
_HANDLED = re.compile(r"^.{0,80}?(?:(?<!NCCL )\b(?i:hint|note|tip|info|debug|warn|warning)\b|\w+Warning:)")


_WARNING = re.compile(r"^.{0,80}?(?:\b(?i:warn|warning)\b|\w+Warning:)")


def warns_of_memory(text: str) -> bool:
    """Whether the line would show a lack of GPU memory if it were no warning."""
    match = SIGN.search(text) if "emory" in text and _WARNING.search(text) else None
    return match is not None and match.lastgroup == "cuda_oom"


def sign_in(text: str) -> str | None:
    """The name of the sign that a line shows."""
    match = SIGN.search(text) if _TELLING.search(text) else None
    if match is None or match.lastgroup is None:
        return None
    return None if match.lastgroup in OF_WANT and _HANDLED.search(text) else match.lastgroup


_TELLING = re.compile(
    rf"{'|'.join((*FAULTY, *BUSY))}|[Mm]emory|OutOfMemory|MEMORY|ALLOC|OOM"
    r"|NOT_INITIALIZED|NVML_SUCCESS|EXHAUSTED|ResourceExhausted|No space|quota|bad_alloc|Killed"
)
"""Quick to look for; the patterns above, which look at what stands before, take their time."""

OF_MEMORY = ("cuda_oom", "host_oom")
OF_WANT = (*OF_MEMORY, "disk_full")
"""What a script may have handled before something else went wrong."""


MOST_LOOKED_AT = 20_000
"""Lines that are looked at for a number: a few seconds. What is NaN for so long stays so."""


_NUMBERS = (
    r"(?i:loss|mse|mae|mape|rmse|nll|elbo|perplexity|ppl|grad_norm|acc|accuracy|auc|auroc|f1|r2|iou|dice|error|score)"
)
_OF_WHAT = r"(?i:[_/](?:epoch|step|train|val|valid|validation|test|eval|mean|avg|total))?"
_NO_STATE = r"(?i:best|skip|ignore|allow|drop|fill)"
"""In a name: `best_loss` is NaN before there is one, `skip-loss` is an option."""
_NO_VALUE = r"""(?: \s+(?:values?|checks?|handling|policy|detection|rows?|samples?|columns?|skipped|if|when|where)\b
    | \s*\((?:not|no|never|skipped)\b | \s*[?=] | _ )"""
"""What stands behind a NaN that is only spoken of."""


class NotANumber:
    """Follows numbers by their names as a log shows them: the last state of each counts."""

    _NAMED = re.compile(
        rf"""(?P<stopped> (?i:loss)\ is\ [-+]?(?:nan|inf),\ stopping )
          | (?: (?P<name> (?<!\bif\ )(?<![\w/.-])(?!-|[\w/.-]*{_NO_STATE}) [\w/.-]{{0,40}}{_NUMBERS}{_OF_WHAT} )
                ["']?\s*(?:[:=|]|is\b)?\s*["']?(?:tensor\(|array\(|np\.float\d+\()?\[? | tensor\(\[? )
            (?: (?P<nan> [-+]?(?:nan|NaN|NAN)\b (?!{_NO_VALUE}) ) | [-+]?\.?\d )
        """,
        re.VERBOSE,
    )

    def __init__(self) -> None:
        self._now: dict[str, str] = {}
        self._left = MOST_LOOKED_AT

    @property
    def line(self) -> str | None:
        """The last one that shows a NaN that stayed."""
        return next(reversed(self._now.values()), None)

    def hear(self, text: str) -> None:
        if not self._left or not (self._now or "nan" in text.lower() or "inf, stop" in text):
            return
        self._left -= 1
        for match in self._NAMED.finditer(text):
            name = (match["name"] or match["stopped"] or "").lower()
            self._now.pop(name, None)
            if match["nan"] or match["stopped"]:
                self._now[name] = text.strip()
