"""Records the harness cassettes again: `python -m tests.staging record`, with the proxy as it is installed.

One staging control plane, its secrets and ids fixed by a seed, answers all scenarios; the port is fixed as well, since
the config that it hands out names it. So a second recording differs in times and the length of polls alone.
"""

# ruff: noqa: T201 - it speaks to whoever started it

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.staging.plane import Plane
from tests.staging.scenarios import SCENARIOS
from tests.staging.server import hosting

ROOT = Path(__file__).parents[2]
SEED = "harness"
PORT = 19090


def record(
    scenarios: Sequence[str] = (),
    *,
    cassettes: Path = ROOT / "cassettes",
    arguments: Sequence[str] = (),
    port: int = PORT,
) -> int:
    """Record each scenario into `harness/NAME`; 0, or the exit code of the first recording that failed.

    `arguments` go to `cpproxy record` as they are.
    """
    # Whoever records is not to be asked for a tenant's or a front's settings.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("CP_", "CPPROXY_", "MOLECULE_"))
    }
    with hosting(Plane(random=random.Random(SEED)), port=port) as url:
        for name in scenarios or SCENARIOS:
            # fmt: off
            command = [
                sys.executable, "-m", "cpproxy", "record", "--upstream", url, "--cassette", f"harness/{name}",
                "--cassettes", str(cassettes), "--listen", "127.0.0.1:0", *arguments,
                "--", sys.executable, "-m", "tests.staging", "run", name,
            ]
            # fmt: on
            code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
            if code:
                print(f"staging: recording harness/{name} ended with {code}", file=sys.stderr)
                return code
    return 0
