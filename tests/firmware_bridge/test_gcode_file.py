"""Files of G-code: what of them is sent, and which are refused before anything moves."""

from pathlib import Path

import pytest

from firmware_bridge.errors import Refused
from firmware_bridge.gcode_file import GcodeFile, programs

CUBE = """; made by a slicer
N1 M110 N1*71
M104 S200 ; heat
G28

N3 G1 X10 Y10*12
  g1 x20 F3000
M110 N5
M117 Printing
"""


def written(directory: Path, text: str, name: str = "cube.gcode") -> GcodeFile:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return GcodeFile(path)


async def test_comments_numbers_and_checksums_are_not_sent(tmp_path: Path) -> None:
    file = written(tmp_path, CUBE)
    assert [line async for line in file.lines()] == ["M104 S200", "G28", "G1 X10 Y10", "g1 x20 F3000", "M117 Printing"]
    assert await file.count() == 5


async def test_a_long_file_comes_whole_and_in_order(tmp_path: Path) -> None:
    file = written(tmp_path, "".join(f"G1 X{number}\n" for number in range(1234)))
    assert [line async for line in file.lines()] == [f"G1 X{number}" for number in range(1234)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cube.gcode holds nothing to print"),
        ("; only words\n\n", "holds nothing to print"),
        ("G28\n<html>\n", "line 2 is no G-code: '<html>'"),
        ("G28\nGCDE\x00\x01\n", "line 2 is no G-code"),
        ("M117 Xin chào\n", "line 1 is no G-code"),
        ("G1 " + "X1 " * 40 + "\n", "line 1 has 122 characters; printers take 80"),
    ],
)
async def test_what_cannot_be_printed_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        await written(tmp_path, text).count()


async def test_a_file_that_went_away_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        await GcodeFile(tmp_path / "gone.gcode").count()


def test_a_folder_offers_its_prints_by_name(tmp_path: Path) -> None:
    for name in ("cube.gcode", "Gear 2.GCO", "readme.txt", "none.gcode", "-x.gcode", "máy.gcode", "b.g"):
        written(tmp_path, "G28\n", name)
    (tmp_path / "folder.gcode").mkdir()
    assert list(programs(tmp_path)) == ["Gear 2", "b", "cube"]
    with pytest.raises(Refused, match="nowhere cannot be read"):
        programs(tmp_path / "nowhere")
