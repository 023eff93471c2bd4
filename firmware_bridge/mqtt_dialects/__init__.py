"""How things speak on MQTT: one module for each way. No I/O."""
