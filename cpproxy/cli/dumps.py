"""No core dumps: a proxy's memory holds the secrets of the calls that passed it."""

import contextlib
import ctypes
import resource
from collections.abc import Iterator

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_dumps(*, for_good: bool) -> tuple[int, int]:
    """Let this process leave none, whatever ends it; the limits that held before come back.

    Unless `for_good` what it starts may still get the limits that held before, once, by `limits_of`.
    """
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0 if for_good else before[1]))
    with contextlib.suppress(OSError, AttributeError):  # it is Linux that knows it; elsewhere the limit must do
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return before


@contextlib.contextmanager
def limits_of(before: tuple[int, int] | None) -> Iterator[None]:
    """Has the limits that held before, for a command to be started with, and after that none, for good.

    Where they are None, nothing has changed.
    """
    if before is None:
        yield
        return
    resource.setrlimit(resource.RLIMIT_CORE, before)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
