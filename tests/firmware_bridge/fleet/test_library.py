"""The program library: what is wrong in it is told with line and field, and nothing but what was released is used."""

import contextlib
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.problem import DocumentError
from firmware_bridge.fleet.library import MANIFEST, AvrFirmware, NotInLibrary, load_library

LINE, HEX = b"print('line')\n", b":00000001FF\n"
HASH, HEX_HASH = hashlib.sha256(LINE).hexdigest(), hashlib.sha256(HEX).hexdigest()
GOOD = f"""\
programs:
  - name: line-follower
    version: "1.2.0"
    title: {{vi: Dò đường, en: Line follower}}
    firmware: ">=1.20,<2"
    main: line.py
    files:
      line.py: {HASH}
firmwares:
  - {{name: standard-firmata, version: "2.5.8", tool: avrdude, file: f.hex, sha256: {HEX_HASH}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "line.py").write_bytes(LINE)
    (tmp_path / "f.hex").write_bytes(HEX)
    return tmp_path


def problems(folder: Path, text: str) -> str:
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError) as wrong:
        load_library(folder)
    return str(wrong.value).replace(f"{folder / MANIFEST}:", "")


def test_a_library_has_bundles_and_firmwares(folder: Path) -> None:
    (folder / MANIFEST).write_text(GOOD, encoding="utf-8")
    library = load_library(folder)
    bundle = library.bundle("line-follower")
    assert (bundle.version, bundle.main, dict(bundle.files), bundle.size_bytes) == (
        "1.2.0", "line.py", {"line.py": LINE}, len(LINE),
    )  # fmt: skip
    firmware = library.firmware("standard-firmata")
    assert isinstance(firmware, AvrFirmware)
    assert (firmware.part, firmware.baudrate) == ("m328p", 115200)
    with pytest.raises(NotInLibrary, match="no program 'line-folower'; did you mean 'line-follower'"):
        library.bundle("line-folower")
    with pytest.raises(NotInLibrary, match="no firmware 'x'"):
        library.firmware("x")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (HASH, "0" * 64, "8:16: programs[0].files.line.py: line.py is not the file that was released; if it is right"),
        (HASH, "1" * 64, f"as it is, its SHA-256 is {HASH}"),
        (HASH, "abc", "8:16: programs[0].files.line.py: "),
        ("line.py: ", "turn.py: ", "8:16: programs[0].files.turn.py: there is no file turn.py beside library.yaml"),
        ("main: line.py", "main: turn.py", "programs[0]: 'main' is turn.py, which is not among its files"),
        ('"1.2.0"', "1.2", "3:14: programs[0].version: must be a text, not a number; put it in quotes"),
        ('">=1.20,<2"', "newest", "5:15: programs[0].firmware: 'newest' is no range of versions, such as '>=1.20,<2'"),
        ("line.py: ", "../line.py: ", "programs[0].files['../line.py']"),
        ("line.py: ", "lophoc.json: ", "is a name that lophoc itself uses on a board"),
        ("line.py: ", "Lophoc.JSON: ", "is a name that lophoc itself uses on a board"),
        ("name: line-follower", "name: none", "which means that no program runs"),
        ("      line.py: ", f"      LINE.py: {HASH}\n      line.py: ", "which are one file on a board with a FAT"),
        ("firmware:", "firmwear:", "5:5: programs[0].firmwear: unknown field 'firmwear'; did you mean 'firmware'"),
        ("tool: avrdude", "tool: dfu", "firmwares[0]"),
        ("file: f.hex", "file: g.hex", "firmwares[0].file: there is no file g.hex"),
        ("firmwares:", "firmwares: [", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(folder: Path, old: str, new: str, told: str) -> None:
    assert told in problems(folder, GOOD.replace(old, new, 1))


def test_a_name_may_be_there_once(folder: Path) -> None:
    entry = GOOD.partition("programs:\n")[2].partition("firmwares:")[0]
    assert "programs[1].name: programs[0] is 'line-follower' already" in problems(folder, f"programs:\n{entry}{entry}")


def test_no_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"library.yaml:1:1: cannot be read"):
        load_library(tmp_path)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["programs", "firmwares", "name", "files", "file", "main", "tool"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(value=st.dictionaries(st.sampled_from(["programs", "firmwares"]), _VALUES, min_size=1))
def test_whatever_is_written_is_a_library_or_told(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-library"
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).write_text(json.dumps(value), encoding="utf-8")
    with contextlib.suppress(DocumentError):
        load_library(folder)
