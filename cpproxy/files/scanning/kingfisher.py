"""The program that runs Kingfisher's rules over texts from its standard input; `rulebook` starts it.

Its own process, since the scanner is native code that reads what others sent: a crash, a loop, or a message that quotes
what was read must not be the recorder's. It asks nobody whether a secret is valid, opens no connection and writes
nothing but the compiled rules, in the user's cache folder (or that of `KF_RULE_CACHE_DIR`), where compiling them takes
seconds and reading them does not. It is run as a file, and imports nothing of cpproxy.

In: the size of a text in 8 bytes, big-endian, then the text; until the end of file. Out: a line of JSON when the rules
are there, `[]`, then one for each text: a list of `[start, end, rule]`, with offsets in bytes.
"""

import json
import os
import resource
import sys
import threading
import time
from typing import IO, Any

WINDOW, OVERLAP = 64 * 1024, 16 * 1024
"""Bytes of the windows that a text is read in: some rules take time that grows with the square of what they get."""

MISSING = 69
"""The exit code where the scanner is not installed."""


def main() -> None:
    """Reads until there is no more. Whatever goes wrong ends it with a traceback and a code that is not 0."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write to disk what was read
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        from kingfisher_sdk import Rules, Scanner  # noqa: PLC0415 (native, and heavy)
    except ImportError:
        sys.exit(MISSING)

    scanner = Scanner(Rules(confidence="low"))
    _answer(out, [])
    while head := sys.stdin.buffer.read(8):
        size = int.from_bytes(head)
        text = sys.stdin.buffer.read(size)
        if len(text) < size:
            return  # who asked is gone
        _answer(out, scan(scanner, text))


def scan(scanner: Any, text: bytes) -> list[tuple[int, int, str]]:  # noqa: ANN401 (its module is imported late)
    """What the rules find in a text: start, end, and the rule's name."""
    found = []
    for begin in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP):
        window = text[begin : begin + WINDOW]
        for one in scanner.scan(window):
            start, end = one.location["start_offset"], one.location["end_offset"]
            # What touches an edge is seen whole in the window before or after; here it may look like what it is not.
            cut = (start == 0 and begin > 0) or (end == len(window) and begin + WINDOW < len(text))
            if one.visible and not cut:
                found.append((begin + start, begin + end, one.rule_id))
    return found


def _end_with(parent: int) -> None:
    """Ends this process once the one that asks is gone: a text that takes for ever must not outlive it."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def _answer(out: IO[str], findings: list[tuple[int, int, str]]) -> None:
    out.write(json.dumps(findings) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
