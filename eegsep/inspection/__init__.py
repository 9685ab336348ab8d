"""What fitted networks have learned: components, what they are worth, where they come from.

Computed here and drawn elsewhere. Built on the estimator, and on training where many fits are
trained at once.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "can_fit_dipoles": "eegsep.inspection.dipoles",
    "Cluster": "eegsep.inspection.recurrence",
    "Components": "eegsep.inspection.learned",
    "components": "eegsep.inspection.learned",
    "Consensus": "eegsep.inspection.recurrence",
    "consensus": "eegsep.inspection.recurrence",
    "CONTROLS": "eegsep.inspection.controls",
    "cross_components": "eegsep.inspection.cross_validation",
    "cross_fits": "eegsep.inspection.cross_validation",
    "CrossFit": "eegsep.inspection.cross_validation",
    "fit_dipoles": "eegsep.inspection.dipoles",
    "integrated_gradients": "eegsep.inspection.worth",
    "label_shuffled": "eegsep.inspection.controls",
    "make_folds": "eegsep.inspection.folds",
    "parts_to_shuffle": "eegsep.inspection.folds",
    "relevance": "eegsep.inspection.worth",
    "reliability_without": "eegsep.inspection.recurrence",
    "sanity_checks": "eegsep.inspection.cross_validation",
    "shuffle_labels": "eegsep.inspection.folds",
    "similarity": "eegsep.inspection.learned",
    "spatial_patterns": "eegsep.inspection.learned",
    "untrained": "eegsep.inspection.controls",
}

# What was in the module of this name before it became a package.
_MOVED = {
    "check_groups": "eegsep.inspection.folds",
    "cut_pipeline": "eegsep.inspection.pipelines",
    "fit_with_groups": "eegsep.inspection.pipelines",
    "fresh_clone": "eegsep.inspection.pipelines",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES, _MOVED)
