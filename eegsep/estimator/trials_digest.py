"""Which trials a classifier was trained on, as a digest that can be compared."""

from __future__ import annotations

import hashlib

import numpy as np

from eegsep._utils.kept import kept


def fingerprint(
    X: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    before: str | None = None,
) -> str:
    """Compute the digest of training trials, ``fingerprint_`` of a classifier fitted to them.

    It depends on each trial's values, in the type that they come in, its label and its weight, and
    not on the order of trials.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Of Epochs, ``epochs.get_data(clf.info_["ch_names"])``, in volts.
    y : ndarray, shape (n_trials,)
        Labels.
    sample_weight : ndarray, shape (n_trials,) | None
        None for weights of 1.
    before : str | None
        The fingerprint of a fit that went on with these trials.

    Returns
    -------
    fingerprint : str
        64 hexadecimal figures, of SHA-256.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.estimator import fingerprint
    >>> X, y = np.random.default_rng(0).normal(size=(20, 4, 64)), np.arange(20) % 2
    >>> clf = EEGNetClassifier(max_epochs=1, random_state=0).fit(X, y)
    >>> clf.fingerprint_ == fingerprint(X[::-1], y[::-1])
    True
    """
    weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    of_trials = kept(lambda: [hashlib.sha256(trial.tobytes()).digest() for trial in X], [X])
    digests = sorted(
        trial + hashlib.sha256(f"{label} {weight!r}".encode()).digest()
        for trial, label, weight in zip(of_trials, y, weights.tolist(), strict=True)
    )
    head = f"{before or ''} {X.dtype.str} {X.shape}".encode()
    return hashlib.sha256(head + b"".join(digests)).hexdigest()
