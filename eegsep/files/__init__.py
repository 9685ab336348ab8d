"""Files of models: arrays and plain values in one file, whose reading runs nothing.

What the values mean is known elsewhere: ``estimator/saved.py`` makes classifiers of them.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "ModelFileError": "eegsep.files.errors",
    "read_metadata": "eegsep.files.container",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
