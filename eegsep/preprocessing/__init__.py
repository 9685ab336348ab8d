"""Steps of pipelines that take trials and give trials or features, where other packages have none.

Those of MNE, MOABB, pyRiemann and scikit-learn stand beside them in pipelines.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "CommonMontage": "eegsep.preprocessing.montage",
    "ExponentialMovingStandardizer": "eegsep.preprocessing.moving",
    "FilterBankCSP": "eegsep.preprocessing.filter_bank",
    "GroupAlignment": "eegsep.preprocessing.alignment",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
