"""No core dumps: a proxy's memory holds the secrets of the calls that passed it."""

import contextlib
import ctypes
import resource

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_dumps() -> tuple[int, int]:
    """Let this process leave none, whatever ends it; the limits that held before come back."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, before[1]))
    with contextlib.suppress(OSError, AttributeError):  # it is Linux that knows it; elsewhere the limit must do
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return before


def allow_core_dumps(pid: int, limits: tuple[int, int]) -> None:
    """Give a command that was started the limits back that it would have had without a proxy."""
    with contextlib.suppress(OSError, AttributeError):  # it has ended, or this is no Linux
        resource.prlimit(pid, resource.RLIMIT_CORE, limits)
