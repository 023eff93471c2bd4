"""The real agent's API over simulated robot kits, in a thread of its own beside a browser."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import yaml

from classroom_profiles.interlock import Interlock
from classroom_profiles.model import Name
from edge_agent.fleet_desk import FleetDesk
from firmware_bridge.fleet.each import Patience
from tests.edge_agent.served_room import Served, served
from tests.firmware_bridge.fleet.lab import Lab, lab

BATTERY = {"pin": 26, "empty_v": 3.3, "full_v": 4.2}
NAME = Name(vi="Phòng Lab của câu lạc bộ STEM", en="Lab of the STEM club")
STOP = Interlock.model_validate(
    {
        "id": "stop", "name": {"vi": "Dừng khẩn cấp", "en": "Emergency stop"},
        "advice": {"vi": "Nhấc robot lên.", "en": "Lift the robots."}, "panel": "button",
        "then": [{"role": "robot-kit", "set": {"robot": "idle"}}], "reset_by": "teacher",
    }
)  # fmt: skip
_PATIENCE_S = 30.0


class RobotsServer:
    """At `url` while it is entered: kits of two groups, one of which has a battery that is nearly empty."""

    def __init__(self, data: Path, micropython: int = 3, firmata: int = 1) -> None:
        self._data, self._counts = data, (micropython, firmata)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="robots server")
        self._ready = threading.Event()
        self._over: asyncio.Event | None = None
        self._there: Served | None = None
        self._lab: Lab | None = None

    @property
    def url(self) -> str:
        return f"{self.there.url}/robots"

    @property
    def there(self) -> Served:
        assert self._there is not None
        return self._there

    @property
    def lab(self) -> Lab:
        assert self._lab is not None
        return self._lab

    @property
    def desk(self) -> FleetDesk:
        assert self.there.parts.fleet is not None
        return self.there.parts.fleet.desk

    def call(self, what: Callable[[], Any]) -> Any:
        """In the loop of the server."""

        async def once() -> Any:
            return what()

        return asyncio.run_coroutine_threadsafe(once(), self._loop).result(_PATIENCE_S)

    def until(self, holds: Callable[[], bool]) -> None:
        """Of the room."""
        waiting = asyncio.run_coroutine_threadsafe(self.there.live.until(holds, _PATIENCE_S), self._loop)
        assert waiting.result(_PATIENCE_S), "it never came so"

    def be_quick(self) -> None:
        """With what is unplugged and stays so."""
        self.desk.be_patient(Patience(attempts=2, back_s=0.2), 0.2)

    def be_patient(self) -> None:
        """With what was plugged in again: the agent must have found it."""
        self.desk.be_patient(Patience(back_s=_PATIENCE_S), _PATIENCE_S)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_PATIENCE_S)
        assert self._there is not None
        return self

    def __exit__(self, *_: object) -> None:
        over = self._over
        assert over is not None
        self._loop.call_soon_threadsafe(over.set)
        self._thread.join(_PATIENCE_S)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        try:
            self._loop.run_until_complete(self._served())
        finally:
            self._loop.close()
            self._ready.set()

    async def _served(self) -> None:
        self._over = asyncio.Event()
        micropython, firmata = self._counts
        async with lab(self._data, micropython=micropython, firmata=firmata) as self._lab:
            for number, kit in enumerate(self._lab.boards):
                self._lab.groups[kit] = "ban-xanh" if number % 2 == 0 else "ban-do"
                self._lab.names[kit] = {"vi": f"Robot {number + 1}", "en": f"Robot {number + 1}"}
                if kit.startswith("mp-"):
                    self._lab.options[kit] = {"battery": BATTERY}
                    self._lab.micropython(kit).analog[26] = 40_000
            self._lab.micropython("mp-02").analog[26] = 34_000
            library = self._lab.library(firmware=">=1.20,<2")
            self._add_firmware(library)
            room = self._lab.room.model_copy(update={"interlocks": (STOP,), "name": NAME})
            async with served(self._data / "data", real=room, library=library) as self._there:
                await self._there.live.settled(_PATIENCE_S)
                self._ready.set()
                await self._over.wait()

    @staticmethod
    def _add_firmware(library: Path) -> None:
        manifest = yaml.safe_load((library / "library.yaml").read_text(encoding="utf-8"))
        manifest["programs"][0]["title"] = {"vi": "Dò đường", "en": "Line follower"}
        entry = manifest["programs"][0]
        other = {"name": "greeter", "version": "0.3.1", "firmware": ">=1.25", "title": {"vi": "Chào", "en": "Greeter"}}
        manifest["programs"].append(entry | other)
        digest = entry["files"]["line.py"]
        manifest["firmwares"] = [
            {"name": "own-main", "version": "3.1", "tool": "mpremote", "file": "line.py", "sha256": digest}
        ]
        (library / "library.yaml").write_text(yaml.safe_dump(manifest, allow_unicode=True), encoding="utf-8")
