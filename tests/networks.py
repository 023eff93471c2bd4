"""Machines of their own for processes: Linux network namespaces, joined by cables to a hub; processes where refused.

    one ──veth── hub ──veth── other        each pair of ends is a network of its own; no end is in the machine's own

Namespaces need root. Without it every process stays on loopback, and all else is the same.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a process may run: put `within` before its command."""

    name: str
    within: tuple[str, ...]
    hub_address: str
    """How it reaches the hub."""


@dataclass(frozen=True, slots=True)
class Networks:
    """A hub and machines around it."""

    hub: Machine
    machines: tuple[Machine, ...]
    separate: bool
    """False if this system refuses namespaces: then all is one machine."""


@contextmanager
def networks(count: int) -> Iterator[Networks]:
    """A hub with `count` machines; nothing of it is left afterwards."""
    ip = shutil.which("ip", path=_PATH)
    if ip is None or not _may(ip):
        here = [Machine(f"process-{number}", (), "127.0.0.1") for number in range(count + 1)]
        yield Networks(here[0], tuple(here[1:]), separate=False)
        return
    mark = secrets.token_hex(3)
    with ExitStack() as made:
        hub = _namespace(ip, f"lophoc-{mark}-hub", made)
        _run(ip, "-n", hub, "link", "set", "lo", "up")
        machines = []
        for number in range(1, count + 1):
            name = _namespace(ip, f"lophoc-{mark}-{number}", made)
            # A cable's two ends, each born in its own namespace (192.0.2.0/24 is for documentation: RFC 5737).
            ours, theirs = f"192.0.2.{number * 4 + 1}", f"192.0.2.{number * 4 + 2}"
            _run(ip, "-n", hub, "link", "add", f"to-{number}", "type", "veth", "peer", "name", "up0", "netns", name)
            for where, end, address in ((hub, f"to-{number}", ours), (name, "up0", theirs)):
                _run(ip, "-n", where, "address", "add", f"{address}/30", "dev", end)
                _run(ip, "-n", where, "link", "set", end, "up")
            machines.append(Machine(name, (ip, "netns", "exec", name), ours))
        yield Networks(Machine(hub, (ip, "netns", "exec", hub), "127.0.0.1"), tuple(machines), separate=True)


def _may(ip: str) -> bool:
    """True if namespaces and cables can be made, tried with one of each."""
    name = f"lophoc-{secrets.token_hex(4)}"
    try:
        with ExitStack() as made:
            _namespace(ip, name, made)
            _run(ip, "-n", name, "link", "add", "one", "type", "veth", "peer", "name", "other")
    except subprocess.CalledProcessError:
        return False
    return True


def _namespace(ip: str, name: str, made: ExitStack) -> str:
    _run(ip, "netns", "add", name)
    made.callback(_run, ip, "netns", "delete", name)
    return name


def _run(*command: str) -> None:
    run: Sequence[str] = command
    subprocess.run(run, check=True, capture_output=True, timeout=20.0)
