"""Recordings: MOABB datasets with known sources, and recordings that lie on disk."""

from importlib import import_module

_HOMES = {
    "SimulatedMotorImagery": "eegsep.datasets.simulated",
    "SimulatedTravellingWaves": "eegsep.datasets.simulated",
}

__all__ = ["SimulatedMotorImagery", "SimulatedTravellingWaves"]


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'eegsep.datasets' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
