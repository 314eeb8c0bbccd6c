"""One engine for all compose tests, with the images that a registry would give."""

from collections.abc import Iterator

import pytest

from tests.compose import stand_ins
from tests.compose.engine import Engine, find_lacking, running_engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if reason := find_lacking():
        pytest.skip(reason)
    with running_engine() as started:
        stand_ins.import_python(started)
        stand_ins.import_nginx(started)
        yield started
