"""What fitted networks have learned: components, what they are worth, and which of them recur.

A spatial filter says what is weighed, a pattern where the weighed activity is on the head.
"""

from __future__ import annotations

import numbers
import time
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import sklearn
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.parallel import Parallel, delayed
from torch.nn import functional as F

from eegsep.datasets.epochs import is_epochs
from eegsep.estimator import haufe
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.estimator.inputs import check_trials
from eegsep.estimator.scaling import Moments, center_and_scale
from eegsep.estimator.stacks import can_be_stacked, fit_stacked
from eegsep.network.settings import settled
from eegsep.training import stacked
from eegsep.training.trials import Trials

from .poles import say_poles

# Share of a transformed signal's power that a linear map of the electrodes may miss: rounding.
_LINEAR = 1e-6
# An epoch at a rate so small that no weight of float32 moves, after which normalisations are
# those of all trials.
_STILL = {
    "lr": 1e-30,
    "weight_decay": 0.0,
    "max_epochs": 1,
    "batch_norm_momentum": None,
    "early_stopping": False,
}
# Similarity of components that are copies of one.
_SAME = 0.99
CONTROLS = ("untrained", "shuffled")


@dataclass(frozen=True, eq=False)
class Components:
    """Components of a fitted network, each a spatial filter and a temporal one.

    Attributes
    ----------
    filters, patterns : ndarray, shape (n_components, n_chans)
        In the convention of :func:`eegsep.estimator.haufe.find_maps`: a component of variance 1,
        and the amplitude at each electrode, in the unit of the data, that goes with one standard
        deviation of it; a pattern's largest absolute value is positive.
    kernels : ndarray, shape (n_components, kernel_length)
        Temporal filters, of gain 1 at ``peak_freqs``; the largest absolute tap is positive.
    freqs : ndarray, shape (n_freqs,)
        In Hz, or cycles a sample where no sampling rate is known.
    responses : ndarray, shape (n_components, n_freqs)
        Amplitude responses of ``kernels``.
    spectra : ndarray, shape (n_components, n_freqs)
        Frequency patterns (:func:`eegsep.estimator.haufe.frequency_patterns`), of sum 1.
    peak_freqs : ndarray, shape (n_components,)
        Where the frequency patterns are largest, in the unit of ``freqs``.
    bands : ndarray, shape (n_components, 2)
        Where, around the peaks, they are above half of it (-3 dB).
    classes : ndarray, shape (n_classes,)
        Labels.
    info : mne.Info | None
        Electrodes, where the fit was on Epochs.
    relevance : ndarray, shape (n_components, n_classes) | None
        As :func:`relevance` gives it.
    starts : ndarray of str, shape (n_components,) | None
        Where the initial weights of each came from, as :attr:`EEGNetClassifier.init_`: of two
        networks side by side, one's from a classifier of the trials, the other's at random.
    repetition : int
        Of a cross-validation: :func:`consensus` compares fits of one repetition with each other.
    """

    filters: np.ndarray
    patterns: np.ndarray
    kernels: np.ndarray
    freqs: np.ndarray
    responses: np.ndarray
    spectra: np.ndarray
    peak_freqs: np.ndarray
    bands: np.ndarray
    classes: np.ndarray
    info: object = None
    relevance: np.ndarray | None = None
    starts: np.ndarray | None = None
    repetition: int = 0

    def leading(self, n_components=8):
        """List those that are most relevant, in that order, or the first where that is not known.

        Parameters
        ----------
        n_components : int, default=8
            Most to list.

        Returns
        -------
        picks : ndarray of int
            Of those that have a :func:`similarity` of 0.99 to one before, as the copies that a
            start makes of a component, the first alone.
        """
        order = np.arange(len(self.patterns))
        if self.relevance is not None:
            order = np.argsort(-np.nanmean(self.relevance, axis=1), kind="stable")
        copies = similarity(self, self) > _SAME
        distinct = [k for i, k in enumerate(order) if not copies[k, order[:i]].any()]
        return np.array(distinct[:n_components])


@settled()
def components(estimator, X=None):
    """Describe the components of a fitted network.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Fitted, with ``spatial="depthwise"``.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs, or None
        Trials to take the patterns from, as they enter ``estimator``. None for those of the fit.
        A pipeline with steps before the classifier needs them: its maps are on the electrodes of
        ``X``.

    Returns
    -------
    components : Components

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is neither an EEGNetClassifier nor a pipeline that ends in one.
    ValueError
        If the steps before the classifier are not one linear map of the electrodes.
    AttributeError
        If its components have no single spatial filters.
    """
    before, clf = cut_pipeline(estimator)
    info = clf.info_
    if X is None:
        if before is not None:
            raise ValueError(
                "maps on the electrodes before a pipeline's first steps need the trials: pass X"
            )
        filters, maps = clf.filters_, clf._maps
    else:
        maps, filters, info = _maps_of(before, clf, X)
    freqs = maps.freqs
    kernels = clf._kernels()
    responses, spectra = haufe.frequency_patterns(kernels, freqs, maps.spectra)
    gains = haufe.peak_gains(responses, spectra)
    peaks = spectra.argmax(axis=1)
    sfreq = clf.sfreq if clf.info_ is None else clf.info_["sfreq"]
    freqs = freqs * (sfreq or 1)
    sums = spectra.sum(axis=1, keepdims=True)
    spectra = spectra / np.where(sums > 0, sums, 1)
    return Components(
        filters=filters,
        patterns=maps.patterns.copy(),
        kernels=haufe.scale_kernels(kernels, gains),
        freqs=freqs,
        responses=responses / gains[:, np.newaxis],
        spectra=spectra,
        peak_freqs=freqs[peaks],
        bands=np.array([_band(freqs, spectrum) for spectrum in spectra]),
        classes=clf.classes_,
        info=info,
        starts=_starts(clf),
    )


def _starts(clf):
    """Say of each component where its initial weights came from; a start's stand first."""
    n_components = len(clf._kernels())
    starts = np.full(n_components, clf.init_)
    if 0 < clf.drawn_share_ < 1:
        starts = np.repeat([clf.init_, "glorot"], n_components // 2)
    return starts


@settled()
def spatial_patterns(estimator, X):
    """Patterns of the components on some trials: how each one's activity shows on the electrodes.

    As :attr:`EEGNetClassifier.patterns_`, which are those on the training trials.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Fitted, with ``spatial="depthwise"``.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials, as they enter ``estimator``.

    Returns
    -------
    patterns : ndarray, shape (n_components, n_chans)
        In the unit of ``X`` (volts for Epochs); see :func:`eegsep.estimator.haufe.find_maps`.

    Raises
    ------
    sklearn.exceptions.NotFittedError, TypeError, ValueError, AttributeError
        As :func:`components` does.
    """
    before, clf = cut_pipeline(estimator)
    return _maps_of(before, clf, X)[0].patterns


def cut_pipeline(estimator):
    """Return the steps before the classifier (None for none) and the fitted classifier."""
    before, clf = None, estimator
    while isinstance(clf, Pipeline):
        if before is not None and len(clf) > 1:
            raise TypeError("a pipeline in a pipeline cannot be inspected: make one of the two")
        before = clf[:-1] if len(clf) > 1 else before
        clf = clf[-1]
    if not isinstance(clf, EEGNetClassifier):
        raise TypeError(
            f"inspection takes a fitted EEGNetClassifier or a Pipeline that ends in one, not a "
            f"{type(clf).__name__}. Of a search, pass best_estimator_."
        )
    return before, clf._fitted()


def _maps_of(before, clf, X):
    """Find maps on the electrodes of ``X``, the spatial filters there, and their info."""
    clf._check_maps("filters_")
    filters, center = clf._raw_filters(), clf.center_
    if before is None:
        X, info = check_trials(clf, X, reset=False), clf.info_
    else:
        X, after, info = _through(before, clf, X)
        matrix = _linear_map(X, after)
        filters = filters @ matrix
        # at the electrodes, what the matrix takes to the classifier's own centre
        near, _ = center_and_scale(Moments.of(X))
        center = near + np.linalg.pinv(matrix, rcond=1e-12) @ (center - matrix @ near)
    maps = haufe.find_maps(X, np.arange(len(X)), filters, clf._kernels(), center)
    return maps, filters * maps.factors[:, np.newaxis], info


def _through(before, clf, X):
    """Trials at the electrodes, the same as the classifier gets them, and the electrodes' info."""
    after, info = check_trials(clf, before.transform(X), reset=False), None
    if is_epochs(X):
        import mne

        picks = mne.pick_types(X.info, meg=False, eeg=True, exclude="bads")
        X, info = X.get_data(picks=picks, copy=False), mne.pick_info(X.info, picks)
    return np.asarray(X), after, info


def _linear_map(X, after):
    """Matrix (n_after, n_chans) that takes every sample of ``X`` to that of ``after``."""
    problem = (
        "the steps before the classifier are not one linear map of the electrodes, the same at "
        "all times of all trials, so that no maps on the electrodes belong to its components. "
        "Inspect the classifier alone, pipeline[-1], on the trials as they reach it."
    )
    if X.ndim != 3 or X.shape[::2] != after.shape[::2]:
        raise ValueError(problem)
    own, cross, power = 0, 0, 0.0
    for start in range(0, len(X), 64):
        x, z = (np.hstack(list(part[start : start + 64])).astype(float) for part in (X, after))
        own, cross, power = own + x @ x.T, cross + z @ x.T, power + np.square(z).sum()
    matrix = cross @ np.linalg.pinv(own, rcond=1e-12, hermitian=True)
    if power - np.sum(matrix * cross) > _LINEAR * power:
        raise ValueError(problem)
    return matrix


def _band(freqs, spectrum):
    """Edges, between the frequencies, where a spectrum falls to half of its peak."""
    peak = spectrum.argmax()
    half = spectrum[peak] / 2
    edges = []
    for step, end in ((-1, 0), (1, len(freqs) - 1)):
        k = peak
        while k != end and spectrum[k + step] > half:
            k += step
        if k == end:
            edges.append(freqs[end])
        else:
            share = (spectrum[k] - half) / max(
                spectrum[k] - spectrum[k + step], np.finfo(float).tiny
            )
            edges.append(freqs[k] + share * (freqs[k + step] - freqs[k]))
    return edges


# -- what a component is worth -------------------------------------------------------------------


@settled()
def relevance(estimator, X, y, *, method="permute", n_repeats=10, random_state=0):
    """Relevance of each component for each class: the loss on its trials without the component.

    What leaves the first block (after ELU and pooling) is taken from one component at a time, and
    the rest of the network evaluated. On trials that were not trained on, a component that carries
    nothing has a relevance around 0, of either sign.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Fitted, with any spatial convolution.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials, best held out from the fit.
    y : array-like, shape (n_trials,)
        Their labels.
    method : {"permute", "silence"}, default="permute"
        Exchange the component between trials at random [1]_, or put its mean over the trials in
        its place.
    n_repeats : int, default=10
        Permutations to average over.
    random_state : int | RandomState | None, default=0
        Seed of the permutations.

    Returns
    -------
    relevance : ndarray, shape (n_components, n_classes)
        Mean rise of the cross-entropy of a class's trials, in nats; nan for a class without trials.

    Raises
    ------
    ValueError
        If ``method`` is neither, or a label is not among the classes.
    sklearn.exceptions.NotFittedError, TypeError
        As :func:`components` does.

    References
    ----------
    .. [1] Breiman, L. (2001). Random forests. Machine Learning, 45, 5-32.
    """
    if method not in ("permute", "silence"):
        raise ValueError(f'method must be "permute" or "silence", got {method!r}')
    before, clf = cut_pipeline(estimator)
    X = check_trials(clf, X if before is None else before.transform(X), reset=False)
    y = _encode(clf, y, len(X))
    net = clf.module_
    with torch.no_grad():
        pooled = _first_block(clf, X)
        whole = _losses(net, pooled, y)
        n_components = pooled.shape[1]
        rises = np.zeros((n_components, len(y)))
        rng = check_random_state(random_state)
        n_repeats = 1 if method == "silence" else n_repeats
        for _ in range(n_repeats):
            # the same permutation for all components: what differs is the component
            order = torch.from_numpy(rng.permutation(len(y)))
            for k in range(n_components):
                changed = pooled.clone()
                changed[:, k] = pooled[order, k] if method == "permute" else pooled[:, k].mean(0)
                rises[k] += (_losses(net, changed, y) - whole) / n_repeats
    by_class = [rises[:, y == c] for c in range(len(clf.classes_))]
    return np.stack(
        [r.mean(axis=1) if r.shape[1] else np.full(n_components, np.nan) for r in by_class], axis=1
    )


def _encode(clf, y, n_trials):
    y = np.asarray(y)
    if len(y) != n_trials:
        raise ValueError(f"X has {n_trials} trials but y has {len(y)} labels")
    unknown = np.setdiff1d(y, clf.classes_)
    if len(unknown):
        raise ValueError(
            f"y has labels {unknown.tolist()}, which are not among the classes "
            f"{clf.classes_.tolist()}"
        )
    return np.searchsorted(clf.classes_, y)


def _batches(clf, X):
    """Trials of the network's scale and type, a few at a time."""
    device = next(clf.module_.parameters()).device
    trials = Trials(X, np.arange(len(X)), clf.center_, clf.scale_, device)
    for part in torch.arange(len(X)).split(32):
        yield trials.batch(part)


def _first_block(clf, X):
    """Evaluate the first block, to (n_trials, n_components, n_pooled)."""
    net = clf.module_.eval()
    maps = (F.elu(net.spatial_norm(net.first_convolution(x))) for x in _batches(clf, X))
    return torch.cat([F.avg_pool2d(x, (1, net.pool1)).squeeze(2) for x in maps])


def _losses(net, pooled, y):
    """Cross-entropy of each trial, from what left the first block."""
    x = F.elu(net.separable_norm(net.second_convolution(pooled.unsqueeze(2))))
    logits = net.classifier(F.avg_pool2d(x, (1, net.pool2)).flatten(1))
    return -log_softmax(logits.double().cpu().numpy(), axis=1)[np.arange(len(y)), y]


@settled()
def integrated_gradients(clf, X, y=None, *, domain="time", n_steps=32):
    r"""Share of each electrode and time, or frequency, in the log-odds of single trials.

    :math:`x \int_0^1 \partial_x F(\alpha x)\, d\alpha` [1]_, where F is the logit of a class less
    the log-sum-exp of the others'. A trial's values sum to :math:`F(x) - F(0)`, in either domain.

    Parameters
    ----------
    clf : EEGNetClassifier
        Fitted.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials.
    y : array-like, shape (n_trials,) | None
        The class to explain of each trial; None for the predicted one.
    domain : {"time", "frequency"}, default="time"
        Along the last axis: samples, or the frequencies ``rfftfreq(n_times)``, over which the same
        sum is split by Parseval's theorem.
    n_steps : int, default=32
        Nodes of the Gauss-Legendre rule for the integral.

    Returns
    -------
    attributions : ndarray, shape (n_trials, n_chans, n_times or n_freqs)
        Class-wise means are ``attributions[y == label].mean(axis=0)``.

    Raises
    ------
    ValueError
        If ``domain`` is neither, or a label is not among the classes.
    sklearn.exceptions.NotFittedError, TypeError
        If ``clf`` is not a fitted EEGNetClassifier.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A., & Yan, Q. (2017). Axiomatic attribution for deep networks.
       ICML.
    """
    if domain not in ("time", "frequency"):
        raise ValueError(f'domain must be "time" or "frequency", got {domain!r}')
    before, clf = cut_pipeline(clf)
    if before is not None:
        raise TypeError("integrated_gradients takes the classifier itself, such as pipeline[-1]")
    X = check_trials(clf, X, reset=False)
    y = _encode(clf, clf.predict(X) if y is None else y, len(X))
    net = clf.module_.eval()
    nodes, node_weights = np.polynomial.legendre.leggauss(n_steps)
    found, start = [], 0
    for x in _batches(clf, X):
        target = torch.from_numpy(y[start : start + len(x)]).to(x.device)
        start += len(x)
        gradient = torch.zeros_like(x)
        for node, weight in zip((nodes + 1) / 2, node_weights / 2, strict=True):
            on_the_way = (float(node) * x).requires_grad_()
            odds = _log_odds(net(on_the_way), target)
            gradient += float(weight) * torch.autograd.grad(odds.sum(), on_the_way)[0]
        x, gradient = x.double().cpu().numpy(), gradient.double().cpu().numpy()
        found.append(x * gradient if domain == "time" else _by_frequency(x, gradient))
    return np.concatenate(found)


def _log_odds(logits, target):
    own = logits.gather(1, target[:, None])[:, 0]
    others = logits.scatter(1, target[:, None], -torch.inf)
    return own - others.logsumexp(1)


def _by_frequency(x, gradient):
    n = x.shape[2]
    products = np.real(np.fft.rfft(x).conj() * np.fft.rfft(gradient)) / n
    # all but 0 and the Nyquist frequency stand for their negative as well
    products[..., 1 : (n + 1) // 2] *= 2
    return products


# -- what recurs over fits -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Cluster:
    """Components of several fits that are alike.

    Attributes
    ----------
    pattern : ndarray, shape (n_chans,)
        Mean of the members' patterns, each of norm 1 and turned to the same sign; of norm 1.
    spread : ndarray, shape (n_chans,)
        Their standard deviation at each electrode.
    filter : ndarray, shape (n_chans,)
        Mean of the members' filters, likewise of norm 1, with the signs of their patterns.
    spectrum : ndarray, shape (n_freqs,)
        Mean frequency pattern, of sum 1.
    peak_freq : float
        Where it is largest, in Hz (or cycles a sample).
    band : ndarray, shape (2,)
        Where, around the peak, it is above half of it.
    similarity : float
        Mean similarity of members of different fits of a repetition; nan where it is ``single``.
    members : ndarray, shape (n_members, 2)
        Fit and component of each.
    n_fits : int
        Fits that have it.
    share : float
        ``n_fits`` over the number of fits.
    relevance : ndarray, shape (n_classes,) | None
        Sum over a fit's members, mean over all fits.
    """

    pattern: np.ndarray
    spread: np.ndarray
    filter: np.ndarray
    spectrum: np.ndarray
    peak_freq: float
    band: np.ndarray
    similarity: float
    members: np.ndarray
    n_fits: int
    share: float
    relevance: np.ndarray | None

    @property
    def single(self):
        """Whether no repetition has it in two fits, so that it may be chance (bool)."""
        return bool(np.isnan(self.similarity))


@dataclass(frozen=True, eq=False)
class Consensus:
    """What fits have in common.

    Attributes
    ----------
    clusters : tuple of Cluster
        By relevance where it is known, else by the number of fits; single ones come last.
    reliability : float
        Near 1 where what decides recurs in every fit, around 0 where nothing does; see
        :func:`consensus`.
    n_fits : int
    freqs : ndarray, shape (n_freqs,)
        Of the clusters' spectra.
    classes : ndarray, shape (n_classes,)
    info : mne.Info | None
    """

    clusters: tuple[Cluster, ...]
    reliability: float
    n_fits: int
    freqs: np.ndarray = field(repr=False)
    classes: np.ndarray = field(repr=False)
    info: object = field(default=None, repr=False)

    def to_frame(self):
        """Table of the clusters, a row each.

        Returns
        -------
        table : pandas.DataFrame
            With ``cluster, n_fits, share, n_members, similarity, peak_freq, band_low, band_high,
            single``, where electrodes are known ``largest``, those where the pattern is, by
            :func:`eegsep.inspection.poles.say_poles`, and, where known, ``relevance_<class>``.
        """
        rows = []
        for k, cluster in enumerate(self.clusters):
            row = {
                "cluster": k,
                "n_fits": cluster.n_fits,
                "share": cluster.share,
                "n_members": len(cluster.members),
                "similarity": cluster.similarity,
                "peak_freq": cluster.peak_freq,
                "band_low": cluster.band[0],
                "band_high": cluster.band[1],
                "single": cluster.single,
            }
            if self.info is not None:
                row["largest"] = say_poles(cluster.pattern, self.info["ch_names"])
            if cluster.relevance is not None:
                named = zip(self.classes, cluster.relevance, strict=True)
                row.update({f"relevance_{label}": value for label, value in named})
            rows.append(row)
        return pd.DataFrame(rows)


def similarity(first, second):
    r"""Similarity of components, free of sign and scale.

    :math:`|\cos(a, b)| \sum_f \sqrt{p_f q_f}`: the absolute cosine of the patterns times the
    Bhattacharyya coefficient of the frequency patterns.

    Parameters
    ----------
    first, second : Components
        With n and m components on the same electrodes and frequencies.

    Returns
    -------
    similarity : ndarray, shape (n, m)
        Between 0 and 1.
    """
    cosines = np.abs(_unit(first.patterns) @ _unit(second.patterns).T)
    return np.minimum(cosines * (np.sqrt(first.spectra) @ np.sqrt(second.spectra).T), 1)


@settled()
def consensus(fits, *, min_similarity=0.8):
    r"""Cluster the components of several fits, as ICASSO does for independent components [1]_.

    Average linkage on 1 - :func:`similarity`. A fit may have several members in a cluster, for a
    network often learns a source twice; a cluster's ``n_fits`` counts it once.

    The reliability of a repetition is :math:`\sum_k r_k s_k / \sum_k |r_k|` over all components k,
    where :math:`s_k` is the mean over the repetition's other fits of the similarity with the best
    match there, and :math:`r_k` the component's relevance, averaged over classes, with its sign.
    What helps on held-out trials only by chance hurts as often, and cancels: networks that learned
    nothing are near 0, however alike their maps are (and they are alike, by volume conduction).
    Without relevance it is the mean of :math:`s_k`, which cannot tell this. Of several repetitions
    it is the mean.

    Parameters
    ----------
    fits : sequence of Components, or of fitted EEGNetClassifier
        Of folds, repetitions or subjects, on the same electrodes. What recurs is worth something
        where nothing but the activity makes it recur: fits of a repetition should differ in their
        trials, for those that start from a classifier of the same trials start alike, and in their
        ``random_state``, for those of the same random weights do.
    min_similarity : float, default=0.8
        Clusters are cut where the mean similarity falls below.

    Returns
    -------
    consensus : Consensus

    Raises
    ------
    ValueError
        If no repetition has two fits, or they differ in electrodes, frequencies or classes.

    References
    ----------
    .. [1] Himberg, J., Hyvärinen, A., & Esposito, F. (2004). Validating the independent components
       of neuroimaging time series via clustering and visualization. NeuroImage, 22, 1214-1222.
    """
    if not 0 < min_similarity < 1:
        raise ValueError(f"min_similarity must be between 0 and 1, got {min_similarity!r}")
    fits = [fit if isinstance(fit, Components) else components(fit) for fit in fits]
    _check_alike(fits)
    everything = _stack(fits)
    fit_of = np.repeat(np.arange(len(fits)), [len(fit.patterns) for fit in fits])
    alike = similarity(everything, everything)
    distances = squareform(1 - alike, checks=False)
    labels = fcluster(linkage(distances, "average"), 1 - min_similarity, "distance")
    clusters = []
    for label in np.unique(labels):
        clusters.append(_make_cluster(everything, np.flatnonzero(labels == label), fit_of, alike))

    def rank(cluster):
        worth = len(cluster.members)
        if cluster.relevance is not None:
            worth = np.nanmean(cluster.relevance)
        else:
            worth = cluster.n_fits + worth / len(fit_of)
        return cluster.single, -worth

    return Consensus(
        clusters=tuple(sorted(clusters, key=rank)),
        reliability=_reliability(alike, fit_of, everything.repetition, everything.relevance),
        n_fits=len(fits),
        freqs=everything.freqs,
        classes=everything.classes,
        info=everything.info,
    )


def _check_alike(fits):
    if len({fit.repetition for fit in fits}) == len(fits):
        raise ValueError("a consensus needs at least two fits of a repetition")
    first = fits[0]
    for fit in fits[1:]:
        if fit.patterns.shape[1] != first.patterns.shape[1] or (
            fit.info and first.info and fit.info["ch_names"] != first.info["ch_names"]
        ):
            raise ValueError("the fits are on different electrodes: pick those that all have")
        if fit.freqs.shape != first.freqs.shape or not np.allclose(fit.freqs, first.freqs):
            raise ValueError(
                "the fits differ in sampling rate, window or kernel_length, and so in the "
                "frequencies of their spectra: fit them alike"
            )
        if not np.array_equal(fit.classes, first.classes):
            raise ValueError("the fits have different classes")


def _stack(fits):
    """All fits' components as those of one, with the repetition of each."""
    names = ("filters", "patterns", "kernels", "responses", "spectra", "peak_freqs", "bands")
    stacked = {name: np.concatenate([getattr(fit, name) for fit in fits]) for name in names}
    known = all(fit.relevance is not None for fit in fits)
    worth = np.concatenate([fit.relevance for fit in fits]) if known else None
    repetition = np.repeat([fit.repetition for fit in fits], [len(fit.patterns) for fit in fits])
    return replace(fits[0], **stacked, relevance=worth, repetition=repetition)


def _make_cluster(everything, members, fit_of, alike):
    owners = fit_of[members]
    own_fits = np.unique(owners)
    patterns = _unit(everything.patterns[members])
    # the direction that all share up to their signs, and the sign of each with it
    mean = np.linalg.svd(patterns, full_matrices=False)[2][0]
    mean *= np.sign(mean[np.abs(mean).argmax()])
    signs = np.where(patterns @ mean < 0, -1, 1)[:, np.newaxis]
    patterns = signs * patterns
    filters = signs * _unit(everything.filters[members])
    spectrum = everything.spectra[members].mean(axis=0)
    repetition = everything.repetition[members]
    pairs = owners[:, np.newaxis] != owners
    pairs &= repetition[:, np.newaxis] == repetition
    worth = everything.relevance
    return Cluster(
        pattern=_unit(patterns.mean(axis=0)),
        spread=patterns.std(axis=0),
        filter=_unit(filters.mean(axis=0)),
        spectrum=spectrum,
        peak_freq=float(everything.freqs[spectrum.argmax()]),
        band=np.array(_band(everything.freqs, spectrum)),
        similarity=float(alike[np.ix_(members, members)][pairs].mean()) if pairs.any() else np.nan,
        members=np.column_stack([owners, members - np.searchsorted(fit_of, owners)]),
        n_fits=len(own_fits),
        share=len(own_fits) / (fit_of[-1] + 1),
        relevance=None if worth is None else worth[members].sum(axis=0) / (fit_of[-1] + 1),
    )


def reliability_without(fits, parts):
    """Measure the reliability of fits, and that without each part of them, for a jackknife.

    Parameters
    ----------
    fits : sequence of Components
    parts : array-like of int, shape (n_fits,)
        Which part each fit belongs to.

    Returns
    -------
    reliability : float
        Of all, see :func:`consensus`.
    without : ndarray, shape (n_parts,)
        Of those of all other parts.
    """
    everything, parts = _stack(fits), np.asarray(parts)
    fit_of = np.repeat(np.arange(len(fits)), [len(fit.patterns) for fit in fits])
    alike, worth = similarity(everything, everything), everything.relevance

    def measure(kept):
        own = np.flatnonzero(kept[fit_of])
        own_worth = None if worth is None else worth[own]
        return _reliability(
            alike[np.ix_(own, own)], fit_of[own], everything.repetition[own], own_worth
        )

    without = [measure(parts != part) for part in np.unique(parts)]
    return measure(np.ones(len(fits), bool)), np.array(without)


def _reliability(alike, fit_of, repetition_of, relevance):
    """Mean over repetitions, but for those of one fit, which has none to be compared with."""
    found = []
    for repetition in np.unique(repetition_of):
        own = np.flatnonzero(repetition_of == repetition)
        fits, number = np.unique(fit_of[own], return_inverse=True)
        if len(fits) > 1:
            worth = None if relevance is None else relevance[own]
            found.append(_agreement(alike[np.ix_(own, own)], number, worth))
    return float(np.mean(found))


def _agreement(alike, fit_of, relevance):
    n_fits = fit_of[-1] + 1
    best = np.stack([alike[:, fit_of == fit].max(axis=1) for fit in range(n_fits)], axis=1)
    best[np.arange(len(fit_of)), fit_of] = 0
    matches = best.sum(axis=1) / (n_fits - 1)
    if relevance is None:
        return float(matches.mean())
    worth = np.nanmean(relevance, axis=1)
    total = np.abs(worth).sum()
    return float(worth @ matches / total) if total > 0 else 0.0


def _unit(vectors):
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)


# -- fits to compare, and controls ---------------------------------------------------------------


def untrained(estimator, X, y, *, groups=None, random_state=0):
    """Fit without learning: initial weights, and normalisations that have seen the data.

    Weights that start from a classifier of the trials start from one of shuffled labels.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Cloned; an epoch at a learning rate that moves nothing.
    X, y, groups, random_state
        As in :func:`label_shuffled`.

    Returns
    -------
    estimator : EEGNetClassifier or Pipeline
    """
    return _fit_control(estimator, X, y, groups, "untrained", random_state)


def label_shuffled(estimator, X, y, *, groups=None, random_state=0):
    """Fit to shuffled labels: all that a training does, but nothing to find (Adebayo et al. 2018).

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Cloned.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials.
    y : array-like, shape (n_trials,)
        Labels, to be shuffled.
    groups : array-like, shape (n_trials,) | None
        What belongs together is shuffled as :func:`shuffle_labels` does; also for the fit, as in
        :func:`cross_fits`.
    random_state : int | RandomState | None, default=0
        Seed of the weights and of the shuffling.

    Returns
    -------
    estimator : EEGNetClassifier or Pipeline
    """
    return _fit_control(estimator, X, y, groups, "shuffled", random_state)


def _fit_control(estimator, X, y, groups, control, random_state):
    rng = check_random_state(random_state)
    fresh = _fresh(estimator, control, int(rng.randint(2**31 - 1)))
    return fit_with_groups(fresh, X, shuffle_labels(y, groups, rng), groups)


def _fresh(estimator, control, seed):
    """Return a fresh estimator, one that learns nothing where that is the control."""
    return fresh_clone(estimator, random_state=seed, **(_STILL if control == "untrained" else {}))


def shuffle_labels(y, groups=None, random_state=None, parts=None):
    """Shuffle labels between trials that may be exchanged where the classes do not differ.

    Parameters
    ----------
    y : array-like, shape (n_trials,)
        Labels.
    groups : array-like, shape (n_trials,) | None
        What belongs together, such as windows of one trial, or trials of one run. Groups of one
        class exchange their labels with each other, each as a whole; in a group of several
        classes, its trials do. None to exchange all trials.
    random_state : int | RandomState | None
        Seed.
    parts : list of ndarray of int | None
        Trials to shuffle among each other, such as :func:`parts_to_shuffle`; None for all.

    Returns
    -------
    shuffled : ndarray, shape (n_trials,)
    """
    rng, y = check_random_state(random_state), np.asarray(y)
    shuffled = y.copy()
    for part in [np.arange(len(y))] if parts is None else parts:
        shuffled[part] = _shuffle(
            y[part], None if groups is None else np.asarray(groups)[part], rng
        )
    return shuffled


def _shuffle(y, groups, rng):
    if groups is None:
        return rng.permutation(y)
    _, group_of = np.unique(groups, return_inverse=True)
    shuffled, pure = y.copy(), []
    for group in range(group_of.max() + 1):
        members = np.flatnonzero(group_of == group)
        if len(np.unique(y[members])) == 1:
            pure.append(members)
        else:
            shuffled[members] = rng.permutation(y[members])
    for k, members in zip(rng.permutation(len(pure)), pure, strict=True):
        shuffled[members] = y[pure[k][0]]
    return shuffled


def parts_to_shuffle(tests, y):
    """List the trials to shuffle labels among, for a cross-validation with shuffled labels.

    Parameters
    ----------
    tests : list of ndarray of int
        The trials that each fold tests.
    y : ndarray, shape (n_trials,)
        Labels.

    Returns
    -------
    parts : list of ndarray of int
        The trials that each fold tests, so that folds keep their numbers of each class; all tested
        ones together where a trial is tested twice, or a fold tests one class alone. Then those
        that no fold tests.
    """
    tested = np.concatenate(tests)
    once = len(np.unique(tested)) == len(tested)
    apart = once and all(len(np.unique(y[test])) > 1 for test in tests)
    rest = np.setdiff1d(np.arange(len(y)), tested)
    return [*(tests if apart else [np.unique(tested)]), *([rest] if len(rest) else [])]


def make_folds(cv, y, groups=None):
    """List the folds of a cross-validation, with whole groups in each where there are groups.

    Parameters
    ----------
    cv : int, cross-validation splitter, or iterable of (train, test)
        An integer makes stratified folds of consecutive trials, or, with ``groups``, folds of whole
        groups with classes as balanced as can be.
    y : array-like, shape (n_trials,)
        Labels.
    groups : array-like, shape (n_trials,) | None
        What belongs together, handed to the splitter.

    Returns
    -------
    folds : list of (ndarray of int, ndarray of int)
        Training and test trials.

    Raises
    ------
    ValueError
        If ``groups`` are not one for each trial, too few for the folds, or None where the splitter
        needs them.
    """
    y, groups = np.asarray(y), check_groups(groups, len(y))
    if isinstance(cv, numbers.Integral) and groups is not None:
        n_groups = len(np.unique(groups))
        if not 2 <= cv <= n_groups:
            raise ValueError(f"cannot make {cv} folds of {n_groups} whole groups")
        cv = StratifiedGroupKFold(cv)
    splitter = check_cv(cv, y, classifier=True)
    if groups is None and _asks_for_groups(splitter):
        raise ValueError(
            f"{type(splitter).__name__} needs groups: pass groups=, the group of each trial"
        )
    return list(splitter.split(np.zeros(len(y)), y, groups))


def check_groups(groups, n_trials):
    """Return groups as an array of shape (n_trials,), None for None; others are a ValueError."""
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n_trials,):
        raise ValueError(
            f"groups must be one for each of the {n_trials} trials, not of shape {groups.shape}"
        )
    if pd.isna(groups).any():
        raise ValueError("groups have missing values: give each trial a group")
    return groups


def _asks_for_groups(splitter):
    # a splitter of another package may know nothing of routing
    request = getattr(get_routing_for_object(splitter), "split", None)
    return request is not None and request.requests.get("groups") is True


def fit_with_groups(estimator, X, y, groups):
    """Fit, with groups for those that request them where metadata routing is enabled."""
    if groups is None or not sklearn.get_config()["enable_metadata_routing"]:
        return estimator.fit(X, y)
    itself = MetadataRequest(owner="cross_fits")  # the splitter has had them, at any rate
    itself.fit.add_request(param="groups", alias=True)
    to_fit = MethodMapping().add(caller="fit", callee="fit")
    router = MetadataRouter(owner="cross_fits").add_self_request(itself)
    router.add(estimator=estimator, method_mapping=to_fit)
    return estimator.fit(X, y, **process_routing(router, "fit", groups=groups).estimator.fit)


def fresh_clone(estimator, **settings):
    """Clone with other settings of the classifier in it."""
    prefix, part = "", estimator
    while isinstance(part, Pipeline):
        prefix, part = f"{prefix}{part.steps[-1][0]}__", part[-1]
    if not isinstance(part, EEGNetClassifier):
        raise TypeError(
            f"expected an EEGNetClassifier or a Pipeline that ends in one, not a "
            f"{type(part).__name__}"
        )
    return clone(estimator).set_params(**{prefix + name: v for name, v in settings.items()})


@dataclass(frozen=True, eq=False)
class CrossFit:
    """One fit of a cross-validation: what it learned, and what it says of its held-out trials.

    Attributes
    ----------
    components : Components
        With patterns on the training trials, ``relevance`` on the held-out ones, and the number
        of the ``repetition``.
    probabilities : ndarray, shape (n_test, n_classes)
        Of the held-out trials.
    test : ndarray of int, shape (n_test,)
        Which trials these are.
    n_train : int
        Trials of the fit.
    fold : int
        Number of the fold.
    seed : int
        ``random_state`` of the fit.
    seconds : float
        Time of the fit; of fits that were trained together, the share of one.
    """

    components: Components
    probabilities: np.ndarray
    test: np.ndarray
    n_train: int
    fold: int
    seed: int
    seconds: float


class _Job(NamedTuple):
    """What a fit of a cross-validation is made of; ``y`` are the labels of all trials."""

    y: np.ndarray
    train: np.ndarray
    test: np.ndarray
    fold: int
    seed: int
    repetition: int


def cross_fits(
    estimator,
    X,
    y,
    *,
    groups=None,
    cv=5,
    n_seeds=1,
    control=None,
    random_state=0,
    n_jobs=None,
):
    """Fit on every fold, from other initial weights each time, and keep what the fits are for.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Cloned for each fit.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials.
    y : array-like, shape (n_trials,)
        Labels.
    groups : array-like, shape (n_trials,) | None
        What must not be on both sides of a fold, such as the trial that overlapping windows come
        from, the run, or the session. They go to the splitter and, where scikit-learn's
        ``enable_metadata_routing`` is on, to the estimators that request them.
    cv : int, cross-validation splitter, or iterable of (train, test), default=5
        Folds, see :func:`make_folds`.
    n_seeds : int, default=1
        Repetitions of the cross-validation, from other random weights each.
    control : {"untrained", "shuffled"} | None, default=None
        Fit networks as :func:`untrained` or :func:`label_shuffled` does, but with labels that are
        shuffled once for each repetition, for its training and held-out trials alike, and among
        those that a fold tests (see :func:`parts_to_shuffle`): where classes do not differ, a
        control is then no other than a repetition with the true labels.
    random_state : int | RandomState | None, default=0
        Seed of the fits' seeds.
    n_jobs : int | None, default=None
        Fits at a time, by joblib. With None or 1, on an accelerator, the networks of an
        ``EEGNetClassifier`` that does not stop early are trained together, see
        :func:`eegsep.estimator.fit_stacked`.

    Returns
    -------
    fits : iterator of CrossFit
        All folds of the first seed, then of the next; each as soon as it and those before it are
        done.

    Raises
    ------
    ValueError
        If ``control`` is unknown, or the folds cannot be made, see :func:`make_folds`.
    """
    if control is not None and control not in CONTROLS:
        raise ValueError(f"control must be one of {CONTROLS} or None, got {control!r}")
    y, groups = np.asarray(y), check_groups(groups, len(y))
    folds = list(enumerate(make_folds(cv, y, groups)))
    rng = check_random_state(random_state)
    seeds = rng.randint(2**31 - 1, size=(n_seeds, len(folds)))
    parts = parts_to_shuffle([test for _, (_, test) in folds], y)
    jobs = []
    for repetition in range(n_seeds):
        shuffled = {name: shuffle_labels(y, groups, rng, parts) for name in CONTROLS}
        labels = shuffled.get(control, y)
        jobs += [
            _Job(labels, train, test, fold, int(seed), repetition)
            for (fold, (train, test)), seed in zip(folds, seeds[repetition], strict=True)
        ]
    if n_jobs in (None, 1) and len(jobs) > 1 and _stacks(_fresh(estimator, control, 0)):
        return _stacked_fits(estimator, X, groups, control, jobs)
    return Parallel(n_jobs, return_as="generator")(
        delayed(_one_fit)(estimator, X, groups, control, job) for job in jobs
    )


def _stacks(estimator):
    """Whether fits are sooner done as stacks."""
    if not isinstance(estimator, EEGNetClassifier) or not can_be_stacked(estimator):
        return False
    return stacked.is_faster(estimator._resolve_device())


def _stacked_fits(estimator, X, groups, control, jobs):
    for some in (jobs[i : i + stacked.AT_ONCE] for i in range(0, len(jobs), stacked.AT_ONCE)):
        started = time.perf_counter()
        of_fold = {job.fold: X[job.train] for job in some}
        classifiers = [_fresh(estimator, control, job.seed) for job in some]
        trials, labels = [of_fold[job.fold] for job in some], [job.y[job.train] for job in some]
        fit_stacked(classifiers, trials, labels)
        seconds = (time.perf_counter() - started) / len(some)
        for fitted, job in zip(classifiers, some, strict=True):
            yield _look_at(fitted, X, job, seconds)


def _one_fit(estimator, X, groups, control, job):
    started = time.perf_counter()
    own = None if groups is None else groups[job.train]
    fresh = _fresh(estimator, control, job.seed)
    fitted = fit_with_groups(fresh, X[job.train], job.y[job.train], own)
    return _look_at(fitted, X, job, time.perf_counter() - started)


def _look_at(fitted, X, job, seconds):
    found = components(fitted, None if cut_pipeline(fitted)[0] is None else X[job.train])
    worth = relevance(fitted, X[job.test], job.y[job.test])
    return CrossFit(
        components=replace(found, relevance=worth, repetition=job.repetition),
        probabilities=fitted.predict_proba(X[job.test]),
        test=job.test,
        n_train=len(job.train),
        fold=job.fold,
        seed=job.seed,
        seconds=seconds,
    )


def cross_components(
    estimator,
    X,
    y,
    *,
    groups=None,
    cv=5,
    n_seeds=1,
    control=None,
    random_state=0,
    n_jobs=None,
):
    """Fit on every fold, from other initial weights each time: components for a consensus.

    Parameters
    ----------
    estimator, X, y, groups, cv, n_seeds, control, random_state, n_jobs
        As in :func:`cross_fits`, which also gives what the fits say of held-out trials.

    Returns
    -------
    fits : list of Components
        With patterns on the training trials and ``relevance`` on the held-out ones.

    Raises
    ------
    ValueError
        As :func:`cross_fits` does.
    """
    options = {"groups": groups, "cv": cv, "n_seeds": n_seeds, "control": control}
    options |= {"random_state": random_state, "n_jobs": n_jobs}
    return [fit.components for fit in cross_fits(estimator, X, y, **options)]


def sanity_checks(estimator, X, y, **options):
    """Compare the consensus of trained fits with that of untrained and of label-shuffled ones.

    Parameters
    ----------
    estimator, X, y
        As in :func:`cross_components`.
    **options
        Its other parameters, and ``min_similarity`` of :func:`consensus`.

    Returns
    -------
    checks : dict of Consensus
        ``"trained"``, ``"untrained"`` and ``"shuffled"``. Maps are to be believed where the
        reliability of the first stands out from the other two's.
    """
    cut = {"min_similarity": options.pop("min_similarity")} if "min_similarity" in options else {}
    return {
        name: consensus(
            cross_components(
                estimator, X, y, control=None if name == "trained" else name, **options
            ),
            **cut,
        )
        for name in ("trained", *CONTROLS)
    }
