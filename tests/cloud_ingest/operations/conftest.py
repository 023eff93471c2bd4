"""A place that a city is made of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud_ingest.operations.a_city import Place, a_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as made:
        yield made
