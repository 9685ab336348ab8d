"""Statistics of scores: means and intervals, chance, tests in pairs, ranks, and what varies.

On scipy and MOABB, of no other room; for studies and what presents them, tables in, tables out.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "chance_interval": "eegsep.statistics.scores",
    "compare": "eegsep.statistics.scores",
    "compare_datasets": "eegsep.statistics.datasets",
    "critical_difference": "eegsep.statistics.ranks",
    "fold_interval": "eegsep.statistics.scores",
    "holm": "eegsep.statistics.scores",
    "LEVEL": "eegsep.statistics.scores",
    "mean_interval": "eegsep.statistics.scores",
    "one_sided_p": "eegsep.statistics.scores",
    "permutation_p": "eegsep.statistics.permutations",
    "permutation_table": "eegsep.statistics.permutations",
    "Ranking": "eegsep.statistics.ranks",
    "rank": "eegsep.statistics.ranks",
    "REFERENCE": "eegsep.statistics.scores",
    "scores_of_all": "eegsep.statistics.scores",
    "spearman": "eegsep.statistics.scores",
    "subject_table": "eegsep.statistics.scores",
    "summarise": "eegsep.statistics.scores",
    "t_interval": "eegsep.statistics.scores",
    "variance_components": "eegsep.statistics.components",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
