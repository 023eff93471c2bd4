"""How bytes and messages travel: serial lines and MQTT."""
