"""The panel before the real agent, which is killed and started again under a teacher's eyes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Page, expect

from classroom_profiles.documents import load_room, sample_rooms
from tests.edge_agent.panel.browser import opened
from tests.edge_agent.panel.test_panel import lesson_card, press_pin, tap
from tests.servers import Mosquitto, free_port

PINS = {"LOPHOC_TEACHER_PIN": "2468", "LOPHOC_TECHNICIAN_PIN": "135791"}
PROJECTOR = {"LOPHOC_PROJECTOR_PASSWORD": "may-chieu-a101"}
LECTURE = '[data-profile="lecture"]'
SLOW_MS = 20_000


@contextmanager
def lophoc(log: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """`lophoc ...`, ready; killed at the end. What it printed after `ready` is its first line."""
    command = [sys.executable, "-m", "lophoc", *arguments]
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return line.removeprefix("ready").strip()
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace"))


def room_file(directory: Path, projector_port: int) -> Path:
    """The sample room, without what hangs on serial lines."""
    room = load_room(sample_rooms()["stem-a101"]).model_dump(mode="json", exclude_none=True)
    room["devices"] = [one for one in room["devices"] if one["driver"] in ("pjlink", "mqtt-devices")]
    next(one for one in room["devices"] if one["id"] == "projector")["options"]["port"] = projector_port
    file = directory / "room.yaml"
    file.write_text(yaml.safe_dump(room, allow_unicode=True), encoding="utf-8")
    return file


def test_a_lesson_gets_ready_and_an_agent_that_was_killed_is_missed_and_found_again(
    browser: Browser, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    log, port = tmp_path / "log", free_port()
    with ExitStack() as parts:
        simulated = parts.enter_context(
            lophoc(
                log, "sim", "pjlink", "--port", "0", "--warm-up", "1", "--password-env", "LOPHOC_PROJECTOR_PASSWORD",
                environment=PROJECTOR,
            )
        )  # fmt: skip
        file = room_file(tmp_path, int(ready(simulated, log).rsplit(":", 1)[1]))
        devices = ["sim", "mqtt-devices", "--broker", mosquitto.url, "--room", str(file), "--period", "1"]
        ready(parts.enter_context(lophoc(log, *devices)), log)

        def agent() -> subprocess.Popen[str]:
            options = ["--config", str(file), "--data", str(tmp_path / "data"), "--broker", mosquitto.url]
            command = ["agent", *options, "--port", str(port)]
            return parts.enter_context(lophoc(log, *command, environment={**PINS, **PROJECTOR}))

        running = agent()
        with opened(browser, ready(running, log)) as page:
            page.set_default_timeout(SLOW_MS)
            be_ready(page)
            banner = page.locator("[data-banner=away]")
            running.kill()
            running.wait(10)
            expect(banner).to_contain_text("Mất liên lạc với máy điều khiển của phòng.", timeout=SLOW_MS)
            ready(agent(), log)
            expect(banner).to_be_hidden(timeout=SLOW_MS)
            expect(page.locator(".notice-good")).to_have_text("Đã nối lại với phòng.")
            lesson_card(page, "ready").to_contain_text("Sẵn sàng: Giảng bài", timeout=SLOW_MS)
            expect(page.locator('.lesson .line[data-device="projector"]')).to_have_text(re.compile("đã bật"))


def be_ready(page: Page) -> None:
    """A teacher's way from the idle room to a ready lesson."""
    page.wait_for_selector("[data-profile]")
    expect(page.locator('.device[data-device="lights"]')).to_contain_text(re.compile("Tắt|Bật"), timeout=SLOW_MS)
    tap(page, LECTURE)
    press_pin(page, PINS["LOPHOC_TEACHER_PIN"])
    lesson_card(page, "running").to_contain_text("Đang chuẩn bị: Giảng bài")
    lesson_card(page, "ready").to_contain_text("Sẵn sàng: Giảng bài", timeout=SLOW_MS)
