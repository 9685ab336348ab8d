"""Common spatial patterns of each pass band of a filter bank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyriemann.estimation import Covariances
from pyriemann.spatialfilters import CSP
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted

from eegsep._utils.constraints import whole
from eegsep._utils.values import labels_of

from .trials import TrialsTransformer

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import ArrayLike


class FilterBankCSP(TrialsTransformer):
    """Log-variances of common spatial patterns in each band of a filter bank.

    The features of filter bank common spatial patterns [1]_, for trials of MOABB's filter bank
    paradigms; a choice among them and a classifier follow in a pipeline. MOABB's ``FilterBank``
    does the same for an estimator, which no pipeline file can name.

    Parameters
    ----------
    nfilter : int, default=4
        Spatial filters of each band.
    estimator : str, default="oas"
        Of covariances, as ``pyriemann.estimation.Covariances`` takes it.

    Attributes
    ----------
    bands_ : list of sklearn.pipeline.Pipeline, length n_bands
        What was fitted to each band: covariances and pyRiemann's CSP.
    n_features_in_ : int
        Number of channels.

    References
    ----------
    .. [1] Ang, K. K., Chin, Z. Y., Zhang, H., & Guan, C. (2008). Filter bank common spatial pattern
       (FBCSP) in brain-computer interface. IEEE International Joint Conference on Neural Networks,
       2390-2397.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep.preprocessing import FilterBankCSP
    >>> X = np.random.default_rng(0).normal(size=(20, 8, 100, 3))
    >>> FilterBankCSP(nfilter=2).fit_transform(X, np.repeat([0, 1], 10)).shape
    (20, 6)
    """

    bands_: list[Pipeline]

    _parameter_constraints = {"nfilter": [whole(1)], "estimator": [str, callable]}  # noqa: RUF012

    def __init__(self, nfilter: int = 4, *, estimator: str = "oas") -> None:
        self.nfilter = nfilter
        self.estimator = estimator

    def fit(self, X: np.ndarray, y: ArrayLike) -> Self:
        """Fit the filters of each band.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times, n_bands)
            Training trials.
        y : array-like, shape (n_trials,)
            Labels.

        Returns
        -------
        self : FilterBankCSP

        Raises
        ------
        ValueError
            If X has another number of axes, or fewer channels than filters, a parameter is out of
            range, or a label is missing.
        """
        self._validate_params()
        X = self._check_trials(X, reset=True, ndim=4)
        y = labels_of(type(self).__name__, y, len(X))
        if self.nfilter > X.shape[1]:
            raise ValueError(f"nfilter={self.nfilter} is more than the {X.shape[1]} channels of X.")
        self.bands_ = [
            make_pipeline(Covariances(self.estimator), CSP(nfilter=self.nfilter)).fit(band, y)
            for band in np.moveaxis(X, -1, 0)
        ]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Compute the features.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times, n_bands)
            Trials as in ``fit``.

        Returns
        -------
        features : ndarray, shape (n_trials, n_bands * nfilter)

        Raises
        ------
        ValueError
            If X has other axes, channels or bands.
        """
        check_is_fitted(self)
        X = self._check_trials(X, reset=False, ndim=4)
        if X.shape[-1] != len(self.bands_):
            raise ValueError(f"X has {X.shape[-1]} bands, fitted were {len(self.bands_)}.")
        bands = zip(self.bands_, np.moveaxis(X, -1, 0), strict=True)
        return np.hstack([fitted.transform(band) for fitted, band in bands])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
