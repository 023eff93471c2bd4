"""What the kernel says of a gateway, as files laid out like those of a Raspberry Pi and of machines that say less."""

from pathlib import Path

import pytest

from classroom_profiles.metrics import Kind, find
from classroom_profiles.telemetry import Measurement
from edge_agent.machine import machine_metrics


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_gateway_with_emmc_says_all_of_it(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "proc/meminfo": "MemTotal:         945360 kB\nMemFree:  100 kB\nMemAvailable:     236340 kB\n",
            "sys/class/thermal/thermal_zone0/temp": "48312\n",
            "sys/class/thermal/thermal_zone1/temp": "51540\n",
            "sys/block/mmcblk0/device/life_time": "0x02 0x01\n",
        },
    )
    found = machine_metrics(tmp_path, tmp_path)
    assert 0 < float(found.pop("disk_used_percent")) <= 100
    assert found == {"disk_wear_percent": 20.0, "memory_used_percent": 75.0, "cpu_temperature_c": 51.5}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {
            "proc/meminfo": "",
            "sys/class/thermal/thermal_zone0/temp": "",
            "sys/block/mmcblk0/device/life_time": "0x00 0x00",
        },
        {"proc/meminfo": "MemTotal: 0 kB\nMemAvailable: 5 kB\n", "sys/class/thermal/thermal_zone0/temp": "99999999\n"},
        {"proc/meminfo": "MemTotal: 5 kB\n", "sys/class/thermal/thermal_zone0/temp": "\xff\xfe"},
    ],
)
def test_what_it_does_not_say_is_left_out(tmp_path: Path, files: dict[str, str]) -> None:
    lay(tmp_path, files)
    assert set(machine_metrics(tmp_path, tmp_path)) == {"disk_used_percent"}
    assert machine_metrics(tmp_path / "gone", tmp_path) == {}


def test_all_of_it_is_in_the_schema(tmp_path: Path) -> None:
    for name in (*machine_metrics(tmp_path), "disk_wear_percent", "cpu_temperature_c"):
        metric = find(Measurement.GATEWAY, name)
        assert metric is not None, name
        assert metric.kinds == (Kind.NUMBER,)
