"""Training of networks: trials in batches, the loop and its hooks, one network or many at once.

It knows tensors, trials and class indices, not labels, Epochs or scikit-learn.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "Augmentation": "eegsep.training.augmentation",
    "Batches": "eegsep.training.batches",
    "evaluate": "eegsep.training.loop",
    "Hook": "eegsep.training.hooks",
    "KerasAdam": "eegsep.training.loop",
    "renew_normalisations": "eegsep.training.loop",
    "train": "eegsep.training.loop",
    "train_stack": "eegsep.training.stacked",
    "train_step": "eegsep.training.loop",
    "TrainingState": "eegsep.training.loop",
    "Trials": "eegsep.training.trials",
    "weighted_loss": "eegsep.training.loop",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
