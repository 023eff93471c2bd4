"""Workers on machines of their own share one subscription while some are killed and others come: nothing is lost.

Mosquitto gives what a killed worker of a shared subscription held to nobody (see docs/ingest.md), so that what makes
it complete is our own acks.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cloud_ingest.ingest_process import IngestProcess
from tests.cloud_ingest.stored_points import stored_points
from tests.networks import Machine, Networks, networks
from tests.servers import Server, free_port, program
from tests.waiting import until

WORKERS = 4
_CITY = ("sim", "city", "--schools", "8", "--rooms", "5", "--period", "0", "--points", "5", "--window", "150")


@pytest.fixture
def site() -> Iterator[Networks]:
    with networks(WORKERS + 2) as site:
        yield site


def broker(site: Networks, directory: Path, port: int) -> Server:
    """Mosquitto on the hub, to be heard on every cable."""
    address = "0.0.0.0" if site.separate else "127.0.0.1"  # noqa: S104 - in a namespace that nobody else is in
    config = directory / "mosquitto.conf"
    config.write_text(
        f"listener {port} {address}\nallow_anonymous true\nset_tcp_nodelay true\nmax_inflight_messages 200\n"
    )
    return Server([*site.hub.within, program("mosquitto"), "-v", "-c", str(config)], directory / "mosquitto.log")


def worker(machine: Machine, port: int, store: Path) -> IngestProcess:
    log = store.with_name(f"{machine.name}.log")
    url = f"mqtt://{machine.hub_address}:{port}"
    same = ("--broker", url, "--store", f"sqlite:///{store}", "--data", str(store.parent), "--share", "lophoc")
    return IngestProcess(log, *same, within=machine.within)


@pytest.mark.timeout(120)
def test_workers_on_their_own_machines_are_killed_and_added_and_all_points_are_stored_once(
    site: Networks, tmp_path: Path
) -> None:
    port, store = free_port(), tmp_path / "store.sqlite"
    server = broker(site, tmp_path, port)
    with ExitStack() as running:
        server.start(lambda: "running" in (tmp_path / "mosquitto.log").read_text())
        running.callback(server.kill)
        first, fresh = site.machines[:WORKERS], site.machines[WORKERS:]
        team = [running.enter_context(worker(machine, port, store)) for machine in first]
        for member in team:
            member.wait_ready()
        command = [*site.hub.within, sys.executable, "-m", "lophoc", *_CITY, "--seconds", "6"]
        city = subprocess.Popen([*command, "--broker", f"mqtt://127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True)
        running.callback(city.kill)
        for place, machine in enumerate(fresh):
            seen = stored_points(store)
            until(lambda seen=seen: stored_points(store) > seen + 5_000)  # type: ignore[misc]
            team[place].kill()
            running.enter_context(worker(machine, port, store)).wait_ready()
        seen = stored_points(store)
        until(lambda: stored_points(store) > seen)
        team[2].kill()
        said, _ = city.communicate(timeout=60.0)
        report = json.loads(said.splitlines()[-1])
    assert report["unanswered_batches"] == 0
    assert report["acked_points"] == report["produced_points"] == stored_points(store)
