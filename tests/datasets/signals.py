"""Signals of simulated recordings, their spectra, and classical classifiers of them."""

from pyriemann.estimation import Covariances
from pyriemann.spatialfilters import CSP
from pyriemann.tangentspace import TangentSpace
from scipy.signal import welch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

ALL_CLASSES = ["left_hand", "right_hand", "feet", "tongue"]
SMALL = {"n_subjects": 2, "n_runs": 1, "n_trials_per_class": 15}
TINY = {"n_subjects": 1, "n_sessions": 1, "n_runs": 1, "n_trials_per_class": 3}


def first_raw(dataset, subject=1):
    return dataset.get_data([subject])[subject]["0"]["0"]


def volts(dataset, subject=1):
    return first_raw(dataset, subject).get_data()


def csp_lda():
    return make_pipeline(Covariances("oas"), CSP(nfilter=6), LinearDiscriminantAnalysis())


def ts_lr():
    return make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression(max_iter=1000))


def auc(pipeline, X, y):
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_score(pipeline, X, y, cv=folds, scoring="roc_auc").mean()


def spectrum(x, sfreq):
    return welch(x, sfreq, nperseg=int(4 * sfreq))
