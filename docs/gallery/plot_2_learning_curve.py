"""
Learning curve
==============

How scores grow with the number of training trials, and how pipelines differ at each number.
"""

import tempfile

from eegsep.datasets import SimulatedMotorImagery
from eegsep.presentation.figures import plot_learning_curves, settings
from eegsep.studies.benchmark import benchmark

recordings = SimulatedMotorImagery(n_subjects=5, n_sessions=1, n_trials_per_class=15)
result = benchmark(
    [recordings],
    pipelines=["EEGNet", "TS+LR", "CSP+LDA"],
    evaluation="LearningCurve",
    train_sizes=(10, 20, 40),
    output=tempfile.mkdtemp(),
)

with settings():
    figure = plot_learning_curves(result.learning_curve.assign(dataset="simulated imagery"))
figure

# %%
# On the right are paired differences to EEGNet, with their 95 % intervals over subjects. A marker
# is filled where the difference is one after correction for the number of pipelines.

columns = ["pipeline", "n_trials", "mean", "difference", "ci_low", "ci_high", "p_holm"]
result.learning_curve[columns].round(3)
