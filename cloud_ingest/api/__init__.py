"""The city's REST API."""
