"""Sends bundles to the broker, which keeps each for gateways that connect later (retained, QoS 1)."""

import threading
from collections.abc import Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from classroom_profiles.topics import EVERYBODY, Address
from cloud_ingest.broker_link import Broker, tls_context
from cloud_ingest.catalogue.shelf import ToSend

TIMEOUT_S = 15.0


class NotSent(Exception):
    """The broker has not taken it; the text says why. Those before it were sent."""


def send(broker: Broker, bundles: Sequence[ToSend], timeout_s: float = TIMEOUT_S) -> list[ToSend]:
    """One after the other; returns those that the broker has acknowledged. Raises NotSent if it cannot be reached."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if broker.user:
        client.username_pw_set(broker.user, broker.password or None)
    connected, refused = threading.Event(), []

    def on_connect(_: paho.Client, __: object, ___: object, code: ReasonCode, ____: object) -> None:
        if code.is_failure:
            refused.append(str(code))
        connected.set()

    client.on_connect = on_connect
    try:
        trusted = tls_context(broker)
        if trusted is not None:
            client.tls_set_context(trusted)
        client.connect(broker.host, broker.port, keepalive=30)
    except (OSError, ValueError) as why:
        raise NotSent(f"{broker.where} cannot be reached: {why}") from why
    client.loop_start()
    try:
        if not connected.wait(timeout_s):
            raise NotSent(f"{broker.where} does not answer")
        if refused:
            raise NotSent(f"{broker.where} does not let us in: {refused[0]}")
        return [bundle for bundle in bundles if _is_taken(client, bundle, timeout_s)]
    finally:
        client.disconnect()
        client.loop_stop()


def _is_taken(client: paho.Client, bundle: ToSend, timeout_s: float) -> bool:
    sent = client.publish(Address(bundle.school, EVERYBODY).topic("cmd"), bundle.sealed, qos=1, retain=True)
    if sent.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
        return False
    try:
        sent.wait_for_publish(timeout_s)
    except (RuntimeError, ValueError):
        return False
    return sent.is_published()
