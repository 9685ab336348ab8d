"""Where pages used to be made: documented imports go on working from here, with a warning."""

import warnings
from importlib import import_module

_HOMES = {
    "chance_interval": "eegsep.statistics",
    "report": "eegsep.presentation.page",
    "study_call": "eegsep.presentation.origin",
    "study_command": "eegsep.presentation.origin",
}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    text = f"{name} is in {_HOMES[name]} now"
    warnings.warn(text, DeprecationWarning, stacklevel=2)
    return getattr(import_module(_HOMES[name]), name)
