"""What the agent does to itself before there is a job beside it."""

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_PROC = Path("/proc")
OOM_SCORE = -900
_PYTHONS_OWN = (signal.SIGPIPE, signal.SIGXFSZ)  # ignored by the interpreter, and given back by `subprocess`


def harden() -> dict[str, object]:
    """Close this process to its neighbours, also to those of the same user; what was reached, for the log.

    Its memory, environment and descriptors are readable to root alone, it dumps no core, it has no terminal, nothing
    that is open passes on to children by itself, and when memory runs out it goes last. Idempotent.
    """
    set_oom_score("self", OOM_SCORE)  # first: afterwards these files are root's
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if soft != 0:
        _Core.limits = (soft, hard)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.close(null)
    for name in os.listdir(_PROC / "self" / "fd"):  # noqa: PTH208 - numbers, not paths
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            if int(name) > 2:  # noqa: PLR2004 - the three standard streams
                os.set_inheritable(int(name), False)  # noqa: FBT003 - it takes no keyword
    os.umask(0o077)
    for number in signal.valid_signals():
        if number not in _PYTHONS_OWN and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return {"closed": libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0, "oom_score": _oom_score()}


@contextlib.contextmanager
def as_a_child_starts() -> Iterator[None]:
    """While inside, a child inherits the limits that the agent was started with, not those it gave itself."""
    if _Core.limits is None:
        yield
        return
    resource.setrlimit(resource.RLIMIT_CORE, _Core.limits)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (0, _Core.limits[1]))


def set_oom_score(pid: int | str, score: int) -> bool:
    """Set how readily the kernel ends a process when memory runs out (-1000 never, 1000 first); False if it may not."""
    try:
        (_PROC / str(pid) / "oom_score_adj").write_text(str(score), encoding="utf-8")
    except OSError:
        return False
    return True


def _oom_score() -> int:
    return int((_PROC / "self" / "oom_score_adj").read_text(encoding="utf-8"))


class _Core:
    """The core limits that the agent was started with; None while it has them."""

    limits: tuple[int, int] | None = None
