"""Exponential moving standardisation of trials, each by its own past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from eegsep._utils.constraints import real

from .trials import TrialsTransformer

if TYPE_CHECKING:
    from typing import Self

    import mne


class ExponentialMovingStandardizer(TrialsTransformer):
    """Centre and scale each channel of a trial by its moving mean and deviation.

    braindecode's ``exponential_moving_standardize`` [1]_ of each trial by itself. Each sample is
    centred and scaled by those before it and itself, none after it and none of another trial, so
    that what is tested, or yet to come, moves nothing. The first sample of a trial is always 0.

    Parameters
    ----------
    factor_new : float, default=0.001
        Weight of a new sample, above 0 and up to 1.
    eps : float, default=1e-4
        Least deviation that is divided by, in the unit of the trials. The default suits microvolts.

    Attributes
    ----------
    n_features_in_ : int
        Number of channels.

    References
    ----------
    .. [1] Schirrmeister, R. T., et al. (2017). Deep learning with convolutional neural networks for
       EEG decoding and visualization. Human Brain Mapping, 38(11), 5391-5420.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep.preprocessing import ExponentialMovingStandardizer
    >>> X = 20 * np.random.default_rng(0).normal(size=(10, 4, 500))
    >>> X = ExponentialMovingStandardizer(factor_new=0.01).fit_transform(X)
    >>> bool(0.8 < X[..., 100:].std() < 1.2)
    True
    """

    _parameter_constraints = {"factor_new": [real(0, 1, "right")], "eps": [real(0, None)]}  # noqa: RUF012

    def __init__(self, factor_new: float = 1e-3, *, eps: float = 1e-4) -> None:
        self.factor_new = factor_new
        self.eps = eps

    def fit(self, X: np.ndarray | mne.BaseEpochs, y: object = None) -> Self:
        """Check the trials; nothing is learned but the number of channels.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times), or mne.Epochs
            Trials; Epochs are read in microvolts.
        y : object
            Not used.

        Returns
        -------
        self : ExponentialMovingStandardizer

        Raises
        ------
        ValueError
            If ``factor_new`` is not above 0 and up to 1, ``eps`` not above 0, or X is no trials.
        """
        self._validate_params()
        self._check_trials(X, reset=True)
        return self

    def transform(self, X: np.ndarray | mne.BaseEpochs) -> np.ndarray:
        """Standardise trials.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times), or mne.Epochs
            Trials as in ``fit``.

        Returns
        -------
        X_standardized : ndarray, shape (n_trials, n_chans, n_times)

        Raises
        ------
        ValueError
            If ``eps`` is above the deviation of all channels, as it is for trials in volts.
        """
        from braindecode.preprocessing import exponential_moving_standardize

        check_is_fitted(self)
        X = self._check_trials(X, reset=False)
        largest = X.std(axis=-1).max()
        if 0 < largest < self.eps:
            raise ValueError(
                f"eps is {self.eps:g}, more than any channel varies ({largest:g} at most): give "
                "trials in microvolts, or a smaller eps."
            )
        # each row by itself
        rows = X.reshape(-1, X.shape[-1])
        rows = exponential_moving_standardize(rows, factor_new=self.factor_new, eps=self.eps)
        return rows.reshape(X.shape).astype(X.dtype, copy=False)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "n_features_in_")
