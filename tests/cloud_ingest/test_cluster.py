"""A real cluster of three RabbitMQ nodes on this machine, of which one is killed under load."""

from pathlib import Path

import pytest

from tests.benchmarks.cluster import run


async def _loses_and_doubles_nothing(directory: Path, seconds: float, *, restart: bool) -> None:
    figures = await run(directory, seconds=seconds, restart=restart)
    assert (figures.nodes, figures.replicas) == (3, 3)
    assert (figures.lost, figures.duplicates) == (0, 0)
    assert figures.points == figures.stored > 0
    assert figures.journal_points > 0


@pytest.mark.timeout(120)
async def test_a_cluster_that_loses_the_node_in_charge_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    await _loses_and_doubles_nothing(tmp_path, 2.0, restart=False)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_nor_does_one_to_which_the_node_comes_back(tmp_path: Path) -> None:
    await _loses_and_doubles_nothing(tmp_path, 6.0, restart=True)
