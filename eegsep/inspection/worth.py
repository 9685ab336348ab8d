"""What each component is worth to the classes, and each electrode and time to single trials.

The network itself is asked: without a component, or along the way from nothing to a trial. Each fit
is asked before ``recurrence.py`` weighs components by it.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.utils import check_random_state
from torch.nn import functional as F

from eegsep._utils.constraints import checked, whole
from eegsep._utils.values import labels_of, positions_of
from eegsep.estimator.inputs import check_trials
from eegsep.network.settings import settled
from eegsep.training.trials import Trials

from .pipelines import cut_pipeline


@settled()
@checked(n_repeats=[whole(1)])
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
        If ``method`` is neither, ``n_repeats`` below 1, or a label missing or not among the
        classes.
    sklearn.exceptions.NotFittedError, TypeError
        As :func:`components` does.

    References
    ----------
    .. [1] Breiman, L. (2001). Random forests. Machine Learning, 45, 5-32.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import relevance
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> relevance(clf, X, y).shape  # components, classes
    (16, 2)
    """
    if method not in ("permute", "silence"):
        raise ValueError(f'method must be "permute" or "silence", got {method!r}')
    before, clf = cut_pipeline(estimator)
    X = check_trials(clf, X if before is None else before.transform(X), reset=False)
    y = positions_of(labels_of("relevance", y, len(X)), clf.classes_)
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
@checked(n_steps=[whole(1)])
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
        If ``domain`` is neither, ``n_steps`` below 1, or a label missing or not among the classes.
    sklearn.exceptions.NotFittedError, TypeError
        If ``clf`` is not a fitted EEGNetClassifier.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A., & Yan, Q. (2017). Axiomatic attribution for deep networks.
       ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import integrated_gradients
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> integrated_gradients(clf, X[:2]).shape
    (2, 4, 64)
    >>> integrated_gradients(clf, X[:2], domain="frequency").shape
    (2, 4, 33)
    """
    if domain not in ("time", "frequency"):
        raise ValueError(f'domain must be "time" or "frequency", got {domain!r}')
    before, clf = cut_pipeline(clf)
    if before is not None:
        raise TypeError("integrated_gradients takes the classifier itself, such as pipeline[-1]")
    X = check_trials(clf, X, reset=False)
    y = labels_of("integrated_gradients", clf.predict(X) if y is None else y, len(X))
    y = positions_of(y, clf.classes_)
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
