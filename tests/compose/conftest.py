"""One engine for all compose tests, with the images that a registry would give, and cpproxy's own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import cpproxy
from tests.compose import stand_ins
from tests.compose.engine import Engine, find_lacking, running_engine
from tests.compose.harness import COMPOSE_1, find_compose_2
from tests.processes import finish


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if reason := find_lacking():
        pytest.skip(reason)
    with running_engine() as started:
        stand_ins.import_python(started)
        stand_ins.import_nginx(started)
        yield started


@pytest.fixture(params=["1.29", "2"])
def tool(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Each version of Docker Compose."""
    if request.param == "1.29":
        return COMPOSE_1
    return find_compose_2() or pytest.skip("NOT RUN: no Docker Compose 2 is installed, and COMPOSE_2 names none")


@pytest.fixture(scope="session")
def digest() -> str:
    """That of the checkout's cassettes."""
    return finish(["cassette", "digest"], cwd=stand_ins.ROOT).stdout.strip()


@pytest.fixture(scope="session")
def image(engine: Engine, digest: str) -> str:
    """The tag of cpproxy's image, built as the README says."""
    labels = (f"VERSION={cpproxy.__version__}", f"CASSETTES={digest}")
    arguments = [part for label in labels for part in ("--build-arg", label)]
    engine.docker("build", "-t", "cpproxy", *arguments, str(stand_ins.ROOT))
    return "cpproxy"


@pytest.fixture(scope="session")
def built(engine: Engine, image: str) -> Path:
    """An override file that names the images of the harness, all of them built: a job then starts without a build."""
    for name in ("tenant", "front"):
        root = stand_ins.ROOT
        recipe = root / "tests" / "harness" / f"{name}.Dockerfile"
        engine.docker("build", "-t", f"harness-{name}", "-f", str(recipe), str(root))
    images = {"cp": image, "verify": image, "front": "harness-front"}
    images |= dict.fromkeys(("tenant-alpha", "tenant-beta"), "harness-tenant")
    override = engine.folder / "built.yml"
    override.write_text(
        json.dumps({"version": "3.8", "services": {name: {"image": of} for name, of in images.items()}})
    )
    return override
