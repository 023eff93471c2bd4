"""The operations centre's pages: Vietnamese first, drawn by NiceGUI; maps and charts ask the city's API."""

from typing import TYPE_CHECKING

from fastapi import FastAPI

if TYPE_CHECKING:
    from cloud_ingest.operations.centre import Centre


def attach(app: FastAPI, centre: "Centre") -> None:
    """Put the pages at `/` of an app, after its other routes. Once in a process: NiceGUI has one app."""
    from cloud_ingest.web import site  # NiceGUI takes a second to load

    site.attach(app, centre)
