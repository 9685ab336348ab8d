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
second ELU where it is a line. The classifier's rows are equal over time. For two classes and one
filter each row is :math:`\lambda_i` times the slope of log-power over what the map gives, by the
training trials, each component by itself; the maps hold a quarter as many components of a
classifier, and the :math:`|\lambda|` of the first one that is left out is taken off theirs: soft
thresholding of the spectrum, the proximal step of the trace norm, which takes more from components
that a few trials make up than from the leading ones. For more classes or bands the rows are
regressed on the tangent-space scores, so that the maps take up what the components that are left
out have in common with them.

**Mirror images.** Where channels' names say which electrodes are each other's mirror images, M, a
second classifier of two classes has :math:`W = -M W M`: a trial's mirror image is of the other
class, as imagery of the left and the right hand roughly is. That is the classifier of the trials
and of their mirror images under the other label, and the ridge regression on the part of
:math:`\log(P C P)` that is odd under M, with P from the mean of both. The log-odds of both are
added, with half of the maps for each: to choose one of them by few trials would cost more than the
lesser one does, and a classifier that tells left-out trials nothing has log-odds near zero.

**Driven.** A response to flicker is a line in the spectrum, which wide bands hide. One of the
candidates for induced activity is therefore a bank of bands as narrow as the temporal filters
allow, their centres one over the filters' length apart.

**Evoked.** Where both ELUs work on their line the network is linear. Means of the whitened trials
over the first pooling are regressed on, :math:`\langle B_k, P X\rangle` with one column of
:math:`B_k` for each pooled sample. Trial i counts :math:`1 / \sigma_i^2`, the inverse of its power,
as in generalised least squares: its noise is about as strong as the whole trial. The leading left
singular vectors of :math:`(B_1 \dots B_K)` are spatial filters. The time course of a component,
with the window :math:`w` and the sample :math:`s` in it for indices, is a matrix whose singular
value decomposition :math:`\sum_j b_j(s)\, r_j(w)` gives separable kernels and rows: with the kernel
:math:`\sum_s b_j(s)(\delta_s - \delta_{s+1})` the sum over a window is the difference of samples a
window apart, and with rows cumulated over windows these differences add up to the samples
themselves. Nothing is approximated but for the rank. Half of the maps hold that, by their share of
the scores' variance; the other half the log-powers of the leading components in each window, on
which the classifier is regressed together with the signals. XDAWN covariances in their tangent
space [2]_ tell the same: products with the classes' mean responses, relative to the powers, and the
powers.

**Which.** Both are ridge regressions to the classes' indicators, that is, linear discriminants
with a shrunk covariance. A ridge regression has its leave-one-out predictions in closed form; the
cross-entropy of these, after scaling them by one temperature, chooses the shrinkage, the temporal
filters, and induced or evoked: what comes later has to be better by a standard error. The network's
scores are given the spread of the left-out ones, and that temperature, which makes them log-odds.
No trial but the training trials is used.

References
----------
.. [1] Barachant, A., Bonnet, S., Congedo, M., & Jutten, C. (2012). Multiclass brain-computer
   interface classification by Riemannian geometry. IEEE Transactions on Biomedical Engineering,
   59(4), 920-928.
.. [2] Barachant, A., & Congedo, M. (2014). A plug & play P300 BCI using information geometry.
   arXiv:1409.0107.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.fft import next_fast_len, rfft
from scipy.optimize import minimize
from scipy.signal import fftconvolve, firwin
from scipy.special import logsumexp
from torch.nn import functional as F

from eegsep._utils.chunks import chunks

STARTS = ("induced", "evoked", "glorot")
# Of the ridge, relative to the mean eigenvalue of the trials' Gram matrix.
SHRINKAGES = np.logspace(-3, 3, 13)
# Of what the best shrinkage gains over chance, for a larger one: the spectra of two classes'
# matrices are cleaner then.
GIVEN_UP = 0.2
# Of the mu and beta rhythms, in Hz: for trials that were not filtered before.
RHYTHMS = (8, 32)
# Standard deviation that batch normalisation 2 gives a component of induced activity: pooled ELUs
# then follow amplitude.
INDUCED_GAIN = 2.0
# Of the regression of scores on maps, relative to the maps' mean sum of squares.
SMOOTHING = 1.0
# Inverse variance that classes' biases are expected to have about the log of the classes' shares.
BIAS_PRECISION = 4.0
# Deviations above zero where batch normalisations keep an ELU on its line.
LINEAR_SHIFT = 3.0
# Of the components of evoked activity before the first ELU: small, so that the shift suffices.
EVOKED_GAIN = 1.0
_LEAST_TRIALS = 3  # of each class
_LEAST_TIMES = 16
_LEAST_POWER = 1e-6  # of a window, where that of all is 1
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
        The one that was chosen; NaN for a sum of several.
    """

    coef: np.ndarray
    fitted: np.ndarray
    left_out: np.ndarray
    temperature: float
    bias: np.ndarray
    loss: float
    shrinkage: float

    def losses(self, onehot):
        """Cross-entropy of each trial's left-out score, ndarray, shape (n_trials,)."""
        return cross_entropies(self.temperature * self.left_out + self.bias, onehot)


class Start(NamedTuple):
    """Components of a classical classifier, as a network can hold them.

    Attributes
    ----------
    kind : {"induced", "evoked"}
        Of activity.
    ridge : Ridge
        The classifier.
    component : ndarray of int, shape (F1 * D, n_windows)
        Which power each map's window is of; the maps of a power share a row. -1 for maps that are
        linear in the signals, with rows of their own.
    kernels : ndarray, shape (F1, kernel_length)
        Temporal filters.
    filters : ndarray, shape (F1 * D, n_chans)
        Spatial filters, of norm 1.
    separable : ndarray, shape (F1 * D, separable_kernel_length)
        Kernels of the second block.
    rows : ndarray, shape (F1 * D, n_windows, n_classes)
        What a class's score gains with a window of a map that is linear.
    induced : ndarray, shape (n_trials, n_classes) or (n_trials, n_components, n_classes)
        What powers add to the scores of the training trials: all together, or each.
    """

    kind: str
    ridge: Ridge
    component: np.ndarray
    kernels: np.ndarray
    filters: np.ndarray
    separable: np.ndarray
    rows: np.ndarray
    induced: np.ndarray


def cross_entropies(logits, onehot):
    """Cross-entropy in nats of each trial's logits (n_trials, n_classes), shape (n_trials,)."""
    return logsumexp(logits, axis=1) - (onehot * logits).sum(axis=1)


def are_surely_less(losses, than, weight, n_errors=1):
    """Say whether losses are less than others on average, by more than a standard error or more.

    Parameters
    ----------
    losses, than : ndarray, shape (n_trials,)
        Of the same trials.
    weight : ndarray, shape (n_trials,)
    n_errors : float, default=1
        How many standard errors of the mean difference.

    Returns
    -------
    are_less : bool
    """
    share, gains = weight / weight.sum(), than - losses
    gain = share @ gains
    return bool(gain > n_errors * np.sqrt(np.square(share) @ np.square(gains - gain)))


def ridge_by_leave_one_out(features, onehot, weight, trust=None, given_up=0.0):
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
    trust : ndarray, shape (n_trials,) | None
        What these are multiplied by in the regression, though not in the loss: the inverse of each
        trial's variance of noise.
    given_up : float
        The largest shrinkage is taken that gives up no more than this share of what the best one
        gains over chance; for 0 the smallest that is as good as the best.

    Returns
    -------
    ridge : Ridge
    """
    in_loss = weight
    weight = weight if trust is None else weight * trust
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
    found = []
    for shrinkage in SHRINKAGES:
        gain = 1 / (powers + shrinkage * powers.sum() / len(features))
        solved = vectors @ (gain[:, np.newaxis] * along)
        fitted = vectors @ ((gain * powers)[:, np.newaxis] * along) / root
        leverage = np.square(vectors) @ (gain * powers) + weight / len(weight)
        left_out = target - (target - fitted) / np.maximum(1 - leverage, 1e-9)[:, np.newaxis]
        temperature, bias, loss = find_temperature(left_out, onehot, in_loss)
        found.append((solved, fitted, left_out, temperature, bias, loss, shrinkage))
    losses = np.array([each[-2] for each in found])
    if given_up:
        share = np.average(onehot, axis=0, weights=in_loss)
        gained = max(0.0, -(share * np.log(share)).sum() - losses.min())
        best = found[np.flatnonzero(losses <= losses.min() + given_up * gained)[-1]]
    else:
        best = found[np.flatnonzero(losses < losses.min() + 1e-3)[0]]
    return Ridge(scaled.T @ best[0], *best[1:])


def sum_of_log_odds(ridges, onehot, weight):
    """Add the log-odds of several classifiers of the same features up to one classifier.

    A classifier counts by what it tells of left-out trials: the temperature is low, and the
    log-odds small, of one that tells nothing.

    Parameters
    ----------
    ridges : list of Ridge
    onehot : ndarray, shape (n_trials, n_classes)
    weight : ndarray, shape (n_trials,)

    Returns
    -------
    ridge : Ridge
    """
    if len(ridges) == 1:
        return ridges[0]
    coef, fitted, left_out = (
        sum(ridge.temperature * getattr(ridge, name) for ridge in ridges)
        for name in ("coef", "fitted", "left_out")
    )
    temperature, bias, loss = find_temperature(left_out, onehot, weight)
    return Ridge(coef, fitted, left_out, temperature, bias, loss, np.nan)


def find_temperature(scores, onehot, weight, with_bias=True):
    """Find one factor, and a bias for each class, that make scores log-odds.

    Parameters
    ----------
    scores : ndarray, shape (n_trials, n_classes)
        Of trials that the scores were not fitted to.
    onehot : ndarray, shape (n_trials, n_classes)
    weight : ndarray, shape (n_trials,)
    with_bias : bool
        Whether the classes get a bias each, drawn to the log of their shares, or zero.

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
    # of a class without trials as if it had half of one
    frequency = np.maximum((share * onehot).sum(axis=0), 0.5 / len(scores))
    expected = np.log(frequency) - np.log(frequency).mean() if with_bias else 0 * frequency
    narrowness = BIAS_PRECISION / len(scores)

    def cost(parameters):
        factor, bias = np.exp(parameters[0]), parameters[1:]
        logits = factor * scores + bias
        logits = logits - logits.max(axis=1, keepdims=True)
        logsums = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        slope = share * (np.exp(logits - logsums) - onehot)
        beyond = bias - expected
        penalty = 1e-3 * factor**2 / 2 + narrowness * (beyond**2).sum() / 2
        loss = -(share * onehot * (logits - logsums)).sum() + penalty
        by_factor = factor * (slope * scores).sum() + 1e-3 * factor**2
        return loss, np.concatenate([[by_factor], slope.sum(axis=0) + narrowness * beyond])

    found = minimize(
        cost,
        np.concatenate([[-1.0], expected]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-6, 4), *((b - 5, b + 5) if with_bias else (0, 0) for b in expected)],
    )
    return float(np.exp(found.x[0]) / unit), found.x[1:], float(found.fun)


def covariances(X, kernel=None):
    """Covariances over time of each trial, shrunk by the oracle approximating formula.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
    kernel : ndarray, shape (kernel_length,) | None
        Temporal filter to apply first, with what it makes beyond the window: the sum over
        frequencies of cross-spectra by its squared gain.

    Returns
    -------
    covariances : ndarray, shape (n_trials, n_chans, n_chans)
        As scikit-learn's ``OAS`` gives them, all at once.
    """
    n_chans, n_times = X.shape[1:]
    found = np.empty((len(X), n_chans, n_chans))
    if kernel is not None:
        n_fft = next_fast_len(n_times + len(kernel) - 1, real=True)
        gain = np.abs(rfft(kernel, n_fft))
        kept = gain > 1e-4 * gain.max()
        # of the frequencies that are not their own negative
        twice = np.where(np.arange(len(gain)) % (n_fft / 2) == 0, 1, 2)
        gain = (gain * np.sqrt(twice / n_fft))[kept]
    start = 0
    for part in chunks(X, np.arange(len(X))):
        part = part - part.mean(axis=2, keepdims=True)
        if kernel is not None:
            spectra = gain * rfft(part, n_fft)[..., kept]
            part = np.concatenate([spectra.real, spectra.imag], axis=2)
        found[start : start + len(part)] = part @ part.transpose(0, 2, 1) / n_times
        start += len(part)
    mean = np.trace(found, axis1=1, axis2=2) / n_chans
    alpha = np.square(found).mean(axis=(1, 2))
    divisor = (n_times + 1) * (alpha - mean**2 / n_chans)
    with np.errstate(divide="ignore", invalid="ignore"):
        shrinkage = np.where(divisor > 0, np.minimum((alpha + mean**2) / divisor, 1), 1.0)
    eye = np.eye(n_chans)
    return (1 - shrinkage)[:, None, None] * found + (shrinkage * mean)[:, None, None] * eye


def tangent_vectors(matrices, weight, mirror=None):
    """Map covariances to the tangent space at their arithmetic mean.

    The Riemannian mean would take several eigendecompositions of each matrix; scores from there do
    not differ.

    Parameters
    ----------
    matrices : ndarray, shape (n_trials, n_chans, n_chans)
        Positive definite.
    weight : ndarray, shape (n_trials,)
    mirror : ndarray of int, shape (n_chans,) | None
        Position of each channel's mirror image. The mean is then that of all trials and their
        mirror images, so that an image's tangent vector is the image of the tangent vector.

    Returns
    -------
    tangents : ndarray, shape (n_trials, n_chans, n_chans)
        ``log(P C P)``, symmetric.
    whitener : ndarray, shape (n_chans, n_chans)
        ``P``, the inverse root of the mean.
    """
    mean = np.tensordot(weight / weight.sum(), matrices, 1)
    if mirror is not None:
        mean = (mean + mean[np.ix_(mirror, mirror)]) / 2
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


def band_passes(kernel_length, sfreq, bands):
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


def narrow_bands(kernel_length, sfreq):
    """List bands as far apart as kernels can tell frequencies apart, for driven activity.

    Parameters
    ----------
    kernel_length : int
    sfreq : float
        In Hz.

    Returns
    -------
    bands : list of (float, float)
        Half overlapping at their skirts, from 6 to 45 Hz.
    """
    apart = sfreq / kernel_length
    return [(f - apart / 2, f + apart / 2) for f in np.arange(max(6, apart), 45, apart)]


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


class _Features:
    """What both kinds of features have in common: fits of some trials, and starts from them."""

    def losses(self, net, onehot, weight):
        """Return what each trial's loss is when it is left out of a fit on all, in nats."""
        return self._fit(net, onehot, weight, np.arange(len(onehot)))[0].losses(onehot)

    def start(self, net, onehot, weight, index):
        """Fit some trials, and take the components of the classifier.

        Parameters
        ----------
        net : EEGNet
            For its numbers of filters.
        onehot : ndarray, shape (n_index, n_classes)
        weight : ndarray, shape (n_index,)
        index : ndarray of int
            Positions of the trials.

        Returns
        -------
        start : Start
        """
        return self._components(net, index, *self._fit(net, onehot, weight, index))


class Induced(_Features):
    """Tangent vectors of trials, one set for each temporal filter, and starts from them.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Scaled trials.
    weight : ndarray, shape (n_trials,)
    kernels : ndarray, shape (n_bands, kernel_length)
        Temporal filters, of which each gets a tangent space; a classifier is fitted on all.
    n_components : int | None
        Distinct components of each classifier for each filter; they repeat where the network holds
        more. None for all of them.
    mirror : ndarray of int, shape (n_chans,) | None
        Position of each channel's mirror image, for half a classifier of which trials' mirror
        images are of the other class.

    Attributes
    ----------
    features : ndarray, shape (n_trials, n_bands * n_chans * (n_chans + 1) / 2)
    odd : ndarray | None
        Their part that changes sign in a mirror; None without ``mirror``.
    """

    kind = "induced"

    def __init__(self, X, weight, kernels, n_components=None, mirror=None):
        self._X, self._n_chans = X, X.shape[1]
        self._kernels, self._n_components = kernels, n_components
        self._upper = np.triu_indices(self._n_chans)
        # so that products of vectors are those of matrices
        self._isometry = np.where(self._upper[0] == self._upper[1], 1.0, np.sqrt(2.0))
        whiteners, features, odd = [], [], []
        for kernel in kernels:
            matrices = covariances(X, kernel if np.count_nonzero(kernel) > 1 else None)
            tangents, whitener = tangent_vectors(matrices, weight, mirror)
            whiteners.append(whitener)
            features.append(self._vectors(tangents))
            if mirror is not None:
                images = tangents[:, mirror[:, np.newaxis], mirror]
                odd.append(self._vectors(tangents - images) / 2)
        self._whiteners = np.array(whiteners)
        self.features = np.concatenate(features, axis=1)
        self.odd = np.concatenate(odd, axis=1) if odd else None

    def _vectors(self, matrices):
        return matrices[:, self._upper[0], self._upper[1]] * self._isometry

    def _fit(self, net, onehot, weight, index):
        given_up = GIVEN_UP if self._is_of_two_classes(net) else 0.0
        ridges = [
            ridge_by_leave_one_out(part[index], onehot, weight, given_up=given_up)
            for part in (self.features, self.odd)
            if part is not None
        ]
        total = sum_of_log_odds(ridges, onehot, weight)
        # of each its own components where there are temporal filters enough
        return total, ridges if len(ridges) <= net.F1 else [total]

    def _is_of_two_classes(self, net):
        """Whether each component is of one filter, and its eigenvalue all there is to say of it."""
        return net.n_outputs == 2 and len(self._kernels) == 1

    def _components(self, net, index, ridge, ridges):
        n_bands, n_classes = len(self._kernels), ridge.coef.shape[1]
        rows, columns = self._upper
        bands, component, axes, eigenvalues = [], [], [], []
        for part, filters in zip(ridges, np.array_split(range(net.F1), len(ridges)), strict=True):
            coef = part.temperature * part.coef.reshape(n_bands, -1, n_classes)
            coef = coef.transpose(0, 2, 1) / self._isometry
            classifiers = np.zeros((n_bands, n_classes, self._n_chans, self._n_chans))
            classifiers[:, :, rows, columns] = classifiers[:, :, columns, rows] = coef
            leading = _leading_axes(classifiers, len(filters), net.D, self._n_components)
            bands.append(leading[0])
            component.append(leading[1] + sum(map(len, eigenvalues)))
            axes.append(leading[2])
            eigenvalues.append(leading[3])
        bands, component, axes, eigenvalues = map(
            np.concatenate, (bands, component, axes, eigenvalues)
        )
        filters = np.einsum("mj,mij->mi", axes, self._whiteners[np.repeat(bands, net.D)])
        kernels = self._kernels[bands]
        induced = ridge.fitted
        if self._is_of_two_classes(net):
            powers = self._log_powers(component, kernels, filters, index)
            induced = powers[:, :, np.newaxis] * eigenvalues
        n_maps, length = net.F1 * net.D, net.separable_kernel_length
        n_windows = net.n_times // net.pool1 // net.pool2
        return Start(
            kind=self.kind,
            ridge=ridge,
            component=np.repeat(component[:, np.newaxis], n_windows, axis=1),
            kernels=kernels,
            filters=filters / np.linalg.norm(filters, axis=1, keepdims=True),
            separable=np.full((n_maps, length), 1 / length),
            rows=np.zeros((n_maps, n_windows, n_classes)),
            induced=induced,
        )

    def _log_powers(self, component, kernels, filters, index):
        """Return log-powers of components about their means, shape (n_index, n_components)."""
        powers = np.empty((len(index), component.max() + 1))
        for m in np.unique(component, return_index=True)[1]:
            kernel = kernels[m * len(kernels) // len(filters)]
            maps = filter_in_time(filters[m] @ self._X[index], kernel)
            powers[:, component[m]] = np.log(np.maximum(np.square(maps).mean(axis=1), 1e-300))
        return powers - powers.mean(axis=0)


def _leading_axes(classifiers, F1, D, n_components):
    """Choose a band for each temporal filter, and D axes of that band for each.

    The axes are the eigenvectors of the sum of the classes' squared matrices: for two classes,
    whose matrices are each other's negative, those of either; for more, axes that they share. The
    strength of the first one that is left out is taken off those that are held.

    Returned are the bands (F1), which component each map is of (F1 * D), its axis (copies of a
    component have alternating signs, with which the part of an ELU that is odd cancels), and the
    components' eigenvalues (n_components, n_classes).
    """
    n_bands = len(classifiers)
    if classifiers.shape[1] == 2:
        values, vectors = np.linalg.eigh(classifiers[:, 1])
    else:
        values, vectors = np.linalg.eigh(np.einsum("bkij,bkjl->bil", classifiers, classifiers))
    order = np.argsort(-np.abs(values), axis=1, kind="stable")
    vectors = np.take_along_axis(vectors.transpose(0, 2, 1), order[..., np.newaxis], axis=1)
    eigenvalues = np.einsum("bri,bkij,brj->brk", vectors, classifiers, vectors, optimize=True)
    norms = np.linalg.norm(eigenvalues, axis=2)
    strength = norms[:, :n_components].copy()
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
    held, component = np.unique(of_maps * n_distinct + ranks, return_inverse=True)
    held = held // n_distinct, held % n_distinct
    left_out = norms.copy()
    left_out[held] = 0
    kept = np.maximum(1 - left_out.max() / np.maximum(norms[held], 1e-300), 0)
    copies = [np.count_nonzero(component[:m] == component[m]) for m in range(F1 * D)]
    signs = (-1.0) ** np.array(copies)
    axes = signs[:, np.newaxis] * vectors[of_maps, ranks]
    return np.array(bands), component, axes, kept[:, np.newaxis] * eigenvalues[held]


class Evoked(_Features):
    """Whitened trials as a network's first pooling leaves them, powers in windows, and starts.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Scaled trials.
    weight : ndarray, shape (n_trials,)
    net : EEGNet
        Whose poolings and kernels are to hold a start.

    Attributes
    ----------
    features : ndarray, shape (n_trials, n_chans * n_samples)
        The signals, in units of their deviation.
    """

    kind = "evoked"

    def __init__(self, X, weight, net):
        noise = np.average(covariances(X), axis=0, weights=weight)
        self._X, self._whitener = X, _of_eigenvalues(noise, _power(-0.5))
        n_pooled, length = net.n_times // net.pool1, net.pool2
        self._n_windows = n_pooled // length
        self._basis = _kernels_of_samples(net.separable_kernel_length, length)
        pooled, power = [], []
        for part in chunks(X, np.arange(len(X))):
            white = self._whitener @ part
            power.append(np.square(white).sum(axis=(1, 2)))
            white = white[..., : n_pooled * net.pool1]
            pooled.append(white.reshape(*white.shape[:2], n_pooled, net.pool1).mean(axis=3))
        pooled, power = np.concatenate(pooled), np.concatenate(power)
        windows = pooled[..., : self._n_windows * length]
        windows = windows.reshape(*X.shape[:2], self._n_windows, length)
        if len(self._basis) == 1:
            windows = windows.mean(axis=3, keepdims=True)
        else:  # what is left over takes the place of the zeros beyond the window
            rest = pooled[..., self._n_windows * length :]
            windows[..., : rest.shape[-1]] -= rest[..., np.newaxis, :]
        self._edges = net.pool1 * length * np.arange(self._n_windows)
        self._n_used = net.pool1 * length * self._n_windows
        self._shape = windows.shape[1:]
        self.features = windows.reshape(len(X), -1)
        # the noise of a trial is as strong as the trial
        self._trust = 1 / np.maximum(power, np.median(power) / 4)

    def _fit(self, net, onehot, weight, index):
        """Fit on signals; then on these and on powers of the components that lead there."""
        features, trust = self.features[index], self._trust[index]
        ridge = ridge_by_leave_one_out(features, onehot, weight, trust)
        axes = self._leading_axes(ridge.coef)[:, : net.F1 * net.D // 4]
        powers = self._log_powers(axes, index)
        both = np.concatenate([features, powers], axis=1)
        return ridge_by_leave_one_out(both, onehot, weight, trust), axes, powers

    def _leading_axes(self, coef):
        """Return spatial axes by how much of the scores' variance they carry."""
        by_channel = coef.reshape(self._shape[0], self._n_times, -1)
        times = self.features.reshape(-1, self._n_times)
        root = _of_eigenvalues(times.T @ times / len(times), _power(0.5))
        by_channel = np.einsum("ctk,ts->csk", by_channel, root)
        by_channel = by_channel.reshape(self._shape[0], -1)
        left, values, _ = np.linalg.svd(by_channel, full_matrices=False)
        return left[:, : np.count_nonzero(values > 1e-10 * values[0])]

    @property
    def _n_times(self):
        return self._shape[1] * self._shape[2]

    def _log_powers(self, axes, index):
        """Return log-powers of components in each window, shape (n_trials, n_axes * n_windows)."""
        filters = axes.T @ self._whitener
        powers = np.concatenate(
            [
                np.add.reduceat(np.square(filters @ part), self._edges, axis=2)
                for part in chunks(self._X[..., : self._n_used], index)
            ]
        )
        powers = powers / (self._n_used // self._n_windows)
        return np.log(np.maximum(powers, _LEAST_POWER)).reshape(len(index), powers[0].size)

    def _components(self, net, index, ridge, axes, powers):
        n_signals, n_maps = self.features.shape[1], net.F1 * net.D
        power = axes.shape[1] if n_maps >= 4 else 0
        signal_axes, kernels, rows = self._maps(ridge.coef[:n_signals], index, n_maps - 2 * power)
        # each power by two maps of opposite sign, so that what is odd in an ELU cancels
        all_axes = np.concatenate([signal_axes, axes.T, -axes.T][: 3 if power else 1])
        filters = all_axes @ self._whitener
        norms = np.linalg.norm(filters, axis=1, keepdims=True)
        centre = np.zeros((2 * power, net.separable_kernel_length))
        centre[:, (net.separable_kernel_length - 1) // 2] = 1
        n_windows = self._n_windows
        component = np.full((n_maps, n_windows), -1)
        component[n_maps - 2 * power :] = np.tile(
            np.arange(power * n_windows).reshape(power, n_windows), (2, 1)
        )
        return Start(
            kind=self.kind,
            ridge=ridge,
            component=component,
            kernels=np.repeat(one_sample(net.kernel_length), net.F1, axis=0),
            filters=filters / norms,
            separable=np.concatenate([kernels, centre]),
            rows=np.concatenate(
                [rows * norms[: len(rows), :, np.newaxis], np.zeros((2 * power, *rows.shape[1:]))]
            ),
            induced=(powers - powers.mean(axis=0)) @ ridge.coef[n_signals:],
        )

    def _maps(self, coef, index, n_maps):
        """Split a classifier of signals into products of an axis, a kernel and rows over windows.

        Returned are those that carry most of the scores, again from the first where there are
        fewer than maps: axes (n_maps, n_chans), kernels (n_maps, kernel_length), and rows (n_maps,
        n_windows, n_classes).
        """
        _, n_windows, length = self._shape
        axes = self._leading_axes(coef)[:, :n_maps]
        by_axis = np.einsum("cr,cwsk->rswk", axes, coef.reshape(*self._shape, -1))
        left, values, right = np.linalg.svd(
            by_axis.reshape(axes.shape[1], length, -1), full_matrices=False
        )
        rows = (values[..., np.newaxis] * right).reshape(*values.shape, n_windows, -1)
        signals = np.einsum(
            "ncws,cr->nrws", self.features[index].reshape(-1, *self._shape), axes, optimize=True
        )
        scores = np.einsum("nrws,rsj,rjwk->nrjk", signals, left, rows, optimize=True)
        carried = scores.var(axis=0).sum(axis=-1)
        kept = np.count_nonzero(carried > 1e-12 * carried.max())
        order = np.argsort(-carried, axis=None, kind="stable")[: min(kept, n_maps)]
        chosen = order[np.arange(n_maps) % len(order)]
        copies = np.bincount(chosen)[chosen]
        of_axis, rank = np.unravel_index(chosen, carried.shape)
        rows = rows[of_axis, rank] / copies[:, np.newaxis, np.newaxis]
        if length > 1:
            rows = rows.cumsum(axis=1)
        return axes.T[of_axis], left[of_axis, :, rank] @ self._basis, rows


def _kernels_of_samples(kernel_length, length):
    """Make separable kernels whose window means give each sample of a window.

    The sum over a window of each sample's difference from the next is the difference of two
    samples that are a window apart; summed over this and all later windows it is the first sample
    alone. Shape (length, kernel_length); a single one in the middle, and so means of windows, where
    kernels are too short for that.
    """
    centre = (kernel_length - 1) // 2
    if length == 1 or centre + length >= kernel_length:
        kernels = np.zeros((1, kernel_length))
        kernels[0, centre] = 1
        return kernels
    kernels = np.zeros((length, kernel_length))
    sample = np.arange(length)
    kernels[sample, centre + sample] = length
    kernels[sample, centre + sample + 1] = -length
    return kernels


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
        return f"a class has fewer than {_LEAST_TRIALS} distinct trials that count"
    return None


def best_features(net, X, y, weight, sfreq, kind="auto", mirror=None):
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
    mirror : ndarray of int, shape (n_chans,) | None
        Position of each channel's mirror image; None where that is not known.

    Returns
    -------
    features : Induced or Evoked
        The first of broadband induced activity, that in the rhythms' band, that in narrow bands,
        and evoked activity, but for a later one whose loss is less by a standard error of the
        difference.
    """
    candidates = []
    if kind in ("auto", "induced"):
        length = net.kernel_length
        n_maps = net.F1 * net.D
        if net.n_outputs == 2:
            n_components = max(1, n_maps // 4)
        else:
            n_components, mirror = min(2 * net.n_outputs, n_maps), None
        for kernel in (one_sample(length), band_passes(length, sfreq, [RHYTHMS])):
            if len(kernel):
                candidates.append(Induced(X, weight, kernel, n_components, mirror))
        bank = band_passes(length, sfreq, narrow_bands(length, sfreq))
        if len(bank):
            candidates.append(Induced(X, weight, bank))
    if kind in ("auto", "evoked"):
        candidates.append(Evoked(X, weight, net))
    onehot = np.eye(net.n_outputs)[y]
    losses = [each.losses(net, onehot, weight) for each in candidates]
    best = 0
    for i, loss in enumerate(losses):
        if are_surely_less(loss, losses[best], weight):
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
    return features.start(net, onehot, weight[index], index)


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
    linear = start.component[:, 0] < 0

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
    gain = np.where(linear, EVOKED_GAIN, INDUCED_GAIN)
    shift = np.where(linear, LINEAR_SHIFT * EVOKED_GAIN, 0.0)
    write_norm(net.spatial_norm, mean, variance, gain, shift)
    slope = gain / np.sqrt(variance + net.spatial_norm.eps)
    normalised = slope[:, np.newaxis] * (maps - mean[:, np.newaxis]) + shift[:, np.newaxis]
    pooled = F.avg_pool1d(F.elu(torch.from_numpy(normalised)), net.pool1)

    separable = start.separable
    write(net.separable_depthwise.weight, separable)
    write(net.pointwise.weight, np.eye(n_maps))
    filtered = np.stack(
        [filter_in_time(pooled[:, m].numpy(), separable[m]) for m in range(n_maps)], axis=1
    )
    mean, variance = filtered.mean(axis=(0, 2)), filtered.var(axis=(0, 2))
    deviation = np.sqrt(variance + net.separable_norm.eps)[:, np.newaxis]
    normalised = (filtered - mean[:, np.newaxis]) / deviation + LINEAR_SHIFT
    features = F.avg_pool1d(F.elu(torch.from_numpy(normalised)), net.pool2).numpy()

    # from the component to the map: normalisations 1, 2 and 3
    rows = start.rows / (scale * slope / deviation[:, 0])[:, np.newaxis, np.newaxis]
    powers = start.component >= 0
    if powers.any():
        copies = np.eye(start.component.max() + 1)[start.component[powers]]
        level = features[:, powers] @ (copies / copies.sum(axis=0))
        level = level - level.mean(axis=0)
        products = level.T @ level
        if start.induced.ndim == 3:  # each component by itself
            by_power = np.einsum("ni,nik->ik", level, start.induced)
            by_power /= np.diag(products)[:, np.newaxis]
        else:
            products += SMOOTHING * np.trace(products) / len(products) * np.eye(len(products))
            by_power = np.linalg.solve(products, level.T @ start.induced)
        rows[powers] = copies @ (by_power / copies.sum(axis=0)[:, np.newaxis])
    rows = rows.transpose(2, 0, 1).reshape(net.n_outputs, -1)
    scores = features.reshape(len(X), -1) @ rows.T
    scores = scores - scores.mean(axis=0)
    # the classifier may fit its own trials too well, the few maps less: spread as where left out
    left_out = start.ridge.left_out
    spread = np.square(left_out - left_out.mean(axis=0)).sum()
    factor = start.ridge.temperature * np.sqrt(spread / max(np.square(scores).sum(), 1e-300))
    rows = factor * rows
    bound = np.inf if net.dense_max_norm is None else _ROW_NORM * net.dense_max_norm
    larger = max(1.0, np.linalg.norm(rows, axis=1).max() / bound)
    write_norm(net.separable_norm, mean, variance, larger, larger * LINEAR_SHIFT)
    write(net.classifier.weight, rows / larger)
    offset = features.reshape(len(X), -1).mean(axis=0) @ rows.T
    write(net.classifier.bias, start.ridge.bias - offset)
    return net
