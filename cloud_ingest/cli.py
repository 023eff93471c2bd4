"""`lophoc ingest`."""

import logging
import os
import signal
import sys
import time

import click

from cloud_ingest.broker_link import Broker, WrongBroker
from cloud_ingest.receiver import Receiver
from cloud_ingest.store import STORE_OPTION, Store, StoreUnavailable, WrongStore, store_of
from cloud_ingest.workers import STOP_SIGNALS, supervise

_REPORT_S = 60.0

_log = logging.getLogger("lophoc.ingest")


@click.command()
@click.option("--broker", required=True, help="mqtt://host:port or mqtts://user@host:port.")
@click.option("--store", "store_url", required=True, help=STORE_OPTION)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Processes that share the work; the broker has to know shared subscriptions ($share).",
)  # fmt: skip
@click.option("--share", default="", hidden=True, help="The shared subscription that this worker belongs to.")
def ingest(broker: str, store_url: str, workers: int, share: str) -> None:
    """Receive every gateway's batches, store them, and acknowledge what the store confirmed.

    Passwords come from LOPHOC_BROKER_PASSWORD, LOPHOC_STORE_PASSWORD (1.x) and LOPHOC_STORE_TOKEN (2.x, 3.x).
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        where, store = Broker.of(broker), store_of(store_url)
    except (WrongBroker, WrongStore) as wrong:
        raise click.UsageError(str(wrong)) from wrong
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # in every thread; they are waited for instead
    try:
        if workers > 1:
            store.close()
            command = [sys.executable, "-m", "cloud_ingest", "ingest", "--broker", broker, "--store", store_url]
            code = supervise([*command, "--share", "lophoc"], workers, lambda: click.echo(f"ready {workers} workers"))
        else:
            code = _receive(where, store, share)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    raise SystemExit(code)


def _receive(broker: Broker, store: Store, share: str) -> int:
    """Until a signal; the exit code."""
    parent = os.getppid()
    try:
        store.open()
    except WrongStore as wrong:
        raise click.ClickException(str(wrong)) from wrong
    except StoreUnavailable as why:
        _log.warning("the store is away, it is tried again with the first batch: %s", why)
    receiver = Receiver(broker, store, share)
    receiver.start()
    announced = False
    report_at = time.monotonic() + _REPORT_S
    reported = 0
    try:
        while not receiver.failed.is_set():
            if not announced and receiver.wait_ready(0.05):
                announced = True
                click.echo(f"ready {broker.host}:{broker.port}")
                sys.stdout.flush()
            if signal.sigtimedwait(STOP_SIGNALS, 0.5 if announced else 0.0) is not None:
                break
            if share and os.getppid() != parent:
                break  # the supervisor is gone
            if time.monotonic() >= report_at:
                report_at += _REPORT_S
                if receiver.counts.batches + receiver.counts.unreadable != reported:
                    reported = receiver.counts.batches + receiver.counts.unreadable
                    _log.info("%s, %d gateways seen", receiver.counts, len(receiver.last_seen))
    finally:
        receiver.stop()
        store.close()
    return 1 if receiver.failed.is_set() else 0
