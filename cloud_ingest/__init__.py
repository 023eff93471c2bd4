"""The process at the centre: it receives, validates, stores and acknowledges telemetry."""
