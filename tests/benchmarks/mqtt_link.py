"""Processor time of one message received, acknowledged to the broker and answered on a topic: our link, paho, gmqtt.

    python -m tests.benchmarks.mqtt_link [--messages N]

The same batches of 300 bytes, QoS 1, from one sender through one Mosquitto, for each client in a process of its own.
Every message is acknowledged and answered with 60 bytes and QoS 0, paho and gmqtt at once, our link by the read.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from gmqtt import Client as Gmqtt
from gmqtt.mqtt.constants import MQTTv311
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from cloud_ingest.broker_link import Broker, BrokerLink
from cloud_ingest.mqtt_wire import Delivery, Version
from tests.benchmarks.centre import BROKER_OPTIONS
from tests.servers import Mosquitto

_TOPIC = "lophoc/1/school-0001/gw-001"
_ANSWER = b"x" * 60


def ours(port: int, messages: int, say: Connection) -> None:
    done, left = threading.Event(), [messages]

    def received(came: list[Delivery], connection: int) -> None:
        answers.publish([(f"{_TOPIC}/ack", _ANSWER)] * len(came))
        link.acknowledge(connection, [each.mid for each in came])
        left[0] -= len(came)
        if left[0] <= 0:
            done.set()

    broker = Broker("127.0.0.1", port)
    answers = BrokerLink(broker, "acks")
    link = BrokerLink(broker, "up", Version.V311, [(f"{_TOPIC}/up", 1)], received)
    answers.start()
    answers.ready.wait(10)
    link.start()
    link.ready.wait(10)
    _measure(say, lambda: done.wait(60), messages)
    link.close()
    answers.close()


def paho(port: int, messages: int, say: Connection) -> None:
    done, ready, left = threading.Event(), threading.Event(), [messages]

    def received(client: Paho, _: object, message: MQTTMessage) -> None:
        answers.publish(f"{_TOPIC}/ack", _ANSWER)
        client.ack(message.mid, message.qos)
        left[0] -= 1
        if not left[0]:
            done.set()

    answers = Paho(CallbackAPIVersion.VERSION2)
    answers.connect("127.0.0.1", port)
    answers.loop_start()
    client = Paho(CallbackAPIVersion.VERSION2, manual_ack=True)
    client.on_message = received
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.subscribe(f"{_TOPIC}/up", 1)
    client.loop_start()
    ready.wait(10)
    _measure(say, lambda: done.wait(60), messages)
    for each in (client, answers):
        each.disconnect()
        each.loop_stop()


def gmqtt(port: int, messages: int, say: Connection) -> None:
    async def receive() -> None:
        done, ready, left = asyncio.Event(), asyncio.Event(), [messages]

        def received(_: object, topic: str, payload: bytes, *__: object) -> int:
            answers.publish(f"{_TOPIC}/ack", _ANSWER)
            left[0] -= 1
            if not left[0]:
                done.set()
            return 0

        answers, client = Gmqtt("answers"), Gmqtt("client")
        await answers.connect("127.0.0.1", port, version=MQTTv311)
        client.on_message = received
        client.on_subscribe = lambda *_: ready.set()
        await client.connect("127.0.0.1", port, version=MQTTv311)
        client.subscribe(f"{_TOPIC}/up", 1)
        await ready.wait()
        say.send("ready")
        before = time.process_time()
        await asyncio.wait_for(done.wait(), 60)
        say.send(time.process_time() - before)
        await client.disconnect()
        await answers.disconnect()

    asyncio.run(receive())


def _measure(say: Connection, wait: Callable[[], bool], messages: int) -> None:
    say.send("ready")
    before = time.process_time()
    assert wait(), f"not all of {messages} messages came"
    say.send(time.process_time() - before)


async def _send(port: int, messages: int) -> None:
    client = Gmqtt("sender")
    await client.connect("127.0.0.1", port, version=MQTTv311)
    for number in range(messages):
        client.publish(f"{_TOPIC}/up", b"y" * 300, qos=1)
        if number % 50 == 49:
            await asyncio.sleep(0.002)
    await asyncio.sleep(0.5)
    await client.disconnect()


def measure(messages: int) -> dict[str, float]:
    spawn = multiprocessing.get_context("spawn")
    figures = {}
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        broker = Mosquitto(Path(made))
        with (Path(made) / f"mosquitto-{broker.port}.conf").open("a") as config:
            config.write(BROKER_OPTIONS)
        with broker:
            for name, receive in (("ours", ours), ("paho", paho), ("gmqtt", gmqtt)):
                hear, say = spawn.Pipe()
                process = spawn.Process(target=receive, args=(broker.port, messages, say))
                process.start()
                assert hear.recv() == "ready"
                asyncio.run(_send(broker.port, messages))
                figures[f"{name}_us"] = round(1e6 * hear.recv() / messages, 1)
                process.join(20)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.messages)))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
