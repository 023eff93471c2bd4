"""`lophoc ingest`."""

import gc
import hashlib
import logging
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click

from cloud_ingest.broker_link import WrongBroker
from cloud_ingest.checking import AHEAD_S
from cloud_ingest.last_seed import Seeding
from cloud_ingest.last_values import LastValues, LastValuesUnavailable
from cloud_ingest.link import AnyBroker, broker_of
from cloud_ingest.quarantine import Quarantine
from cloud_ingest.receiver import Receiver
from cloud_ingest.registry import Registry, RegistryUnavailable, beside, made_beside
from cloud_ingest.series_bound import SERIES
from cloud_ingest.store import STORE_OPTION, Store, StoreUnavailable, WrongStore, store_of
from cloud_ingest.suspects import Suspects
from cloud_ingest.workers import STOP_SIGNALS, is_asked_to_stop, supervise

_REPORT_S = 60.0
_COLLECT = (50_000, 20, 100)
"""When Python looks for circles of garbage: points make none, and to look through every batch's lists for them costs a
fifth of the receiver's time."""

_log = logging.getLogger("lophoc.ingest")


@click.command()
@click.option(
    "--broker", required=True, help="mqtt[s]://[user@]host:port, or RabbitMQ: amqp[s]://user@host:port,host:port."
)
@click.option("--store", "store_url", required=True, help=STORE_OPTION)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Processes that share the work, by MQTT 5's shared subscriptions or RabbitMQ's queue.",
)  # fmt: skip
@click.option(
    "--data", "folder", type=click.Path(file_okay=False, path_type=Path), default=None, envvar="LOPHOC_INGEST_DATA",
    help="Where batches that cannot be digested are set aside, at most 200 and 32 MiB.  "
    "[default: a folder of this broker and store in $XDG_STATE_HOME/lophoc]",
)  # fmt: skip
@click.option(
    "--registry", "registry_path", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="The registry's file.  [default: beside the embedded store, else in $XDG_STATE_HOME/lophoc]",
)  # fmt: skip
@click.option(
    "--alarms", "alarms_path", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="The file of alarms.  [default: beside the registry]",
)  # fmt: skip
@click.option("--no-alarms", is_flag=True, help="Watch nothing: no alarms are made.")
@click.option(
    "--alarm-rules", "rules_path", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
    help="Rules of one's own (YAML): see lophoc alarms check.  [default: those that come with lophoc]",
)  # fmt: skip
@click.option(
    "--schools", "schools_path", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
    help="A CSV of schools, so that alarms say in which wards.",
)  # fmt: skip
@click.option(
    "--last-values", "lasts_path", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="The file of all series' newest points.  [default: beside the embedded store, else in $XDG_STATE_HOME/lophoc]",
)  # fmt: skip
@click.option(
    "--forecasts", "forecasts_path", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="The file that lophoc forecast makes, for alarm rules on forecasts.  [default: in the folder of lophoc ops]",
)  # fmt: skip
@click.option(
    "--ahead", "ahead_s", type=click.FloatRange(0), default=AHEAD_S, show_default="366 days", metavar="SECONDS",
    help="How far a point may be ahead of this machine's clock before it is refused.",
)  # fmt: skip
@click.option(
    "--series", type=click.IntRange(1), default=SERIES, show_default=True,
    help="How many series one gateway may have: points of further ones are refused.",
)  # fmt: skip
@click.option(
    "--metrics-port", type=click.IntRange(0, 65_535), default=None,
    help="Serve Prometheus metrics there; with several workers each has the next port.",
)  # fmt: skip
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="The address that serves metrics.")
@click.option("--share", default="", hidden=True, help="The shared subscription that this worker belongs to.")
def ingest(
    broker: str,
    store_url: str,
    workers: int,
    folder: Path | None,
    registry_path: Path | None,
    alarms_path: Path | None,
    no_alarms: bool,
    rules_path: Path | None,
    schools_path: Path | None,
    lasts_path: Path | None,
    forecasts_path: Path | None,
    ahead_s: float,
    series: int,
    metrics_port: int | None,
    metrics_host: str,
    share: str,
) -> None:
    """Receive every gateway's batches, store them, and acknowledge what the store confirmed.

    Passwords come from LOPHOC_BROKER_PASSWORD, LOPHOC_STORE_PASSWORD (1.x) and LOPHOC_STORE_TOKEN (2.x, 3.x).
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        where, store = broker_of(broker), store_of(store_url)
    except (WrongBroker, WrongStore) as wrong:
        raise click.UsageError(str(wrong)) from wrong
    folder = folder or _state_of(broker, store_url)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # in every thread; they are waited for instead
    try:
        if workers > 1:
            store.close()
            same = ["--broker", broker, "--store", store_url, "--data", str(folder), "--ahead", str(ahead_s)]
            same += ["--series", str(series)]
            same += [] if registry_path is None else ["--registry", str(registry_path)]
            same += ["--no-alarms"] if no_alarms else []
            for option, path in (
                ("--alarms", alarms_path), ("--alarm-rules", rules_path), ("--schools", schools_path),
                ("--forecasts", forecasts_path),
            ):  # fmt: skip
                same += [] if path is None else [option, str(path)]
            same += [] if lasts_path is None else ["--last-values", str(lasts_path)]
            commands = [
                [sys.executable, "-m", "cloud_ingest", "ingest", *same, "--share", "lophoc"]
                + ([] if metrics_port is None else _metrics(metrics_host, metrics_port, number))
                for number in range(workers)
            ]
            code = supervise(commands, lambda: click.echo(f"ready {workers} workers"))
        else:
            with ExitStack() as open_things:
                _open(store)
                open_things.callback(store.close)
                suspects = Suspects(folder, store.writers)
                open_things.callback(suspects.close)
                registry = _registry(open_things, store_url, registry_path)
                lasts = _last_values(open_things, store_url, lasts_path, store, registry)
                receiver = Receiver(
                    where, store, Quarantine(folder / "set-aside"), suspects, share=share, ahead_s=ahead_s,
                    series=series, on_status=registry.on_status, on_received=lasts.on_received,
                    on_batch=registry.on_batch,
                )  # fmt: skip
                if not no_alarms:
                    reads = registry_path or beside(store_url)
                    _watch(
                        open_things, receiver, store_url, reads, lasts_path or beside(store_url, "last-values"),
                        alarms_path, rules_path, schools_path, forecasts_path,
                    )  # fmt: skip
                if metrics_port is not None:
                    _serve_metrics(open_things, receiver, metrics_host, metrics_port)
                code = _receive(where, receiver, bool(share))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    raise SystemExit(code)


def _open(store: Store) -> None:
    try:
        store.open()
    except WrongStore as wrong:
        store.close()
        raise click.ClickException(str(wrong)) from wrong
    except StoreUnavailable as why:
        _log.warning("the store is away, it is tried again with the first batch: %s", why)


def _registry(open_things: ExitStack, store_url: str, path: Path | None) -> Registry:
    """Its loss would lose history only: without its file it remembers for as long as this process runs."""
    registry = Registry(path or beside(store_url))
    try:
        if path is None:
            made_beside(store_url)
        return open_things.enter_context(registry)
    except (RegistryUnavailable, OSError) as why:
        _log.warning("no registry is written: %s", why)
        return registry


def _watch(
    open_things: ExitStack,
    receiver: Receiver,
    store_url: str,
    registry: Path,
    lasts: Path,
    alarms: Path | None,
    rules: Path | None,
    schools: Path | None,
    forecasts: Path | None,
) -> None:
    """Alarms, if this worker is the one that makes them. Raises ClickException for rules with mistakes."""
    from cloud_ingest.alarms.centre_alarms import Centre  # not loaded where nobody wants alarms
    from cloud_ingest.alarms.place import alarms_beside
    from cloud_ingest.alarms.sources import FromFiles, sources
    from cloud_ingest.alarms.telling import Telling
    from cloud_ingest.alarms.watch import Watch
    from cloud_ingest.forecasts.forecast_file import FILE as FORECASTS
    from cloud_ingest.operations.folder import ops_folder

    if rules is not None:
        from classroom_profiles.problem import DocumentError
        from cloud_ingest.alarms.rules_file import load_rules

        try:
            load_rules(rules)
        except DocumentError as wrong:
            raise click.ClickException(str(wrong)) from wrong
    asked = FromFiles(store_url, registry, lasts)
    open_things.callback(asked.close)
    path = alarms or alarms_beside(store_url)
    watch = Watch(
        path,
        sources(
            asked,
            schools,
            forecasts or ops_folder() / FORECASTS,
            lambda: Centre(receiver.wait_ready(0.0), not receiver.store_is_away),
        ),
        rules,
    )
    telling = Telling(path, watch.mail_steps, when=watch.has_lock)
    for each in (watch, telling):
        open_things.callback(each.stop)
        each.start()


def _last_values(
    open_things: ExitStack, store_url: str, path: Path | None, store: Store, registry: Registry
) -> LastValues:
    """Its loss would lose freshness only."""
    lasts = LastValues(path or beside(store_url, "last-values"))
    try:
        if path is None:
            made_beside(store_url, "last-values")
        open_things.enter_context(lasts)
        open_things.enter_context(Seeding(lasts, store, lambda: {one.school for one in registry.gateways()}))
    except (LastValuesUnavailable, RegistryUnavailable, OSError) as why:
        _log.warning("no last values are written: %s", why)
    return lasts


def _state_of(broker: str, store_url: str) -> Path:
    """One folder for each pair of broker and store, so that a kill of one ingest makes nobody else suspicious."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    name = hashlib.blake2b(f"{broker} {store_url}".encode(), digest_size=6).hexdigest()
    return Path(state).expanduser() / "lophoc" / f"ingest-{name}"


def _metrics(host: str, port: int, number: int) -> list[str]:
    return ["--metrics-host", host, "--metrics-port", str(port + number if port else 0)]


def _serve_metrics(open_things: ExitStack, receiver: Receiver, host: str, port: int) -> None:
    from cloud_ingest.metrics import served  # not loaded where nobody asks for it

    try:
        serves = open_things.enter_context(served(receiver, port, host))
    except OSError as wrong:
        raise click.ClickException(f"metrics cannot be served on {host}:{port}: {wrong}") from wrong
    _log.info("metrics on http://%s:%d/metrics", host, serves)


def _receive(broker: AnyBroker, receiver: Receiver, is_worker: bool) -> int:
    """Until a signal; the exit code."""
    parent = os.getppid()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)
    receiver.start()
    announced = False
    report_at = time.monotonic() + _REPORT_S
    reported = 0
    try:
        while not receiver.failed.is_set():
            if not announced and receiver.wait_ready(0.05):
                announced = True
                click.echo(f"ready {broker.where}")
                sys.stdout.flush()
            if is_asked_to_stop(0.5 if announced else 0.0):
                break
            if is_worker and os.getppid() != parent:
                break  # the supervisor is gone
            if time.monotonic() >= report_at:
                report_at += _REPORT_S
                if receiver.counts.batches + receiver.counts.unreadable != reported:
                    reported = receiver.counts.batches + receiver.counts.unreadable
                    _log.info("%s, %d gateways seen", receiver.counts, len(receiver.last_seen))
    finally:
        receiver.stop()
    return 1 if receiver.failed.is_set() else 0
