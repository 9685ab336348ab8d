"""Names of a package that load what they stand for when first used, and names of former modules.

What was imported or pickled from where a module used to lie is found, with a DeprecationWarning.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.util import find_spec, spec_from_loader

from .warnings import warn

# Modules that once lay side by side in the package, and where they lie now.
FORMER = {
    "eegsep.augmentation": "eegsep.training.augmentation",
    "eegsep.classifier": "eegsep.estimator.classifier",
    "eegsep.conv": "eegsep.network.convolutions",
    "eegsep.cost": "eegsep.network.cost",
    "eegsep.dipoles": "eegsep.inspection.dipoles",
    "eegsep.epoch_choice": "eegsep.estimator.epoch_choice",
    "eegsep.epochs": "eegsep.datasets.epochs",
    "eegsep.haufe": "eegsep.estimator.haufe",
    "eegsep.holdout": "eegsep.training.holdout",
    "eegsep.hooks": "eegsep.training.hooks",
    "eegsep.initialisation": "eegsep.network.initialisation",
    "eegsep.inputs": "eegsep.estimator.inputs",
    "eegsep.memory": "eegsep._utils.memory",
    "eegsep.mirror": "eegsep.datasets.mirror",
    "eegsep.network": "eegsep.network.eegnet",
    "eegsep.peers": "eegsep.estimator.peers",
    "eegsep.plots": "eegsep.presentation.figures",
    "eegsep.scaling": "eegsep.estimator.scaling",
    "eegsep.spatial_first": "eegsep.network.spatial_first",
    "eegsep.stacked": "eegsep.training.stacked",
    "eegsep.training": "eegsep.training.loop",
    "eegsep.weights": "eegsep.network.weights",
}


def _warn_of_move(name, home):
    warn(f"{name} is in {home} now", DeprecationWarning)


class _FormerModules(MetaPathFinder, Loader):
    """Finds modules by the names that they had."""

    def find_spec(self, name, path=None, target=None):
        return spec_from_loader(name, self) if name in FORMER else None

    def exec_module(self, module):
        name = module.__spec__.name
        _warn_of_move(name, FORMER[name])
        sys.modules[name] = import_module(FORMER[name])  # which is what the import then gives


sys.meta_path.append(_FormerModules())  # asked last: only for what is no longer there


def names_of(package, homes, moved=()):
    """Make the functions by which a package finds its names: ``__getattr__`` and ``__dir__``.

    ``homes`` has the module that defines each public name, ``moved`` that of names that are asked
    for elsewhere now.
    """

    def getter(name):
        if name in homes:
            return getattr(import_module(homes[name]), name)
        if name in moved:
            _warn_of_move(f"{package}.{name}", moved[name])
            return getattr(import_module(moved[name]), name)
        if not name.startswith("__"):
            if find_spec(f"{package}.{name}"):
                return import_module(f"{package}.{name}")
            # what was in the module of this name before it became a package
            former = FORMER.get(package)
            if former and hasattr(import_module(former), name):
                _warn_of_move(f"{package}.{name}", former)
                return getattr(import_module(former), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return getter, lambda: sorted(sys.modules[package].__all__)
