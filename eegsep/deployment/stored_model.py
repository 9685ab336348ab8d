"""What a model's file says of how a stream is to be treated: band, unit, reference, channels.

Models that ``eegsep fit`` saved keep how their recordings were prepared; others know less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from eegsep._utils.errors import RequestError
from eegsep._utils.warnings import warn

from .preparation import Preparation

if TYPE_CHECKING:
    from pathlib import Path


def load_for_stream(path: Path, trusted: list[str] | tuple[str, ...] = ()) -> tuple[Any, dict]:
    """Load a model, and what its file says for :class:`eegsep.StreamDecoder`.

    Parameters
    ----------
    path : path-like
        A file that :func:`eegsep.save` made, or ``eegsep fit``.
    trusted : list of str
        As of :func:`eegsep.load`.

    Returns
    -------
    estimator : EEGNetClassifier or sklearn.pipeline.Pipeline
    arguments : dict
        ``band``, ``unit`` and ``reference``, as far as the file tells.

    Raises
    ------
    eegsep._utils.errors.RequestError
        If the file cannot be loaded, or windows were referenced in a way that no stream is here.

    Warns
    -----
    UserWarning
        If windows had a baseline subtracted, which windows of a stream have not.
    """
    from eegsep.estimator.classifier import EEGNetClassifier
    from eegsep.estimator.saved import load_with_metadata

    estimator, metadata = load_with_metadata(path, trusted=trusted)
    clf = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(clf, EEGNetClassifier):
        raise RequestError(
            f"{path} holds {type(clf).__name__}: a stream is decoded by an EEGNetClassifier, or a "
            "pipeline that ends in one. `eegsep predict` decodes recordings by it."
        )
    if metadata.get("preparation") is None:
        return estimator, {}
    preparation = Preparation.of_file(metadata["preparation"], path)
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
