"""All that the OpenAPI page allows is asked (schemathesis): no 5xx, and no answer that the page does not show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from cloud_ingest.accounts.who import Role
from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.transition import Finding, Raised
from cloud_ingest.api.right import Limits
from tests.cloud_ingest.api.an_api import Asked, an_api_elsewhere
from tests.cloud_ingest.api.put_forward import put_forward

EXAMPLES = 6
REAL = {"school": "thcs-a", "room": "a101", "device": "may-chieu", "metric": "co2_ppm", "number": 1,
        "profile": "quiet-reading", "version": 1}  # fmt: skip


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder: Path = tmp_path_factory.mktemp("conformance")
    with an_api_elsewhere(folder, Limits(10**9, 10**9)) as made:
        made.centre.inbox.apply(
            [Raised(Finding("k", "co2", Severity.MAJOR, "CO2 cao", "CO2", "thcs-a"), made.place.clock.now_us)]
        )
        put_forward(made.centre.data, made.centre.desk, "thcs-a", "a101")
        yield made


def test_answers_as_its_page_says(asked: Asked) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", asked.whole)
    asked.centre.accounts.add_person("admin", Role.ADMIN, None, "mot hai ba bon nam")
    token, _ = asked.centre.accounts.log_in("admin", "mot hai ba bon nam", "127.0.0.1")
    operations: list[APIOperation[Any, Any, Any, Any]] = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operations.append(found.ok())
    assert len(operations) > 40
    for operation in operations:
        _ask(operation, token)


def _ask(operation: APIOperation[Any, Any, Any, Any], token: str) -> None:
    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), real=strategies.booleans())
    def ask(case: schemathesis.Case[Any], real: bool) -> None:
        if real:  # else hardly any would be about something that is there
            case.path_parameters.update({name: REAL[name] for name in case.path_parameters if name in REAL})
        # What a cursor or a time means is no matter of a schema: those that are none are 422, which the page shows.
        case.call_and_validate(
            headers={"Cookie": f"lophoc_ops={token}"}, excluded_checks=[schemathesis.checks.positive_data_acceptance]
        )

    ask()
