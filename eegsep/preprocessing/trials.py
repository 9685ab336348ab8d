"""What steps of this room have in common: trials as they come, as checked arrays."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

from eegsep._utils.values import refuse_masked


class TrialsTransformer(TransformerMixin, BaseEstimator):
    """A step that takes trials: scikit-learn's tags, and checked arrays of what it is given."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def _check_trials(self, X, *, reset, ndim=3):
        """Return trials as floats; Epochs in microvolts, as MOABB hands out arrays."""
        if hasattr(X, "get_data"):
            X = X.get_data(picks="eeg", units="uV")
        refuse_masked(type(self).__name__, "X", X)
        X = validate_data(self, X, reset=reset, allow_nd=True, dtype=[np.float64, np.float32])
        if X.ndim != ndim:
            axes = "(n_trials, n_chans, n_times" + (", n_bands)" if ndim == 4 else ")")
            raise ValueError(f"X must have the shape {axes}, not {X.shape}.")
        return X
