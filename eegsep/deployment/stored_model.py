"""Models in files that say how recordings, or streams, are prepared for them.

``eegsep fit`` keeps that beside the classifier; a model of :func:`eegsep.save` alone knows less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from eegsep._utils.errors import RequestError
from eegsep._utils.warnings import warn
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.estimator.saved import load_with_metadata

from .preparation import Preparation

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence


def load_model(
    path: str | os.PathLike, *, trusted: Sequence[str | type] = ()
) -> tuple[Any, Preparation, dict]:
    """Load what ``eegsep fit`` saved.

    Parameters
    ----------
    path : path-like
    trusted : sequence of str or type
        Types that may be loaded, see :func:`eegsep.load`.

    Returns
    -------
    estimator : EEGNetClassifier, or Pipeline
    preparation : Preparation
    record : dict
        Of the fit.

    Raises
    ------
    RequestError
        If it is no model, or one that does not say how recordings are prepared.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.deployment import Preparation, load_model
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 129))
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0).fit(X, np.arange(20) % 2)
    >>> preparation = Preparation(["C3", "C4"], 256.0, 128.0, 0.0, 1.0, n_times=129, unit="µV")
    >>> clf.save("model.eegsep", metadata={"preparation": preparation.to_dict()})
    >>> load_model("model.eegsep")[1] == preparation
    True
    """
    estimator, preparation, record = _load(path, trusted)
    if preparation is None:
        raise RequestError(
            f"{path} does not say how recordings are prepared for it: `eegsep fit` makes models "
            "that do; in Python, pass a Preparation to predict_recording."
        )
    return estimator, preparation, record


def load_for_stream(
    path: str | os.PathLike, *, trusted: Sequence[str | type] = ()
) -> tuple[Any, dict]:
    """Load a model, and what its file says for :class:`eegsep.StreamDecoder`.

    Parameters
    ----------
    path : path-like
        A file that :func:`eegsep.save` made, or ``eegsep fit``.
    trusted : sequence of str or type
        Types that may be loaded, see :func:`eegsep.load`.

    Returns
    -------
    estimator : EEGNetClassifier or sklearn.pipeline.Pipeline
    arguments : dict
        ``band``, ``unit`` and ``reference``, as far as the file tells.

    Raises
    ------
    RequestError
        If the file cannot be loaded, or windows were referenced in a way that no stream is here.

    Warns
    -----
    UserWarning
        If windows had a baseline subtracted, which windows of a stream have not.
    """
    estimator, preparation, _ = _load(path, trusted)
    clf = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(clf, EEGNetClassifier):
        raise RequestError(
            f"{path} holds {type(clf).__name__}: a stream is decoded by an EEGNetClassifier, or a "
            "pipeline that ends in one. `eegsep predict` decodes recordings by it."
        )
    if preparation is None:
        return estimator, {}
    names, referenced = list(preparation.ch_names), preparation.eeg_reference
    if referenced is not None and set(referenced) != set(names):
        raise RequestError(
            f"{path} decodes recordings referenced to {', '.join(referenced)}, and a stream is "
            "taken as it comes, or referenced to the average of the model's own channels."
        )
    if preparation.baseline is not None:
        warn(
            f"{path} was fitted to trials less their baseline, and windows of a stream have none: "
            "its probabilities may be off."
        )
    if clf.info_ is None:
        clf.set_params(ch_names=names, sfreq=preparation.sfreq)
    return estimator, {
        "band": (preparation.fmin, preparation.fmax),
        "unit": preparation.unit,
        "reference": None if referenced is None else "average",
    }


def _load(path, trusted):
    """Return an estimator, its preparation or None, and the record of its fit."""
    estimator, metadata = load_with_metadata(path, trusted=trusted)
    preparation, record = metadata.get("preparation"), metadata.get("fit", {})
    try:
        if preparation is not None:
            preparation = Preparation.from_dict(preparation)
        if not isinstance(record, dict):
            raise ValueError("the record of the fit is none")
    except ValueError as error:
        raise RequestError(
            f"{path} is damaged, or not of `eegsep fit`: {error}. Fit and save it again."
        ) from error
    return estimator, preparation, record
