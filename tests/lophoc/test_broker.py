"""The demo's broker, whichever it is: on loopback alone, and large enough for a batch."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
import psutil
import pytest

from classroom_profiles.telemetry import MAX_BATCH_BYTES
from lophoc.broker import start_broker
from lophoc.children import Children, children


@pytest.mark.parametrize("kind", ["Mosquitto", "iotcore"])
async def test_a_broker_carries_the_largest_batch_on_loopback_alone(kind: str, tmp_path: Path) -> None:
    async with children(tmp_path) as parts:
        url, found = await start_broker(parts, tmp_path, from_wheel=kind == "iotcore")
        assert found == kind
        assert _listens_on(parts) == {"127.0.0.1"}
        assert await _carried(url, bytes(MAX_BATCH_BYTES)) == MAX_BATCH_BYTES
    assert parts.running == []


async def _carried(url: str, payload: bytes) -> int:
    port = urlsplit(url).port
    assert port is not None
    async with (
        asyncio.timeout(20),
        aiomqtt.Client("127.0.0.1", port, timeout=5) as listener,
        aiomqtt.Client("127.0.0.1", port, timeout=5) as sender,
    ):
        await listener.subscribe("up", qos=1)
        await sender.publish("up", payload, qos=1)
        async for message in listener.messages:
            assert isinstance(message.payload, bytes)
            return len(message.payload)
    return 0


def _listens_on(parts: Children) -> set[str]:
    connections = psutil.Process(parts.running[0].process.pid).net_connections()
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}
