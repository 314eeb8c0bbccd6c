"""What libraries and defects have to say while a proxy runs: one line on standard error, a traceback only for -v -v.

Without -v that is errors alone. A line names the exception and not its text, which may quote what a client sent; what
asyncio says of a task or a callback ends before it shows that, since it holds what it was called with.
"""

import logging
import re
from typing import override

from cpproxy.cli.output import gate

_ASYNCIO = re.compile(r"(?:Exception in callback [\w.<>]*|[^\n(<{\[]*)")


class _Line(logging.Formatter):
    """`cpproxy: error: message: ExceptionName`, in one line unless tracebacks are asked for."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    @override
    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage()
        if record.name == "asyncio" and (cut := _ASYNCIO.match(said)):
            said = cut[0]
        line = f"cpproxy: {record.levelname.lower()}: {' '.join(said.split())}"
        if not record.exc_info or not record.exc_info[0]:
            return gate().message(line)
        if self._tracebacks:
            return gate().text(f"{line}\n{self.formatException(record.exc_info)}")
        return gate().message(f"{line}: {record.exc_info[0].__name__} (-v -v shows where it arose)")


def set_up_logging(verbosity: int) -> None:
    """Begin to write the log: errors, with -v what libraries tell, with -v -v everything."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Line(tracebacks=verbosity > 1))
    level = logging.ERROR if verbosity < 1 else logging.INFO if verbosity == 1 else logging.DEBUG
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.raiseExceptions = False  # else a line that cannot be written is written with all that it was made of
