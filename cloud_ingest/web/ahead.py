"""What a browser is told to load ahead: files that it would else hear of only from the scripts that need them."""

import re
from functools import cache
from pathlib import Path

from markupsafe import Markup
from nicegui.dependencies import esm_modules, resources
from nicegui.elements import leaflet

from cloud_ingest.web import links
from cloud_ingest.web.kept_files import FRAMEWORK

_IMPORT = re.compile(r"""from\s*["']\./([\w.-]+\.js)["']""")


@cache
def of_map() -> str:
    """Links for the head of a page with a map. Call it once there has been such an element."""
    return (
        _link("preload", links.SCHOOLS_ON_MAP, "fetch")
        + "".join(_link("modulepreload", url) for url in _modules("nicegui-leaflet"))
        + _link("modulepreload", f"{FRAMEWORK}static/utils/resources.js")
        + "".join(_link("preload", f"{url}/leaflet/leaflet.css", "style") for url in _places(_folder(leaflet)))
        + _link("preload", links.WARDS, "fetch")
    )


@cache
def of_charts() -> str:
    """Links for the head of a page with charts."""
    return "".join(_link("modulepreload", url) for url in chart_scripts())


@cache
def chart_scripts() -> tuple[str, ...]:
    """A megabyte that the next page may need."""
    return tuple(_modules("nicegui-echart"))


def _modules(name: str) -> list[str]:
    """A module's own file and those that it begins with."""
    found = []
    for key, module in esm_modules.items():
        if module.name == name:
            text = (module.path / "index.js").read_text(encoding="utf-8")[:1000]
            found = [f"{FRAMEWORK}esm/{key}/{file}" for file in ("index.js", *_IMPORT.findall(text))]
    return found


def _places(folder: Path) -> list[str]:
    return [f"{FRAMEWORK}resources/{key}" for key, resource in resources.items() if resource.path == folder]


def _folder(package: object) -> Path:
    return Path(getattr(package, "__file__", "")).parent / "dist"


def _link(rel: str, href: str, kind: str = "") -> str:
    how = Markup(' as="{}"').format(kind) if kind else ""
    crossing = Markup(' crossorigin="anonymous"') if kind == "fetch" else ""
    return str(Markup('<link rel="{}" href="{}"{}{}>').format(rel, href, how, crossing))
