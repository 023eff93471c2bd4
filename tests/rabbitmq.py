"""Debian's RabbitMQ with its MQTT plugin: nodes on loopback, alone or as a cluster, that a test can kill.

The script that Debian puts on PATH wants its own user and /var/lib; the one inside the package runs as anybody, with
everything below a directory of the test's. Erlang's nodes find one another by an epmd, which has a port of its own
here, too, so that tests that run side by side never meet.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import trustme

from tests.servers import Server, free_port, listens, program

_LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"
# Three virtual machines on two cores: none may spin while it waits, nor bind its threads to a core.
_SHARED_MACHINE = "+S 2:2 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none +stbt u"
# MQTT 3.1.1, a clean session of the client "probe", and that it is accepted.
_CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x0a\x00\x05probe"
_CONNACK = b"\x20\x02\x00\x00"
_PROGRAMS = "/usr/lib/rabbitmq/bin"
USER = "guest"
PASSWORD = "guest"


class Node:
    """One RabbitMQ: `amqp_port` for the centre, `amqps_port` with TLS, `mqtt_port` for gateways."""

    def __init__(self, directory: Path, name: str, epmd_port: int, cluster: Sequence[str]) -> None:
        self.name = name
        self.amqps_port = free_port()
        self.amqp_port, self.mqtt_port, self._dist_port = free_port(), free_port(), free_port()
        self.mqtt_url = f"mqtt://127.0.0.1:{self.mqtt_port}"
        self.directory = directory / name.partition("@")[0]
        self.directory.mkdir()
        cookie = self.directory / ".erlang.cookie"
        cookie.write_text("tests-of-one-machine")
        cookie.chmod(0o400)
        (self.directory / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        (self.directory / "advanced.config").write_text("[].\n")
        self.authority = self.directory / "ca.pem"
        """Of whoever signed its certificate, which is for 127.0.0.1."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(self.directory / "server.pem")
        (self.directory / "rabbitmq.conf").write_text(self._configuration(cluster))
        self._env = self._environment(epmd_port)
        self._server = Server(
            [program("rabbitmq-server", _PROGRAMS)],
            self.directory / "out.log",
            env=self._env,
            ready_s=90.0,
            group=True,
        )

    @property
    def pid(self) -> int:
        return self._server.pid

    def start(self, wait: bool = True) -> None:
        self._server.start(self.is_up if wait else lambda: True)

    def wait(self) -> None:
        """Until it takes clients."""
        self._server.wait(self.is_up)

    def is_up(self) -> bool:
        """A port that listens is not enough: the plugin turns clients away until the cluster agrees on their names."""
        return listens(self.amqp_port) and _takes_mqtt(self.mqtt_port)

    def wait_for_queues(self, timeout_s: float = 15.0) -> None:
        """Until they would survive `kill`: RabbitMQ 3.10 writes down a second later which log is which queue's."""
        quorum = self.directory / "mnesia" / self.name / "quorum" / self.name
        until = time.monotonic() + timeout_s
        while not all(log.name.encode() in (quorum / "names.dets").read_bytes() for log in quorum.glob("2F_*")):
            assert time.monotonic() < until, f"{self.name} does not write down its queues"
            time.sleep(0.05)

    def control(self, *command: str) -> str:
        """What `rabbitmqctl` says. It takes seconds, and most of a core."""
        ctl = [program("rabbitmqctl", _PROGRAMS), "--quiet", *command]
        return subprocess.run(ctl, env=self._env, capture_output=True, text=True, timeout=60.0, check=True).stdout

    def kill(self) -> None:
        """As a power cut would."""
        self._server.stop(signal.SIGKILL)

    def _configuration(self, cluster: Sequence[str]) -> str:
        lines = [
            f"listeners.tcp.1 = 127.0.0.1:{self.amqp_port}",
            f"listeners.ssl.1 = 127.0.0.1:{self.amqps_port}",
            f"ssl_options.cacertfile = {self.authority}",
            f"ssl_options.certfile = {self.directory / 'server.pem'}",
            f"ssl_options.keyfile = {self.directory / 'server.pem'}",
            f"mqtt.listeners.tcp.1 = 127.0.0.1:{self.mqtt_port}",
            "mqtt.allow_anonymous = true",
            "log.console = false",
            "log.file.level = warning",
            "vm_memory_high_watermark.absolute = 1GB",
            "disk_free_limit.absolute = 50MB",
        ]
        if len(cluster) > 1:
            lines.append("cluster_formation.peer_discovery_backend = classic_config")
            lines += [
                f"cluster_formation.classic_config.nodes.{place} = {name}" for place, name in enumerate(cluster, 1)
            ]
            lines += ["cluster_formation.randomized_startup_delay_range.min = 0"]
            lines += ["cluster_formation.randomized_startup_delay_range.max = 1"]
        return "\n".join(lines) + "\n"

    def _environment(self, epmd_port: int) -> dict[str, str]:
        here = self.directory
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(here),
            "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes the node instead of watching over it
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
            "RABBITMQ_LOG_BASE": str(here / "log"),
            "RABBITMQ_PID_FILE": str(here / "pid"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(here / "generated"),
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(here / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(here / "no-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{_LOOPBACK} {_SHARED_MACHINE}",
        }


def _takes_mqtt(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5.0) as client:
            client.sendall(_CONNECT)
            return client.recv(4) == _CONNACK
    except OSError:
        return False


class RabbitMQ:
    """A broker of `nodes` nodes, with an epmd of its own."""

    def __init__(self, directory: Path, nodes: int = 1) -> None:
        self._epmd_port = free_port()
        epmd = [program("epmd"), "-port", str(self._epmd_port), "-address", "127.0.0.1"]
        self._epmd = Server(epmd, directory / "epmd.log")
        names = [f"lophoc{number}@localhost" for number in range(1, nodes + 1)]
        self.nodes = [Node(directory, name, self._epmd_port, names) for name in names]
        places = ",".join(f"127.0.0.1:{node.amqp_port}" for node in self.nodes)
        self.url = f"amqp://{USER}@{places}"
        """For `lophoc ingest --broker`; the password is `PASSWORD`."""

    def start(self) -> None:
        self._epmd.start(lambda: listens(self._epmd_port))
        # The first alone: if all start at once, their MQTT plugins now and then agree on nothing and take nobody.
        first, *others = self.nodes
        first.start()
        for node in others:
            node.start(wait=False)
        for node in others:
            node.wait()

    def stop(self) -> None:
        """All at once, as a power cut would: a test keeps nothing of it."""
        for node in self.nodes:
            node.kill()
        self._epmd.stop(signal.SIGKILL)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
