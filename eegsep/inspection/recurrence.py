"""What fits have in common: clusters of components that are alike, and how reliable the fits are.

Fits of one repetition of a cross-validation are compared, those of several averaged.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from eegsep._utils.constraints import checked, real
from eegsep.network.settings import settled

from .learned import Components, band_around, components, similarity, unit
from .poles import say_poles


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

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, consensus
    >>> from eegsep.inspection import cross_components
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> cluster = consensus(cross_components(clf, X, y, cv=2)).clusters[0]
    >>> cluster.pattern.shape, bool(0 < cluster.share <= 1)
    ((4,), True)
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

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, consensus
    >>> from eegsep.inspection import cross_components
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> found = consensus(cross_components(clf, X, y, cv=2))
    >>> len(found.to_frame()) == len(found.clusters)
    True
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


@settled()
@checked(fits=["array-like"], min_similarity=[real(0, 1)])
def consensus(fits, *, min_similarity=0.8):
    r"""Cluster the components of several fits, as ICASSO does for independent components.

    That is Himberg et al.'s (2004) [1]_ way to tell which components are stable.

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

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, consensus
    >>> from eegsep.inspection import cross_components
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> found = consensus(cross_components(clf, X, y, cv=2))
    >>> found.n_fits
    2
    """
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
    patterns = unit(everything.patterns[members])
    # the direction that all share up to their signs, and the sign of each with it
    mean = np.linalg.svd(patterns, full_matrices=False)[2][0]
    mean *= np.sign(mean[np.abs(mean).argmax()])
    signs = np.where(patterns @ mean < 0, -1, 1)[:, np.newaxis]
    patterns = signs * patterns
    filters = signs * unit(everything.filters[members])
    spectrum = everything.spectra[members].mean(axis=0)
    repetition = everything.repetition[members]
    pairs = owners[:, np.newaxis] != owners
    pairs &= repetition[:, np.newaxis] == repetition
    worth = everything.relevance
    return Cluster(
        pattern=unit(patterns.mean(axis=0)),
        spread=patterns.std(axis=0),
        filter=unit(filters.mean(axis=0)),
        spectrum=spectrum,
        peak_freq=float(everything.freqs[spectrum.argmax()]),
        band=np.array(band_around(everything.freqs, spectrum)),
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

    Raises
    ------
    ValueError
        If ``parts`` are not one for each fit.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import cross_components, reliability_without
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> fits = cross_components(clf, X, y, cv=3)
    >>> reliability, without = reliability_without(fits, parts=[0, 1, 2])
    >>> without.shape
    (3,)
    """
    parts = np.asarray(parts)
    if parts.shape != (len(fits),):
        raise ValueError(f"parts must be one for each of the {len(fits)} fits, got {parts.shape}")
    everything = _stack(fits)
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
