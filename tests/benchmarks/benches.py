"""What twelve simulated benches at 20 Hz cost: one process, a client at each, nothing lost."""

import argparse
import json
import select
import socket
import subprocess
import sys
import time

import psutil

NAMES = (
    "pendulum", "spring", "rlc-circuit", "titration", "radioactive-decay", "ideal-gas", "predator-prey", "climate",
    "mendelian-cross", "resistor-network", "projectile", "reaction-kinetics",
)  # fmt: skip


def measure(seconds: float, rate_hz: float) -> dict[str, float]:
    arguments = ("sim", "experiment", *NAMES, "--port", "0", "--rate", str(rate_hz))
    began_s = time.monotonic()
    served = subprocess.Popen([sys.executable, "-m", "lophoc", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        addresses = served.stdout.readline().removeprefix("ready ").split()
        ready_s = time.monotonic() - began_s
        process = psutil.Process(served.pid)
        received = {_connected(address): bytearray() for address in addresses}
        before = process.cpu_times()
        began_s = time.monotonic()
        while (took_s := time.monotonic() - began_s) < seconds:
            readable, _, _ = select.select(list(received), [], [], 0.5)
            for client in readable:
                received[client] += client.recv(65_536)
        after = process.cpu_times()
        for client in received:
            client.close()
        samples = [_numbers(heard) for heard in received.values()]
        return {
            "benches": len(samples),
            "rate_hz": rate_hz,
            "samples": sum(map(len, samples)),
            "lost": sum(one[-1] + 1 - len(one) for one in samples),
            "cpu_percent": round(100 * (after.user + after.system - before.user - before.system) / took_s, 2),
            "pss_mib": round(process.memory_full_info().pss / 2**20, 1),
            "ready_s": round(ready_s, 2),
        }
    finally:
        served.terminate()
        served.wait(10)


def _connected(address: str) -> socket.socket:
    host, _, port = address.partition(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(b'{"do":"stream"}\n{"do":"start"}\n')
    return client


def _numbers(heard: bytearray) -> list[int]:
    told = [json.loads(line) for line in heard.split(b"\n")[:-1]]
    return [one["sample"]["n"] for one in told if "sample" in one]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--rate", type=float, default=20)
    asked = options.parse_args()
    print(json.dumps(measure(asked.seconds, asked.rate)))


if __name__ == "__main__":
    main()
