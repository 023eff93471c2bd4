"""Where the alarms of a store are kept, for those who make them and those who show them."""

from pathlib import Path

from cloud_ingest.registry import beside


def alarms_beside(store_url: str) -> Path:
    """Next to the registry: `store.sqlite.alarms`, or `alarms-….sqlite` among this user's state."""
    registry = beside(store_url)
    if registry.name.endswith(".registry"):
        return registry.with_name(registry.name.removesuffix(".registry") + ".alarms")
    return registry.with_name(registry.name.replace("registry-", "alarms-", 1))
