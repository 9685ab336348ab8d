"""EEGNet in torch: its convolutions, orders of evaluation, starting weights and cost.

It knows torch, and nothing of EEG files or scikit-learn.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "check_convolutions": "eegsep.network.structure",
    "count_parameters": "eegsep.network.structure",
    "EEGNet": "eegsep.network.eegnet",
    "from_braindecode": "eegsep.network.weights",
    "from_keras": "eegsep.network.weights",
    "matched_F1": "eegsep.network.structure",
    "parse_convolution": "eegsep.network.structure",
    "side_by_side": "eegsep.network.joined",
    "to_braindecode": "eegsep.network.weights",
    "to_keras": "eegsep.network.weights",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
