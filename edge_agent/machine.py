"""How the gateway's machine is: disk, wear, memory and temperature, as the kernel says it.

What a machine cannot say is left out. Linux kernel: Documentation/filesystems/proc.rst (meminfo), driver-api/thermal,
and driver-api/mmc/mmc-dev-attrs.rst (`life_time`, of eMMC: JEDEC JESD84-B51, section 7.4, DEVICE_LIFE_TIME_EST).
"""

import os
import re
from pathlib import Path

from classroom_profiles.capability import Value

_HOTTEST_C = 150.0


def machine_metrics(data: Path, root: Path = Path("/")) -> dict[str, Value]:
    """Metric to value; `data`: a folder on the disk in question."""
    found = {
        "disk_used_percent": _disk_used(data),
        "disk_wear_percent": _disk_wear(root),
        "memory_used_percent": _memory_used(root),
        "cpu_temperature_c": _temperature(root),
    }
    return {metric: round(value, 1) for metric, value in found.items() if value is not None}


def _disk_used(data: Path) -> float | None:
    """As `df` has it: what is reserved for root is not free for us."""
    try:
        disk = os.statvfs(data)
    except OSError:
        return None
    used = disk.f_blocks - disk.f_bfree
    return 100 * used / (used + disk.f_bavail) if used + disk.f_bavail > 0 else None


def _disk_wear(root: Path) -> float | None:
    """The upper end of the tenth of its life that the worst part is in; 0x00 says nothing, 0x0b that it is over."""
    tenths = []
    for file in sorted((root / "sys/block").glob("mmcblk[0-9]/device/life_time")):
        for word in _text(file).split():
            if re.fullmatch(r"0x0[1-9ab]", word):
                tenths.append(min(10, int(word, 16)))
    return 10.0 * max(tenths) if tenths else None


def _memory_used(root: Path) -> float | None:
    lines = dict(re.findall(r"^(MemTotal|MemAvailable): +(\d{1,15}) kB$", _text(root / "proc/meminfo"), re.MULTILINE))
    total = int(lines.get("MemTotal", 0))
    return 100 * (1 - int(lines["MemAvailable"]) / total) if total and "MemAvailable" in lines else None


def _temperature(root: Path) -> float | None:
    """Of the hottest zone; zones say thousandths of a degree."""
    zones = (_text(file).strip() for file in sorted((root / "sys/class/thermal").glob("thermal_zone*/temp")))
    known = [int(zone) / 1000 for zone in zones if re.fullmatch(r"-?\d{1,7}", zone)]
    return max((zone for zone in known if -_HOTTEST_C < zone < _HOTTEST_C), default=None)


def _text(file: Path) -> str:
    """Empty if it cannot be read."""
    try:
        return file.read_bytes()[:65_536].decode("ascii", "replace")
    except OSError:
        return ""
