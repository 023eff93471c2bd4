"""How a fleet's progress is shown: a line a kit that changes in place, or, where that cannot be, a line a change."""

import shutil
import sys
from collections.abc import Iterable

import click

from firmware_bridge.fleet.kits import Kit
from firmware_bridge.fleet.outcome import Outcome, Progress, Report, State

_BAR = 20
_WORDS = {
    "opening": "mở cổng / opening",
    "checking": "kiểm tra / checking",
    "sending": "gửi / sending",
    "starting": "khởi động / starting",
    "waiting": "chờ / waiting",
    "stopping": "dừng / stopping",
    "connecting": "kết nối / connecting",
    "writing": "ghi / writing",
    "verifying": "so lại / verifying",
    "done": "✓ xong / done",
    "unchanged": "✓ đã có / has it already",
    "skipped": "– bỏ qua / skipped",
    "failed": "✗ lỗi / failed",
}


class FleetDisplay:
    """Shows what it is told."""

    def __init__(self, kits: Iterable[Kit], *, quiet: bool = False) -> None:
        self._lines = {kit.id: "" for kit in kits}
        self._phases: dict[str, str] = {}
        self._quiet = quiet
        self._in_place = sys.stderr.isatty()
        self._drawn = False

    def told(self, progress: Progress) -> None:
        if self._quiet or progress.kit not in self._lines:
            return
        line = f"{progress.kit:<16} {_WORDS.get(progress.phase, progress.phase):<28}"
        if progress.percent is not None:
            full = _BAR * min(100, progress.percent) // 100
            line += f" {'█' * full}{'·' * (_BAR - full)} {progress.percent:3d} %"
        if progress.words and progress.phase == "waiting":
            line += f" {progress.words[:100]}"
        self._lines[progress.kit] = line
        if self._in_place:
            self._draw()
        elif self._phases.get(progress.kit) != progress.phase:
            click.echo(line.rstrip(), err=True)
        self._phases[progress.kit] = progress.phase

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns
        up = f"\x1b[{len(self._lines)}A" if self._drawn else ""
        shown = (f"\x1b[2K{line[: width - 1]}\n" for line in self._lines.values())
        sys.stderr.write(up + "".join(shown))
        sys.stderr.flush()
        self._drawn = True


def say_report(report: Report) -> None:
    """The end, a line a kit and what to do about each that failed."""
    for one in report.outcomes:
        click.echo(_ended(one))
    bad = sum(1 for one in report.outcomes if one.state is State.FAILED)
    click.echo(f"{len(report.outcomes) - bad}/{len(report.outcomes)} bộ xong / kits done")


def _ended(one: Outcome) -> str:
    words = [f"{one.kit:<16} {_WORDS[str(one.state)]}"]
    if one.program:
        words.append(one.program)
    if one.running:
        words.append(f"đang chạy / runs: {one.running}" if one.program else one.running)
    if one.attempts > 1:
        words.append(f"{one.attempts} lần / attempts")
    return ", ".join(words) + (f"\n{'':<16}   {one.words}" if one.words else "")
