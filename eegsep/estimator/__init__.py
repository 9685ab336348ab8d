"""The network as scikit-learn's classifier: input checks, scaling, fit, predict, patterns.

Here meet the trials, the network and its training.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "BraindecodeClassifier": "eegsep.estimator.peers",
    "EEGNetClassifier": "eegsep.estimator.classifier",
    "can_be_stacked": "eegsep.estimator.stacks",
    "fingerprint": "eegsep.estimator.trials_digest",
    "fit_stacked": "eegsep.estimator.stacks",
    "prepare": "eegsep.estimator.first_use",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
