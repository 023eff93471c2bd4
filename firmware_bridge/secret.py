"""Secrets in options: named by file or environment variable, never written where they would be copied or logged."""

import os
import stat
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from classroom_profiles.model import Model


class Secret(Model):
    """Where a secret is. Exactly one of the two."""

    file: Path | None = Field(None, description="a file that only its owner can read (mode 0600)")
    env: str | None = Field(None, pattern=r"^[A-Z][A-Z0-9_]*$", description="an environment variable")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError("give either 'file' or 'env', such as {file: /etc/lophoc/projector.secret}")
        return self

    def read(self) -> str:
        """The secret. Raises SecretMissing, which never repeats it."""
        if self.env is not None:
            if (value := os.environ.get(self.env)) is None:
                raise SecretMissing(f"environment variable {self.env} is not set")
            return value
        assert self.file is not None
        try:
            if stat.S_IMODE(self.file.stat().st_mode) & 0o077:
                raise SecretMissing(f"{self.file} can be read by others; run: chmod 600 {self.file}")
            return self.file.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as wrong:
            raise SecretMissing(f"{self.file}: {wrong.strerror}") from wrong


class SecretMissing(Exception):
    """The secret cannot be had; the text says where it was looked for and what to do."""
