"""
Score comparison
================

Four pipelines on the same simulated subjects: each subject's scores joined by a line, means with
their standard deviations, and the level of chance.
"""

# %%
# A benchmark is MOABB's: every pipeline sees the same folds. Results lie in a folder, and a second
# run takes them from there.

import tempfile

from eegsep.datasets import SimulatedMotorImagery
from eegsep.presentation.figures import plot_ranks, plot_scores, settings
from eegsep.statistics import rank
from eegsep.studies.benchmark import benchmark

recordings = SimulatedMotorImagery(n_subjects=10, n_sessions=1, n_trials_per_class=10)
result = benchmark(
    [recordings],
    pipelines=["EEGNet", "TS+LR", "FgMDM", "CSP+LDA"],
    output=tempfile.mkdtemp(),
)

people = "10 simulated subjects"
with settings():
    figure = plot_scores(
        result.scores.assign(dataset=people), result.summary.assign(dataset=people)
    )
figure

# %%
# The table beside it has paired differences, and p by permutation of signs over subjects.

columns = ["pipeline", "n_subjects", "mean", "sd", "difference", "p"]
result.summary[columns].round(3)

# %%
# From ten subjects on pipelines can be ranked. A bar joins those that are no further apart than the
# critical difference: they are not told apart.

with settings():
    figure = plot_ranks(rank(result.scores))
figure
