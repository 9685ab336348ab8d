"""EEGNet done right, and a laboratory for separable convolutions on EEG.

The public names; torch, MNE, MOABB and braindecode load when a name that needs them is first used.
"""

from ._utils.names import names_of

__version__ = "0.1.0"

_HOMES = {
    "EEGNet": "eegsep.network.eegnet",
    "EEGNetClassifier": "eegsep.estimator.classifier",
    "StreamDecoder": "eegsep.deployment.stream_decoder",
    "components": "eegsep.inspection.learned",
    "consensus": "eegsep.inspection.recurrence",
    "data_separability": "eegsep.separability",
    "load": "eegsep.estimator.saved",
    "prepare": "eegsep.estimator.first_use",
    "save": "eegsep.estimator.saved",
    "separability_index": "eegsep.separability",
}

__all__ = [
    "__version__",
    "datasets",
    "deployment",
    "estimator",
    "files",
    "inspection",
    "network",
    "training",
    *_HOMES,
]

__getattr__, __dir__ = names_of(__name__, _HOMES)
