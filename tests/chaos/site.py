"""The whole of it, real and on one machine: gateways, their lines, a broker, `lophoc ingest`, a store; and its faults."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil

from classroom_profiles.topics import Address
from tests.chaos.disk import Disk
from tests.chaos.eavesdropper import Eavesdropper
from tests.chaos.gateway_process import GatewayProcess
from tests.chaos.influx import InfluxStore
from tests.chaos.link import Link
from tests.chaos.schedule import Fault, Kind
from tests.cloud_ingest.ingest_process import IngestProcess
from tests.servers import Mosquitto

_WORKERS = "2"


class Site:
    """What runs, and what has been done to it."""

    def __init__(
        self, gateways: Sequence[GatewayProcess], broker: Mosquitto, store: InfluxStore, logs: Path, began_s: float
    ) -> None:
        self.gateways = gateways
        self.store = store
        self.done: list[tuple[float, float, str]] = []
        """Begin and end (seconds of the run) and words for each fault."""
        self.by_way: dict[str, int] = {}
        self.ingest_ended: list[int] = []
        """Exit codes of `lophoc ingest` that nobody had killed."""
        self._broker = broker
        self._logs = logs
        self._began_s = began_s
        self._ingest: IngestProcess | None = None
        self._broker_lock = asyncio.Lock()
        self._store_lock = asyncio.Lock()
        self._ingest_lock = asyncio.Lock()

    def now_s(self) -> float:
        return time.monotonic() - self._began_s

    async def start(self) -> None:
        await self.start_ingest()
        assert self._ingest is not None
        await asyncio.to_thread(self._ingest.wait_ready)
        for gateway in self.gateways:
            await gateway.start()

    async def start_ingest(self) -> None:
        arguments = ("--broker", self._broker.url, "--store", self.store.url, "--workers", _WORKERS)
        self._ingest = await asyncio.to_thread(IngestProcess, self._logs / "ingest.log", *arguments)

    async def stop(self) -> None:
        for gateway in self.gateways:
            async with gateway.process_lock:
                await gateway.kill()
        async with self._ingest_lock:
            await asyncio.to_thread(self._end_ingest)

    async def inflict(self, fault: Fault, eavesdropper: Eavesdropper) -> None:
        """Returns when all is as it was."""
        gateway = self.gateways[fault.target]
        note = ""
        begin_s = self.now_s()
        match fault.kind, fault.way:
            case Kind.GATEWAY_KILLED, _:
                async with gateway.process_lock:
                    begin_s = self.now_s()
                    await gateway.kill()
                    await asyncio.sleep(fault.lasts_s)
                    await gateway.start()
            case Kind.INGEST_KILLED, "all":
                async with self._ingest_lock:
                    begin_s = self.now_s()
                    await asyncio.to_thread(self._kill_ingest)
                    await asyncio.sleep(fault.lasts_s)
                    await self.start_ingest()
            case Kind.INGEST_KILLED, _:
                async with self._ingest_lock:
                    begin_s = self.now_s()
                    note = await asyncio.to_thread(self._kill_worker, fault.share)
            case Kind.BROKER_KILLED, _:
                async with self._broker_lock:
                    begin_s = self.now_s()
                    await asyncio.to_thread(self._broker.kill)
                    await asyncio.sleep(fault.lasts_s)
                    await asyncio.to_thread(self._broker.start)
            case Kind.STORE_STOPPED, "frozen":
                async with self._store_lock:
                    begin_s = self.now_s()
                    self.store.freeze()
                    await asyncio.sleep(fault.lasts_s)
                    self.store.thaw()
            case Kind.STORE_STOPPED, _:
                async with self._store_lock:
                    begin_s = self.now_s()
                    await asyncio.to_thread(self.store.kill)
                    await asyncio.sleep(fault.lasts_s)
                    await asyncio.to_thread(self.store.start)
            case Kind.LINK_CUT, way:
                async with gateway.link_lock:
                    begin_s = self.now_s()
                    link = gateway.link
                    ways = {"silent": link.silent, "late": link.late}
                    await ways.get(way, link.cut)(fault.lasts_s)
            case Kind.DISK_FULL, _:
                async with gateway.disk_lock:
                    begin_s = self.now_s()
                    gateway.disk.fill(gateway.pid)
                    await asyncio.sleep(fault.lasts_s)
                    gateway.disk.free(gateway.pid)
            case Kind.CLOCK_JUMP, "unknown":
                begin_s = await self._reboot_without_time(gateway, fault.lasts_s)
            case Kind.CLOCK_JUMP, way:
                async with gateway.clock_lock:
                    begin_s = self.now_s()
                    await gateway.show(fault.jump_s if way == "forward" else -fault.jump_s, trusted=True)
                    await asyncio.sleep(fault.lasts_s)
                    await gateway.show(0, trusted=True)
                note = f"{fault.jump_s} s"
            case Kind.HALF_BATCH, "torn log":
                async with gateway.process_lock:
                    begin_s = self.now_s()
                    await gateway.kill()
                    note = gateway.tear_log(random.Random(fault.number), fault.share)
                    gateway.reboot()
                    await asyncio.sleep(fault.lasts_s)
                    await gateway.start()
            case Kind.HALF_BATCH, _:
                if not eavesdropper.publish_part(gateway.address, fault.share):
                    note = "no batch was heard yet"
        name = f"{fault.kind}: {fault.way}"
        self.by_way[name] = self.by_way.get(name, 0) + 1
        self.done.append((begin_s, self.now_s(), f"{fault}, {gateway.address.gateway} {note}".strip()))

    async def _reboot_without_time(self, gateway: GatewayProcess, lasts_s: float) -> float:
        async with gateway.clock_lock:
            async with gateway.process_lock:
                begin_s = self.now_s()
                await gateway.kill()
                gateway.reboot()
                await gateway.show_stale()
                await gateway.start()
            await asyncio.sleep(lasts_s)
            async with gateway.process_lock:
                await gateway.show(0, trusted=True)
        return begin_s

    def _kill_ingest(self) -> None:
        ingest = self._ingest
        assert ingest is not None
        if ingest.process.poll() is not None:
            self.ingest_ended.append(ingest.process.returncode)
        ingest.kill()
        ingest.close()

    def _end_ingest(self) -> None:
        if self._ingest is None:
            return
        if self._ingest.process.poll() is None:
            self._ingest.stop()
        else:
            self.ingest_ended.append(self._ingest.process.returncode)
        self._ingest.close()

    def _kill_worker(self, share: float) -> str:
        assert self._ingest is not None
        try:
            workers = psutil.Process(self._ingest.process.pid).children()
            if not workers:
                return "there was none"
            worker = workers[int(share * len(workers))]
            worker.kill()
        except psutil.NoSuchProcess:
            return "it had just ended"
        return f"process {worker.pid}"


@asynccontextmanager
async def site(directory: Path, gateways: int, *, mount: bool) -> AsyncIterator[tuple[Site, Eavesdropper]]:
    """All of it started; at the end nothing is left."""
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(Mosquitto(directory))
        store = stack.enter_context(InfluxStore(directory / "influxdb"))
        began_s = time.monotonic()
        made: list[GatewayProcess] = []
        for number in range(gateways):
            link = await stack.enter_async_context(Link(broker.port))
            disk = Disk(directory / f"disk-{number}", mount=mount)
            stack.callback(disk.close)
            address = Address("thcs-nguyen-du" if number % 2 else "thpt-le-quy-don", f"room-{number}")
            made.append(GatewayProcess(address, link, disk, directory, began_s))
        eavesdropper = stack.enter_context(Eavesdropper(broker.port))
        here = Site(made, broker, store, directory, began_s)
        stack.push_async_callback(here.stop)
        await here.start()
        yield here, eavesdropper
