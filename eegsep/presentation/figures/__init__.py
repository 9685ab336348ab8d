"""Figures from results: scores by subject, scalp maps of what a network learned, its controls.

Functions return figures; nothing is shown, and matplotlib's global state is left alone.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "plot_ablation": "eegsep.presentation.figures.variants",
    "plot_components": "eegsep.presentation.figures.maps",
    "plot_confusion": "eegsep.presentation.figures.fits",
    "plot_consensus": "eegsep.presentation.figures.maps",
    "plot_history": "eegsep.presentation.figures.fits",
    "plot_learning_curves": "eegsep.presentation.figures.variants",
    "plot_maps": "eegsep.presentation.figures.maps",
    "plot_ranks": "eegsep.presentation.figures.ranks",
    "plot_reliability": "eegsep.presentation.figures.fits",
    "plot_scores": "eegsep.presentation.figures.scores",
    "plot_separability": "eegsep.presentation.figures.separability",
    "plot_separability_scores": "eegsep.presentation.figures.separability",
    "save": "eegsep.presentation.figures.style",
    "settings": "eegsep.presentation.figures.style",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
