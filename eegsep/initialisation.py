r"""Starting weights of EEGNet in closed form, from classical classifiers of the training trials.

Induced activity from the tangent space of covariances, evoked activity from a linear classifier of
whitened signals; the network then begins where these end, and not at random.

**Induced.** In the tangent space at the mean covariance :math:`\bar C` a linear classifier scores
class k by :math:`\langle W_k, \log(P C P)\rangle` with :math:`P = \bar C^{-1/2}` and :math:`W_k`
symmetric [1]_. With :math:`W_k = \sum_i \lambda_{ki} v_i v_i^\top`, and to first order in
:math:`P C P - I`,

.. math::  \langle W_k, \log(P C P)\rangle \approx \sum_i \lambda_{ki} \log(v_i^\top P C P v_i) :

a weighted sum of log-powers of components whose spatial filters are :math:`P v_i`. EEGNet holds
that: a temporal filter that is one sample, or a band-pass; the :math:`P v_i` of largest
:math:`|\lambda|` as spatial filters; ELU and pooling as the rectifier (a component that comes
again does so with the other sign, so that what is odd in an ELU cancels); the separable kernel a
moving average; the pointwise step the identity; a shift of batch normalisation 3 that keeps the
second ELU where it is a line. The classifier's rows are equal over time. For uncorrelated maps
with slope :math:`s_i` over log-power they are :math:`\lambda_{ki} / s_i`; what is taken is the
regression of the tangent-space scores of the training trials on the maps' means, with a ridge,
which also takes up what the components that are left out have in common with these.

**Evoked.** Where both ELUs work on their line the network is linear: each map is the mean of a
component over windows of the second pooling, shifted by where the separable kernel has its one.
On these features of the whitened trials, :math:`\langle B_k, P X\rangle` with one column of
:math:`B_k` for each shift and window, the classifier is an ordinary linear one. The leading left
singular vectors of :math:`(B_1 \dots B_K)` are spatial filters, the rest of the product goes into
the classifier's rows. Nothing is approximated but for the rank.

**Which.** Both are ridge regressions to the classes' indicators, that is, linear discriminants
with a shrunk covariance. A ridge regression has its leave-one-out predictions in closed form; the
cross-entropy of these, after scaling them by one temperature, chooses the shrinkage, broadband or
a bank of bands, and induced or evoked; the temperature makes the scores log-odds. No trial but the
training trials is used.

References
----------
.. [1] Barachant, A., Bonnet, S., Congedo, M., & Jutten, C. (2012). Multiclass brain-computer
   interface classification by Riemannian geometry. IEEE Transactions on Biomedical Engineering,
   59(4), 920-928.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.signal import fftconvolve, firwin
from torch.nn import functional as F

from .scaling import chunks

STARTS = ("induced", "evoked", "glorot")
# Of the ridge, relative to the mean eigenvalue of the trials' Gram matrix.
SHRINKAGES = np.logspace(-3, 1, 9)
# Overlapping bands in Hz, as wide as filters of half a second can tell apart.
BANDS = ((6, 10), (8, 12), (10, 14), (12, 16), (14, 20), (18, 24), (22, 30), (26, 40))
# Standard deviation that batch normalisation 2 gives a component of induced activity: pooled ELUs
# then follow amplitude.
INDUCED_GAIN = 2.0
# Of the regression of a classifier's scores on maps, relative to the maps' mean sum of squares.
SMOOTHING = 1.0
# Deviations above zero where batch normalisations keep an ELU on its line.
LINEAR_SHIFT = 3.0
# Of the components of evoked activity before the first ELU: small, so that the shift suffices.
EVOKED_GAIN = 1.0
# Where one of several starts is not better by this much, in nats, the first of them is taken.
LEAST_GAIN = 0.005
_LEAST_TRIALS = 3  # of each class
_LEAST_TIMES = 16
_ROW_NORM = 0.98  # of the bound on the classifier's rows


class Ridge(NamedTuple):
    """A ridge regression to the indicators of classes, its shrinkage chosen by leave-one-out.

    Attributes
    ----------
    coef : ndarray, shape (n_features, n_classes)
        The scores are ``(features - mean) @ coef``.
    fitted, left_out : ndarray, shape (n_trials, n_classes)
        Scores of the training trials, and what each gets from a fit on the others.
    temperature : float
        What makes scores log-odds.
    bias : ndarray, shape (n_classes,)
        Log-odds where all scores are zero.
    loss : float
        Cross-entropy of the left-out scores, in nats.
    shrinkage : float
        The one that was chosen.
    """

    coef: np.ndarray
    fitted: np.ndarray
    left_out: np.ndarray
    temperature: float
    bias: np.ndarray
    loss: float
    shrinkage: float


class Start(NamedTuple):
    """Components of a classical classifier, as a network can hold them.

    Attributes
    ----------
    kind : {"induced", "evoked"}
        Of activity.
    ridge : Ridge
        The classifier.
    component : ndarray of int, shape (F1 * D,)
        Which component each map is of.
    kernels : ndarray, shape (F1, kernel_length)
        Temporal filters.
    filters : ndarray, shape (F1 * D, n_chans)
        Spatial filters, of norm 1.
    rows : ndarray, shape (F1 * D, n_windows, n_classes) | None
        What a class's score gains with a component's mean in a window (evoked).
    shifts : ndarray of int, shape (F1 * D,) | None
        Where the separable kernel has its one, in pooled samples from its centre (evoked).
    """

    kind: str
    ridge: Ridge
    component: np.ndarray
    kernels: np.ndarray
    filters: np.ndarray
    rows: np.ndarray | None
    shifts: np.ndarray | None


def ridge_by_leave_one_out(features, onehot, weight):
    """Fit a ridge regression to the indicators of classes; choose its shrinkage by leave-one-out.

    For two classes that is a linear discriminant whose covariance is shrunk to a multiple of the
    identity. Leaving a trial out has a closed form: its residual over one minus its leverage.

    Parameters
    ----------
    features : ndarray, shape (n_trials, n_features)
    onehot : ndarray, shape (n_trials, n_classes)
        Indicators of the classes.
    weight : ndarray, shape (n_trials,)
        Weights of the trials; they count relative to each other.

    Returns
    -------
    ridge : Ridge
    """
    weight = weight / weight.mean()
    root = np.sqrt(weight)[:, np.newaxis]
    target = onehot - np.average(onehot, axis=0, weights=weight)
    scaled = root * (features - np.average(features, axis=0, weights=weight))
    if scaled.shape[0] <= scaled.shape[1]:
        powers, vectors = np.linalg.eigh(scaled @ scaled.T)
    else:
        powers, axes = np.linalg.eigh(scaled.T @ scaled)
        vectors = scaled @ (axes / np.sqrt(np.maximum(powers, 1e-12 * powers[-1] + 1e-300)))
    kept = powers > 1e-10 * powers[-1]
    powers, vectors = powers[kept], vectors[:, kept]
    along = vectors.T @ (root * target)
    best = None
    for shrinkage in SHRINKAGES:
        gain = 1 / (powers + shrinkage * powers.sum() / len(features))
        solved = vectors @ (gain[:, np.newaxis] * along)
        fitted = vectors @ ((gain * powers)[:, np.newaxis] * along) / root
        leverage = np.square(vectors) @ (gain * powers) + weight / len(weight)
        left_out = target - (target - fitted) / np.maximum(1 - leverage, 1e-9)[:, np.newaxis]
        temperature, bias, loss = find_temperature(left_out, onehot, weight)
        if best is None or loss < best[-2] - 1e-3:
            best = solved, fitted, left_out, temperature, bias, loss, shrinkage
    return Ridge(scaled.T @ best[0], *best[1:])


def find_temperature(scores, onehot, weight, with_bias=True):
    """Find one factor, and a bias for each class, that make scores log-odds.

    Parameters
    ----------
    scores : ndarray, shape (n_trials, n_classes)
        Of trials that the scores were not fitted to.
    onehot : ndarray, shape (n_trials, n_classes)
    weight : ndarray, shape (n_trials,)
    with_bias : bool
        Whether the classes get a bias each, or zero.

    Returns
    -------
    temperature : float
        Positive. A slight penalty keeps it finite where all trials are told apart.
    bias : ndarray, shape (n_classes,)
    loss : float
        Mean cross-entropy, penalty included.
    """
    share = weight[:, np.newaxis] / weight.sum()
    unit = np.sqrt((share * np.square(scores)).sum() / scores.shape[1]) or 1.0
    scores = scores / unit
    n_classes = scores.shape[1]

    def cost(parameters):
        factor, bias = np.exp(parameters[0]), parameters[1:]
        logits = factor * scores + bias
        logits = logits - logits.max(axis=1, keepdims=True)
        logsums = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        slope = share * (np.exp(logits - logsums) - onehot)
        penalty = 1e-3 * factor**2 / 2 + 1e-4 * (bias**2).sum()
        loss = -(share * onehot * (logits - logsums)).sum() + penalty
        by_factor = factor * (slope * scores).sum() + 1e-3 * factor**2
        return loss, np.concatenate([[by_factor], slope.sum(axis=0) + 2e-4 * bias])

    found = minimize(
        cost,
        np.concatenate([[-1.0], np.zeros(n_classes)]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-6, 4)] + [(-5, 5) if with_bias else (0, 0)] * n_classes,
    )
    return float(np.exp(found.x[0]) / unit), found.x[1:], float(found.fun)


def covariances(X):
    """Covariances over time of each trial, shrunk by the oracle approximating formula.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)

    Returns
    -------
    covariances : ndarray, shape (n_trials, n_chans, n_chans)
        As scikit-learn's ``OAS`` gives them, all at once.
    """
    n_chans, n_times = X.shape[1:]
    found = np.empty((len(X), n_chans, n_chans))
    start = 0
    for part in chunks(X, np.arange(len(X))):
        part = part - part.mean(axis=2, keepdims=True)
        found[start : start + len(part)] = part @ part.transpose(0, 2, 1) / n_times
        start += len(part)
    mean = np.trace(found, axis1=1, axis2=2) / n_chans
    alpha = np.square(found).mean(axis=(1, 2))
    divisor = (n_times + 1) * (alpha - mean**2 / n_chans)
    with np.errstate(divide="ignore", invalid="ignore"):
        shrinkage = np.where(divisor > 0, np.minimum((alpha + mean**2) / divisor, 1), 1.0)
    eye = np.eye(n_chans)
    return (1 - shrinkage)[:, None, None] * found + (shrinkage * mean)[:, None, None] * eye


def tangent_vectors(matrices, weight, n_steps=1):
    """Map covariances to the tangent space at their mean.

    Parameters
    ----------
    matrices : ndarray, shape (n_trials, n_chans, n_chans)
        Positive definite.
    weight : ndarray, shape (n_trials,)
    n_steps : int
        Fixed-point steps from the log-Euclidean to the Riemannian mean. It is where the tangent
        space is taken, and need not be exact: one step leaves a gradient of a percent.

    Returns
    -------
    tangents : ndarray, shape (n_trials, n_chans, n_chans)
        ``log(P C P)``, symmetric.
    whitener : ndarray, shape (n_chans, n_chans)
        ``P``, the inverse root of the mean.
    """
    share = weight / weight.sum()
    mean = _of_eigenvalues(np.tensordot(share, _of_eigenvalues(matrices, _log), 1), np.exp)
    for _ in range(n_steps):
        whitener, root = (_of_eigenvalues(mean, _power(p)) for p in (-0.5, 0.5))
        step = np.tensordot(share, _of_eigenvalues(whitener @ matrices @ whitener, _log), 1)
        mean = root @ _of_eigenvalues(step, np.exp) @ root
    whitener = _of_eigenvalues(mean, _power(-0.5))
    return _of_eigenvalues(whitener @ matrices @ whitener, _log), whitener


def _of_eigenvalues(matrices, function):
    """Apply a function to symmetric matrices by their eigenvalues."""
    values, vectors = np.linalg.eigh((matrices + np.swapaxes(matrices, -1, -2)) / 2)
    return (vectors * function(values)[..., np.newaxis, :]) @ np.swapaxes(vectors, -1, -2)


def _log(values):
    """Logarithm of eigenvalues that are positive but for rounding."""
    return np.log(np.maximum(values, 1e-12 * values[..., -1:]))


def _power(exponent):
    return lambda values: np.maximum(values, 1e-12 * values[..., -1:]) ** exponent


def band_passes(kernel_length, sfreq, bands=BANDS):
    """Make linear-phase band-passes as the network's temporal filters.

    Parameters
    ----------
    kernel_length : int
        Even lengths get an odd filter and a zero, so that its centre is the network's.
    sfreq : float
        In Hz. Bands above half of it are left out.
    bands : sequence of (float, float)

    Returns
    -------
    kernels : ndarray, shape (n_bands, kernel_length)
    """
    length = kernel_length - (kernel_length % 2 == 0)
    made = np.zeros((0, kernel_length))
    for low, high in bands:
        if high < 0.98 * sfreq / 2 and length >= 9:
            kernel = np.zeros(kernel_length)
            kernel[:length] = firwin(length, (low, high), pass_zero=False, fs=sfreq)
            made = np.vstack([made, kernel])
    return made


def one_sample(kernel_length):
    """Make the temporal filter that leaves a signal as it is, shape (1, kernel_length)."""
    kernel = np.zeros((1, kernel_length))
    kernel[0, (kernel_length - 1) // 2] = 1
    return kernel


def filter_in_time(X, kernel):
    """Filter as the network does: correlate with zeros beyond the window, as long as it was.

    Parameters
    ----------
    X : ndarray, shape (..., n_times)
    kernel : ndarray, shape (kernel_length,)

    Returns
    -------
    filtered : ndarray, shape (..., n_times)
    """
    if np.count_nonzero(kernel) == 1 and kernel[(len(kernel) - 1) // 2] != 0:
        return X * kernel[(len(kernel) - 1) // 2]
    first = len(kernel) - 1 - (len(kernel) - 1) // 2
    shape = (1,) * (X.ndim - 1) + (-1,)
    full = fftconvolve(X, kernel[::-1].reshape(shape), axes=-1)
    return full[..., first : first + X.shape[-1]]


class Induced:
    """Tangent vectors of trials, one set for each temporal filter, and starts from them.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Scaled trials.
    weight : ndarray, shape (n_trials,)
    kernels : ndarray, shape (n_bands, kernel_length)
        Temporal filters, of which each gets a tangent space; a classifier is fitted on all.
    n_components : int | None
        Distinct components for each filter; they repeat where the network holds more. None for
        all of them.

    Attributes
    ----------
    features : ndarray, shape (n_trials, n_bands * n_chans * (n_chans + 1) / 2)
    """

    kind = "induced"

    def __init__(self, X, weight, kernels, n_components=None):
        self._n_chans, self._kernels, self._n_components = X.shape[1], kernels, n_components
        self._upper = np.triu_indices(self._n_chans)
        # so that products of vectors are those of matrices
        self._isometry = np.where(self._upper[0] == self._upper[1], 1.0, np.sqrt(2.0))
        whiteners, features = [], []
        for kernel in kernels:
            tangents, whitener = tangent_vectors(covariances(filter_in_time(X, kernel)), weight)
            whiteners.append(whitener)
            features.append(tangents[:, self._upper[0], self._upper[1]] * self._isometry)
        self._whiteners = np.array(whiteners)
        self.features = np.concatenate(features, axis=1)

    def start(self, ridge, net):
        """Take the components of a ridge regression on the features.

        Parameters
        ----------
        ridge : Ridge
        net : EEGNet
            For its numbers of filters.

        Returns
        -------
        start : Start
        """
        n_bands, n_classes = len(self._kernels), ridge.coef.shape[1]
        coef = ridge.coef.reshape(n_bands, -1, n_classes) / self._isometry[:, np.newaxis]
        classifiers = np.zeros((n_bands, n_classes, self._n_chans, self._n_chans))
        rows, columns = self._upper
        classifiers[:, :, rows, columns] = coef.transpose(0, 2, 1)
        classifiers[:, :, columns, rows] = coef.transpose(0, 2, 1)
        bands, component, axes = _leading_axes(classifiers, net.F1, net.D, self._n_components)
        filters = np.einsum("mj,mij->mi", axes, self._whiteners[np.repeat(bands, net.D)])
        return Start(
            kind=self.kind,
            ridge=ridge,
            component=component,
            kernels=self._kernels[bands],
            filters=filters / np.linalg.norm(filters, axis=1, keepdims=True),
            rows=None,
            shifts=None,
        )


def _leading_axes(classifiers, F1, D, n_components):
    """Choose a band for each temporal filter, and D axes of that band for each.

    The axes are the eigenvectors of the sum of the classes' squared matrices: for two classes,
    whose matrices are each other's negative, those of either; for more, axes that they share.
    Returned are the bands (F1), which component each map is of (F1 * D), and its axis: copies of a
    component have alternating signs, with which the part of an ELU that is odd cancels.
    """
    n_bands = len(classifiers)
    values, vectors = np.linalg.eigh(np.einsum("bkij,bkjl->bil", classifiers, classifiers))
    strength = np.sqrt(np.maximum(values, 0))[:, ::-1][:, :n_components]
    vectors = vectors.transpose(0, 2, 1)[:, ::-1][:, :n_components]
    n_distinct = strength.shape[1]
    left = [list(range(n_distinct)) for _ in range(n_bands)]
    bands, ranks = [], []
    for _ in range(F1):
        for band in range(n_bands):
            while len(left[band]) < D:  # begin anew: what is there already counts for less
                left[band] += range(n_distinct)
                strength[band] = strength[band] / 2
        gains = [strength[band, left[band][:D]].sum() for band in range(n_bands)]
        band = int(np.argmax(gains))
        bands.append(band)
        ranks += left[band][:D]
        left[band] = left[band][D:]
    of_maps = np.repeat(bands, D)
    _, component = np.unique(of_maps * n_distinct + ranks, return_inverse=True)
    copies = [np.count_nonzero(component[:m] == component[m]) for m in range(F1 * D)]
    signs = (-1.0) ** np.array(copies)
    return np.array(bands), component, signs[:, np.newaxis] * vectors[of_maps, ranks]


class Evoked:
    """Means of whitened trials in shifted windows, as a network's poolings take them, and starts.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Scaled trials.
    weight : ndarray, shape (n_trials,)
    net : EEGNet
        Whose poolings and kernels are to hold a start.

    Attributes
    ----------
    features : ndarray, shape (n_trials, n_chans * n_shifts * n_windows)
    """

    kind = "evoked"

    def __init__(self, X, weight, net):
        noise = np.average(covariances(X), axis=0, weights=weight)
        self._whitener = _of_eigenvalues(noise, _power(-0.5))
        n_pooled = net.n_times // net.pool1
        n_windows = n_pooled // net.pool2
        n_shifts = min(4, net.pool2, net.F1 * net.D)
        shifts = np.arange(n_shifts) * net.pool2 // n_shifts
        to_the_right = net.separable_kernel_length - 1 - (net.separable_kernel_length - 1) // 2
        self._shifts = np.unique(np.minimum(shifts, to_the_right))
        pooled = X[..., : n_pooled * net.pool1].reshape(*X.shape[:2], n_pooled, net.pool1)
        pooled = self._whitener @ pooled.mean(axis=3)
        windows = [_windows(pooled, shift, net.pool2, n_windows) for shift in self._shifts]
        self._shape = X.shape[1], len(self._shifts), n_windows
        self.features = np.stack(windows, axis=2).reshape(len(X), -1)

    def start(self, ridge, net):
        """Take the components of a ridge regression on the features.

        Parameters
        ----------
        ridge : Ridge
        net : EEGNet
            For its numbers of filters.

        Returns
        -------
        start : Start
        """
        n_maps, n_shifts = net.F1 * net.D, len(self._shifts)
        by_channel = ridge.coef.reshape(self._shape[0], -1)
        left, values, right = np.linalg.svd(by_channel, full_matrices=False)
        rank = min(n_maps // n_shifts, np.count_nonzero(values > 1e-10 * values[0]))
        times = (values[:rank, None] * right[:rank]).reshape(rank, *self._shape[1:], -1)
        maps = np.arange(n_maps) % (rank * n_shifts)
        copies = np.bincount(maps)[maps]
        component, shift = maps // n_shifts, maps % n_shifts
        filters = left.T[component] @ self._whitener
        norms = np.linalg.norm(filters, axis=1, keepdims=True)
        return Start(
            kind=self.kind,
            ridge=ridge,
            component=component,
            kernels=np.repeat(one_sample(net.kernel_length), net.F1, axis=0),
            filters=filters / norms,
            rows=times[component, shift] * (norms / copies[:, np.newaxis])[..., np.newaxis],
            shifts=self._shifts[shift],
        )


def _windows(pooled, shift, length, n_windows):
    moved = np.zeros_like(pooled)
    moved[..., : pooled.shape[-1] - shift] = pooled[..., shift:]
    moved = moved[..., : n_windows * length]
    return moved.reshape(*moved.shape[:-1], n_windows, length).mean(-1)


def why_no_start(net, y):
    """Say why no start can be made of some trials for a network; None where one can.

    Parameters
    ----------
    net : EEGNet
    y : ndarray of int, shape (n_trials,)
        Class indices.

    Returns
    -------
    reason : str | None
    """
    if net.spatial_kind != "depthwise" or net.separable_kind != "separable":
        return "only the published convolutions can hold it"
    if net.F2 != net.F1 * net.D:
        return "it takes as many pointwise filters as spatial ones, F2 = F1 * D"
    if net.n_times < _LEAST_TIMES:
        return f"windows have fewer than {_LEAST_TIMES} time samples"
    counts = np.bincount(y, minlength=net.n_outputs)
    if counts.min() < _LEAST_TRIALS:
        return f"a class has fewer than {_LEAST_TRIALS} distinct trials"
    return None


def best_features(net, X, y, weight, sfreq, kind="auto"):
    """Fit classical classifiers, and take the features of the one with the least left-out loss.

    Parameters
    ----------
    net : EEGNet
        For its sizes.
    X : ndarray, shape (n_trials, n_chans, n_times)
        Scaled trials.
    y : ndarray of int, shape (n_trials,)
    weight : ndarray, shape (n_trials,)
    sfreq : float
        In Hz.
    kind : {"auto", "induced", "evoked"}
        Of activity; ``"auto"`` for either.

    Returns
    -------
    features : Induced or Evoked
        Where the loss differs little, broadband induced activity first, then that in bands.
    """
    candidates = []
    if kind in ("auto", "induced"):
        length = net.kernel_length
        n_components = min(2 * net.n_outputs, net.F1 * net.D)
        candidates.append(Induced(X, weight, one_sample(length), n_components))
        bank = band_passes(length, sfreq)
        if len(bank):
            candidates.append(Induced(X, weight, bank))
    if kind in ("auto", "evoked"):
        candidates.append(Evoked(X, weight, net))
    onehot = np.eye(net.n_outputs)[y]
    losses = [ridge_by_leave_one_out(each.features, onehot, weight).loss for each in candidates]
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best] - LEAST_GAIN:
            best = i
    return candidates[best]


def find_start(net, features, y, weight, index=None):
    """Fit the classifier of some trials on features, and take its components.

    Parameters
    ----------
    net : EEGNet
        For its sizes.
    features : Induced or Evoked
    y : ndarray of int, shape (n_trials,)
    weight : ndarray, shape (n_trials,)
    index : ndarray of int | None
        Positions of the trials to fit on; None for all.

    Returns
    -------
    start : Start
    """
    index = np.arange(len(y)) if index is None else index
    onehot = np.eye(net.n_outputs)[y[index]]
    ridge = ridge_by_leave_one_out(features.features[index], onehot, weight[index])
    return features.start(ridge, net)


@torch.no_grad()
def set_start(net, start, X):
    """Write a start into a network, with the running statistics of its normalisations, in place.

    Parameters
    ----------
    net : EEGNet
    start : Start
    X : ndarray, shape (n_trials, n_chans, n_times)
        The scaled training trials.

    Returns
    -------
    net : EEGNet
        In inference its logits are those of the classical classifier, to the order above.
    """
    induced = start.kind == "induced"

    def write(parameter, values):
        parameter.copy_(torch.from_numpy(np.asarray(values, dtype=np.float32)).view_as(parameter))

    def write_norm(norm, mean, variance, weight, bias):
        for parameter, values in (
            (norm.running_mean, mean),
            (norm.running_var, variance),
            (norm.weight, weight),
            (norm.bias, bias),
        ):
            write(parameter, np.broadcast_to(values, parameter.shape))

    n_maps, D = len(start.filters), net.D
    write(net.temporal.weight, start.kernels)
    write(net.spatial.weight, start.filters)
    distinct, which = np.unique(start.kernels, axis=0, return_inverse=True)
    moments = np.array(
        [(Z.mean(), Z.var()) for Z in (filter_in_time(X, kernel) for kernel in distinct)]
    )[which.reshape(-1)]
    write_norm(net.temporal_norm, moments[:, 0], moments[:, 1], 1, 0)
    scale = np.repeat(1 / np.sqrt(moments[:, 1] + net.temporal_norm.eps), D)
    maps = np.einsum("mc,nct->nmt", start.filters, X, optimize=True)
    maps = np.stack(
        [filter_in_time(maps[:, m], start.kernels[m // D]) for m in range(n_maps)], axis=1
    )
    maps = maps - (np.repeat(moments[:, 0], D) * start.filters.sum(axis=1))[:, np.newaxis]
    maps = maps * scale[:, np.newaxis]
    mean, variance = maps.mean(axis=(0, 2)), maps.var(axis=(0, 2))
    gain = INDUCED_GAIN if induced else EVOKED_GAIN
    shift = 0.0 if induced else LINEAR_SHIFT * gain
    write_norm(net.spatial_norm, mean, variance, gain, shift)
    deviation = np.sqrt(variance + net.spatial_norm.eps)[:, np.newaxis]
    normalised = gain * (maps - mean[:, np.newaxis]) / deviation + shift
    n_pooled = net.n_times // net.pool1
    pooled = F.avg_pool1d(F.elu(torch.from_numpy(normalised)), net.pool1)

    length = net.separable_kernel_length
    separable = np.full((n_maps, length), 1 / length)
    if not induced:
        separable[:] = 0
        separable[np.arange(n_maps), (length - 1) // 2 + start.shifts] = 1
    write(net.separable_depthwise.weight, separable)
    write(net.pointwise.weight, np.eye(n_maps))
    filtered = np.stack(
        [filter_in_time(pooled[:, m].numpy(), separable[m]) for m in range(n_maps)], axis=1
    )
    mean, variance = filtered.mean(axis=(0, 2)), filtered.var(axis=(0, 2))
    deviation = np.sqrt(variance + net.separable_norm.eps)[:, np.newaxis]
    normalised = (filtered - mean[:, np.newaxis]) / deviation + LINEAR_SHIFT
    features = F.avg_pool1d(F.elu(torch.from_numpy(normalised)), net.pool2).numpy()

    n_windows = n_pooled // net.pool2
    if induced:
        copies = np.eye(start.component.max() + 1)[start.component]
        copies /= copies.sum(axis=0)
        level = features.mean(axis=2) @ copies
        level = level - level.mean(axis=0)
        products = level.T @ level
        products += SMOOTHING * np.trace(products) / len(products) * np.eye(len(products))
        rows = copies @ np.linalg.solve(products, level.T @ start.ridge.fitted) / n_windows
        rows = np.repeat(rows[:, np.newaxis], n_windows, axis=1)
    else:
        # from the component to the map: normalisations 1, 2 and 3
        factor = (
            scale
            * gain
            / np.sqrt(net.spatial_norm.running_var.double().numpy() + net.spatial_norm.eps)
            / deviation[:, 0]
        )
        rows = start.rows / factor[:, np.newaxis, np.newaxis]
    rows = rows.transpose(2, 0, 1).reshape(net.n_outputs, -1)
    scores = features.reshape(len(X), -1) @ rows.T
    scores = scores - scores.mean(axis=0)
    # truncation and curvature change the spread a little: that of the classifier
    spread = np.square(start.ridge.fitted - start.ridge.fitted.mean(axis=0)).sum()
    factor = start.ridge.temperature * np.sqrt(spread / max(np.square(scores).sum(), 1e-300))
    rows = factor * rows
    bound = np.inf if net.dense_max_norm is None else _ROW_NORM * net.dense_max_norm
    larger = max(1.0, np.linalg.norm(rows, axis=1).max() / bound)
    write_norm(net.separable_norm, mean, variance, larger, larger * LINEAR_SHIFT)
    write(net.classifier.weight, rows / larger)
    offset = features.reshape(len(X), -1).mean(axis=0) @ rows.T
    write(net.classifier.bias, start.ridge.bias - offset)
    return net
