"""How a failure reaches the user: one line on standard error."""

import sys


def print_error(message: str) -> None:
    """Write `cpproxy: error: message` to standard error, in one line whatever the message holds."""
    sys.stderr.write(f"cpproxy: error: {' '.join(message.split())}\n")
    sys.stderr.flush()
