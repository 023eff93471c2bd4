"""The one command: what is installed is there, what is not says so, and wrong use ends in 2."""

import re
import signal
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

import lophoc.command
from lophoc.command import GROUP, main

ALL = {"agent", "demo", "driver", "ingest", "pin", "profile", "query", "robots", "room", "sim"}


def test_every_command_of_the_house_is_there() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert set(re.findall(r"^  ([a-z]+) ", result.output, re.MULTILINE)) >= ALL
    assert "not installed" not in result.output


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert (result.exit_code, "Usage:" in result.output) == (0, True)


def test_a_command_whose_extra_is_absent_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = EntryPoint("fly", "no_such_package.cli:fly", GROUP)
    monkeypatch.setattr(lophoc.command, "_found", lambda: {"fly": absent})
    listed = CliRunner().invoke(main, ["--help"])
    assert "not installed here: needs no_such_package" in listed.output
    run = CliRunner().invoke(main, ["fly"])
    assert run.exit_code == 1
    assert "lophoc[gateway]" in run.output


@pytest.mark.parametrize("words", [["fly"], ["demo", "--fly"], ["demo", "--port", "many"]])
def test_wrong_use_ends_in_two(words: list[str]) -> None:
    assert CliRunner().invoke(main, words).exit_code == 2


@pytest.mark.parametrize("loaded", ["click.core", "lophoc.command", "yaml", "httpx"])
def test_ctrl_c_while_it_is_still_being_loaded_ends_it_without_a_word(loaded: str) -> None:
    """Python says of each module that it is loaded: the signal goes at that moment."""
    command = [sys.executable, "-X", "importtime", "-m", "lophoc", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            if line.split("|")[-1].strip() == loaded:
                process.send_signal(signal.SIGINT)
            elif not line.startswith("import time:"):
                said += line
    assert said == ""
    assert process.returncode in (130, -signal.SIGINT), "either way a shell says 130"


def test_the_readme_names_every_command() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(ALL) if f"lophoc {name} " not in readme] == []
