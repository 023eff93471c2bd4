"""`python -m tests.cloud_ingest.web.screenshots [DIR]`: the pages of a small city on their screens, as WebP files."""

import argparse
import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests.cloud_ingest.web.centre_process import a_centre, logged_in, show
from tests.edge_agent.panel.browser import PHONE, Screen, chromium

DOCS = Path(__file__).parents[3] / "docs" / "images"
WIDE = Screen("desk", 1280, 800, touch=False)


@dataclass(frozen=True, slots=True)
class Shot:
    name: str
    path: str
    screen: Screen = WIDE
    dark: bool = False


SHOTS = (
    Shot("ops-map-desk", "/"),
    Shot("ops-map-desk-dark", "/", dark=True),
    Shot("ops-map-phone", "/", PHONE),
    Shot("ops-schools-desk", "/schools"),
    Shot("ops-school-desk", "/schools/thcs-001"),
    Shot("ops-room-desk", "/schools/thcs-001/rooms/p101?span=6h"),
    Shot("ops-room-phone-dark", "/schools/thcs-001/rooms/p101?span=6h", PHONE, dark=True),
    Shot("ops-alarms-desk", "/alarms"),
    Shot("ops-alarms-phone", "/alarms", PHONE),
    Shot("ops-equipment-desk", "/equipment?role=projector"),
    Shot("ops-labels-desk", "/equipment/labels?school=thcs-001"),
    Shot("ops-quality-desk", "/quality?school=thcs-001&room=p101"),
    Shot("ops-gateways-desk-dark", "/gateways", dark=True),
    Shot("ops-lessons-desk", "/lessons?span=30d"),
    Shot("ops-accounts-desk", "/accounts"),
)


AS_WEBP = """async (png) => {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas.toDataURL("image/webp", 0.86).split(",")[1];
}"""


def as_webp(page: Page, png: bytes) -> bytes:
    """A third of the size; the browser is the encoder."""
    page.goto("about:blank")
    return base64.b64decode(page.evaluate(AS_WEBP, base64.b64encode(png).decode()))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path, nargs="?", default=DOCS)
    options.add_argument("--only", default="", help="only those with this in their names")
    chosen = options.parse_args()
    city = ("--schools", "160", "--rooms", "4")
    with tempfile.TemporaryDirectory() as folder, a_centre(Path(folder), *city) as centre, chromium() as browser:
        for shot in SHOTS:
            if chosen.only not in shot.name:
                continue
            with logged_in(browser, centre, screen=shot.screen, dark=shot.dark, reduced_motion="reduce") as page:
                show(page, centre, shot.path)
                page.wait_for_function(
                    "() => !document.querySelector('.city-map:not([data-drawn])') "
                    "&& [...document.querySelectorAll('.plot')].every((plot) => plot.dataset.points "
                    "|| plot.getBoundingClientRect().top > innerHeight)"
                )
                page.wait_for_timeout(300)
                path = chosen.folder / f"{shot.name}.webp"
                path.write_bytes(as_webp(page, page.screenshot()))
                print(shot.name, path.stat().st_size // 1024, "KiB")


if __name__ == "__main__":
    main()
