"""How separable EEG is: what of the class difference kernels of one map and one rhythm can see.

One number from data or from a network's joint kernels, and the rank-one share of kernels beside it.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len, rfft
from scipy.signal.windows import hann
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from eegsep._utils.chunks import chunks
from eegsep._utils.constraints import checked, real, whole
from eegsep._utils.values import labels_of, refuse_masked
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.estimator.inputs import check_trials
from eegsep.network.settings import settled


@dataclass(frozen=True, eq=False)
class Separability:
    r"""How much of a class difference is separable in electrodes and time.

    Attributes
    ----------
    index : float
        :math:`(S^+ + \sigma) / (S^+ + J^+ + 2 \sigma)`, between 0 and 1, where :math:`S^+` and
        :math:`J^+` are ``separable`` and ``joint`` if positive, else 0, and :math:`\sigma` is
        ``noise``. Near 1: separable kernels see all of the class difference. Near 0: they see none
        of it. Near 1/2: half of it, or, with a large ``p_value``, nothing was found to divide.
    separable, joint : float
        Unbiased estimates of the squared class difference that separable kernels can see, and of
        that which only joint kernels can. Negative by chance where there is none.
    noise : float
        Root mean square of the two when labels are shuffled.
    p_value : float
        Share of label shufflings with as large a sum of the two: whether the classes differ at all.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import data_separability
    >>> X, y = np.random.default_rng(0).normal(size=(40, 4, 256)), np.arange(40) % 2
    >>> found = data_separability(X, y, sfreq=128, n_permutations=50)
    >>> 0 <= found.index <= 1
    True
    """

    index: float
    separable: float
    joint: float
    noise: float
    p_value: float


@dataclass(frozen=True, eq=False)
class NetworkSeparability:
    """Separability of a network's joint kernels, with what it is compared with.

    Attributes
    ----------
    trained : Separability
        Of the fitted kernels: the index of the subject.
    untrained : Separability
        Of new random kernels of the same network, on the same trials and labels.
    shuffled : tuple of Separability
        Of the same network trained on shuffled labels, for those labels.
    rank_one_shares : dict of float
        The overall :func:`rank_one_share` of the three sets of kernels, by the names above; for
        ``shuffled`` the mean.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, separability_index
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(spatial="joint", max_epochs=2, random_state=0).fit(X, y)
    >>> found = separability_index(clf, X, y, n_permutations=50)
    >>> len(found.shuffled), sorted(found.rank_one_shares)
    (1, ['shuffled', 'trained', 'untrained'])
    """

    trained: Separability
    untrained: Separability
    shuffled: tuple[Separability, ...]
    rank_one_shares: dict[str, float]


def rank_one_share(kernels):
    r"""Share of kernels' energy that their best rank-one approximations hold.

    A kernel that is a spatial filter times a temporal one, EEGNet's, is a matrix of rank one. With
    the singular values :math:`s_1 \ge s_2 \ge \dots` of a kernel, its share is
    :math:`s_1^2 / \sum_i s_i^2` (Eckart and Young 1936); of all kernels together, the sum of the
    numerators over the sum of the denominators.

    Parameters
    ----------
    kernels : array-like, shape (n_kernels, n_chans, kernel_length)
        Kernels over electrodes and time.

    Returns
    -------
    per_kernel : ndarray, shape (n_kernels,)
        Shares from 1 / min(n_chans, kernel_length) to 1; nan for a kernel of zeros.
    overall : float

    Raises
    ------
    ValueError
        If the kernels are not three-dimensional, or not finite.

    Notes
    -----
    Training moves a kernel only where there is signal, and what the initial weights had elsewhere
    stays: the share says as much about the initial weights as about the EEG. A kernel that has
    learned two separable sources at once has rank two. :func:`separability_index` has neither
    fault.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep.separability import rank_one_share
    >>> per_kernel, overall = rank_one_share([np.outer([1, 2], [1, 0, 1]), np.eye(2, 3)])
    >>> per_kernel.round(3).tolist()
    [1.0, 0.5]
    """
    kernels = _check_kernels(kernels)
    energies = np.linalg.svd(kernels, compute_uv=False) ** 2
    with np.errstate(invalid="ignore"):
        per_kernel = energies[:, 0] / energies.sum(axis=1)
        overall = energies[:, 0].sum() / energies.sum()
    return per_kernel, float(overall)


def random_rank_one_share(n_chans, kernel_length, *, n_draws=500, random_state=0):
    r"""Mean rank-one share of kernels of independent Gaussian weights, by Monte Carlo.

    For large kernels it nears :math:`(\sqrt{C} + \sqrt{K})^2 / (C K)`, from the edge of the
    Marchenko-Pastur law; a kernel of 22 x 32 has 0.137, for instance, and one of 64 x 80, 0.052.

    Parameters
    ----------
    n_chans, kernel_length : int
        Size of the kernels, C and K.
    n_draws : int
        Kernels to draw.
    random_state : int | RandomState | None
        Seed.

    Returns
    -------
    share : float

    Examples
    --------
    >>> from eegsep.separability import random_rank_one_share
    >>> round(random_rank_one_share(22, 32, n_draws=200), 2)
    0.14
    """
    rng = check_random_state(random_state)
    per_kernel, _ = rank_one_share(rng.standard_normal((n_draws, n_chans, kernel_length)))
    return float(per_kernel.mean())


@settled()
@checked(
    sfreq=[real(0, None)],
    fmin=[real(0, None, "left")],
    fmax=[real(0, None)],
    window=[real(0, None)],
    shrinkage=[real(0, 1, "both")],
    n_permutations=[whole(1)],
)
def data_separability(
    X,
    y,
    *,
    sfreq,
    fmin=8.0,
    fmax=32.0,
    window=0.5,
    shrinkage=0.1,
    n_permutations=200,
    random_state=0,
):
    r"""Measure on data how much of the class difference is separable.

    The statistic is the class difference of the electrode x lag covariance, in the frequency
    domain. With :math:`C(l) = E[x(t)\, x(t + l)^\top]` of a class, a kernel :math:`w k^\top` has
    the output power :math:`\sum_l r_k(l)\, w^\top C(l)\, w`, which the antisymmetric part of
    :math:`C(l)` does not enter, whatever :math:`w` and :math:`k`; while powers of enough such
    kernels determine the symmetric part (by polarisation). So the symmetric part of the
    difference between two classes is what separable kernels can see, and the antisymmetric part
    what only joint kernels can. In the frequency domain these are the real and the imaginary part
    of the cross-spectrum :math:`S(f)`. Independent sources of one topography each, however many,
    have a real one [1]_; a travelling wave has not.

    Cross-spectra :math:`S_i(f)` of each trial :math:`i` are whitened by
    :math:`W(f) = (\mathrm{Re}\, \bar S(f))^{-1/2}`, from all trials, so that the result does not
    depend on the units, the spectrum, or the mixing of electrodes. For two classes with :math:`n`
    and :math:`m` trials, and :math:`R_i` the real (or imaginary) part of
    :math:`W S_i W^\top`, the squared difference of the classes' means is estimated without bias by

    .. math:: \frac{\sum_{i \ne j} \langle R_i, R_j \rangle}{n (n - 1)}
       + \frac{\sum_{k \ne l} \langle R_k, R_l \rangle}{m (m - 1)}
       - \frac{2 \sum_{i, k} \langle R_i, R_k \rangle}{n m},

    a linear maximum mean discrepancy [2]_. Noise in tens of trials thus adds variance, no energy.
    With more classes it is the mean over pairs.

    Parameters
    ----------
    X : array-like, shape (n_trials, n_chans, n_times)
        Trials, in any unit.
    y : array-like, shape (n_trials,)
        Labels, at least two trials of each class.
    sfreq : float
        Sampling rate, in Hz.
    fmin, fmax : float
        Band in Hz; no wider than that of the data's own filter.
    window : float
        Length, in s, of the half-overlapping Hann windows; a trial if that is shorter.
    shrinkage : float
        Weight, in [0, 1], of a multiple of the identity in what whitens.
    n_permutations : int
        Label shufflings for ``noise`` and ``p_value``.
    random_state : int | RandomState | None
        Seed of the shufflings.

    Returns
    -------
    separability : Separability
        Energies relative to the power, means over frequencies and electrodes.

    Raises
    ------
    ValueError
        If a parameter is out of range, trials or labels cannot be used, or the band holds no
        frequency.

    Notes
    -----
    It says whether a class difference of *power and phase between electrodes* could be had from
    rank-one kernels, as a first layer has them. It does not say how well classes can be told
    apart (two classes that hardly differ may do so separably), nor what deeper layers might make of
    separable first ones, and it does not see differences of evoked potentials' waveforms.

    References
    ----------
    .. [1] Nolte, G., et al. (2004). Identifying true brain interaction from EEG data using the
       imaginary part of coherency. Clinical Neurophysiology, 115(10), 2292-2307.
    .. [2] Gretton, A., et al. (2012). A kernel two-sample test. Journal of Machine Learning
       Research, 13, 723-773. Lemma 6.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import data_separability
    >>> X, y = np.random.default_rng(0).normal(size=(40, 4, 256)), np.arange(40) % 2
    >>> X[y == 1, 0] *= 2  # a power, which separable filters see
    >>> found = data_separability(X, y, sfreq=128, n_permutations=50)
    >>> found.index > 0.9, found.p_value < 0.05
    (True, True)
    """
    X, y = _check_data(X, y)
    length = min(max(2, round(window * sfreq)), X.shape[2])
    freqs = np.fft.rfftfreq(length, 1 / sfreq)
    # a real signal has no phase at 0 Hz and at half the sampling rate
    used = (freqs >= fmin) & (freqs <= fmax) & (freqs > 0) & (freqs < sfreq / 2)
    if not used.any():
        raise ValueError(
            f"no frequency from {fmin:g} to {fmax:g} Hz in windows of {length} samples at "
            f"{sfreq:g} Hz: widen the band or lengthen the window"
        )
    windows = np.lib.stride_tricks.sliding_window_view(X, length, axis=2)
    windows = windows[:, :, :: max(1, length // 2)]
    taper = hann(length, sym=False)
    spectra = np.stack([rfft(trial * taper, axis=-1)[..., used] for trial in windows])

    n_trials, n_chans = X.shape[:2]
    grams = np.zeros((2, n_trials, n_trials))
    for x in np.moveaxis(spectra, -1, 0):
        cross = x @ x.conj().swapaxes(1, 2)
        real = _whitener(cross.real.mean(axis=0), shrinkage)
        cross = (real @ cross @ real).reshape(n_trials, -1)
        grams += [part @ part.T for part in (cross.real, cross.imag)]
    grams /= n_chans * used.sum()
    return _separability(grams, y, n_permutations, random_state)


@settled()
@checked(n_permutations=[whole(1)])
def kernel_separability(kernels, X, y, *, n_permutations=200, random_state=0):
    r"""Measure how much of the class difference that some kernels see is separable.

    Let :math:`P_m(x)` be the power of kernel m's output on a trial :math:`x` (with zeros around),
    and :math:`\tilde x` the trial run backwards in time. A kernel :math:`w k^\top` gives
    :math:`P_m(\tilde x) = P_m(x)` for every trial, since
    :math:`|\hat k(f)|^2 |w^\top \hat x(f)|^2` does not change when :math:`\hat x` becomes its
    complex conjugate. A joint kernel can tell the direction of time. So the class difference in

    .. math:: \tfrac12 [P_m(x) + P_m(\tilde x)], \qquad \tfrac12 [P_m(x) - P_m(\tilde x)],

    is what the kernels take from the symmetric part of the electrode x lag covariance, within the
    reach of separable kernels, and from the antisymmetric part, out of it. (See
    :func:`data_separability`, which estimates the squares of these differences in the same way.)
    Powers are divided by their mean over trials, which BatchNorm would do, and squares averaged
    over kernels: a kernel counts as far as the classes differ in it.

    Parameters
    ----------
    kernels : array-like, shape (n_kernels, n_chans, kernel_length)
        Kernels over electrodes and time.
    X : array-like, shape (n_trials, n_chans, n_times)
        Trials. The mean of each channel and trial is taken away.
    y : array-like, shape (n_trials,)
        Labels, at least two trials of each class.
    n_permutations : int
        Label shufflings for ``noise`` and ``p_value``.
    random_state : int | RandomState | None
        Seed of the shufflings.

    Returns
    -------
    separability : Separability
        On the trials that the kernels were trained on, both energies are too large and
        ``p_value`` too small: compare with a training on shuffled labels.

    Raises
    ------
    ValueError
        If kernels, trials or labels cannot be used or do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep.separability import kernel_separability
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> kernels = rng.normal(size=(3, 4, 1)) * rng.normal(size=(3, 1, 16))  # a map times a rhythm
    >>> found = kernel_separability(kernels, X, y, n_permutations=50)
    >>> abs(found.joint) < 1e-9
    True
    """
    kernels = _check_kernels(kernels)
    X, y = _check_data(X, y)
    if kernels.shape[1] != X.shape[1]:
        raise ValueError(
            f"kernels are over {kernels.shape[1]} channels, but the trials have {X.shape[1]}"
        )
    powers = _powers(kernels, X)
    means = powers[0].mean(axis=0) + powers[1].mean(axis=0)
    # relative to the mean of both directions; a dead kernel sees no difference
    powers *= 2 / np.where(means > 0, means, np.inf)
    parts = (powers[0] + powers[1]) / 2, (powers[0] - powers[1]) / 2
    grams = [part @ part.T / len(kernels) for part in parts]
    return _separability(grams, y, n_permutations, random_state)


@settled()
def joint_kernels(clf):
    """Kernels over electrodes and time of a network's first layer.

    Parameters
    ----------
    clf : EEGNetClassifier
        Fitted, with ``spatial="joint"``.

    Returns
    -------
    kernels : ndarray, shape (F1 * D, n_chans, kernel_length)
        For input scaled by ``clf.center_`` and ``clf.scale_``.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the classifier is not fitted.
    TypeError
        If it is another estimator.
    ValueError
        If its kernels are not joint.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.separability import joint_kernels
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(spatial="joint", max_epochs=2, random_state=0).fit(X, y)
    >>> joint_kernels(clf).shape
    (16, 4, 64)
    """
    if not isinstance(clf, EEGNetClassifier):
        raise TypeError(
            f"an EEGNetClassifier is needed, not a {type(clf).__name__}: pass the fitted "
            "classifier in it, such as pipeline[-1], and the trials as they reach it"
        )
    check_is_fitted(clf, "module_")
    if clf.spatial != "joint":
        raise ValueError(
            f'separability is measured on joint kernels: fit with spatial="joint", not '
            f"{clf.spatial!r}, whose kernels are separable by construction or in part"
        )
    return _weights(clf.module_)


@settled()
@checked(n_shuffles=[whole(0)], n_permutations=[whole(1)])
def separability_index(clf, X, y, *, n_shuffles=1, n_permutations=200, random_state=0):
    """Measure the separability of what a network with joint kernels has learned.

    One number for a subject, ``trained.index``: of the class difference in the power of the first
    layer's outputs, the share that a first layer of separable kernels (one map times one rhythm
    each) could have had as well. :func:`kernel_separability` has the definition. Beside it stands
    what to compare it with: random kernels, and a training on shuffled labels.

    The index does *not* say that a network of separable kernels would classify as well or as
    badly: its second layer can regain some of what the first cannot see, and fewer weights are
    learned better from few trials. It is worth reading only where the sum of ``trained.separable``
    and ``trained.joint`` clearly exceeds that of ``shuffled``. It sees power and phase between
    electrodes, not evoked potentials.

    Parameters
    ----------
    clf : EEGNetClassifier
        Fitted, with ``spatial="joint"``.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        The trials that it was fitted on.
    y : array-like, shape (n_trials,)
        Their labels.
    n_shuffles : int
        Trainings on shuffled labels; 0 for none.
    n_permutations : int
        Label shufflings for ``noise`` and ``p_value`` of each.
    random_state : int | RandomState | None
        Seed of the random kernels and the shufflings.

    Returns
    -------
    separability : NetworkSeparability

    Raises
    ------
    sklearn.exceptions.NotFittedError, TypeError, ValueError
        As :func:`joint_kernels` and :func:`kernel_separability` do.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, separability_index
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(spatial="joint", max_epochs=2, random_state=0).fit(X, y)
    >>> found = separability_index(clf, X, y, n_permutations=50)
    >>> 0 <= found.trained.index <= 1
    True
    """
    trained = joint_kernels(clf)
    trials = check_trials(clf, X, reset=False)
    y = labels_of("separability_index", y, len(trials))
    _check_data(trials, y)
    rng = check_random_state(random_state)
    seed = int(rng.randint(2**31))
    new = deepcopy(clf.module_).cpu()
    new.reset_parameters(torch.Generator().manual_seed(seed))
    untrained = _weights(new)

    def measure(kernels, labels):
        return kernel_separability(
            kernels, trials, labels, n_permutations=n_permutations, random_state=seed
        )

    shuffled, shares = [], []
    for _ in range(n_shuffles):
        labels = rng.permutation(y)
        kernels = joint_kernels(clone(clf).fit(X, labels))
        shuffled.append(measure(kernels, labels))
        shares.append(rank_one_share(kernels)[1])
    return NetworkSeparability(
        trained=measure(trained, y),
        untrained=measure(untrained, y),
        shuffled=tuple(shuffled),
        rank_one_shares={
            "trained": rank_one_share(trained)[1],
            "untrained": rank_one_share(untrained)[1],
            "shuffled": float(np.mean(shares)) if shares else float("nan"),
        },
    )


def _weights(module):
    return module.joint.weight.detach()[:, 0].double().cpu().numpy()


def _whitener(covariance, shrinkage):
    n_chans = len(covariance)
    mean = np.trace(covariance) / n_chans
    if not mean > 0:
        raise ValueError("the trials hold nothing in the band: every channel is flat")
    values, vectors = np.linalg.eigh(
        (1 - shrinkage) * covariance + shrinkage * mean * np.eye(n_chans)
    )
    # electrodes that depend on the others (average reference) hold nothing and stay so
    kept = values > 1e-10 * values[-1]
    scales = np.where(kept, values, np.inf) ** -0.5
    return (vectors * scales) @ vectors.T


def _powers(kernels, X):
    """Output powers of kernels on trials forwards and backwards, (2, n_trials, n_kernels)."""
    # so long that nothing wraps around: a kernel's transient before and after the trial counts
    n = next_fast_len(X.shape[2] + kernels.shape[2] - 1, real=True)
    weights = np.full(n // 2 + 1, 2.0)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    responses = np.moveaxis(rfft(kernels, n), -1, 0)
    powers = []
    for part in chunks(X, np.arange(len(X))):
        x = np.moveaxis(rfft(part - part.mean(axis=2, keepdims=True), n), (0, 1, 2), (2, 1, 0))
        outputs = responses.conj() @ x, responses @ x
        powers.append([np.einsum("f,fmi->im", weights / n, np.abs(z) ** 2) for z in outputs])
    return np.concatenate(powers, axis=1)


def _separability(grams, y, n_permutations, random_state):
    """Index from the inner products of trials' features, two (n_trials, n_trials)."""
    rng = check_random_state(random_state)
    separable, joint = (_squared_difference(gram, y) for gram in grams)
    shuffled = np.empty((n_permutations, 2))
    for row in shuffled:
        labels = rng.permutation(y)
        row[:] = [_squared_difference(gram, labels) for gram in grams]
    noise = float(np.sqrt(np.mean(shuffled**2)))
    positive, total = max(separable, 0), max(separable, 0) + max(joint, 0)
    scale = total + 2 * noise
    n_larger = np.sum(shuffled.sum(axis=1) >= separable + joint)
    return Separability(
        index=(positive + noise) / scale if scale > 0 else 0.5,
        separable=separable,
        joint=joint,
        noise=noise,
        p_value=float((1 + n_larger) / (1 + n_permutations)),
    )


def _squared_difference(gram, y):
    """Unbiased squared distance of class means, averaged over pairs of classes."""
    member = np.eye(y.max() + 1)[y]
    counts = member.sum(axis=0)
    sums = member.T @ gram @ member
    within = (np.diag(sums) - member.T @ np.diag(gram)) / (counts * (counts - 1))
    between = sums / np.outer(counts, counts)
    distances = within[:, np.newaxis] + within - 2 * between
    return float(distances[np.triu_indices(len(counts), 1)].mean())


def _check_kernels(kernels):
    kernels = np.asarray(kernels)
    if kernels.dtype.kind not in "fiub":
        raise ValueError(f"kernels must be real numbers, got an array of dtype {kernels.dtype}")
    kernels = kernels.astype(np.float64, copy=False)
    if kernels.ndim != 3 or 0 in kernels.shape:
        raise ValueError(
            f"kernels must be of shape (n_kernels, n_chans, kernel_length), got {kernels.shape}"
        )
    if not np.isfinite(kernels).all():
        raise ValueError("kernels hold NaN or infinite values")
    return kernels


def _check_data(X, y):
    """Trials in float64 and the class index of each."""
    refuse_masked("the separability", "X", X)
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        raise ValueError(f"X must be real numbers, got an array of dtype {X.dtype}")
    X = X.astype(np.float64, copy=False)
    if X.ndim != 3 or 0 in X.shape:
        raise ValueError(f"X must be of shape (n_trials, n_chans, n_times), got {X.shape}")
    if not np.isfinite(X).all():
        raise ValueError("X holds NaN or infinite values: interpolate them or drop the trials")
    y = labels_of("the separability", y, len(X))
    labels, y, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(labels) < 2 or counts.min() < 2:
        raise ValueError(
            "a class difference needs two classes with two trials each, got "
            + ", ".join(f"{count} of {label}" for label, count in zip(labels, counts, strict=True))
        )
    return X, y
