"""The image: who it runs as, what its labels say, when it is healthy, how large it is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import cpproxy
from tests.compose.engine import Engine
from tests.compose.stand_ins import PYTHON, ROOT

pytestmark = pytest.mark.compose
MEGABYTE = 1_000_000


@pytest.fixture
def container(engine: Engine, image: str) -> Iterator[str]:
    name = engine.docker("run", "-d", "--network", "none", image)
    yield name
    engine.docker("rm", "-f", "-v", name)


def inspect(engine: Engine, name: str) -> Any:
    return json.loads(engine.docker("inspect", name))[0]


def test_the_labels_say_what_version_says(engine: Engine, container: str, digest: str) -> None:
    labels = inspect(engine, "cpproxy")["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == cpproxy.__version__
    assert labels["cpproxy.cassettes"] == digest
    engine.docker("exec", container, "cpproxy", "wait", "--timeout", "30")
    version = json.loads(engine.docker("exec", container, "cpproxy", "status", "--format", "json"))["version"]
    assert version["version"] == cpproxy.__version__
    assert version["digest"] == digest


@pytest.mark.parametrize("wrong", ["VERSION=0.0.1", "CASSETTES=0000"])
def test_a_label_that_is_wrong_is_not_built(engine: Engine, image: str, wrong: str) -> None:
    done = engine.attempt(["docker", "build", "--build-arg", wrong, str(ROOT)])
    assert done.returncode != 0
    assert "but the image holds cpproxy" in done.stdout + done.stderr


def test_it_runs_as_nobody_in_particular_and_keeps_its_ledger_to_itself(engine: Engine, container: str) -> None:
    engine.docker("exec", container, "cpproxy", "wait", "--timeout", "30")
    assert inspect(engine, "cpproxy")["Config"]["User"] == "cpproxy"
    shown = engine.docker(
        "exec", container, "sh", "-c", "id -u; stat -c '%U %a' /var/lib/cpproxy /var/lib/cpproxy/ledger*"
    )
    user, *modes = shown.splitlines()
    assert user != "0"
    assert modes[0] == "cpproxy 700"
    assert set(modes[1:]) <= {"cpproxy 600", "cpproxy 700"}
    assert len(modes) > 1


def test_it_is_healthy_once_it_is_ready(engine: Engine, container: str) -> None:
    engine.docker("exec", container, "cpproxy", "wait", "--timeout", "30")
    script = 'until [ "$(docker inspect -f "{{.State.Health.Status}}" "$1")" = healthy ]; do sleep 0.2; done'
    engine.attempt(["sh", "-c", script, "sh", container], timeout=60).check_returncode()


def test_it_stops_at_once_when_told(engine: Engine, container: str) -> None:
    engine.docker("exec", container, "cpproxy", "wait", "--timeout", "30")
    engine.docker("stop", "-t", "20", container)
    assert inspect(engine, container)["State"]["ExitCode"] == 0


def test_it_is_small(engine: Engine, image: str) -> None:
    """What it adds to its base: the dependencies, most of it the rules for secrets, the trap and SQLAlchemy."""
    sizes = [inspect(engine, name)["Size"] for name in (image, PYTHON)]
    assert sizes[0] - sizes[1] < 230 * MEGABYTE
