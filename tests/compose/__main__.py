"""`python -m tests.compose`: exit code 0 where the compose tests can be run, else 1 and the reason in one line."""

# ruff: noqa: T201 - it speaks to whoever started it

import sys

from tests.compose.engine import find_lacking, running_engine


def main() -> int:
    if reason := find_lacking():
        print(reason)
        return 1
    try:
        with running_engine() as engine:
            engine.docker("network", "create", "--internal", "probe")
    except (AssertionError, OSError) as error:
        print(f"no Docker engine starts here: {' '.join(str(error).split())[-400:]}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
