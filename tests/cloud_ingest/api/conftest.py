"""The API over a small city."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cloud_ingest.api.an_api import Asked, an_api


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    async with an_api(tmp_path) as made:
        yield made
