"""
Calibration
===========

Of the trials that a classifier is 80 % sure of, about 80 % should be right. EEGNet's starting
weights give log-odds that are scaled by left-out training trials, and not more than that.
"""

import matplotlib.pyplot as plt
import numpy as np
from moabb.paradigms import LeftRightImagery
from pyriemann.estimation import Covariances
from pyriemann.spatialfilters import CSP
from sklearn.calibration import CalibrationDisplay
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from eegsep import EEGNetClassifier
from eegsep.datasets import SimulatedMotorImagery
from eegsep.presentation.figures import settings

recordings = SimulatedMotorImagery(n_subjects=8, n_sessions=1, n_runs=1)
epochs, y, metadata = LeftRightImagery(resample=128).get_data(
    recordings, recordings.subject_list, return_epochs=True
)
subjects = metadata["subject"].to_numpy()

# %%
# Probabilities of held-out trials, subject by subject: of the default, and of CSP with LDA, as many
# use it.

classifiers = {
    "EEGNet": EEGNetClassifier(random_state=0),
    "CSP+LDA": make_pipeline(Covariances("oas"), CSP(nfilter=6), LinearDiscriminantAnalysis()),
}
truth = y == "right_hand"
probabilities = {}
for name, clf in classifiers.items():
    trials = epochs if name == "EEGNet" else epochs.get_data()
    parts = []
    for subject in np.unique(subjects):
        chosen = np.flatnonzero(subjects == subject)
        folds = StratifiedKFold(4)
        parts.append(
            cross_val_predict(clf, trials[chosen], y[chosen], cv=folds, method="predict_proba")
        )
    probabilities[name] = np.concatenate(parts)[:, 1]

with settings():
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for name, p in probabilities.items():
        score = brier_score_loss(truth, p)
        label = f"{name} (Brier {score:.3f})"
        CalibrationDisplay.from_predictions(
            truth, p, n_bins=6, strategy="quantile", name=label, ax=axes[0]
        )
        axes[1].hist(p, bins=np.linspace(0, 1, 11), histtype="step", linewidth=1.8, label=name)
    axes[0].set(xlabel="probability of right hand", ylabel="share of right hand", aspect="equal")
    axes[0].legend(fontsize="x-small", loc="upper left")
    axes[1].set(xlabel="probability of right hand", ylabel="held-out trials")
    axes[1].legend(fontsize="small", loc="upper center")
figure
