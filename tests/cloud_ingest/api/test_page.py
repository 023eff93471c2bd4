"""`docs/operations-api.md` lists every route with its right, and no other."""

import re
from pathlib import Path

from fastapi.routing import APIRoute

from tests.cloud_ingest.api.an_api import Asked
from tests.cloud_ingest.api.test_rights import rights_of

PAGE = Path(__file__).parents[3] / "docs" / "operations-api.md"


async def test_the_page_lists_every_route_with_its_right(asked: Asked) -> None:
    listed = set(re.findall(r"^\| `(\w+) (/\S+)` \| (\S+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    there = {
        (method, route.path, rights_of(route.dependant)[0].value)
        for route in asked.api.routes
        if isinstance(route, APIRoute) and not route.path.endswith(".csv")
        for method in route.methods or ()
    }
    assert listed == there
