"""What a script says of its own attempt: two lines, from any framework. Standard library only, nothing of ours.

    from runner import report

    with report.errors():                     # an exception becomes a failure with a name
        batch = report.batch(64)              # batch.micro samples at a time, batch.accum times for one step
        report.metrics(step, loss=loss)       # a value with a step is a point on a curve
        report.done(mse=mse, steps=steps)     # a value without one is a result

Outside an attempt nothing is written, but what would be refused inside is refused. Threads and forked processes may all
report: each call is one write. Of several ranks let rank 0 call, or all: a point of the same step and name counts once,
the first `done` stays, and a failure of any of them stays whatever the others say.
"""

from __future__ import annotations

import errno
import fcntl
import math
import operator
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ContextDecorator, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Coroutine, Generator
    from types import TracebackType
    from typing import SupportsFloat, SupportsIndex

_Function = TypeVar("_Function", bound=Callable[..., Any])

KINDS = ("crashed", "config", "data", "shape", "non_finite", "cuda_oom", "host_oom", "disk_full", "incomplete")
"""The words by which a script may say that it failed."""

_MOST_TEXT = 20_000
_LONGEST_NAME = 200
_MOST = 2**62
_OF_TYPE = {
    "torch.OutOfMemoryError": "cuda_oom",
    "cupy.OutOfMemoryError": "cuda_oom",
    "builtins.MemoryError": "host_oom",
    "numpy._ArrayMemoryError": "host_oom",
    "builtins.FloatingPointError": "non_finite",
}
"""By the first part of the module and the name of the type: nothing is imported to tell."""
_OF_ERRNO = {errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full", errno.ENOMEM: "host_oom"}
_OF_TEXT = {
    "DefaultCPUAllocator: can't allocate memory": "host_oom",
    "CUDA out of memory": "cuda_oom",
    "CUDA error: out of memory": "cuda_oom",
    "_ALLOC_FAILED": "cuda_oom",
    "_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED": "cuda_oom",
    "CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate": "cuda_oom",
    "CUDNN_STATUS_NOT_INITIALIZED": "cuda_oom",
    "NVML_SUCCESS == r INTERNAL ASSERT FAILED": "cuda_oom",
    "RESOURCE_EXHAUSTED: ": "cuda_oom",
    "std::bad_alloc": "host_oom",
    "is killed by signal: Killed": "host_oom",
    "shapes cannot be multiplied": "shape",
    "must match the size of tensor": "shape",
    "Sizes of tensors must match": "shape",
    "must match the existing size": "shape",
    "is invalid for input of size": "shape",
    "Expected size for first two dimensions": "shape",
}
"""What only its text tells apart from other RuntimeErrors."""
_WITH_TEXTS = frozenset(("builtins.RuntimeError", "torch.AcceleratorError", "jaxlib.XlaRuntimeError"))


class AttemptFolderError(RuntimeError):
    """The environment names an attempt to whose folder nothing can be reported; the message says why."""


class Batch(NamedTuple):
    """How many samples are held at a time, and the gradients of how many such are summed for one optimizer step."""

    micro: int
    accum: int

    @property
    def effective(self) -> int:
        return self.micro * self.accum


def batch(effective: SupportsIndex | None = None) -> Batch:
    """How this attempt cuts the effective batch; not at all where the sweep names none, and outside an attempt.

    Raises:
        ValueError: the script asks for another effective batch than the sweep.
    """
    asked = None if effective is None else _whole("the effective batch", effective, least=1)
    attempt = _attempt()
    if attempt is None or attempt.batch is None:
        return Batch(asked or 1, 1)
    if asked not in (None, attempt.batch.effective):
        raise ValueError(
            f"the script asks for an effective batch of {asked}, the sweep for one of {attempt.batch.effective}: "
            "change one of them, or call report.batch() and leave it to the sweep"
        )
    attempt.note_asked()
    return attempt.batch


def metrics(
    step: SupportsIndex | Mapping[str, SupportsFloat] | None = None,
    values: Mapping[str, SupportsFloat] | None = None,
    **named: SupportsFloat,
) -> None:
    """Report values by name: `metrics(step, loss=0.3)`, `metrics(step, {"val/loss": 0.3})`, `metrics({"acc": 0.9})`.

    A value with a step is a point on a curve. One without is a result, which `done` takes up; on its curve it comes one
    step after the last point. NaN and infinities are reported as they are, and fail the attempt.

    Raises:
        TypeError: a value is no number, or the step no whole number.
        ValueError: a name cannot be a metric's, or the step is negative.
    """
    if isinstance(step, Mapping):
        step, values = None, step
    numbers = _numbers(values, named)
    whole = None if step is None else _whole("step", step, least=0)
    attempt = _attempt()
    if attempt and numbers:
        attempt.append(numbers, whole)


def done(
    values: Mapping[str, SupportsFloat] | None = None, /, *, steps: SupportsIndex | None = None, **named: SupportsFloat
) -> None:
    """Say that all is done, with the results given here and those that `metrics` was given without a step.

    `steps` are the optimizer steps that were done. A result that is not finite fails the attempt.

    Raises:
        TypeError: a value is no number, or `steps` no whole number.
        ValueError: a name cannot be a metric's, or `steps` is negative.
    """
    given = _numbers(values, named)
    whole = 0 if steps is None else _whole("steps", steps, least=0)
    attempt = _attempt()
    if attempt is None:
        return
    results = {**attempt.look().results, **given}
    wrong = [f"metric `{name}` is {value}" for name, value in results.items() if not math.isfinite(value)]
    if wrong:
        attempt.fail("non_finite", "NonFiniteMetric", ", ".join(wrong))
    else:
        attempt.leave({"steps_done": max(0, whole - attempt.start_step), "metrics": results, "error": None})


def failed(message: str, kind: str = "crashed") -> None:
    """Say that the attempt failed, whatever its exit code will be. `kind` is one of `KINDS`.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"`{kind}` is no kind of failure that a script can report; known are {', '.join(KINDS)}")
    attempt = _attempt()
    if attempt:
        attempt.fail(kind, "Reported", str(message))


def errors() -> _Errors:
    """`with report.errors():` or `@report.errors()`: an exception becomes a failure with a name, and goes on its way.

    Not so KeyboardInterrupt, GeneratorExit, asyncio's CancelledError and an exit with code 0. Decorated may be any
    function: of a coroutine or a generator, asynchronous or not, it is its body that is looked after.
    """
    return _Errors()


class _Errors(ContextDecorator):
    def __call__(self, function: _Function) -> _Function:
        """The function, within this for as long as its body runs."""
        import inspect

        if inspect.iscoroutinefunction(function):
            return cast("_Function", self._around_coroutine(function))
        if inspect.isasyncgenfunction(function):
            return cast("_Function", self._around_asynchronous_generator(function))
        if inspect.isgeneratorfunction(function):
            return cast("_Function", self._around_generator(function))
        return super().__call__(function)

    def _around_coroutine(self, function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
        @wraps(function)
        async def within(*args: Any, **named: Any) -> Any:
            with self:
                return await function(*args, **named)

        return within

    def _around_generator(self, function: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Any]:
        @wraps(function)
        def within(*args: Any, **named: Any) -> Generator[Any, Any, Any]:
            with self:
                return (yield from function(*args, **named))

        return within

    def _around_asynchronous_generator(self, function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., Any]:
        @wraps(function)
        def within(*args: Any, **named: Any) -> _Steps:
            return _Steps(function(*args, **named), self)

        return within

    def __enter__(self) -> None:
        _attempt()  # a folder that cannot be used is told before anything is spent

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, (KeyboardInterrupt, GeneratorExit)) or _is_cancellation(error):
            return
        if isinstance(error, SystemExit) and error.code in (None, 0):
            return
        try:
            attempt = _attempt()
            if attempt:
                attempt.fail(*describe(error))
        except (OSError, AttemptFolderError) as trouble:  # it must not hide the error itself
            _say(f"{type(error).__name__} could not be reported: {trouble}")


class _Steps:
    """An asynchronous generator whose every step is looked after: there is no `yield from` of these."""

    def __init__(self, inner: AsyncGenerator[Any, Any], errors: _Errors) -> None:
        self._inner = inner
        self._errors = errors

    def __aiter__(self) -> _Steps:
        return self

    async def __anext__(self) -> Any:
        return await self._take(self._inner.__anext__())

    async def asend(self, value: Any) -> Any:
        return await self._take(self._inner.asend(value))

    async def athrow(self, *error: Any) -> Any:
        return await self._take(self._inner.athrow(*error))

    async def aclose(self) -> None:
        await self._take(self._inner.aclose())

    async def _take(self, step: Awaitable[Any]) -> Any:
        with self._errors:
            try:
                return await step
            except StopAsyncIteration as end:
                ended = end
        raise ended  # no failure, but the end of it


def _is_cancellation(error: BaseException) -> bool:
    """Of a task: who cancelled it knows why. asyncio is not imported for this; where it was raised, it is there."""
    asyncio = sys.modules.get("asyncio.exceptions")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


class _Seen(NamedTuple):
    """How far `metrics.jsonl` has been read, the highest step of each name, and the last result of each."""

    offset: int
    steps: Mapping[str, int]
    results: Mapping[str, float]


class _Attempt:
    """The attempt of this process, as its folder tells. What was read of it holds in forked children too."""

    def __init__(self, nonce: str, folder: str) -> None:
        self._folder = folder
        self._seen = _Seen(0, {}, {})
        try:
            plan = _read_json(f"{folder}/plan.json")
            self._whose = {"version": 1, "attempt_id": nonce, "run_id": str(plan["run_id"])}
            self.start_step = int(plan["start_step"])
            self.batch = Batch(**plan["batch"]) if plan["settings"].get("names_batch") else None
            own, of_command = (plan["version"], plan["attempt_id"]) == (1, nonce), plan["declared"] is not None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise _unusable(folder, f"plan.json cannot be read: {type(error).__name__}: {error}") from None
        if not own:
            raise _unusable(folder, f"its plan is not of attempt {nonce}, or of another version of runner")
        if not of_command:
            raise _unusable(folder, "it trains one of runner's own backbones, whose worker reports by itself")

    def note_asked(self) -> None:
        """That the script asked for its batch: one that does not would not notice half of it."""
        with open(f"{self._folder}/batch.asked", "ab"):  # noqa: PTH123 - imports next to nothing
            pass

    def append(self, values: Mapping[str, float], step: int | None) -> None:
        """Append a line for each value, in one write. Results wait for each other, so that each has its own step."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(f"{self._folder}/metrics.jsonl", flags, 0o644)
        try:
            if step is None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                last = self.look().steps
                lines = [{"step": last.get(name, 0) + 1, "name": name, "result": True} for name in values]
            else:
                lines = [{"step": step, "name": name} for name in values]
            now = time.time()
            _append(descriptor, [{**line, "value": values[str(line["name"])], "time": now} for line in lines])
        finally:
            os.close(descriptor)

    def look(self) -> _Seen:
        """What `metrics.jsonl` holds by now, whichever process of the attempt wrote it."""
        with suppress(FileNotFoundError), open(f"{self._folder}/metrics.jsonl", "rb") as file:  # noqa: PTH123 - slow
            file.seek(self._seen.offset)
            data = file.read()
            self._seen = _read_on(self._seen, data[: data.rfind(b"\n") + 1])
        return self._seen

    def fail(self, kind: str, name: str, message: str, trace: str = "") -> None:
        texts = {"message": _writable(message)[:_MOST_TEXT], "traceback": _writable(trace)[-_MOST_TEXT:]}
        self.leave({"steps_done": 0, "error": {"kind": kind, "type": _writable(name), **texts}})

    def leave(self, said: Mapping[str, Any]) -> None:
        """Write `result.json`. The first one stays, but a failure takes the place of a success."""
        path = f"{self._folder}/result.json"
        temporary = f"{self._folder}/.result.json.{os.getpid()}.{os.urandom(4).hex()}"
        try:
            _write_json(temporary, {**self._whose, "start_step": self.start_step, "pid": os.getpid(), **said})
            os.link(temporary, path)  # unlike a rename, it fails where there is one
        except FileExistsError:
            there = _read_result(path)
            if said["error"] and not there.get("error"):
                os.replace(temporary, path)  # noqa: PTH105 - pathlib is slow to import
            else:
                _say_what_stays(there, said)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108 - the same
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)


_attempts: dict[tuple[str, str], _Attempt] = {}


def _attempt() -> _Attempt | None:
    nonce, folder = os.environ.get("RUNNER_ATTEMPT"), os.environ.get("RUNNER_ATTEMPT_DIR")
    if not nonce and not folder:
        return None
    if not nonce or not folder:
        raise _unusable(folder, "only one of RUNNER_ATTEMPT and RUNNER_ATTEMPT_DIR is set")
    if (nonce, folder) not in _attempts:
        _attempts[nonce, folder] = _Attempt(nonce, folder)
    return _attempts[nonce, folder]


def _unusable(folder: str | None, why: str) -> AttemptFolderError:
    return AttemptFolderError(
        f"nothing can be reported to the attempt folder {folder}: {why}; what is to run outside of any attempt needs "
        "RUNNER_ATTEMPT and RUNNER_ATTEMPT_DIR unset"
    )


def _numbers(values: Mapping[Any, object] | None, named: Mapping[str, object]) -> dict[str, float]:
    given = {**(values or {}), **named}
    for name in given:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or name != _writable(name):
            raise ValueError(f"{name!r:.80} cannot name a metric; 1 to {_LONGEST_NAME} characters of text can")
    return {name: _number(name, value) for name, value in given.items()}


def _number(name: str, value: Any) -> float:
    """The value of anything that holds one number: scalars and arrays of one element of numpy and torch too."""
    shape = tuple(getattr(value, "shape", None) or ())
    if any(length != 1 for length in shape):
        raise TypeError(f"metric `{name}` must be one number, is of shape {shape}; report its mean, say")
    single = value.item() if hasattr(value, "item") else value
    with suppress(TypeError, ValueError, OverflowError):
        if not isinstance(single, (bool, str, bytes, bytearray)):
            return float(single)
    raise TypeError(f"metric `{name}` must be a number, is {type(value).__name__} {value!r:.80}")


def _whole(what: str, value: SupportsIndex, *, least: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} must be a whole number, is {value!r:.80}")
    number = operator.index(value)
    if not least <= number <= _MOST:
        raise ValueError(f"{what} must be at least {least} and at most 2**62, is {number}")
    return number


def _append(descriptor: int, lines: list[dict[str, Any]]) -> None:
    import json

    for line in lines:
        if not math.isfinite(line["value"]):
            line["value"] = str(line["value"])  # JSON has no such number
    data = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines).encode()
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":  # torn by a full disk; ours must not be glued to it
        data = b"\n" + data
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: not all of the metrics could be written")


def _read_on(seen: _Seen, data: bytes) -> _Seen:
    import json

    steps, results = dict(seen.steps), dict(seen.results)
    for line in data.splitlines():
        with suppress(ValueError, KeyError, TypeError, RecursionError):  # torn, or written by somebody else
            point = json.loads(line)
            name, value = str(point["name"]), float(point["value"])
            steps[name] = max(int(point["step"]), steps.get(name, 0))
            if point.get("result"):
                results[name] = value
    return _Seen(seen.offset + len(data), steps, results)


class Description(NamedTuple):
    """The failure's word, type and message of the exception that names it, and the traceback of the whole."""

    kind: str
    type: str
    message: str
    traceback: str


def kind_of(error: BaseException, message: str) -> str:
    """The failure's word by the exception itself: its type, then its errno, then what only a text can tell."""
    types = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    return _kind(types, error.errno if isinstance(error, OSError) else None, message)


def describe(error: BaseException, known: Callable[[BaseException, str], str] = kind_of) -> Description:
    """Where an exception does not name the failure itself, what it came of does.

    That is a member of a group, a cause, or the traceback of another process that stands in its message, as those of
    `torch.multiprocessing` and of a DataLoader's worker do.
    """
    import traceback

    trace = "".join(traceback.format_exception(error))
    nameless: list[tuple[str, str]] = []
    for each in _behind(error):
        name, message = _name_and_message(each)
        if (kind := known(each, message)) != "crashed":
            return Description(kind, name, message, trace)
        told = _told_by_others(message)
        for name_there, said in told:
            if (kind := _kind({_short(name_there)}, _errno_in(said), said)) != "crashed":
                return Description(kind, name_there, said, trace)
        nameless += told[:1] or [(name, message)]
    return Description("crashed", *nameless[0], trace)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error, and whatever its traceback shows beside it, once each."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        cause = each.__cause__
        if cause is None and not each.__suppress_context__:
            cause = each.__context__
        is_group = any(kind.__name__ == "BaseExceptionGroup" for kind in type(each).__mro__)  # since Python 3.11
        waiting += [*([cause] if cause is not None else []), *reversed(each.exceptions if is_group else ())]  # type: ignore[attr-defined]


def _name_and_message(error: BaseException) -> tuple[str, str]:
    """Also where its `__str__` raises."""
    import traceback

    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    text = "".join(traceback.format_exception_only(error)).strip()
    return name, text.removeprefix(name).removeprefix(": ")


def _told_by_others(message: str) -> list[tuple[str, str]]:
    """Type and message of each exception whose traceback a text holds, the last first."""
    import re

    _, _, after = message.partition("Traceback (most recent call last)")
    ends = re.findall(r"(?m)^(?:\s*\| )?((?:[A-Za-z_]\w*\.)*_?[A-Z]\w*[a-z]\w*)(?:: (.*))?$", after)
    return ends[::-1]


def _short(name: str) -> str:
    first, _, last = name.rpartition(".")
    return f"{first.partition('.')[0] or 'builtins'}.{last}"


def _errno_in(message: str) -> int | None:
    digits = message.partition("[Errno ")[2].partition("]")[0]
    return int(digits) if digits.isdecimal() else None


def _kind(types: Collection[str], number: int | None, message: str) -> str:
    found = [kind for name, kind in _OF_TYPE.items() if name in types]
    # What is written in Rust (safetensors) hands on the system's errno as text.
    found += [kind for each, kind in _OF_ERRNO.items() if number == each or f"(os error {each})" in message]
    if not _WITH_TEXTS.isdisjoint(types):
        found += [kind for text, kind in _OF_TEXT.items() if text in message]
    return found[0] if found else "crashed"


def _writable(text: str) -> str:
    """The text as UTF-8 can hold it; what it cannot hold is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _read_json(path: str) -> dict[str, Any]:
    import json

    with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow to import
        data = json.loads(file.read())
    if not isinstance(data, dict):
        raise ValueError("it holds no keys and values")  # noqa: TRY004 - of the file, not of an argument
    return data


def _read_result(path: str) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):  # then it proves nothing, and a failure may take its place
        return _read_json(path)
    return {}


def _write_json(path: str, record: Mapping[str, Any]) -> None:
    import json

    with open(path, "xb") as file:  # noqa: PTH123 - pathlib is slow to import
        file.write((json.dumps(record, indent=1, allow_nan=False) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def _say_what_stays(there: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    if there.get("error"):
        _say(f"this attempt has failed already, which stays: {there['error']['type']}: {there['error']['message']}")
    elif any(there.get(key) != said[key] for key in ("metrics", "steps_done")):
        _say(f"process {there.get('pid')} has said already that it is done, which stays; this one says otherwise")


def _say(text: str) -> None:
    with suppress(AttributeError, OSError, ValueError):  # there is no standard error, or nobody takes it
        sys.stderr.write(f"runner report: {text}\n")
