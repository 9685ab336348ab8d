"""What fitted networks have learned: components, what they are worth, where they come from.

Computed here and drawn elsewhere.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "can_fit_dipoles": "eegsep.inspection.dipoles",
    "Cluster": "eegsep.inspection.inspection",
    "Components": "eegsep.inspection.inspection",
    "components": "eegsep.inspection.inspection",
    "Consensus": "eegsep.inspection.inspection",
    "consensus": "eegsep.inspection.inspection",
    "CONTROLS": "eegsep.inspection.inspection",
    "cross_components": "eegsep.inspection.inspection",
    "cross_fits": "eegsep.inspection.inspection",
    "CrossFit": "eegsep.inspection.inspection",
    "fit_dipoles": "eegsep.inspection.dipoles",
    "integrated_gradients": "eegsep.inspection.inspection",
    "label_shuffled": "eegsep.inspection.inspection",
    "make_folds": "eegsep.inspection.inspection",
    "parts_to_shuffle": "eegsep.inspection.inspection",
    "relevance": "eegsep.inspection.inspection",
    "reliability_without": "eegsep.inspection.inspection",
    "sanity_checks": "eegsep.inspection.inspection",
    "shuffle_labels": "eegsep.inspection.inspection",
    "similarity": "eegsep.inspection.inspection",
    "spatial_patterns": "eegsep.inspection.inspection",
    "untrained": "eegsep.inspection.inspection",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
