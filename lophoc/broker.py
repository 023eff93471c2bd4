"""A broker of the demo's own, on loopback: Mosquitto where it is installed, else iotcore from its wheel."""

import asyncio
import os
import shutil
import socket
import sys
from pathlib import Path

from lophoc.children import ChildFailed, Children

IOTCORE = "iotcore"
"""The word that stands for the broker from the wheel, where Mosquitto is installed too."""

# As root it would change its user, and the kernel then forgets that it shall end with the demo (prctl(2)).
_MOSQUITTO = """\
user root
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
"""


async def start_broker(parts: Children, directory: Path, *, from_wheel: bool = False) -> tuple[str, str]:
    """Start one and wait until it takes connections: its URL and its kind. Raises ChildFailed."""
    port = _free_port()
    program = None if from_wheel else _mosquitto()
    if program:
        config = directory / "mosquitto.conf"
        config.write_text(_MOSQUITTO.format(port=port), encoding="utf-8")
        await parts.start("broker", [program, "-c", str(config)])
        kind = "Mosquitto"
    else:
        await parts.start("broker", [sys.executable, "-m", "lophoc.iotcore_broker", str(port)])
        kind = IOTCORE
    await _listening(port, parts)
    return f"mqtt://127.0.0.1:{port}", kind


def _mosquitto() -> str | None:
    """Debian puts it in /usr/sbin, which is not on every user's PATH."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _listening(port: int, parts: Children, timeout_s: float = 10.0) -> None:
    broker = parts.running[-1]
    try:
        async with asyncio.timeout(timeout_s):
            while broker.process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                await writer.wait_closed()
                return
    except TimeoutError:
        raise ChildFailed(f"broker: no connection after {timeout_s:.0f} s\n{broker.last_words()}") from None
    raise ChildFailed(f"broker: stopped with exit code {broker.process.returncode}\n{broker.last_words()}")
