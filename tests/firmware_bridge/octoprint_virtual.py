"""OctoPrint's virtual printer on a pseudo serial port. Run by the Python of OctoPrint's own environment: LINK.

Nothing here imports lophoc, and lophoc imports nothing of OctoPrint (AGPL). It prints `ready LINK`, and stays.
"""

import os
import sys
import threading
import tty
from pathlib import Path
from typing import Any

from octoprint.plugin import plugin_manager
from octoprint.plugins.virtual_printer import VirtualPrinterPlugin
from octoprint.plugins.virtual_printer.virtual import VirtualPrinter


class _Settings:
    """The plugin's own defaults, as the parts of OctoPrint's settings that the virtual printer asks."""

    def __init__(self, folder: Path) -> None:
        self._values: dict[str, Any] = {**VirtualPrinterPlugin().get_settings_defaults(), "enable_eeprom": False}
        self._folder = folder

    def get(self, path: list[str], **_: Any) -> Any:
        value: Any = self._values
        for part in path:
            value = value[part]
        return value

    def get_int(self, path: list[str], **_: Any) -> int:
        return int(self.get(path))

    def get_float(self, path: list[str], **_: Any) -> float:
        return float(self.get(path))

    def get_boolean(self, path: list[str], **_: Any) -> bool:
        return bool(self.get(path))

    def global_get_basefolder(self, _: str) -> str:
        return str(self._folder)


class _Profiles:
    """A printer profile with a bed and one nozzle."""

    def get_current_or_default(self) -> dict[str, Any]:
        return {
            "extruder": {"count": 1, "sharedNozzle": False},
            "heatedBed": True,
            "heatedChamber": False,
            "volume": {"width": 200, "depth": 200, "height": 200},
        }


def main(link: Path) -> None:
    plugin_manager(init=True)
    master, slave = os.openpty()
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    printer = VirtualPrinter(_Settings(link.parent), _Profiles(), data_folder=str(link.parent), read_timeout=0.5)

    def speak() -> None:
        while True:
            if line := printer.readline():
                os.write(master, line.rstrip(b"\r\n") + b"\n")

    threading.Thread(target=speak, daemon=True).start()
    print(f"ready {link}", flush=True)
    while data := os.read(master, 1024):
        for piece in data.splitlines(keepends=True):
            printer.write(piece)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
