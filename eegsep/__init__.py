"""EEGNet done right, and a laboratory for separable convolutions on EEG.

The public names; torch, MNE, MOABB and braindecode load when a name that needs them is first used.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "EEGNet": "eegsep.network",
    "EEGNetClassifier": "eegsep.classifier",
    "components": "eegsep.inspection",
    "consensus": "eegsep.inspection",
    "data_separability": "eegsep.separability",
    "prepare": "eegsep.classifier",
    "separability_index": "eegsep.separability",
}

_MODULES = ("conv", "cost", "datasets", "inspection")

__all__ = [
    "EEGNet",
    "EEGNetClassifier",
    "__version__",
    "components",
    "consensus",
    "conv",
    "cost",
    "data_separability",
    "datasets",
    "inspection",
    "prepare",
    "separability_index",
]


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"eegsep.{name}")
    raise AttributeError(f"module 'eegsep' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
