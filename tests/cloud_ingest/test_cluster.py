"""A real cluster of three RabbitMQ nodes on this machine, of which one is killed under load."""

from pathlib import Path

import pytest

from tests.benchmarks.cluster import run


@pytest.mark.timeout(240)
async def test_a_cluster_that_loses_the_node_in_charge_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    figures = await run(tmp_path, seconds=5.0)
    assert (figures.nodes, figures.replicas) == (3, 3)
    assert (figures.lost, figures.duplicates) == (0, 0)
    assert figures.points == figures.stored > 0
    assert figures.journal_points > 0
