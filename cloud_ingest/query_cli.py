"""`lophoc query` and `lophoc registry`: what the centre has, as a table or as JSON."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cloud_ingest import gap_report, registry_words
from cloud_ingest.gateways import State
from cloud_ingest.query import as_json, seconds, table
from cloud_ingest.registry import Registry, RegistryUnavailable, beside
from cloud_ingest.store import STORE_OPTION, Store, StoreUnavailable, WrongStore, store_of
from cloud_ingest.windows import Span

_ROOM = re.compile(r"([a-z0-9][a-z0-9-]{0,47})/([a-z0-9][a-z0-9-]{0,47})")
_REGISTRY = "The registry's file; without it the one beside the store, as lophoc ingest writes it."


def _in_seconds(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else seconds(text)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong)) from wrong


@click.command()
@click.option("--store", "store_url", required=True, help=STORE_OPTION)
@click.option("--room", required=True, metavar="SCHOOL/ROOM", help="Such as thcs-nguyen-du/a101.")
@click.option(
    "--since", "since_s", metavar="TIME", callback=_in_seconds, help="Only what is at most so old: 90s, 5m, 1h, 2d."
)
@click.option("--json", "wants_json", is_flag=True, help="One JSON object.")
@click.option("--count", "wants_count", is_flag=True, help="Also how many points the room has.")
@click.option("--gaps", "wants_gaps", is_flag=True, help="Instead, where its series have none (--since: 1d).")
@click.option(
    "--period", "period_s", metavar="TIME", callback=_in_seconds, help="With --gaps: what they should keep to."
)
@click.option("--registry", "registry_path", type=click.Path(path_type=Path), help=_REGISTRY)
def query(
    store_url: str,
    room: str,
    since_s: int | None,
    wants_json: bool,
    wants_count: bool,
    wants_gaps: bool,
    period_s: int | None,
    registry_path: Path | None,
) -> None:
    """The last readings of a room, from whichever store. Exit code 1 if there are none, or the store is away."""
    match = _ROOM.fullmatch(room)
    if match is None:
        raise click.BadParameter("write SCHOOL/ROOM, such as thcs-nguyen-du/a101", param_hint="--room")
    if period_s is not None and not (wants_gaps and period_s):
        raise click.BadParameter("is for --gaps, and more than 0", param_hint="--period")
    now_us = time.time_ns() // 1000
    with _opened(store_url) as store:
        if wants_gaps:
            _show_gaps(store, store_url, registry_path, match, now_us, since_s, period_s, wants_json)
        else:
            since_us = 0 if since_s is None else max(0, now_us - since_s * 1_000_000)
            _show_latest(store, match, now_us, since_us, wants_json, wants_count)


def _show_latest(
    store: Store, room: re.Match[str], now_us: int, since_us: int, wants_json: bool, wants_count: bool
) -> None:
    readings = store.latest(room[1], room[2], since_us)
    count = store.count(room[1], room[2], since_us) if wants_count else None
    if wants_json:
        click.echo(json.dumps(as_json(room[1], room[2], readings, count), ensure_ascii=False))
    elif readings:
        click.echo("\n".join(table(readings, now_us)))
        if count is not None:
            click.echo(f"{count} điểm đo / points")
    if not readings:
        raise click.ClickException(f"không có dữ liệu của {room[0]} / there are no readings of {room[0]}")


def _show_gaps(
    store: Store,
    store_url: str,
    registry_path: Path | None,
    room: re.Match[str],
    now_us: int,
    since_s: int | None,
    period_s: int | None,
    wants_json: bool,
) -> None:
    span = Span(max(0, now_us - (since_s or 86_400) * 1_000_000), now_us)
    period_us = None if period_s is None else period_s * 1_000_000
    path = registry_path or beside(store_url)
    if registry_path is None and not path.is_file():
        found = list(gap_report.of_room(store, None, room[1], room[2], span, period_us))
    else:
        with Registry(path, create=False) as registry:
            found = list(gap_report.of_room(store, registry, room[1], room[2], span, period_us))
    if wants_json:
        click.echo(json.dumps(registry_words.gaps_as_json(room[1], room[2], span, found), ensure_ascii=False))
    elif found:
        click.echo("\n".join(registry_words.gaps_as_table(found)))
    if not found:
        raise click.ClickException(f"không có dữ liệu của {room[0]} / there are no readings of {room[0]}")


@click.command()
@click.option("--store", "store_url", help=f"The store that it is beside: {STORE_OPTION}")
@click.option("--registry", "registry_path", type=click.Path(path_type=Path), help=_REGISTRY)
@click.option("--school", help="Only this school.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only gateways in this state.")
@click.option("--find", default="", metavar="TEXT", help="Only rows with this in a school, gateway, room or version.")
@click.option("--devices", "wants_devices", is_flag=True, help="The devices of a school instead of gateways.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON object.")
def registry(
    store_url: str | None,
    registry_path: Path | None,
    school: str | None,
    state: str | None,
    find: str,
    wants_devices: bool,
    wants_json: bool,
) -> None:
    """Which gateways there are, and how each is. Exit code 1 if none is found, or there is no registry."""
    if registry_path is None and store_url is None:
        raise click.UsageError("say --store or --registry")
    if wants_devices and school is None:
        raise click.UsageError("--devices needs --school")
    path = registry_path or beside(store_url or "")
    now_us = time.time_ns() // 1000
    with _told(), Registry(path, create=False) as opened:
        if wants_devices and school is not None:
            devices = [one for one in opened.devices(school) if find in f"{one.room} {one.device} {one.role}"]
            shown, rows = registry_words.devices_as_json(devices), registry_words.devices_as_table(devices, now_us)
            found = len(devices)
        else:
            gateways = registry_words.chosen(opened.gateways(school), now_us, state, find)
            shown, rows = registry_words.gateways_as_json(gateways), registry_words.gateways_as_table(gateways, now_us)
            found = len(gateways)
    if wants_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
    elif found:
        click.echo("\n".join(rows))
    if not found:
        raise click.ClickException("không tìm thấy / nothing was found")


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    try:
        store = store_of(url)
    except WrongStore as wrong:
        raise click.UsageError(str(wrong)) from wrong
    with _told():
        try:
            store.open(create=False)
            yield store
        finally:
            store.close()


@contextmanager
def _told() -> Iterator[None]:
    """What cannot be read is an exit code and a sentence."""
    try:
        yield
    except (StoreUnavailable, WrongStore) as why:
        raise click.ClickException(f"không đọc được kho dữ liệu / the store cannot be read: {why}") from why
    except RegistryUnavailable as why:
        raise click.ClickException(f"không đọc được sổ thiết bị / the registry cannot be read: {why}") from why
