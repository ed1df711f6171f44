"""Fixtures of the telemetry tests."""

from telemetry_home import channels, home, readings, writer

__all__ = ["channels", "home", "readings", "writer"]
