"""The whole of it, real, on one machine: gateways, their lines, a broker, `lophoc ingest`, a store; and each fault."""

import asyncio
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
        self,
        gateways: Sequence[GatewayProcess],
        broker: Mosquitto,
        store: InfluxStore,
        eavesdropper: Eavesdropper,
        logs: Path,
        began_s: float,
    ) -> None:
        self.gateways = gateways
        self.store = store
        self.done: list[tuple[float, float, str]] = []
        """Begin and end (seconds of the run) and words for each fault."""
        self.by_way: dict[str, int] = {}
        self.ingest_ended: list[int] = []
        """Exit codes of `lophoc ingest` that nobody had killed."""
        self._broker = broker
        self._eavesdropper = eavesdropper
        self._logs = logs
        self._began_s = began_s
        self._ingest: IngestProcess | None = None
        self._broker_lock = asyncio.Lock()
        self._store_lock = asyncio.Lock()
        self._ingest_lock = asyncio.Lock()

    def now_s(self) -> float:
        return time.monotonic() - self._began_s

    async def start(self) -> None:
        await self._start_ingest()
        assert self._ingest is not None
        await asyncio.to_thread(self._ingest.wait_ready)
        await self.gateways[0].start_in_1970()
        for gateway in self.gateways[1:]:
            await gateway.start()

    async def stop(self) -> None:
        for gateway in self.gateways:
            async with gateway.process_lock:
                await gateway.kill()
        async with self._ingest_lock:
            await asyncio.to_thread(self._end_ingest, kill=False)

    async def inflict(self, fault: Fault) -> None:
        """Returns when all is as it was. Faults of the same thing wait for each other, others overlap."""
        gateway = self.gateways[fault.target]
        async with self._lock(fault.kind, gateway):
            begin_s = self.now_s()
            note = await self._strike(fault, gateway)
        name = f"{fault.kind}: {fault.way}"
        self.by_way[name] = self.by_way.get(name, 0) + 1
        self.done.append((begin_s, self.now_s(), f"{fault}, {gateway.address.gateway} {note}".strip()))

    def _lock(self, kind: Kind, gateway: GatewayProcess) -> asyncio.Lock:
        return {
            Kind.GATEWAY_KILLED: gateway.process_lock,
            Kind.INGEST_KILLED: self._ingest_lock,
            Kind.BROKER_KILLED: self._broker_lock,
            Kind.STORE_STOPPED: self._store_lock,
            Kind.LINK_CUT: gateway.link_lock,
            Kind.DISK_FULL: gateway.disk_lock,
            Kind.CLOCK_JUMP: gateway.clock_lock,
            Kind.HALF_BATCH: gateway.process_lock,
        }[kind]

    async def _strike(self, fault: Fault, gateway: GatewayProcess) -> str:
        """Do it; in words if there is more to say."""
        lasts_s = fault.lasts_s
        match fault.kind, fault.way:
            case Kind.GATEWAY_KILLED, _:
                await gateway.die(lasts_s)
            case Kind.INGEST_KILLED, "all":
                await self._kill_ingest(lasts_s)
            case Kind.INGEST_KILLED, _:
                return await asyncio.to_thread(self._kill_worker, fault.share)
            case Kind.BROKER_KILLED, _:
                await _restart(self._broker, lasts_s)
            case Kind.STORE_STOPPED, "frozen":
                await self._freeze_store(lasts_s)
            case Kind.STORE_STOPPED, _:
                await _restart(self.store, lasts_s)
            case Kind.LINK_CUT, "silent":
                await gateway.link.silent(lasts_s)
            case Kind.LINK_CUT, "late":
                await gateway.link.late(lasts_s)
            case Kind.LINK_CUT, _:
                await gateway.link.cut(lasts_s)
            case Kind.DISK_FULL, way:
                await gateway.fill_disk(lasts_s, no_writes=way == "no writes")
            case Kind.CLOCK_JUMP, "unknown":
                await gateway.lose_time(lasts_s)
            case Kind.CLOCK_JUMP, way:
                return await gateway.jump(fault.jump_s if way == "forward" else -fault.jump_s, lasts_s)
            case Kind.HALF_BATCH, "torn log":
                return await gateway.lose_power(fault.number, fault.share, lasts_s)
            case _:
                return self._publish_half(gateway.address, fault.share)
        return ""

    async def _freeze_store(self, lasts_s: float) -> None:
        self.store.freeze()
        try:
            await asyncio.sleep(lasts_s)
        finally:
            self.store.thaw()

    async def _kill_ingest(self, lasts_s: float) -> None:
        await asyncio.to_thread(self._end_ingest, kill=True)
        await asyncio.sleep(lasts_s)
        await self._start_ingest()

    def _publish_half(self, of: Address, share: float) -> str:
        return "" if self._eavesdropper.publish_part(of, share) else "no batch was heard yet"

    async def _start_ingest(self) -> None:
        arguments = ("--broker", self._broker.url, "--store", self.store.url, "--workers", _WORKERS)
        self._ingest = await asyncio.to_thread(IngestProcess, self._logs / "ingest.log", *arguments)

    def _end_ingest(self, *, kill: bool) -> None:
        ingest, self._ingest = self._ingest, None
        if ingest is None:
            return
        if (code := ingest.process.poll()) is not None:
            self.ingest_ended.append(code)
        elif kill:
            ingest.kill()
        else:
            ingest.stop()
        ingest.close()

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


async def _restart(server: Mosquitto | InfluxStore, lasts_s: float) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(lasts_s)
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def site(directory: Path, gateways: int, *, mount: bool, max_bytes: int) -> AsyncIterator[Site]:
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
            made.append(GatewayProcess(address, link, disk, directory, began_s, max_bytes))
        eavesdropper = stack.enter_context(Eavesdropper(broker.port))
        here = Site(made, broker, store, eavesdropper, directory, began_s)
        stack.push_async_callback(here.stop)
        await here.start()
        yield here
