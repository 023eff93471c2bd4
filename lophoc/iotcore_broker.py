"""`python -m lophoc.iotcore_broker PORT`: rumqttd from the iotcore wheel on loopback, as a process of its own."""

import signal
import sys

from iotcore import Broker

from classroom_profiles.telemetry import MAX_BATCH_BYTES


def main() -> None:
    """Serve until a signal. The wheel would listen on every address and stop at 20 KiB a message: both are set."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the Rust loop does not return to Python to raise anything
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Broker(listen="127.0.0.1", port=int(sys.argv[1]), max_payload_size=2 * MAX_BATCH_BYTES).run_forever()


if __name__ == "__main__":
    main()
