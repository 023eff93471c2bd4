"""The gateway's program library: looked at again whenever its `library.yaml` is another, read whole when it is used."""

import asyncio
from contextlib import suppress
from pathlib import Path

from classroom_profiles.problem import DocumentError
from firmware_bridge.fleet.flash_tools import AnyFirmware
from firmware_bridge.fleet.library import MANIFEST, Library, LibraryProgram, Manifest, load_library
from firmware_bridge.programs import Bundle


class WrongLibrary(Exception):
    """It cannot be used as it is; the text says why."""


class ProgramShelf:
    """What may be given to the room's kits. `manifest` is empty while there is none, or it is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest()
        self.problems: tuple[str, ...] = ()
        self._seen: tuple[int, int] | None = None

    async def look(self) -> bool:
        """True if it is another than before."""
        return await asyncio.to_thread(self._look)

    async def program(self, name: str) -> tuple[Bundle, LibraryProgram]:
        """With its files, each verified now. Raises NotInLibrary, WrongLibrary."""
        library = await asyncio.to_thread(self._load)
        return library.bundle(name), library.program(name)

    async def firmware(self, name: str) -> tuple[AnyFirmware, Path]:
        """Its file was verified now. Raises NotInLibrary, WrongLibrary."""
        found = (await asyncio.to_thread(self._load)).firmware(name)
        return found, self.folder / found.file

    def _look(self) -> bool:
        try:
            stat = (self.folder / MANIFEST).stat()
        except OSError:
            changed = self._seen is not None
            self._seen, self.manifest, self.problems = None, Manifest(), ()
            return changed
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen == self._seen:
            return False
        with suppress(WrongLibrary):  # told in `problems`
            self._load()
        self._seen = seen
        return True

    def _load(self) -> Library:
        try:
            library = load_library(self.folder)
        except (DocumentError, OSError) as wrong:
            said = [str(one) for one in wrong.problems] if isinstance(wrong, DocumentError) else [str(wrong)]
            self.manifest, self.problems = Manifest(), tuple(said)
            raise WrongLibrary("; ".join(said)) from wrong
        self.manifest, self.problems = library.manifest, ()
        return library
