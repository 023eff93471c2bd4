"""The process on the gateway: it opens drivers, holds the room, runs lessons, serves the panel, sends telemetry."""
