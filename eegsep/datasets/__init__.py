"""Recordings: which ones and how trials are cut, what lies on disk, and ones with known sources."""

from importlib import import_module

_HOMES = {
    "Recordings": "eegsep.datasets.selection",
    "SimulatedMotorImagery": "eegsep.datasets.simulated",
    "SimulatedTravellingWaves": "eegsep.datasets.simulated",
}

__all__ = ["Recordings", "SimulatedMotorImagery", "SimulatedTravellingWaves"]


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'eegsep.datasets' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
