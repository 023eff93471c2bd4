"""A receiver as `lophoc ingest` runs it, over a store that one device's points kill at once, or make raise.

python -m tests.cloud_ingest.poisoned_ingest BROKER STORE_PATH STATE_FOLDER kill|raise [SHARE]
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from cloud_ingest.broker_link import Broker
from cloud_ingest.quarantine import Quarantine
from cloud_ingest.receiver import Receiver
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion
from cloud_ingest.suspects import Suspects

POISON = "poison"
"""The device."""


class PoisonedStore(SqliteStore):
    """A defect that nobody has found yet."""

    dies = True

    def write(self, portions: Sequence[Portion]) -> list[int]:
        if any(run.series.device == POISON for portion in portions for run in portion.runs):
            if self.dies:
                os.kill(os.getpid(), signal.SIGKILL)
            raise ZeroDivisionError("a defect")
        return super().write(portions)


def main(broker: str, path: str, folder: str, what: str, share: str = "") -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    store = PoisonedStore(path)
    store.dies = what == "kill"
    store.open()
    suspects = Suspects(Path(folder), store.writers)
    receiver = Receiver(Broker.of(broker), store, Quarantine(Path(folder) / "set-aside"), suspects, share=share)
    receiver.start()
    assert receiver.wait_ready(30)
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
    receiver.stop()
    suspects.close()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
