"""The program library: a folder with `library.yaml`, which names each program and firmware with version and hash.

    programs:
      - name: line-follower
        version: "1.2.0"
        firmware: ">=1.20,<2"           # the MicroPython that it is for
        main: line.py
        files: {line.py: 9f86d0…, gears.py: 60303a…}
    firmwares:
      - {name: standard-firmata, version: "2.5.8", tool: avrdude, file: StandardFirmata.hex, sha256: 3b0c4f…}

A file whose hash is another than written is an error that says which it has: nobody deploys what nobody released.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import AfterValidator, Field, ValidationError, model_validator

from classroom_profiles import plain_words, yaml_tree
from classroom_profiles.capability import NO_PROGRAM
from classroom_profiles.model import Model, Name, Slug
from classroom_profiles.problem import DocumentError, Loc, Problem, did_you_mean
from classroom_profiles.yaml_tree import Tree
from firmware_bridge.programs import Bundle

MANIFEST = "library.yaml"
MAX_FILE_BYTES = 8 * 1024 * 1024
_RESERVED = ("lophoc.json",)


def _range(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise ValueError(f"'{text[:40]}' is no range of versions, such as '>=1.20,<2'") from None
    return text


def _free(name: str) -> str:
    if name.casefold() in _RESERVED or name.casefold().endswith((".new", ".less")):
        raise ValueError(f"'{name}' is a name that lophoc itself uses on a board")
    return name


Version = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){0,3}$", description='digits and dots, in quotes: "1.2.0"'),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in hexadecimal: `sha256sum FILE`")]
BoardFile = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$", description="a file name without a folder: line.py"),
    AfterValidator(_free),
]


class LibraryProgram(Model):
    """A program for kits that hold programs."""

    name: Slug = Field(description="how it is called here and on the kits: line-follower")
    version: Version
    title: Name | None = Field(None, description="what people call it, {vi: ..., en: ...}")
    firmware: Annotated[str, AfterValidator(_range)] = Field("", description="the range of MicroPython it is for")
    main: BoardFile = Field(description="the file that is run")
    files: dict[BoardFile, Sha256] = Field(min_length=1, max_length=32, description="each file and its hash")

    @model_validator(mode="after")
    def _is_no_other_word(self) -> "LibraryProgram":
        if self.name == NO_PROGRAM:
            raise ValueError(f"'name' is '{NO_PROGRAM}', which means that no program runs")
        return self

    @model_validator(mode="after")
    def _has_its_main(self) -> "LibraryProgram":
        alike = [name for name in self.files if sum(name.casefold() == other.casefold() for other in self.files) > 1]
        if alike:
            raise ValueError(f"'files' has {' and '.join(alike)}, which are one file on a board with a FAT file system")
        if self.main not in self.files:
            raise ValueError(f"'main' is {self.main}, which is not among its files")
        return self


class _Firmware(Model):
    name: Slug = Field(description="how it is called here: standard-firmata")
    version: Version
    file: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", description="the file in this folder")
    sha256: Sha256
    timeout_s: float = Field(180, gt=0, le=1800, description="seconds within which it must be written and verified")


class AvrFirmware(_Firmware):
    """For Arduino Uno, Nano, Mega: Intel hex."""

    tool: Literal["avrdude"]
    part: str = Field("m328p", pattern=r"^[a-zA-Z0-9]{1,20}$", description="the chip: m328p (Uno, Nano), m2560 (Mega)")
    programmer: str = Field("arduino", pattern=r"^[a-z0-9_-]{1,20}$", description="arduino, wiring (Mega)")
    baudrate: int = Field(115200, ge=300, le=921_600, description="of the bootloader: 115200, old Nano 57600")


class EspFirmware(_Firmware):
    """For ESP32 and ESP8266: an image."""

    tool: Literal["esptool"]
    chip: str = Field("auto", pattern=r"^[a-z0-9]{1,20}$", description="auto, esp32, esp32s3, esp8266")
    baudrate: int = Field(460800, ge=9600, le=2_000_000, description="bits a second while writing")
    address: int = Field(0x1000, ge=0, description="where it begins: 0x1000 (ESP32), 0 (ESP32-S3, -C3, ESP8266)")


class MpremoteFirmware(_Firmware):
    """For boards with MicroPython: a file that becomes the board's own main.py, or another."""

    tool: Literal["mpremote"]
    target: BoardFile = Field("main.py", description="its name on the board")


Firmware = Annotated[AvrFirmware | EspFirmware | MpremoteFirmware, Field(discriminator="tool")]


class Manifest(Model):
    """What `library.yaml` says."""

    programs: tuple[LibraryProgram, ...] = Field((), max_length=500, description="programs for the kits")
    firmwares: tuple[Firmware, ...] = Field((), max_length=100, description="firmware for the kits' boards")


class NotInLibrary(LookupError):
    """The text says what there is."""


class Library:
    """A folder that was found to be right, its files in memory."""

    def __init__(self, folder: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._contents = contents

    def program(self, name: str) -> LibraryProgram:
        """Raises NotInLibrary."""
        return _named(self.manifest.programs, name, "program")

    def bundle(self, name: str) -> Bundle:
        """A program as it is put on a kit. Raises NotInLibrary."""
        program = self.program(name)
        return Bundle(name, program.version, program.main, {file: self._contents[file] for file in program.files})

    def firmware(self, name: str) -> AvrFirmware | EspFirmware | MpremoteFirmware:
        """Raises NotInLibrary."""
        return _named(self.manifest.firmwares, name, "firmware")


_Entry = TypeVar("_Entry", LibraryProgram, AvrFirmware | EspFirmware | MpremoteFirmware)


def _named(entries: tuple[_Entry, ...], name: str, what: str) -> _Entry:
    for entry in entries:
        if entry.name == name:
            return entry
    raise NotInLibrary(f"the library has no {what} '{name}'{did_you_mean(name, [entry.name for entry in entries])}")


def load_library(folder: Path) -> Library:
    """Raises DocumentError with all that is wrong, each with file, line and field."""
    tree = yaml_tree.read(folder / MANIFEST)
    contents: dict[str, bytes] = {}
    problems = [*tree.problems, *_against_the_folder(tree, folder, contents)]
    try:
        manifest = Manifest.model_validate(tree.value)
    except ValidationError as wrong:
        raise DocumentError([*problems, *plain_words.problems(tree, wrong, Manifest)]) from None
    if problems:
        raise DocumentError(problems)
    return Library(folder, manifest, contents)


def _against_the_folder(tree: Tree, folder: Path, contents: dict[str, bytes]) -> list[Problem]:
    """What the files and names are, held against what is written. What is of a wrong shape, the model tells."""
    found: list[Problem] = []
    for kind in ("programs", "firmwares"):
        names: dict[str, int] = {}
        for number, entry in enumerate(_list(tree.value.get(kind))):
            here: Loc = (kind, number)
            if not isinstance(entry, dict):
                continue
            if isinstance(name := entry.get("name"), str):
                if name in names:
                    found.append(tree.problem((*here, "name"), f"{kind}[{names[name]}] is '{name}' already"))
                names.setdefault(name, number)
            files = entry.get("files")
            for file, digest in files.items() if isinstance(files, dict) else ():
                found += _wrong_file(folder, file, digest, contents, partial(tree.problem, (*here, "files", file)))
            if isinstance(file := entry.get("file"), str):
                say = partial(tree.problem, (*here, "file"))
                found += _wrong_file(folder, file, entry.get("sha256"), contents, say)
    return found


_Say = Callable[[str], Problem]


def _wrong_file(folder: Path, name: str, digest: object, contents: dict[str, bytes], say: _Say) -> list[Problem]:
    if "/" in name or name in ("", ".", ".."):
        return []  # the model says so
    path = folder / name
    if not path.is_file():
        return [say(f"there is no file {name} beside {MANIFEST}")]
    if path.stat().st_size > MAX_FILE_BYTES:
        return [say(f"{name} is longer than {MAX_FILE_BYTES // 2**20} MiB")]
    contents[name] = path.read_bytes()
    real = hashlib.sha256(contents[name]).hexdigest()
    if digest == real:
        return []
    return [say(f"{name} is not the file that was released; if it is right as it is, its SHA-256 is {real}")]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
