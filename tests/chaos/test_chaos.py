"""A minute of everything failing at once: not one point lost, doubled or out of order."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(200)
def test_whatever_fails_every_point_is_stored_once_and_in_order(tmp_path: Path) -> None:
    options = ("--seconds", "55", "--seed", "11", "--faults", "40", "--keep", str(tmp_path / "logs"))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.chaos", *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            out, said = process.communicate(timeout=180)
        finally:
            process.terminate()  # it stops its own processes
    assert process.returncode == 0, said
    figures = json.loads(out.splitlines()[-1])
    assert figures["faults"] == 40
    assert figures["produced"] == figures["stored"] > 10_000
    assert figures["duplicates"] == figures["dropped_declared"] == 0
    assert figures["order_kept"]
