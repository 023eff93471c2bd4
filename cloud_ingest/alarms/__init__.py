"""Alarms as data: rules, what they found, and what people did about it."""
